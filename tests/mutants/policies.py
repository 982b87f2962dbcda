"""Seeded bugs in RolloutPolicies: what an administrator forbids, a Rollout gets past."""

from tests.mutants.mutant import Mutant

CORE = "tests/core/test_policies.py::"
API = "tests/api/test_policy.py::"
ISSUE = "docs/reference/policies.md"

MUTANTS = (
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
        "        found = usual + own + self._imposed()\n",
        "        found = usual + own + tuple(\n"
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
)
