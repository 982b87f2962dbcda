"""Seeded bugs of experiments: arms that stay, come too early, or are judged as another."""

from __future__ import annotations

from tests.mutants.mutant import Mutant

EXPERIMENTS = "tests/properties/test_experiments.py::"
JUDGED = "tests/core/test_experiments.py::"
STAY = "tests/adapters/test_variant_users.py::"
STAY_CORE = "tests/core/test_variant_users.py::"
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
        "self._each(usual, self.variants)",
        "usual",
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
    Mutant(
        "each claim of an experiment gets all of its chance of a mistake",
        "docs/reference/experiments.md",
        "core/experiments.py",
        "    return SIDES * len(experiment.metrics) * len(arms_of(phase))\n",
        "    return 1\n",
        (JUDGED + "test_arms_share_the_chance_of_a_mistake",),
    ),
    Mutant(
        "a winner may be worse by another metric",
        "docs/reference/experiments.md",
        "core/experimenting.py",
        'return _first(arm).verdict == "better" and not worse\n',
        'return _first(arm).verdict == "better"\n',
        (JUDGED + "test_who_is_better_by_the_first_metric_and_worse_by_another_wins_nothing",),
    ),
    Mutant(
        "an experiment is decided by shares that are not as asked",
        "docs/reference/experiments.md",
        "core/experimenting.py",
        '    winner = "" if odd else winner_of(phase.experiment, known.arms)\n',
        "    winner = winner_of(phase.experiment, known.arms)\n",
        (JUDGED + "test_shares_that_are_not_as_asked_decide_nothing",),
    ),
    Mutant(
        "a run goes on to its promotion whoever won",
        "docs/reference/experiments.md",
        "core/running.py",
        "        or experimenting.obstacle(scene)\n",
        "",
        (JUDGED + "test_a_winner_is_waited_for_until_git_or_a_person_follows",),
    ),
    Mutant(
        "another question goes on with the evidence of the one before",
        "docs/reference/experiments.md",
        "core/experiments.py",
        "    return entry if entry is not None and entry.about == trial.about else None\n",
        "    return entry\n",
        (JUDGED + "test_another_question_begins_anew",),
    ),
    Mutant(
        "users of one arm are kept with another",
        "docs/reference/experiments.md",
        "adapters/istio_headers.py",
        "        last += weight\n",
        "",
        (STAY + "test_each_user_stays_with_one_arm_and_arms_get_their_shares",),
    ),
    Mutant(
        "users are kept with an arm that has no requests any more",
        "docs/reference/experiments.md",
        "core/picks.py",
        "inner.arms in ((), outer.arms)\n",
        "True\n",
        (STAY_CORE + "test_users_are_kept_only_with_arms_that_are_asked_for",),
    ),
)
