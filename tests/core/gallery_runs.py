"""A gallery of moments in a run: one for each thing that it may be waiting for or do next."""

from __future__ import annotations

from tests.core.scenes import (
    Case,
    ago,
    asked,
    at_rest,
    counted,
    error_guard,
    in_phase,
    pods,
    read,
    spec,
)
from tidegate.api.actions import Verb
from tidegate.api.blind import Blind
from tidegate.api.checks import Gate
from tidegate.api.phases import Phase
from tidegate.api.rollout import Capacity
from tidegate.api.status import PauseStatus, PhaseStatus, Stage
from tidegate.core.observation import Answer, Problem, Reading, TrafficReading

PAUSE = PauseStatus(by="ben", reason="lunch", at=ago(60))
DOWN = TrafficReading(ago(1), 5.0, error="the provider does not answer")
ANSWERED = {"guard/0": (read(1, None),), "gate/1/0": (read(1, None),)}
FAILED = Reading(ago(1), Answer.ERROR, detail="connection refused")
REFUSED = Reading(ago(1), Answer.REFUSED, detail="parse error at char 3")
DARK = spec(phases=(Phase(name="ten", weight=0, hold_s=60.0),))
ALL = spec(phases=(Phase(name="ten", weight=100, hold_s=60.0),))
LONG_GATE = spec(
    phases=(Phase(name="ten", weight=10, gates=(Gate(metric="errors", max=0.005, for_s=60.0),)),)
)
SLOW = error_guard().model_copy(update={"interval_s": 60.0})
NO_POD = (pods("A", 4), pods("B", 1, 0))
WIDE = (pods("A", 4), pods("B", 4))
LATE = spec(phases=(Phase(name="ten", weight=10, hold_s=60.0, deadline_s=290.0),))
GONE_PHASE = spec(phases=(Phase(name="other", weight=10),))


def routed(case: Case, **fields: object) -> Case:
    """The case with other things known of its routes."""
    assert case.status.traffic is not None
    return case.status_with(traffic=case.status.traffic.model_copy(update=fields))


def preparing(**fields: object) -> Case:
    """A run that has not sent a request to the canary yet."""
    usual = {"weights": (0,), "canary": "A", "readings": ANSWERED}
    case = in_phase(stage=Stage.PREPARING).with_(**{**usual, **fields})
    return case.status_with(traffic=at_rest().status.traffic)


def promoting(**fields: object) -> Case:
    """A canary with all traffic for a minute, stable idle."""
    usual = {"weights": (100,), "revisions": WIDE, "traffic": counted(B=100)}
    case = in_phase(stage=Stage.PROMOTING).with_(**usual).status_with(phase=None)
    return routed(case, weight=100, weight_since=ago(60)).with_(**fields)


def entered(seconds: float, **fields: object) -> Case:
    """Phase ten, whose weight was reached that long ago and whose clock has not started."""
    unstarted = PhaseStatus(index=0, name="ten", entered_at=ago(290))
    case = in_phase().with_(**fields).status_with(phase=unstarted)
    return routed(case, weight_since=ago(seconds))


def skipping(case: Case) -> Case:
    """The same once somebody asked to promote."""
    assert case.status.run is not None
    return case.status_with(run=case.status.run.model_copy(update={"skip_to_end": True}))


def guarded(*readings: Reading, weights: tuple[int, ...] = (0,), **fields: object) -> Case:
    """Phase ten with those readings of its guard, which takes two failures of three."""
    guards = (error_guard(breaches=2, of=3),)
    asked_for = {"spec": spec(guards=guards), "readings": {"guard/0": readings}}
    case = in_phase().with_(weights=weights, **asked_for, **fields)
    return case.status_with(phase=PhaseStatus(index=0, name="ten", entered_at=ago(20)))


def late(then: str, seconds: float | None) -> Case:
    """Phase ten, whose guard says nothing and whose deadline of 290 s counts since then."""
    phase = LATE.phases[0].model_copy(update={"on_timeout": then})
    blind = {"guard/0": (read(1, None),)}
    since = None if seconds is None else ago(seconds)
    entered = PhaseStatus(index=0, name="ten", entered_at=since or ago(290), started_at=ago(280))
    case = in_phase(spec=spec(phases=(phase,)), readings=blind)
    return case.status_with(deadline_since=since, phase=entered)


