"""Seeded bugs in what counts as proof: gates that fail open, guards that look away."""

from tests.mutants.mutant import Mutant

VERDICTS = "tests/core/test_verdicts.py::"
ORDER = "tests/core/test_order.py::"
HANDOVER = "tests/core/test_handover.py::"
REVERTS = "tests/core/test_reverts.py::"
ANSWERING = "tests/core/test_answering.py::"
PHASE_GUARDS = "tests/core/test_phase_guards.py::"
HOSTILE = "tests/adapters/prometheus/test_hostile_answers.py::"
PASSES_NO_GATE = "test_what_is_no_number_passes_no_gate_and_reverts_only_as_blindness"
TEMPLATES = "tests/adapters/prometheus/test_templates.py::"
PROVIDER = "tests/adapters/prometheus/test_provider.py::"
METRICS = "docs/reference/metrics.md"

OBSERVING = "tests/properties/test_observing.py::"

MISMATCH = "tests/core/test_mismatch.py::"

MUTANTS = (
    Mutant(
        "a gate passes on what was measured while the shares were wrong, once they are right",
        "docs/reference/comparison.md",
        "core/proving.py",
        "    right = right_since(scene) if trial.gate else None\n",
        "    right = None\n",
        (
            MISMATCH + "test_what_a_gate_sees_while_the_shares_are_wrong_is_no_evidence"
            "_afterwards_either",
        ),
    ),
    Mutant(
        "a metric that only tells sends a release back",
        "argo-rollouts #2819",
        "core/breaches.py",
        "        if scene.tells_only(check) is not told:\n            continue\n",
        "",
        (OBSERVING + "test_a_bad_release_is_promoted_and_what_speaks_against_it_is_told_once",),
    ),
    Mutant(
        "what a metric would have done is told at every look",
        "flagger #1591",
        "core/observing.py",
        "    if run is None or what in run.overlooked or",
        "    if run is None or",
        (OBSERVING + "test_a_bad_release_is_promoted_and_what_speaks_against_it_is_told_once",),
    ),
    Mutant(
        "a phase's looser guard is judged by the readings of the usual one",
        "requirement: guards of one phase",
        "core/scene.py",
        '_check(f"guard/{place}/{i}", guard) for i',
        '_check(f"guard/{i}", guard) for i',
        (PHASE_GUARDS + "test_readings_of_the_usual_guard_are_none_of_the_phase_s",),
    ),
    Mutant(
        "a phase's guard goes on after its phase",
        "requirement: guards of one phase",
        "core/scene.py",
        "        on = self.run is not None and self.run.stage is Stage.PHASE\n",
        "        on = self.run is not None\n",
        (PHASE_GUARDS + "test_outside_its_phase_the_usual_guard_judges",),
    ),
    Mutant(
        "a phase's own guard switches all others off",
        "requirement: guards of one phase",
        "core/scene.py",
        "if guard.metric not in replaced)\n",
        "if not replaced)\n",
        (PHASE_GUARDS + "test_a_guard_on_another_metric_is_on_beside_the_usual_ones",),
    ),
    Mutant(
        "not a number passes",
        "argo-rollouts #3503",
        "core/verdicts.py",
        "    return measured and reading.value is not None and isfinite(reading.value)\n",
        "    return measured\n",
        (VERDICTS + "test_one_reading_is_judged_by_both_bounds_and_only_numbers_count",),
    ),
    Mutant(
        "an empty answer passes",
        "argo-rollouts #4770",
        "core/verdicts.py",
        "        return _unmeasured(bound, reading, Verdict.NODATA)\n",
        "        return Verdict.PASS\n",
        (
            VERDICTS + "test_one_reading_is_judged_by_both_bounds_and_only_numbers_count",
            ORDER + "test_stable_is_not_given_up_on_a_guard_that_does_not_pass",
        ),
    ),
    Mutant(
        "an answer that is no JSON is a result",
        "argo-rollouts #4770",
        "adapters/prometheus/answers.py",
        "        return Failure.error(\n"
        '            f"the answer is not Prometheus\' format ({wrong}); "\n'
        '            "check that the provider\'s url leads to a Prometheus API"\n'
        "        )\n",
        "        return Vector((Sample({}, 0.0, at.timestamp()),), (str(wrong),))\n",
        (HOSTILE + "test_what_is_no_number_is_no_value",),
    ),
    Mutant(
        "of two results in one answer the last is believed",
        METRICS,
        "adapters/prometheus/answers.py",
        "object_pairs_hook=_object",
        "object_pairs_hook=dict",
        (HOSTILE + "test_what_is_no_number_is_no_value", HOSTILE + PASSES_NO_GATE),
    ),
    Mutant(
        "an answer of an hour ago is one of now",
        METRICS,
        "adapters/prometheus/answers.py",
        "abs(furthest_s) <= ANSWER_AWAY_S_MAX",
        "abs(furthest_s) <= math.inf",
        (HOSTILE + "test_what_is_no_number_is_no_value", HOSTILE + PASSES_NO_GATE),
    ),
    Mutant(
        "errors that cannot be counted are none",
        METRICS,
        "adapters/prometheus/templates.py",
        "or _code_flaw(code):\n            flaws[named] = flaw\n",
        "or _code_flaw(code):\n",
        (
            HOSTILE + PASSES_NO_GATE,
            TEMPLATES + "test_a_series_that_cannot_be_right_leaves_its_destination_unmeasured",
        ),
    ),
    Mutant(
        "requests without a code were answered well",
        METRICS,
        "adapters/prometheus/templates.py",
        'flaw_of(sample.value, "requests") or _code_flaw(code):',
        'flaw_of(sample.value, "requests"):',
        (HOSTILE + PASSES_NO_GATE,),
    ),
    Mutant(
        "where no bucket ends at the threshold all were in time",
        METRICS,
        "adapters/prometheus/templates.py",
        "            flaws[named] = NO_EDGE\n",
        "            measures[named] = Measure(0.0, total)\n",
        (
            HOSTILE + PASSES_NO_GATE,
            TEMPLATES + "test_a_slow_share_that_cannot_be_right_is_not_measured",
        ),
    ),
    Mutant(
        "requests below 0 make a destination idle",
        METRICS,
        "adapters/prometheus/traffic.py",
        " or sample.value < 0:",
        ":",
        (PROVIDER + "test_what_is_no_count_is_no_proof_of_idleness",),
    ),
    Mutant(
        "half of the data is taken for all of it",
        "argo-rollouts #4770",
        "adapters/prometheus/answers.py",
        "    if partial := _partial(answer, notes):\n",
        "    if (partial := _partial(answer, notes)) and not notes:\n",
        (HOSTILE + "test_what_is_no_number_is_no_value",),
    ),
    Mutant(
        "a check that could not be made counts as success",
        "argo-rollouts #4602",
        "core/verdicts.py",
        "        return _unmeasured(bound, reading, Verdict.ERROR)\n",
        "        return Verdict.PASS\n",
        (VERDICTS + "test_an_error_is_no_verdict_about_the_release",),
    ),
    Mutant(
        "a provider that is down counts as a breach",
        "argo-rollouts #1466",
        "core/verdicts.py",
        "    measured = (v for v in verdicts if v in (Verdict.PASS, Verdict.FAIL))\n"
        "    return [*islice(measured, among)].count(Verdict.FAIL) >= needed\n",
        "    last = [*islice(verdicts, among)]\n"
        "    return len(last) - last.count(Verdict.PASS) >= needed\n",
        (VERDICTS + "test_a_guard_trips_on_m_of_the_last_n_that_measured_something",),
    ),
    Mutant(
        "a gate passes on hardly any requests",
        "flagger #1098",
        "core/verdicts.py",
        "not (reading.samples or 0.0) >= bound.min_samples:\n",
        "False:\n",
        (VERDICTS + "test_too_few_samples_are_undecided",),
    ),
    Mutant(
        "an old answer still counts",
        "argo-rollouts #3316",
        "core/verdicts.py",
        "return -STALE_GRACE_S <= (now - measured_at).total_seconds() <= stale_after_s(bound)",
        "return -STALE_GRACE_S <= (now - measured_at).total_seconds()",
        (VERDICTS + "test_a_reading_counts_for_three_intervals_and_five_seconds",),
    ),
    Mutant(
        "a stale breach sends a release back",
        "argo-rollouts #3316",
        "core/proving.py",
        " or scene.now - readings[-1].at > timedelta(seconds=stale_after_s(guard)):\n",
        ":\n",
        (VERDICTS + "test_a_stale_breach_sends_nothing_back",),
    ),
    Mutant(
        "what was not watched counts as passed",
        "argo-rollouts #4604",
        "core/verdicts.py",
        "        if since is not None and (seen_at is None or reading.at - seen_at > limit):\n"
        "            since = None\n",
        "",
        (VERDICTS + "test_a_gap_in_the_readings_starts_the_length_anew",),
    ),
    Mutant(
        "a phase ends while its pods are missing",
        "argo-rollouts #4604",
        "core/running.py",
        "        or canary_ready(scene)\n        or variants.prepared(scene)\n",
        "        or variants.prepared(scene)\n",
        (HANDOVER + "test_a_phase_does_not_end_while_its_pods_are_missing",),
    ),
    Mutant(
        "a phase ends without its gates",
        "argo-rollouts #925",
        "core/running.py",
        "        or _measured(scene)\n        or experimenting.obstacle(scene)\n",
        "        or not_paused(scene)\n        or experimenting.obstacle(scene)\n",
        (ORDER + "test_a_phase_ends_only_when_each_of_its_gates_passes",),
    ),
    Mutant(
        "a metric that nobody can measure lets a phase begin",
        "flagger #1581",
        "core/running.py",
        "        or _answered(scene)\n",
        "",
        (ORDER + "test_before_the_canary_is_pointed_its_pods_are_ready_and_its_checks_were_asked",),
    ),
    Mutant(
        "a promotion asks no guard",
        "argo-rollouts #4604",
        "core/promotion.py",
        "        or _guarded(scene)\n",
        "",
        (
            ORDER + "test_stable_is_not_given_up_on_a_guard_that_does_not_pass",
            ORDER + "test_nothing_is_promoted_on_a_guard_read_before_it_had_all_the_traffic",
        ),
    ),
    Mutant(
        "a weight rises after a restart before any guard was read",
        "argo-rollouts #2931",
        "core/measuring.py",
        "        if not answers or not fresh(guard, answers[-1].at, scene.now):\n"
        '            return f"guard {check.name} was not read yet"\n',
        "",
        (ORDER + "test_a_weight_rises_only_on_a_guard_that_was_read_and_does_not_fail",),
    ),
    Mutant(
        "a weight rises on a reading that a clock set back put into the future",
        "kopf peering, whose deadlines are wall clock times",
        "core/verdicts.py",
        "return -STALE_GRACE_S <= (now - measured_at).total_seconds() <= stale_after_s(bound)",
        "return (now - measured_at).total_seconds() <= stale_after_s(bound)",
        (HANDOVER + "test_no_weight_rises_on_a_reading_from_the_future",),
    ),
    Mutant(
        "a weight rises while a guard fails",
        "argo-rollouts #222",
        "core/measuring.py",
        '        if verdict is Verdict.FAIL:\n            return f"guard {check.name} fails now"\n',
        "",
        (ORDER + "test_a_weight_rises_only_on_a_guard_that_was_read_and_does_not_fail",),
    ),
    Mutant(
        "a breach is ignored while something else is waited for",
        "flagger #1801",
        "core/revert.py",
        "    if scene.run is None or not can_go_back(scene):",
        "    if scene.run is None or scene.paused:",
        (REVERTS + "test_a_breach_sends_back_from_every_stage_even_in_a_pause",),
    ),
    Mutant(
        "the deadline for ready pods is never over",
        "flagger #1591",
        "core/revert.py",
        "    late = _on_deadline(scene) or _on_timeout(scene)\n",
        "    late = _on_timeout(scene)\n",
        (REVERTS + "test_pods_that_are_not_ready_by_the_deadline_end_the_run",),
    ),
    Mutant(
        "what was measured of the last revision speaks for this one",
        "stale state, Sieve (OSDI 2022) 3.2",
        "core/measured.py",
        "    if reading.answer is not Answer.OK or (since is not None and reading.at >= since):\n",
        "    if reading:\n",
        (VERDICTS + "test_a_bad_answer_about_whoever_was_there_before_sends_nothing_back",),
    ),
    Mutant(
        "a phase's clock runs while the proxies do not follow",
        "argo-rollouts #4347",
        "core/running.py",
        "        seen = share(\n            traffic, run.to_revision, phase.weight, "
        "since, written=written, at_least=matched\n        )\n",
        "        seen = Seen.YES if written or matched else Seen.NO\n",
        (ORDER + "test_a_phase_begins_when_the_proxies_do_what_the_routes_say",),
    ),
    Mutant(
        "an abort is ignored once the promotion was asked for",
        "argo-rollouts #4461",
        "core/answering.py",
        "    if scene.run is None:\n"
        '        return _refuse(scene, "no run is on, so there is nothing to abort")\n',
        "    if scene.run is None or scene.run.skip_to_end:\n"
        '        return _refuse(scene, "no run is on, so there is nothing to abort")\n',
        (HANDOVER + "test_an_abort_wins_over_a_promotion_that_was_asked_for",),
    ),
    Mutant(
        "an abort waits for metrics",
        "flagger #1801",
        "core/answering.py",
        "    if scene.run is None:\n"
        '        return _refuse(scene, "no run is on, so there is nothing to abort")\n',
        "    if scene.run is None or not scene.observed.readings:\n"
        '        return _refuse(scene, "no run is on, so there is nothing to abort")\n',
        (HANDOVER + "test_an_abort_needs_no_reading_no_count_and_no_ready_canary",),
    ),
    Mutant(
        "a revision that was sent back is tried again by itself",
        "argo-rollouts #2897",
        "core/resting.py",
        "target in (status.stable_revision, status.reverted_revision) or",
        "target == status.stable_revision or",
        (HANDOVER + "test_a_revision_that_was_sent_back_starts_nothing_by_itself",),
    ),
    Mutant(
        "an action for another revision is accepted",
        "a replayed approval; openkruise/rollouts #352 asks for a record of them",
        "core/answering.py",
        "    if asked is None or asked == current:\n        return None\n",
        "    if asked != current:\n        return None\n",
        (ANSWERING + "test_an_action_for_another_revision_is_refused",),
    ),
    Mutant(
        "an action is done twice after a crash",
        "argo-rollouts #720",
        "core/answering.py",
        "    if last is not None and last.uid == action.uid:\n",
        "    if last is not None and last.uid == action.name:\n",
        (ANSWERING + "test_an_action_that_was_carried_out_is_only_answered",),
    ),
    Mutant(
        "a pause is announced again with every look",
        "argo-rollouts #720",
        "core/decide.py",
        "    if scene.status.pause is not None or scene.undo:\n",
        "    if scene.undo:\n",
        (HANDOVER + "test_a_pause_by_a_guard_is_said_once",),
    ),
)
