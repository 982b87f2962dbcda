"""A gallery of moments without a run: the first deployment, rest, drains, what people ask for."""

from __future__ import annotations

from tests.core.gallery_runs import DOWN, PAUSE, promoting, routed
from tests.core.scenes import Case, ago, asked, at_rest, counted, in_phase, pods, spec
from tidegate.api.actions import Action, RolloutActionSpec, RolloutActionStatus, Verb
from tidegate.api.check_status import CheckStatus, Verdict
from tidegate.api.rollout import Drain
from tidegate.api.status import Draining, LastAction, LastRun
from tidegate.core.observation import Problem

FIRST = Case(target="A", stable=None, canary=None, weights=(0,))
STANDING = FIRST.with_(revisions=(pods("A", 4),))
FEW = (pods("A", 4, 3),)
TWO = (pods("A", 4), pods("B", 1))
LAST = LastRun(
    number=3,
    from_revision="A",
    to_revision="B",
    outcome="Reverted",
    reason="GuardBreached",
    message="guard errors is 0.25",
    started_at=ago(300),
    finished_at=ago(30),
)


def nameless(verb: Verb, *, uid: str = "u9", reason: str = "") -> Action:
    """Somebody asks for something; the object says neither who nor when."""
    return Action(
        name=f"{verb}-{uid}",
        namespace="shop",
        uid=uid,
        created_at=None,
        spec=RolloutActionSpec(rollout="shop", verb=verb, reason=reason),
        status=RolloutActionStatus(),
    )


def homeward(**fields: object) -> Case:
    """The canary destination still selects B, which lost its run."""
    usual = {"canary": "B", "revisions": TWO, "traffic": counted(A=100, B=1)}
    case = routed(at_rest(**{**usual, **fields}), canary="B")
    return routed(case, weight_since=ago(60), canary_since=ago(70))


def left_over(*seconds: float, traffic: object = None, **fields: object) -> Case:
    """Revisions Z, Y … that nothing uses, marked that long ago; one not marked at all is N."""
    names = "ZYXWVUTSRQPO"[: len(seconds)]
    usual = {"revisions": (pods("A", 4), *(pods(name, 2) for name in names)), "traffic": traffic}
    marks = tuple(Draining(revision=n, since=ago(s)) for n, s in zip(names, seconds, strict=True))
    return at_rest(**{**usual, **fields}).status_with(draining=marks)


INITIAL = {
    "nothing at all": FIRST,
    "stable found serving": FIRST.with_(stable="Z", revisions=(pods("Z", 4),)),
    "the first ReplicaSet has another size": FIRST.with_(revisions=(pods("A", 2),)),
    "the first pods": FIRST.with_(revisions=FEW),
    "the first pods are slow": FIRST.with_(revisions=FEW).status_with(waiting_since=ago(599)),
    "the first pods are too slow": FIRST.with_(revisions=FEW).status_with(waiting_since=ago(600)),
    "the first pods and no routes": STANDING.with_(routes_hidden=True),
    "the first pods, stable not pointed": STANDING,
    "the first pods, canary not pointed": STANDING.with_(stable="A"),
    "the first pods, weight to take away": STANDING.with_(stable="A", canary="A", weights=(0, 10)),
    "the first pods, weights that do not sum up": STANDING.with_(
        stable="A", canary="A", uneven=True
    ),
    "the first deployment stands": STANDING.with_(stable="A", canary="A"),
}