def timed_out(case: Case) -> Case:
    """The same once that was said."""
    assert case.status.phase is not None
    return case.status_with(phase=case.status.phase.model_copy(update={"timed_out_at": ago(5)}))


PREPARING = {
    "a run without pods": preparing(revisions=(pods("A", 4),)),
    "a run with too few pods": preparing(
        spec=spec(phases=(Phase(name="ten", weight=60),)), revisions=(pods("A", 4), pods("B", 1))
    ),
    "weight before the run began": preparing(weights=(0, 30)),
    "pods that are not ready": preparing(revisions=NO_POD).status_with(waiting_since=ago(20)),
    "pods that were ready a moment ago": preparing(revisions=NO_POD),
    "pods that proxies need not know yet": entered(
        290, weights=(0,), readings=ANSWERED
    ).status_with(canary_ready_since=ago(2)),
    "checks that nobody asked yet": preparing(readings={}),
    "a check that cannot be measured": preparing(
        readings={**ANSWERED, "gate/1/0": (read(30, 0.0), FAILED)}
    ),
    "a query that is refused": preparing(readings={**ANSWERED, "gate/1/0": (REFUSED,)}),
    "a run that a person paused": preparing().status_with(pause=PAUSE),
    "a run that the spec paused": preparing(spec=spec(paused=True)),
    "a canary destination that another revision uses": preparing(
        canary="Z", traffic=counted(A=100, Z=1)
    ),
    "a canary destination that nobody can see": preparing(canary="Z", traffic=DOWN),
    "a canary destination with few requests": routed(
        preparing(canary="Z", traffic=counted(A=3)), weight_since=ago(10)
    ),
    "a canary destination that is free": preparing(canary="Z", traffic=counted(A=100)),
    "the first phase": preparing(canary="B"),
    "a run of a Rollout without pods": preparing(
        canary="B", spec=spec(replicas=0), revisions=(pods("A", 0), pods("B", 0))
    ).status_with(run=None),
}

WEIGHT = {
    "a skipped run": skipping(in_phase(revisions=WIDE)),
    "a phase that is gone": in_phase(spec=GONE_PHASE),
    "a phase that is gone with a canary that died": in_phase(spec=GONE_PHASE, revisions=NO_POD),
    "a run whose phase is not known": in_phase().status_with(phase=None),
    "a phase that grew": in_phase(spec=spec(phases=(Phase(name="ten", weight=10, replicas=3),))),
    "a phase with pods in percent": in_phase(
        spec=spec(phases=(Phase(name="ten", weight=10, replicas="75%"),))
    ),
    "a canary that died": in_phase(revisions=NO_POD),
    "a canary without a ReplicaSet": in_phase(revisions=(pods("A", 4),)),
    "a canary destination somebody re-pointed": in_phase(canary="Z"),
    "a re-pointed destination with one percent": in_phase(canary="Z", weights=(1,)),
    "a weight somebody raised": in_phase(weights=(10, 40), revisions=WIDE),
    "a weight somebody lowered": in_phase(weights=(4,)),
    "a weight somebody lowered before the clock started": in_phase(weights=(4,)).status_with(
        phase=PhaseStatus(index=0, name="ten", entered_at=ago(20))
    ),
    "two routes that do not agree": in_phase(weights=(10, 0)),
    "routes that do not sum up": in_phase(uneven=True),
    "a weight that may not rise in a pause": in_phase(weights=(0,)).status_with(pause=PAUSE),
    "a weight that may not rise while the spec pauses": in_phase(
        weights=(0,), spec=spec(paused=True)
    ),
    "a weight that rises": guarded(read(1, 0.0)),
    "a weight that rises on no data": guarded(read(1, None)),
    "a weight that rises at the last moment of a reading": guarded(read(35, 0.0)),
    "a guard that was not read": guarded(),
    "a guard whose reading is old": guarded(read(36, 0.0)),
    "a guard that cannot be measured": guarded(read(9, 0.0), FAILED),
    "a guard that fails once": guarded(read(9, 0.0), read(1, 0.02)),
    "a guard read by a clock that was set back": guarded(read(-30, 0.0)),
    "pods that died before the weight could rise": in_phase(
        weights=(0,), revisions=NO_POD
    ).status_with(waiting_since=ago(599)),
}

