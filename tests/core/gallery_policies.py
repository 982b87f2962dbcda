"""Moments under RolloutPolicies, for the gallery."""

from __future__ import annotations

from tests.core.scenes import Case, ago, at_rest, error_guard, in_phase, pods, read, spec
from tidegate.api.blind import Blind
from tidegate.api.checks import Metric
from tidegate.api.policy import Policy, RolloutPolicySpec
from tidegate.api.policy_status import PolicyInForce

HOUSE = Policy(
    name="house",
    generation=2,
    spec=RolloutPolicySpec(
        metrics=(Metric(name="failed", template="istio-error-rate"),),
        guards=(error_guard().model_copy(update={"metric": "failed"}),),
        blind=Blind(after_s=60.0, then="revert"),
    ),
)
TRIED = Policy(name="house", generation=2, spec=HOUSE.spec.model_copy(update={"mode": "observe"}))
ODD = Policy(
    name="house",
    generation=3,
    spec=HOUSE.spec,
    problem="spec.metrics[0].template: no template is named 'istio-errors'",
)
HELD = PolicyInForce(name="house", generation=2, mode="enforce", guards=1)
READ = {"guard/0": (read(1, 0.001),), "policy/house/0": (read(1, 0.001),)}
BAD = READ | {"policy/house/0": (read(1, 0.2),)}


def _under(policy: Policy, **fields: object) -> Case:
    usual = {"policies": (policy,), "readings": READ} | fields
    return in_phase().with_(**usual).status_with(policies=(HELD,))


POLICIES: dict[str, Case] = {
    "a policy holds: its guard passes": _under(HOUSE),
    "a policy holds: its guard fails": _under(HOUSE, readings=BAD),
    "a policy holds: its guard fails, mode observe of the Rollout": _under(
        HOUSE, readings=BAD, spec=spec(mode="observe")
    ),
    "a policy is tried: its guard fails": _under(TRIED, readings=BAD),
    "a policy comes in a run": _under(HOUSE).status_with(policies=()),
    "a policy goes in a run": _under(HOUSE, policies=()),
    "a policy gets a mistake in a run": _under(ODD),
    "a policy's guard was blind for a minute": _under(
        HOUSE, readings=READ | {"policy/house/0": (read(1, None),)}
    ).status_with(policies=(HELD.model_copy(update={"blind_since": ago(60)}),)),
    "a release waits for a policy with a mistake": at_rest(
        target="B", revisions=(pods("A", 4),), policies=(ODD,)
    ),
}
