"""The documents of `examples/`, lived through in a simulated cluster.

Its provider knows error rates alone, so each guard and gate is asked about those; how often, for
how long, how many of how many, and what then, is as the document says. Requests are counted every
second of a release, so hours cost seconds: only hybrid has its own two, other holds are cut.
"""

from __future__ import annotations

from functools import partial
from math import inf
from pathlib import Path
from typing import TypeVar

import pytest
import yaml

from tests.properties.loop import Operator
from tests.properties.measured import OF_CLUSTER
from tests.properties.scenario import (
    DEPLOYED_S,
    QUICK,
    RELEASE_S,
    baking,
    deployed,
    finish,
    goes_bad,
    quiet,
    release,
    went_back,
)
from tests.properties.world import Setting, moment
from tidegate.api.actions import Verb
from tidegate.api.checks import Bound
from tidegate.api.phases import Phase
from tidegate.api.preflight import Preflight
from tidegate.api.rollout import Rollout, RolloutSpec
from tidegate.api.status import Stage, State
from tidegate.core.whereabouts import preflight_of

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
MESH = Setting(virtual_services=("checkout",))
SWITCH = Setting(switch="preview")
SETTINGS = {
    "canary": MESH,
    "four-steps": MESH,
    "hybrid": MESH,
    "hybrid-full": MESH,
    "blue-green": SWITCH,
}
PHASES = [
    ("canary", "canary"),
    ("four-steps", "five"),
    ("four-steps", "quarter"),
    ("four-steps", "half"),
    ("hybrid", "canary-5"),
    ("hybrid", "canary-20"),
    ("hybrid", "green-50"),
    ("hybrid", "green-100"),
    ("hybrid-full", "canary-5"),
    ("hybrid-full", "canary-20"),
    ("hybrid-full", "green-50"),
    ("hybrid-full", "green-100"),
    ("blue-green", "switch"),
]
"""Every phase that holds, and sends requests by which a guard can tell."""

GOOD_MAX = 0.01
"""Between the error rates that a good and a bad revision have in the simulation."""
OVERHEAD_S = 30.0
"""What a phase may take beside its hold: pods, settle, and a window that proves the share."""
TWO_HOURS_S = 2 * 3600.0
HOLD_S_MAX = 120.0
GO_S_MAX = 600.0
"""By then everybody has said go."""
INTO_PHASE_S = 20.0
NOTICED_S = 60.0
"""Two of three readings ten seconds apart, and the way back of the routes."""

Check = TypeVar("Check", bound=Bound)


def _spec(example: str, hold_s_max: float) -> RolloutSpec:
    body = yaml.safe_load((EXAMPLES / example / "rollout.yaml").read_text())
    body["metadata"] |= {"namespace": "shop"}
    spec = Rollout.parse(body).spec
    return spec.model_copy(
        update={
            "template": {},
            "guards": tuple(map(_asked, spec.guards)),
            "phases": tuple(_asked_in(phase, hold_s_max) for phase in spec.phases),
            "preflight": spec.preflight and _asked_first(spec.preflight),
        }
    )


def _asked_first(preflight: Preflight) -> Preflight:
    """Its gates ask about what serves, and whoever may say go is no matter of groups here."""
    gates = tuple(_asked(gate, OF_CLUSTER) for gate in preflight.gates)
    terms = preflight.approval and preflight.approval.model_copy(update={"groups": ()})
    return preflight.model_copy(update={"gates": gates, "approval": terms})


def _asked(check: Check, metric: str = "error-rate") -> Check:
    plain = dict.fromkeys(("min", "compare", "scorecard", "warn_min", "warn_max", "min_samples"))
    return check.model_copy(update=plain | {"metric": metric, "max": GOOD_MAX})


def _asked_in(phase: Phase, hold_s_max: float) -> Phase:
    checks = {"gates": tuple(map(_asked, phase.gates)), "guards": tuple(map(_asked, phase.guards))}
    return phase.model_copy(update=checks | {"hold_s": min(phase.hold_s, hold_s_max)})


def _played(example: str, *, bake: bool = False, hold_s_max: float = HOLD_S_MAX) -> Operator:
    """Served, and with a new template at RELEASE_S."""
    spec = _spec(example, hold_s_max)
    operator = deployed(SETTINGS[example], spec if bake else spec.model_copy(update={"bake": None}))
    assert operator.world.now_s <= DEPLOYED_S < RELEASE_S
    release(operator)
    if spec.preflight is not None:
        for after_s in range(0, int(GO_S_MAX), 20):
            operator.at(RELEASE_S + after_s, _says_go)
    return operator