CLOCK = {
    "a share that is not there yet": entered(60, traffic=counted(A=100)),
    "a share that cannot be counted": entered(2, traffic=DOWN),
    "a share without enough requests, before it settled": entered(2, traffic=counted(A=2)),
    "a share without enough requests, settled": entered(5, traffic=counted(A=2)),
    "a share that is there": entered(60),
    "a share that was just reached": entered(3),
    "a clock that starts anew": routed(in_phase(), weight_since=ago(8)),
    "a phase that left the weight as it was": routed(
        in_phase().status_with(phase=PhaseStatus(index=0, name="ten", entered_at=ago(3))),
        weight_since=ago(90),
    ),
    "all traffic, and stable idle": entered(
        60, spec=ALL, weights=(100,), revisions=WIDE, traffic=counted(B=100)
    ).status_with(traffic=promoting().status.traffic),
    "all traffic, and stable busy": entered(
        60, spec=ALL, weights=(100,), revisions=WIDE, traffic=counted(A=1, B=100)
    ).status_with(traffic=promoting().status.traffic),
    "a hold": in_phase().status_with(
        phase=PhaseStatus(index=0, name="ten", entered_at=ago(59), started_at=ago(59)),
    ),
    "a hold that ends now": routed(
        in_phase().status_with(
            phase=PhaseStatus(index=0, name="ten", entered_at=ago(60), started_at=ago(60)),
        ),
        weight_since=ago(60),
    ),
}

GATES = {
    "a phase that passes": in_phase(),
    "a phase that passed in a pause": in_phase().status_with(pause=PAUSE),
    "a phase that passed while the spec pauses": in_phase(spec=spec(paused=True)),
    "a guard without data at the end of a phase": in_phase(readings={"guard/0": (read(1, None),)}),
    "a guard without data in a dark phase": routed(
        in_phase(spec=DARK, weights=(0,), readings={"guard/0": (read(1, None),)}), weight=0
    ),
    "a guard that fails in a dark phase": routed(
        guarded(read(1, 0.02)).with_(
            spec=spec(guards=(error_guard(breaches=2, of=3),), phases=DARK.phases)
        ),
        weight=0,
    ),
    "a gate without a reading": in_phase(spec=LONG_GATE),
    "a gate that has not passed for long enough": in_phase(
        spec=LONG_GATE,
        readings={
            "guard/0": (read(1, 0.0),),
            "gate/0/0": tuple(read(s, 0.001) for s in range(59, 0, -4)),
        },
    ),
    "a gate that fails": in_phase(
        spec=LONG_GATE, readings={"guard/0": (read(1, 0.0),), "gate/0/0": (read(1, 0.006),)}
    ),
    "the last phase": in_phase(
        spec=LONG_GATE,
        readings={
            "guard/0": (read(1, 0.0),),
            "gate/0/0": tuple(read(s, 0.001) for s in range(61, 0, -4)),
        },
    ),
}

