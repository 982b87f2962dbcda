"""Seeded bugs of experiments: arms that stay, come too early, or are judged as another."""

from __future__ import annotations

from tests.mutants.mutant import Mutant

EXPERIMENTS = "tests/properties/test_experiments.py::"
WEIGHTS = "tests/adapters/test_variant_weights.py::"
WRITTEN = "tests/adapters/kubernetes/test_variants_written.py::"

MUTANTS = (
    Mutant(
        "a revert leaves the variants their requests",
        "docs/design.md 3, line 4",
        "core/variants.py",
        "        stays = min(weight, max(0, room))\n",
        "        stays = weight\n",
        (EXPERIMENTS + "test_a_bad_arm_sends_every_arm_back_in_the_same_write",),
    ),
    Mutant(
        "a variant that dies keeps its requests",
        "docs/design.md 3, line 1",
        "core/variants.py",
        "        and _ready(scene, name) > 0\n",
        "",
        (EXPERIMENTS + "test_an_arm_whose_pods_die_loses_its_share_and_gets_it_back",),
    ),
    Mutant(
        "a variant's subset goes home while proxies still send there",
        "docs/design.md 3, line 6",
        "core/variants.py",
        "    if gone.free or (selected is not None and (view is None or view.ready == 0)):\n",
        "    if True:\n",
        (EXPERIMENTS + "test_pods_stay_until_the_last_proxy_has_let_their_arm_go",),
    ),
    Mutant(
        "guards do not watch the variants",
        "docs/reference/experiments.md",
        "core/scene.py",
        "self._each(usual + own + self._imposed(), self.variants)",
        "(*usual, *own, *self._imposed())",
        (EXPERIMENTS + "test_a_bad_arm_sends_every_arm_back_in_the_same_write",),
    ),
    Mutant(
        "a variant that makes the pods of another revision is tried",
        "docs/reference/experiments.md",
        "core/variants.py",
        "    return None if not found or found in taken else found\n",
        "    return found or None\n",
        (EXPERIMENTS + "test_an_arm_that_would_be_another_revision_waits_until_someone_says_so",),
    ),
    Mutant(
        "a variant gets requests on what a watch said long ago",
        "argo-rollouts #3080",
        "adapters/kubernetes/freshness.py",
        "                    yield from _pods(sight, view.variants.get(arm) if view else None)\n",
        "                    pass\n",
        (WRITTEN + "test_a_share_is_not_given_to_pods_that_are_ready_no_more",),
    ),
    Mutant(
        "what variants get is not taken off stable",
        "docs/reference/experiments.md",
        "adapters/weights.py",
        "        left -= weight\n        parts.append",
        "        parts.append",
        (WEIGHTS + "test_each_arm_gets_its_share_in_every_route_and_stable_the_rest",),
    ),
)