def _says_go(operator: Operator) -> None:
    """Two persons, as soon as they are asked before the first pod."""
    status = operator.status
    if status.run is None or status.run.stage is not Stage.PREFLIGHT:
        return
    for by in ("ann", "ben") if status.state is State.AWAITING_APPROVAL else ():
        operator.world.ask(Verb.APPROVE, by=by, revision=status.run.to_revision)


def _passed(operator: Operator) -> list[str]:
    last = operator.status.last_run
    assert last is not None
    return [entry.what for entry in last.history if entry.reason == "PhasePassed"]


def _in(phase: str, operator: Operator) -> bool:
    status = operator.status.phase
    if status is None or status.name != phase or status.started_at is None:
        return False
    return moment(operator.world.now_s - INTO_PHASE_S) >= status.started_at


@pytest.mark.parametrize("example", SETTINGS)
def test_a_document_takes_as_long_as_its_holds_and_gates_and_no_request_fails(example: str) -> None:
    operator = _played(example)
    phases = operator.rollout.spec.phases
    held = preflight_of(operator.rollout.spec) + phases
    least_s = [max([phase.hold_s, *(gate.for_s or 0 for gate in phase.gates)]) for phase in held]
    finish(operator, until_s=_end_s(operator.rollout.spec) + 3600)
    status = operator.status
    assert (status.state, status.stable_revision) == ("Healthy", "B"), status.message
    assert _passed(operator) == [phase.name for phase in phases]
    last = status.last_run
    assert last is not None
    took_s = (last.history[-1].at - moment(RELEASE_S)).total_seconds()
    assert sum(least_s) <= took_s <= sum(least_s) + OVERHEAD_S * (len(held) + 1)
    assert operator.world.failed == 0, operator.world.failures[:3]


@pytest.mark.parametrize(("example", "phase"), PHASES)
def test_a_document_is_sent_back_from_any_of_its_phases(example: str, phase: str) -> None:
    operator = _played(example)
    spec = operator.rollout.spec
    operator.run(_end_s(spec), stop=lambda on: _in(phase, on))
    assert _in(phase, operator), operator.status.message
    bad_from_s = operator.world.now_s
    goes_bad(operator)
    operator.run(bad_from_s + NOTICED_S, stop=lambda on: on.status.run is None)
    status = operator.status
    assert (status.reverted_revision, status.stable_revision) == ("B", "A"), status.message
    assert not any(operator.world.routes.weights)
    finish(operator, until_s=bad_from_s + spec.drain.max_s + 3600)
    assert operator.world.failed == 0, operator.world.failures[:3]


@pytest.mark.parametrize("example", ["four-steps", "hybrid", "hybrid-full"])
def test_a_document_is_sent_back_from_its_bake(example: str) -> None:
    operator = _played(example, bake=True)
    spec = operator.rollout.spec
    operator.run(_end_s(spec), stop=baking)
    assert baking(operator), operator.status.message
    operator.run(operator.world.now_s + spec.drain.max_s)
    goes_bad(operator)
    operator.run(operator.world.now_s + 2 * spec.drain.max_s, stop=quiet)
    went_back(operator)


def _end_s(spec: RolloutSpec) -> float:
    """By then all of its phases are over."""
    return RELEASE_S + GO_S_MAX + sum(phase.hold_s + 1200 for phase in spec.phases)


@pytest.mark.skipif(QUICK == "2", reason="two hours, second by second: `make test` has the time")
def test_hybrid_takes_its_two_hours_and_green_is_whole_before_it_has_all() -> None:
    """The document's own sum, and its own numbers of pods."""
    operator = _played("hybrid", hold_s_max=inf)
    spec = operator.rollout.spec
    assert sum(phase.hold_s for phase in spec.phases) == TWO_HOURS_S
    seen: dict[str, tuple[int, int]] = {}
    for phase in spec.phases:
        operator.run(_end_s(spec), stop=partial(_in, phase.name))
        seen[phase.name] = (operator.world.routes.weights[0], operator.world.ready("B"))
        assert operator.world.ready("A") == spec.replicas
    assert seen == {
        "canary-5": (5, 1),
        "canary-20": (20, 4),
        "green-50": (50, 10),
        "green-100": (100, 10),
    }
    operator.run(_end_s(spec), stop=lambda on: on.status.run is None)
    last = operator.status.last_run
    assert last is not None
    assert last.reason == "Promoted"
    took_s = (last.history[-1].at - moment(RELEASE_S)).total_seconds()
    assert TWO_HOURS_S <= took_s <= TWO_HOURS_S + OVERHEAD_S * (len(spec.phases) + 1)