PROMOTING = {
    "a promotion that needs more pods": promoting(revisions=(pods("A", 4), pods("B", 2))),
    "a promotion whose pods died": promoting(revisions=(pods("A", 4), pods("B", 4, 0))),
    "a promotion of pods that are not ready": promoting(
        weights=(50,), revisions=(pods("A", 4), pods("B", 4, 3))
    ),
    "a promotion that takes all traffic": promoting(weights=(50,)),
    "a promotion whose guard is not fresh": promoting(readings={"guard/0": (read(59.5, 0.0),)}),
    "a promotion whose guard was read too soon": promoting(
        spec=spec(guards=(SLOW,)), readings={"guard/0": (read(59.5, 0.0),)}
    ),
    "a promotion whose guard was read just in time": promoting(
        spec=spec(guards=(SLOW,)), readings={"guard/0": (read(59, 0.0),)}
    ),
    "a promotion whose guard fails": guarded(
        read(1, 0.02), weights=(100,), revisions=WIDE, traffic=counted(B=100)
    ).with_(status=promoting().status),
    "a promotion in a pause": promoting().status_with(pause=PAUSE),
    "a promotion while stable is busy": promoting(traffic=counted(A=1, B=100)),
    "a promotion that nobody can see": promoting(traffic=DOWN),
    "a promotion with few requests": routed(promoting(traffic=counted(B=9)), weight_since=ago(10)),
    "a promotion of nothing": promoting(
        spec=spec(replicas=0), revisions=(pods("A", 0), pods("B", 0)), weights=(0,)
    ).status_with(
        run=promoting().status.run.model_copy(update={"min_replicas": 0})  # type: ignore[union-attr]  # it has a run
    ),
    "a promotion": promoting(),
    "a promotion that is done": promoting(stable="B"),
}

REVERTS = {
    "a breach": in_phase(readings={"guard/0": (read(1, 0.25),)}),
    "a breach whose last reading says nothing": guarded(
        read(9, 0.02), read(5, 0.02), read(1, None), weights=(10,)
    ),
    "a reading at the very bound": in_phase(readings={"guard/0": (read(1, 0.01),)}),
    "a breach that is too old": in_phase(readings={"guard/0": (read(36, 0.25),)}),
    "a breach that pauses": in_phase(
        spec=spec(guards=(error_guard(then="pause"),)), readings={"guard/0": (read(1, 0.25),)}
    ),
    "an old breach does not pause": in_phase(
        spec=spec(guards=(error_guard(then="pause"),)), readings={"guard/0": (read(36, 0.25),)}
    ),
    "a breach from before somebody resumed": in_phase(
        spec=spec(guards=(error_guard(then="pause"),)), readings={"guard/0": (read(9, 0.25),)}
    ).status_with(resumed_at=ago(9)),
    "a breach that holds": in_phase(
        spec=spec(guards=(error_guard(then="hold"),)), readings={"guard/0": (read(1, 0.25),)}
    ),
    "a deadline": in_phase(revisions=NO_POD).status_with(waiting_since=ago(600)),
    "a deadline without any pod": preparing(revisions=(pods("A", 4),)).status_with(
        waiting_since=ago(600)
    ),
    "blindness that is not over": in_phase(
        spec=spec(blind=Blind(then="revert", after_s=60.0)), readings={"guard/0": (read(1, None),)}
    ).status_with(blind_since=ago(59)),
    "blindness": in_phase(
        spec=spec(blind=Blind(then="revert", after_s=60.0)), readings={"guard/0": (read(1, None),)}
    ).status_with(blind_since=ago(60)),
    "blindness that only holds": in_phase(readings={"guard/0": (FAILED,)}).status_with(
        blind_since=ago(9999)
    ),
    "blindness of a new process": in_phase(
        spec=spec(blind=Blind(then="revert", after_s=60.0)), readings={}
    ).status_with(blind_since=ago(60)),
    "an abort": in_phase(actions=(asked(Verb.ABORT, why="too slow"),)),
    "an abort that stable cannot carry": in_phase(
        actions=(asked(Verb.ABORT),), weights=(80,), revisions=(pods("A", 4, 1), pods("B", 4))
    ),
    "an abort without routes": in_phase(actions=(asked(Verb.ABORT),), routes_hidden=True),
    "a skip": in_phase(actions=(asked(Verb.SKIP, why="seen enough"),)),
    "a skip of the last phase": in_phase(
        actions=(asked(Verb.SKIP),), spec=spec(phases=spec().phases[:1])
    ),
    "a new template": in_phase(target="C"),
    "the template of stable": in_phase(target="A"),
    "an abort while the template is stable's again": in_phase(
        target="A", revisions=(pods("A", 4), pods("B", 1)), actions=(asked(Verb.ABORT),)
    ),
}

