"""An autoscaler that looks at the stable pods alone, as `/scale` shows them, through a release.

It sees less load than there is while the canary has a part of it, and asks for fewer pods.
"""

from math import ceil

import pytest

from tests.properties.loop import Operator
from tests.properties.scenario import RELEASE_S, deployed, finish, phase, release, rollout_spec
from tests.properties.world import Setting
from tidegate.api.actions import Verb
from tidegate.api.rollout import Capacity

PODS = 10
"""Pods that all of the traffic needs."""
LOOKS_S = 15.0
LONG = (phase("half", 50, hold_s=60.0), phase("all", 100, hold_s=60.0))


def _shares(operator: Operator) -> dict[str, float]:
    flow = operator.world.flow()
    total = sum(flow.values())
    shares: dict[str, float] = {}
    for (_, name), rate in flow.items():
        shares[name or ""] = shares.get(name or "", 0.0) + rate / total
    return shares


def _autoscale(operator: Operator) -> None:
    share = _shares(operator).get(operator.status.stable_revision or "", 0.0)
    wanted = max(1, ceil(share * PODS - 0.001))
    if wanted != operator.rollout.spec.replicas:
        operator.edit(replicas=wanted)


def _watched(mode: str, story) -> tuple[Operator, float]:
    """The operator at the end, and the highest load of any pod in parts of what it can carry."""
    spec = rollout_spec(replicas=PODS, phases=LONG)
    spec = spec.model_copy(update={"capacity": Capacity(mode=mode)})
    operator, loads = deployed(Setting(), spec), [0.0]

    def look(op: Operator) -> None:
        for name, share in _shares(op).items():
            loads.append(share * PODS / max(op.world.ready(name), 0.001))

    for tick in range(800):
        operator.at(RELEASE_S + tick * 0.5, look)
    for tick in range(26):
        operator.at(RELEASE_S + 7.0 + tick * LOOKS_S, _autoscale)
    release(operator)
    story(operator)
    finish(operator)
    return operator, max(loads)


def _sizes(operator: Operator) -> tuple[int, int]:
    return operator.rollout.spec.replicas, operator.world.pods(operator.status.stable_revision)


@pytest.mark.parametrize("mode", ["surge", "shift"])
def test_a_promoted_revision_is_never_short_of_pods(mode):
    operator, most = _watched(mode, lambda op: None)
    assert operator.status.stable_revision == "B"
    assert _sizes(operator) == (PODS, PODS)
    assert most <= 1.001
    assert operator.world.failed == 0


@pytest.mark.parametrize("at_s", [40.0, 100.0])
def test_a_stable_revision_that_gets_all_back_is_not_short_of_pods_either(at_s):
    def aborted(operator: Operator) -> None:
        operator.at(RELEASE_S + at_s, lambda op: op.world.ask(Verb.ABORT) and None)

    operator, most = _watched("surge", aborted)
    assert operator.status.stable_revision == "A"
    assert _sizes(operator) == (PODS, PODS)
    assert most <= 1.001