REST = {
    "health": at_rest(),
    "health after a pause": at_rest().status_with(pause=PAUSE, reverted_revision="Z"),
    "stable without all of its pods": at_rest(revisions=FEW),
    "stable whose pods come late": at_rest(revisions=FEW).status_with(waiting_since=ago(40)),
    "stable too small": at_rest(spec=spec(replicas=6)),
    "stable too big": at_rest(spec=spec(replicas=3)),
    "stable without a ReplicaSet": at_rest(revisions=()),
    "stable whose ReplicaSet and template are gone": at_rest(target="C", revisions=()),
    "stable re-pointed by somebody": at_rest(stable="Z"),
    "stable pointed at other pods": at_rest(stable=None),
    "stable re-pointed while its pods are missing": at_rest(
        stable="Z", revisions=(pods("A", 4, 0),)
    ),
    "a stray weight": at_rest(weights=(0, 20)),
    "weights that wait for settle": routed(at_rest(weights=(100,)), stable_since=ago(4)),
    "weights that go home": routed(at_rest(weights=(100,)), stable_since=ago(5)),
    "weights that stable cannot carry": at_rest(weights=(100,), revisions=(pods("A", 4, 0),)),
    "weights of which stable can carry some": at_rest(weights=(100,), revisions=(pods("A", 4, 1),)),
    "a revert that is not complete": homeward(weights=(0, 10)),
    "a revert that stable cannot carry": homeward(
        weights=(60,), revisions=(pods("A", 4, 1), pods("B", 4))
    ),
    "a canary destination that is busy": homeward(),
    "a canary destination that nobody sees": homeward(traffic=DOWN),
    "a canary destination with few requests": homeward(
        traffic=counted(A=3), spec=spec(drain=Drain(min_s=90.0))
    ),
    "a canary destination that is idle": homeward(traffic=counted(A=100)),
    "a canary destination without pods": homeward(revisions=(pods("A", 4), pods("B", 1, 0))),
    "a canary destination of which nothing is left": homeward(revisions=(pods("A", 4),)),
    "a canary destination with foreign labels": homeward(canary=None),
    "a canary destination that keeps what it has": homeward(
        revisions=(pods("A", 4, 0), pods("B", 1))
    ),
    "a canary destination that was busy for too long": homeward(
        spec=spec(drain=Drain(max_s=60.0))
    ).with_(traffic=counted(A=100, B=1)),
    "a canary destination pointed long after its weight": routed(
        homeward(spec=spec(drain=Drain(max_s=80.0))), weight_since=ago(500)
    ),
    "a new template": at_rest(target="B"),
    "a new template and no phases": at_rest(target="B", spec=spec(phases=())),
    "a new template in a pause": at_rest(target="B").status_with(pause=PAUSE),
    "a new template while the spec pauses": at_rest(target="B", spec=spec(paused=True)),
    "a new template after a revert": at_rest(target="C").status_with(
        reverted_revision="B",
        last_run=LAST,
        last_run_number=3,
        resumed_at=ago(9),
        waiting_since=ago(9),
        blind_since=ago(9),
        checks=(CheckStatus(id="guard/0", kind="guard", metric="errors", verdict=Verdict.PASS),),
    ),
    "a reverted template": at_rest(target="B").status_with(reverted_revision="B", last_run=LAST),
    "a reverted template of which little is known": at_rest(target="B").status_with(
        reverted_revision="B"
    ),
    "a reverted template on its way home": homeward(target="B").status_with(reverted_revision="B"),
    "a new template on the way home": homeward(target="C"),
    "routes that cannot be read": at_rest(routes_hidden=True),
    "routes that cannot be read in a run": in_phase(routes_hidden=True),
    "two problems": at_rest(problems=(Problem("One", "first."), Problem("Two", "second."))),
    "a problem in a run": in_phase(problems=(Problem("One", "first"),)),
    "a promotion beside a problem": promoting(problems=(Problem("One", "first"),), stable="B"),
    "a long problem": at_rest(problems=(Problem("One", "very " * 300),)),
}