DEADLINES = {
    "a phase that is nearly late": late("hold", 289.9),
    "a phase that is late": late("hold", 290),
    "a phase that is known to be late": timed_out(late("hold", 300)),
    "a late phase that passes": timed_out(late("hold", 300)).with_(
        readings={"guard/0": (read(1, 0.0),)}
    ),
    "a late phase that gets more time": timed_out(late("hold", 200)),
    "a late phase that pauses": late("pause", 290),
    "a late phase that goes back": late("revert", 290),
    "a late phase that cannot be mended by going back": late("revert", 290).with_(
        readings={"guard/0": (REFUSED,)}
    ),
    "a late phase in a pause": late("revert", 290).status_with(pause=PAUSE),
    "a phase whose pause is over": late("revert", None),
}

SHIFT = spec(
    replicas=10,
    capacity=Capacity(mode="shift"),
    phases=(Phase(name="ten", weight=50, hold_s=600.0),),
)


def shifted(weight: int, *, stable: int, ready: int | None = None, **fields: object) -> Case:
    """Phase ten, which asks for 50 %, with that many of ten stable pods at that weight."""
    usual = {
        "spec": SHIFT,
        "weights": (weight,),
        "revisions": (pods("A", stable, ready), pods("B", 10)),
        "traffic": counted(A=100 - weight, B=weight),
    }
    case = routed(in_phase().with_(**{**usual, **fields}), weight=weight)
    assert case.status.run is not None
    return case.status_with(run=case.status.run.model_copy(update={"min_replicas": 10}))


def giving(*, stable: int, ready: int | None = None) -> Case:
    """Phase ten just entered with the 90 % of the phase before it."""
    entered = PhaseStatus(index=0, name="ten", entered_at=ago(1))
    return shifted(90, stable=stable, ready=ready).status_with(phase=entered)


SHIFTS = {
    "stable with more pods than its share needs": shifted(50, stable=10),
    "stable with the pods that its share needs": shifted(50, stable=6),
    "stable with fewer pods than its share needs": shifted(50, stable=5),
    "a share that did not settle yet": routed(
        shifted(50, stable=10).status_with(
            phase=PhaseStatus(index=0, name="ten", entered_at=ago(20), started_at=ago(4))
        ),
        weight_since=ago(4),
    ),
    "a share that the proxies do not send": shifted(50, stable=10)
    .status_with(phase=PhaseStatus(index=0, name="ten", entered_at=ago(290)))
    .with_(traffic=counted(A=80, B=20)),
    "a share that is a little off": shifted(50, stable=10, traffic=counted(A=61, B=39)),
    "stable in a pause": shifted(50, stable=10).status_with(pause=PAUSE),
    "stable while a guard fails": shifted(50, stable=10).with_(
        spec=SHIFT.model_copy(update={"guards": (error_guard(breaches=2, of=3),)}),
        readings={"guard/0": (read(1, 0.02),)},
    ),
    "a phase that gives traffic back, and too few stable pods": giving(stable=2),
    "a phase that gives traffic back, and stable pods that start": giving(stable=6, ready=5),
    "a phase that gives traffic back to ready pods": giving(stable=6),
    "a weight somebody raised over shrunk stable": routed(
        shifted(90, stable=6, ready=2), weight_since=ago(20)
    ),
    "a weight somebody took away over shrunk stable": shifted(0, stable=6),
    "a breach over shrunk stable": shifted(90, stable=2, readings={"guard/0": (read(1, 0.25),)}),
    "the way back that waits for pods": shifted(60, stable=2).status_with(run=None, phase=None),
    "the way back that waits for pods, and bad input": shifted(
        60, stable=2, problems=(Problem("RouteNotFound", "VirtualService shop has no route"),)
    ).status_with(run=None, phase=None),
    "the way back whose pods come": shifted(60, stable=10, ready=4).status_with(
        run=None, phase=None
    ),
    "a promotion of shrunk stable": promoting(spec=SHIFT, revisions=(pods("A", 1), pods("B", 10))),
}

RUNS = {**PREPARING, **WEIGHT, **CLOCK, **GATES, **PROMOTING, **REVERTS, **DEADLINES, **SHIFTS}
