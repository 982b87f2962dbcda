"""Seeded bugs in tests of scorecards and policies: more is passed, or spent, than was shown."""

from tests.mutants.mutant import Mutant

SCORED = "tests/core/test_scored_tests.py::"
IMPOSED = "tests/core/test_policy_tests.py::"
CARDS = "docs/reference/scorecards.md"
POLICIES = "docs/reference/policies.md"

MUTANTS = (
    Mutant(
        "a member passes all earlier rounds by what is known now",
        CARDS,
        "core/check.py",
        "    if entry is None or entry.since is None or reading.at < entry.since:\n",
        "    if entry is None or entry.since is None:\n",
        (SCORED + "test_a_member_passes_only_since_its_test_says_so",),
    ),
    Mutant(
        "a gate's score goes by what suffices for a guard",
        CARDS,
        "core/scoring.py",
        "    kind = Gate if gate else Bound ",
        "    kind = Bound ",
        (SCORED + "test_each_guard_and_gate_on_a_score_has_a_test_of_its_own_and_all_share",),
    ),
    Mutant(
        "what a member has shown is lost when the process dies on the way back",
        CARDS,
        "core/proving.py",
        "    return tested(check.bound) or any(\n",
        "    return tested(check.bound) and any(\n",
        (SCORED + "test_a_guard_sends_back_by_what_the_test_has_shown_and_stores_that_first",),
    ),
    Mutant(
        "a score that fails by a plain member waits for evidence, too",
        CARDS,
        "core/proving.py",
        "        entry.id in ids and entry.verdict is Verdict.FAIL for",
        "        entry.id in ids for",
        (SCORED + "test_a_score_that_fails_by_a_plain_member_waits_for_no_evidence",),
    ),
    Mutant(
        "tests of members share no alpha with the others",
        CARDS,
        "core/alpha.py",
        "    own, tried = tuple(own_tests(rollout.spec)),",
        '    own, tried = tuple(t for t in own_tests(rollout.spec) if ":" not in t.id),',
        (SCORED + "test_each_guard_and_gate_on_a_score_has_a_test_of_its_own_and_all_share",),
    ),
    Mutant(
        "the tests of a Rollout take from what a policy's may spend",
        POLICIES,
        "core/alpha.py",
        "    yield from ((check, parts * len(imposed)) for check in imposed)\n",
        "    yield from ((check, len(own) + len(imposed)) for check in imposed)\n",
        (
            IMPOSED + "test_no_rollout_changes_what_a_policys_test_may_spend_and_all_keep_to_alpha",
            IMPOSED + "test_a_policys_evidence_goes_on_when_the_rollout_adds_tests_of_its_own",
        ),
    ),
    Mutant(
        "policies and Rollout together spend twice their alpha",
        POLICIES,
        "core/alpha.py",
        "    parts = HALVES if imposed else 1\n",
        "    parts = 1\n",
        (IMPOSED + "test_no_rollout_changes_what_a_policys_test_may_spend_and_all_keep_to_alpha",),
    ),
    Mutant(
        "a policy that cannot be applied for a moment has gathered nothing",
        POLICIES,
        "core/alpha.py",
        "        for i, guard in enumerate(policy.spec.guards):\n",
        "        for i, guard in enumerate(policy.guards):\n",
        (IMPOSED + "test_what_was_gathered_is_there_again_once_a_policy_can_be_applied",),
    ),
)
