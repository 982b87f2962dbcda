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
from tidegate.core.check import Check
from tidegate.core.scoring import AnyBound, scored
from tidegate.core.testing import tested

HALVES: Final = 2
"""Parts of alpha where policies have tests, too."""


def tests_of(rollout: Rollout) -> Iterator[tuple[Check, int]]:
    """Every test of a run with its id, and by how many its alpha is divided."""
    own, imposed = tuple(own_tests(rollout.spec)), tuple(imposed_tests(rollout.policies))
    parts = HALVES if imposed else 1
    yield from ((check, parts * len(own)) for check in own)
    yield from ((check, parts * len(imposed)) for check in imposed)


def shared_by(rollout: Rollout, test_id: str) -> int:
    """By how many the alpha of that test is divided; 1 of what is no test of the run."""
    return next((among for check, among in tests_of(rollout) if check.id == test_id), 1)


def own_tests(spec: RolloutSpec) -> Iterator[Check]:
    """Every guard, gate and member of a scorecard that a test judges, in written order."""
    for i, guard in enumerate(spec.guards):
        yield from _tests(spec, f"guard/{i}", guard)
    for place, phase in enumerate(spec.phases):
        for i, guard in enumerate(phase.guards):
            yield from _tests(spec, f"guard/{place}/{i}", guard)
        for i, gate in enumerate(phase.gates):
            yield from _tests(spec, f"gate/{place}/{i}", gate)


def _tests(spec: RolloutSpec, test_id: str, bound: AnyBound) -> Iterator[Check]:
    seen, card = scored(spec.scorecards, test_id, bound)
    for probe in Check(test_id, seen, card).probes:
        if tested(probe.bound):
            yield probe


def imposed_tests(policies: Sequence[Policy]) -> Iterator[Check]:
    """Every guard of a policy that a test judges.

    Those of one that cannot be applied just now, too: what they have gathered has to be there
    again once it can.
    """
    for policy in policies:
        for i, guard in enumerate(policy.spec.guards):
            if tested(guard):
                yield Check(check_id(policy.name, i), guard)


def metric_of(rollout: Rollout, check: Check) -> Metric | None:
    """The metric that a test is about; a policy's also while that cannot be applied."""
    policy = rollout.policy(policy_of_id(check.id))
    if policy is None:
        return rollout.metric(check.id, check.bound.metric)
    return next((one for one in policy.spec.metrics if one.name == check.bound.metric), None)
