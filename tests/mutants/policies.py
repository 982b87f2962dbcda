"""Seeded bugs in RolloutPolicies: what an administrator forbids, a Rollout gets past."""

from tests.mutants.mutant import Mutant

CORE = "tests/core/test_policies.py::"
BOUNDS = "tests/core/test_policy_bounds.py::"
API = "tests/api/test_policy.py::"
ISSUE = "docs/reference/policies.md"

LOOP = "tests/controller/test_policies.py::"
BOOK = "tests/adapters/kubernetes/test_policies.py::"
WINDOWS = "tests/adapters/test_windows.py::"
FREEZING = "tests/core/test_freezing.py::"
TURNS = "tests/controller/test_neighbours.py::"

MUTANTS = (
    Mutant(
        "a guard whose metric is gone is taken for one that was not asked yet, for ever",
        ISSUE,
        "core/blindness.py",
        "        or scene.rollout.metric(probe.id, probe.bound.metric) is None\n",
        "",
        (CORE + "test_a_metric_that_vanishes_with_its_policy_is_blindness_and_not_a_restart",),
    ),
    Mutant(
        "a ninth policy is forgotten where the eighth only tells",
        ISSUE,
        "core/policing.py",
        "        if policy.surplus:\n",
        "        if policy.surplus and not policy.tells_only(scene.spec.mode):\n",
        (CORE + "test_a_ninth_policy_holds_the_release_whatever_the_mode_of_the_eighth",),
    ),
    Mutant(
        "a mistake in a policy disarms its guards",
        ISSUE,
        "adapters/kubernetes/policies.py",
        "        return replace(policy, spec=good, problem=problem, stands_in=True)\n",
        "        return replace(policy, spec=good, problem=problem)\n",
        (BOOK + "test_a_mistake_in_a_policy_disarms_no_guard_that_was_understood",),
    ),
    Mutant(
        "a policy that cannot be read enforces what was only to tell",
        ISSUE,
        "api/policy.py",
        "    left = read_leniently(RolloutPolicySpec, modes)\n",
        "    left = read_leniently(RolloutPolicySpec, {})\n",
        (API + "test_a_policy_that_cannot_be_read_keeps_its_mode",),
    ),
    Mutant(
        "an edit of a policy lets an answer about its old guard count",
        ISSUE,
        "controller/memory.py",
        "            self.epoch = next(EPOCHS)  # what is on its way may be about the old ones\n",
        "",
        (LOOP + "test_an_edit_of_one_policy_forgets_nothing_that_others_or_the_rollout_measured",),
    ),
    Mutant(
        "labels that are not known take the guards from a run",
        ISSUE,
        "adapters/kubernetes/policies.py",
        "        if status.run is not None and rollout.namespace not in self._labels:\n",
        "        if False:\n",
        (BOOK + "test_a_list_of_namespaces_that_never_comes_holds_no_pass_and_no_guard",),
    ),
    Mutant(
        "mode observe of a Rollout silences the guards of a policy",
        ISSUE,
        "core/scene.py",
        "        return self.observing if policy is None else policy.tells_only(self.spec.mode)\n",
        "        return self.observing\n",
        (CORE + "test_whatever_a_rollout_says_a_policys_breach_sends_it_back",),
    ),
    Mutant(
        "a guard of a phase stands in for that of a policy on the same metric",
        ISSUE,
        "core/scene.py",
        "        usual += own + self._imposed()\n",
        "        usual += own + tuple(\n"
        "            one for one in self._imposed() if one[1].metric not in replaced\n"
        "        )\n",
        (CORE + "test_a_guard_of_a_phase_stands_in_for_no_policy",),
    ),
    Mutant(
        "mode observe of a Rollout promotes past a guard of a policy",
        ISSUE,
        "core/promotion.py",
        "    for check, _ in scene.enforced() if scene.full else ():\n",
        "    for check, _ in scene.enforced() if scene.full and not scene.observing else ():\n",
        (CORE + "test_whatever_a_rollout_says_nothing_is_promoted_past_a_policys_guard",),
    ),
    Mutant(
        "a run goes on past a policy that is not understood",
        ISSUE,
        "core/measuring.py",
        "    if odd := policing.obstacle(scene):\n        return odd\n    for check, guard",
        "    for check, guard",
        (CORE + "test_the_first_traffic_waits_for_a_policy_that_is_not_understood",),
    ),
    Mutant(
        "a guard of a policy with a blind of its own starts the clock of all",
        ISSUE,
        "core/blindness.py",
        "    left = _unseen(scene) - _with_own(scene)\n",
        "    left = _unseen(scene)\n",
        (BOUNDS + "test_a_policys_guard_with_a_blind_of_its_own_goes_by_that",),
    ),
    Mutant(
        "a Rollout's word on blindness stands in for that of a policy",
        ISSUE,
        "core/blindness.py",
        "policy.spec.blind or scene.spec.blind",
        "scene.spec.blind",
        (CORE + "test_a_policys_blindness_is_judged_by_its_own_rule",),
    ),
    Mutant(
        "while the labels of a namespace are not known a policy that asks for them is left out",
        ISSUE,
        "api/policy_checks.py",
        "            found.append(replace(policy, problem=policy.problem or unknown))\n",
        "            continue\n",
        (
            API + "test_while_a_namespace_is_not_known_a_policy_that_asks_for_it_counts_as_not_"
            "understood",
        ),
    ),
    Mutant(
        "a weight rises in a freeze",
        ISSUE,
        "core/steering.py",
        '        if frozen := freezing.holds(scene, f"weight stays at {wrong.weight}"):\n'
        "            return frozen\n",
        "",
        (
            FREEZING + "test_no_weight_rises_in_a_window_though_its_phase_was_entered",
            FREEZING + "test_in_a_window_no_write_raises_a_weight_and_none_promotes",
        ),
    ),
    Mutant(
        "a run is promoted in a freeze",
        ISSUE,
        "core/promotion.py",
        '    if frozen := freezing.holds(scene, "promotion waits"):\n        return frozen\n',
        "",
        (FREEZING + "test_nothing_is_promoted_in_a_window",),
    ),
    Mutant(
        "a phase is entered in a freeze",
        ISSUE,
        "core/entering.py",
        "        freezing.holds(scene, waits)\n        or hooks.leaving(scene)\n",
        "        hooks.leaving(scene)\n",
        (FREEZING + "test_no_phase_is_entered_in_a_window",),
    ),
    Mutant(
        "a freeze holds up the way back",
        ISSUE,
        "core/freezing.py",
        "    if scene.undo or scene.baking or scene.rollout.deleting:\n        return None\n",
        "",
        (FREEZING + "test_an_undo_begins_and_goes_on_in_a_window",),
    ),
    Mutant(
        "a canary without pods keeps its traffic in a freeze once somebody asked to promote",
        ISSUE,
        "core/running.py",
        "not scene.run.skip_to_end or freezing.current(scene) is not None:\n        return None\n",
        "not scene.run.skip_to_end:\n        return None\n"
        '    if frozen := freezing.holds(scene, "the promotion waits"):\n        return frozen\n',
        (
            FREEZING + "test_a_canary_without_pods_loses_its_traffic_in_a_window_though_a_promote_"
            "was_asked_for",
        ),
    ),
    Mutant(
        "a run whose beginning is on its way to be stored is not seen by the next one",
        ISSUE,
        "controller/neighbours.py",
        "            self._claims[key] = memory.version\n",
        "            pass\n",
        (TURNS + "test_a_beginning_without_an_answer_holds_its_place_until_it_is_known",),
    ),
    Mutant(
        "who is paused keeps its place and holds up the others",
        ISSUE,
        "core/holding_back.py",
        "scene.target in settled or scene.paused:\n",
        "scene.target in settled:\n",
        ("tests/core/test_turns.py::test_who_is_paused_takes_no_place",),
    ),
    Mutant(
        "the second of two equal times ends no window",
        ISSUE,
        "adapters/windows.py",
        "    return max(_moments(wall, zone))\n",
        "    return min(_moments(wall, zone))\n",
        (
            WINDOWS + "test_of_a_time_that_comes_twice_it_begins_at_the_first_and_ends_at_the_"
            "second",
        ),
    ),
)
