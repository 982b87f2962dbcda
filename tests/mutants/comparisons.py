"""Seeded bugs in the comparison with stable: the wrong arm, and passes on nothing."""

from tests.mutants.mutant import Mutant

CORE = "tests/core/test_comparing.py::"
ASKING = "tests/controller/test_asking.py::"
KEPT = "tests/core/test_evidence_kept.py::"
LOOKING = "tests/core/test_looking.py::"
SHARING = "tests/adapters/prometheus/test_sharing.py::"
WEIGHING = "tests/core/test_weighing.py::"
PROVIDER = "tests/adapters/prometheus/test_comparing.py::"
ISSUE = "docs/reference/comparison.md"

MUTANTS = (
    Mutant(
        "what a guard has shown is lost when the process dies on the way back",
        "by analogy: Sieve (OSDI 2022), a crash between two writes",
        "core/decide.py",
        "    return Step(scene.status) if all(by_evidence(scene, one) for",
        "    return step if all(by_evidence(scene, one) for",
        (WEIGHING + "test_what_a_guard_has_shown_is_stored_before_the_traffic_goes_back",),
    ),
    Mutant(
        "a gate that passed once passes whatever comes",
        "by analogy: argo-rollouts #3316",
        "core/weighing.py",
        "        passes = said.shown and said.p_now <= plan.alpha\n",
        "        passes = said.shown\n",
        (WEIGHING + "test_a_gate_that_passed_once_does_not_pass_a_release_that_has_become_worse",),
    ),
    Mutant(
        "an answer out of a cache counts as a new window",
        "by analogy: argo-rollouts #3316",
        "adapters/prometheus/answers.py",
        "        return asked if abs(off_s) <= SAME_TIME_S else asked + timedelta(seconds=off_s)\n",
        "        return asked\n",
        (SHARING + "test_an_answer_that_a_cache_gives_again_is_as_old_as_it_says",),
    ),
    Mutant(
        "the canary is compared with itself: its measure stands for stable's",
        ISSUE,
        "adapters/prometheus/provider.py",
        "found.get(template.key(question.stable))",
        "found.get(template.key(question.subject))",
        (PROVIDER + "test_one_query_of_a_template_measures_both_arms",),
    ),
    Mutant(
        "a revision is compared with itself once both arms select it",
        ISSUE,
        "controller/asking.py",
        "arms.stable if arms.stable.revision != subject.revision else None",
        "arms.stable",
        (ASKING + "test_a_comparison_asks_about_stable_too_unless_both_arms_are_one_revision",),
    ),
    Mutant(
        "the arms are measured over windows that only one of them has lived through",
        ISSUE,
        "adapters/prometheus/provider.py",
        "filter(None, (question.subject, question.stable))",
        "(question.subject,)",
        (PROVIDER + "test_the_window_of_both_is_what_the_younger_has_lived_through",),
    ),
    Mutant(
        "a stable without data passes",
        ISSUE,
        "core/comparing.py",
        "        return Verdict.NODATA\n",
        "        return Verdict.PASS\n",
        (CORE + "test_without_a_value_of_stable_nothing_passes_and_an_absolute_bound_still_fails",),
    ),
    Mutant(
        "a percentage of nothing passes",
        ISSUE,
        "core/comparing.py",
        "Verdict.PASS if kept and None not in kept else",
        "Verdict.PASS if kept else",
        (CORE + "test_a_percentage_of_nothing_is_undecided_and_says_what_to_do",),
    ),
    Mutant(
        "few samples of stable are enough",
        ISSUE,
        "core/comparing.py",
        "not (stable.samples or 0.0) >= bound.min_samples\n",
        "False\n",
        (CORE + "test_both_arms_need_their_samples",),
    ),
    Mutant(
        "a comparison ends while one route still sends requests to stable",
        ISSUE,
        "core/scene.py",
        "all(r.weight == ALL for r in weights)",
        "any(r.weight == ALL for r in weights)",
        (CORE + "test_while_stable_may_get_requests_it_is_compared_with",),
    ),
    Mutant(
        "windows that overlap are counted, and with them the same errors twice",
        ISSUE,
        "core/testing.py",
        "since if known is None else max(since, known.until)",
        "since",
        (WEIGHING + "test_no_second_is_counted_twice_however_often_it_is_asked",),
    ),
    Mutant(
        "a window that mixes two weights is counted",
        ISSUE,
        "core/proving.py",
        "(scene.weight_since, measured, stable_since, resumed, right)",
        "(measured or scene.weight_since, stable_since, resumed, right)",
        (WEIGHING + "test_a_window_that_spans_a_change_of_the_weight_does_not_count",),
    ),
    Mutant(
        "the evidence of one revision stands for the next",
        ISSUE,
        "core/proving.py",
        "(run.number, _tried(scene, check), scene.status.stable_revision) if run else ()",
        "()",
        (KEPT + "test_evidence_of_another_run_or_another_pair_of_revisions_starts_over",),
    ),
    Mutant(
        "a gate passes while nothing is shown",
        ISSUE,
        "core/weighing.py",
        "Verdict.PASS if passes else Verdict.UNDECIDED",
        "Verdict.PASS",
        (WEIGHING + "test_a_gate_passes_once_not_worse_is_shown_and_not_before",),
    ),
    Mutant(
        "every test takes the whole chance of a mistake for itself",
        ISSUE,
        "core/testing.py",
        "CONFIDENCE_DEFAULT), self.tests)",
        "CONFIDENCE_DEFAULT), 1)",
        (WEIGHING + "test_all_tests_of_a_run_share_one_chance_of_a_mistake",),
    ),
    Mutant(
        "the evidence stays in the process, and a restart begins anew",
        ISSUE,
        "core/proving.py",
        "_understood(scene, trial, _known(scene, trial))",
        "None",
        (KEPT + "test_a_restart_at_any_moment_changes_no_number_of_the_evidence",),
    ),
    Mutant(
        "a test asks over the metric's window, which overlaps with the next",
        ISSUE,
        "controller/asking.py",
        '"window_s": bound.interval_s',
        '"window_s": metric.window_s',
        (
            ASKING
            + "test_a_test_asks_for_counts_over_its_own_interval_whatever_the_window_of_the_metric",
        ),
    ),
    Mutant(
        "a guard that a person has understood pauses again at once",
        ISSUE,
        "core/proving.py",
        "return None if _judged(trial, known).verdict is Verdict.FAIL else known",
        "return known",
        (KEPT + "test_a_guard_that_pauses_starts_over_once_a_person_resumes",),
    ),
    Mutant(
        "a test that may look once looks again with every window",
        ISSUE,
        "core/looking.py",
        "    if known is not None and known.look is not None:\n        return known\n",
        "",
        (LOOKING + "test_there_is_no_second_look_however_good_it_gets",),
    ),
    Mutant(
        "a test that may look once looks before its hold is over",
        ISSUE,
        "core/proving.py",
        "look_at = scene.now if over and not",
        "look_at = scene.now if not",
        (LOOKING + "test_nothing_is_looked_at_before_the_hold_is_over",),
    ),
    Mutant(
        "a guard passes on windows by which nothing could have been shown",
        ISSUE,
        "core/weighing.py",
        "Verdict.PASS if enough else Verdict.UNDECIDED",
        "Verdict.PASS",
        (WEIGHING + "test_before_the_least_number_of_windows_nothing_is_shown_and_a_guard_holds",),
    ),
    Mutant(
        "evidence of a smaller weight passes a phase of a larger one by itself",
        ISSUE,
        "core/proving.py",
        "return known.until - timedelta(seconds=trial.bound.interval_s) >= _since(scene, trial)",
        "return True",
        (WEIGHING + "test_a_pass_waits_for_a_whole_window_of_the_present_weight",),
    ),
)
