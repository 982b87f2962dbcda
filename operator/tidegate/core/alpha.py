"""Which tests a run has, and how they share its chance of a mistake.

The tests of one Rollout share alpha evenly. Where policies have tests, one half is theirs and the
other the Rollout's: so no Rollout weakens a policy's test by tests of its own, nor does it begin
anew with them, and all together still keep to alpha.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from tidegate.api.checks import Metric
from tidegate.api.policy import Policy, check_id, policy_of_id
from tidegate.api.rollout import Rollout, RolloutSpec
from tidegate.core.check import Check, id_for
from tidegate.core.scoring import AnyBound, scored
from tidegate.core.testing import tested

HALVES: Final = 2
"""Parts of alpha where policies have tests, too."""


def tests_of(rollout: Rollout) -> Iterator[tuple[Check, int]]:
    """Every test of a run with its id, and by how many its alpha is divided."""
    own, tried = tuple(own_tests(rollout.spec)), _tried(rollout.spec)
    every = tuple(imposed_tests(rollout.policies, tried))
    imposed = tuple(check for check in every if not check.variant)
    own += tuple(check for check in every if check.variant)  # for the Rollout named the variant
    parts = HALVES if imposed else 1
    yield from ((check, parts * len(own)) for check in own)
    yield from ((check, parts * len(imposed)) for check in imposed)


def shared_by(rollout: Rollout, test_id: str) -> int:
    """By how many the alpha of that test is divided; 1 of what is no test of the run."""
    return next((among for check, among in tests_of(rollout) if check.id == test_id), 1)


def own_tests(spec: RolloutSpec) -> Iterator[Check]:
    """Every guard, gate and member of a scorecard that a test judges, in written order.

    Each of the revision of the run first, then of each variant that it may be asked of.
    """
    tried = _tried(spec)
    for i, guard in enumerate(spec.guards):
        yield from _of_each(spec, f"guard/{i}", guard, tried)
    for place, phase in enumerate(spec.phases):
        names = [name for name, _ in phase.shares]
        for i, guard in enumerate(phase.guards):
            yield from _of_each(spec, f"guard/{place}/{i}", guard, names)
        for i, gate in enumerate(phase.gates):
            yield from _of_each(spec, f"gate/{place}/{i}", gate, names)


def _tried(spec: RolloutSpec) -> list[str]:
    """The variants that some phase sends requests to."""
    return sorted({name for phase in spec.phases for name, _ in phase.shares})


def _of_each(
    spec: RolloutSpec, check_id: str, bound: AnyBound, variants: Sequence[str]
) -> Iterator[Check]:
    for variant in ("", *variants):
        test_id = id_for(check_id, variant)
        seen, card = scored(spec.scorecards, test_id, bound)
        for probe in Check(test_id, seen, card, variant=variant).probes:
            if tested(probe.bound):
                yield probe


def imposed_tests(policies: Sequence[Policy], variants: Sequence[str] = ()) -> Iterator[Check]:
    """Every guard of a policy that a test judges, about each arm.

    Those of one that cannot be applied just now, too: what they have gathered has to be there
    again once it can.
    """
    for policy in policies:
        for i, guard in enumerate(policy.spec.guards):
            for variant in ("", *variants) if tested(guard) else ():
                test_id = id_for(check_id(policy.name, i), variant)
                yield Check(test_id, guard, variant=variant)


def metric_of(rollout: Rollout, check: Check) -> Metric | None:
    """The metric that a test is about; a policy's also while that cannot be applied."""
    policy = rollout.policy(policy_of_id(check.id))
    if policy is None:
        return rollout.metric(check.id, check.bound.metric)
    return next((one for one in policy.spec.metrics if one.name == check.bound.metric), None)