DRAINS = {
    "a revision that nothing uses": at_rest(
        revisions=(pods("A", 4), pods("Z", 2)), traffic=counted(A=100)
    ),
    "an old revision too early": left_over(9, traffic=counted(A=100)),
    "an old revision that is idle": left_over(10, traffic=counted(A=100)),
    "an old revision that is busy": left_over(10, traffic=counted(A=100, Z=1)),
    "an old revision that nobody sees": left_over(30, traffic=DOWN),
    "an old revision with few requests": left_over(20, traffic=counted(A=3)),
    "an old revision with few requests, long enough": left_over(30, traffic=counted(A=3)),
    "an old revision that stays busy": left_over(600, traffic=counted(A=100, Z=1)),
    "an old revision that is not ready": left_over(
        0, revisions=(pods("A", 4), pods("Z", 2, 0)), traffic=counted(A=100, Z=1)
    ),
    "an old revision whose weight just changed": routed(
        left_over(300, traffic=counted(A=3)), weight_since=ago(12)
    ),
    "three old revisions, one of them idle": left_over(
        50, 40, 30, traffic=counted(A=100, Z=1, X=1)
    ),
    "more old revisions than are written down": left_over(
        *([9] * 12), traffic=counted(A=100), spec=spec(drain=Drain(min_s=20.0))
    ),
    "an old revision that will wait for the least time": left_over(
        4, traffic=None, spec=spec(drain=Drain(min_s=20.0, max_s=30.0))
    ),
    "a mark without a revision": at_rest().status_with(
        draining=(Draining(revision="Z", since=ago(9)),)
    ),
    "old revisions beside a busy run": in_phase(
        revisions=(pods("A", 4), pods("B", 1), pods("Z", 2)), traffic=counted(A=90, B=10)
    ).status_with(
        draining=(Draining(revision="Z", since=ago(60)),),
        phase=in_phase().status.phase.model_copy(  # type: ignore[union-attr]  # it has a phase
            update={"started_at": ago(5), "entered_at": ago(5)}
        ),
        traffic=in_phase().status.traffic.model_copy(  # type: ignore[union-attr]  # it has routes
            update={"weight_since": ago(15)}
        ),
    ),
    "empty ReplicaSets within the limit": at_rest(
        revisions=(pods("A", 4), pods("Y", 0), pods("X", 0)), spec=spec(revision_history_limit=2)
    ),
    "one empty ReplicaSet too many": at_rest(
        revisions=(pods("A", 4), pods("Y", 0, created_s=50), pods("X", 0, created_s=60)),
        spec=spec(revision_history_limit=1),
    ),
    "old pods while the routes are not home": left_over(
        60, traffic=counted(A=100), weights=(100,), revisions=(pods("A", 4, 1), pods("Z", 2))
    ),
    "old pods while the routes cannot be read": left_over(
        60, traffic=counted(A=100), routes_hidden=True
    ),
    "old pods of the template of a first deployment": FIRST.with_(revisions=FEW),
}

_CASES = {
    "rest": at_rest(),
    "a run": in_phase(),
    "a paused run": in_phase().status_with(pause=PAUSE),
}
_CASES["a reverted template"] = at_rest(target="B").status_with(reverted_revision="B")
_CASES["a new template"] = at_rest(target="B")
_CASES["a run that the spec pauses"] = in_phase(spec=spec(paused=True))

ACTIONS = {
    f"{verb.value} at {name}": case.with_(actions=(asked(verb, why="lunch"),))
    for verb in Verb
    for name, case in _CASES.items()
} | {
    "an abort by nobody": in_phase(actions=(nameless(Verb.ABORT),)),
    "a pause by nobody": in_phase(actions=(nameless(Verb.PAUSE, reason="lunch"),)),
    "a pause by nobody for no reason": in_phase(actions=(nameless(Verb.PAUSE),)),
    "a nameless action goes first": in_phase(
        actions=(asked(Verb.PROMOTE, uid="u1"), nameless(Verb.PAUSE))
    ),
    "of two of one time the name decides": in_phase(
        actions=(asked(Verb.RESUME, uid="u2"), asked(Verb.PAUSE, uid="u1"))
    ),
    "an abort goes first": at_rest(
        actions=(asked(Verb.PAUSE, uid="u1", seconds_ago=9), asked(Verb.ABORT, uid="u2"))
    ),
    "an action for another revision": in_phase(actions=(asked(Verb.PROMOTE, revision="C"),)),
    "an action for a revision at rest": at_rest(actions=(asked(Verb.RETRY, revision="C"),)),
    "an action for the reverted revision": _CASES["a reverted template"].with_(
        actions=(asked(Verb.RETRY, revision="B"),)
    ),
    "an abort of another revision": in_phase(actions=(asked(Verb.ABORT, revision="C"),)),
    "an answer": in_phase(actions=(asked(Verb.PAUSE),)).status_with(
        last_action=LastAction(uid="u1", verb="pause", result="Done", message="paused")
    ),
    "an answer that refuses": in_phase(actions=(asked(Verb.RETRY),)).status_with(
        last_action=LastAction(uid="u1", verb="retry", result="Refused", message="no")
    ),
}

RESTS = {**INITIAL, **REST, **DRAINS, **ACTIONS}
