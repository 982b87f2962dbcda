"""A gallery of moments after a promotion: the bake, and every way back."""

from __future__ import annotations

from tests.core.gallery_runs import DOWN, PAUSE, WIDE, routed
from tests.core.scenes import Case, ago, asked, at_rest, counted, error_guard, in_phase, pods, read
from tests.core.scenes import spec as plain
from tidegate.api.actions import Verb
from tidegate.api.rollout import Bake, FastTrack
from tidegate.api.status import Stage
from tidegate.core.observation import TrafficReading

BAKED = plain().model_copy(update={"bake": Bake(duration_s=600.0)})
FAST = plain().model_copy(update={"fast_track": FastTrack(revisions=2)})
PAUSING = plain(guards=(error_guard(then="pause"),)).model_copy(
    update={"bake": Bake(duration_s=600.0)}
)
BAD = {"guard/0": (read(1, 0.4),)}


def baking(seconds: float = 300, **fields: object) -> Case:
    """B promoted that long ago, the canary destination back on A, everything well."""
    usual = {"spec": BAKED, "weights": (0,), "stable": "B", "canary": "A", "revisions": WIDE}
    case = in_phase(stage=Stage.BAKING, traffic=counted(B=100)).with_(**{**usual, **fields})
    assert case.status.run is not None
    run = case.status.run.model_copy(update={"baking_since": ago(seconds)})
    case = case.status_with(
        run=run, phase=None, stable_revision="B", canary_revision=None, proven_revisions=("A",)
    )
    known = {"weight": 0, "weight_since": ago(seconds - 5), "stable": "B", "canary": case.canary}
    return routed(case, **known, stable_since=ago(seconds), canary_since=ago(seconds - 20))


def back(**fields: object) -> Case:
    """On the way back from B to A, all traffic with A already."""
    usual = {"weights": (100,), "readings": {}, "traffic": counted(A=100)}
    case = baking(300, **{**usual, **fields})
    assert case.status.run is not None
    undo = {"number": 4, "from_revision": "B", "to_revision": "A", "stage": Stage.PROMOTING}
    run = case.status.run.model_copy(update={**undo, "undo": "undone by ann", "baking_since": None})
    case = case.status_with(run=run, canary_revision="A", last_run_number=4)
    return routed(case, weight=case.weights[0], weight_since=ago(30))


def proven(**fields: object) -> Case:
    """A at rest, and P was stable before it."""
    return (
        at_rest(revisions=(pods("A", 4), pods("P", 0)))
        .with_(**fields)
        .status_with(proven_revisions=("P", "O"), last_run_number=3)
    )


BAKES = {
    "a bake that is on": baking(),
    "a bake begins, and its weights have to wait for settle": baking(
        2, weights=(100,), canary="B", revisions=WIDE
    ),
    "a bake whose weights go home": routed(
        baking(20, weights=(100,), canary="B"), weight=100, weight_since=ago(60)
    ),
    "a bake whose canary destination is idle": baking(60, canary="B"),
    "a bake whose canary destination is not idle": baking(
        60,
        canary="B",
        traffic=TrafficReading(ago(0), 5.0, by_subset={"stable": 90.0, "canary": 10.0}),
    ),
    "a bake whose old pods are too few": baking(revisions=(pods("A", 2), pods("B", 4))),
    "a bake whose old ReplicaSet was deleted": baking(revisions=(pods("B", 4),)),
    "a bake that is over": baking(601),
    "a bake that is over and fails": baking(601, spec=PAUSING, readings=BAD).status_with(
        resumed_at=ago(0.5)
    ),
    "a bake that is over and paused": baking(601).status_with(pause=PAUSE),
    "a bake that is over and blind": baking(601, readings={"guard/0": (read(1, None),)}),
    "a bake that was taken out of the spec": baking(spec=plain()),
    "a bake that is breached": baking(readings=BAD),
    "a bake that is breached before the canary destination is on the old revision": baking(
        30, canary="B", readings=BAD
    ),
    "a bake that is breached while few old pods are ready": baking(
        revisions=(pods("A", 4, 1), pods("B", 4)), readings=BAD
    ),
    "a bake whose breach cannot be sent back": baking(revisions=(pods("B", 4),), readings=BAD),
    "a bake with a guard that pauses": baking(spec=PAUSING, readings=BAD),
    "a bake whose way back was forgotten": baking(weights=(100,)),
    "a bake with a weight by hand": baking(weights=(10,)),
    "a bake and a new template": baking(target="C"),
    "a bake and the old template": baking(target="A"),
    "a bake of a deleted Rollout": baking(deleted_at=ago(1)),
    **{f"{verb} in a bake": baking(actions=(asked(verb, why="lunch"),)) for verb in Verb},
    "back: traffic first": back(weights=(0,), traffic=counted(B=100)),
    "back: only part can be carried": back(
        weights=(0,), revisions=(pods("A", 4, 1), pods("B", 4)), traffic=counted(B=100)
    ),
    "back: stable is not idle yet": back(traffic=counted(A=95, B=5)),
    "back: stable is idle": back(),
    "back: the provider is down": back(traffic=DOWN),
    "back: stable is re-pointed": back(stable="A"),
    "back: pods to be made": back(
        weights=(0,), canary="B", revisions=(pods("A", 0), pods("B", 4)), traffic=counted(B=100)
    ),
    "back: pods not ready": back(
        weights=(0,), canary="B", revisions=(pods("A", 4, 1), pods("B", 4)), traffic=counted(B=100)
    ),
    "back: pods never ready": back(
        weights=(0,), canary="B", revisions=(pods("A", 4, 0), pods("B", 4)), traffic=counted(B=100)
    ).status_with(waiting_since=ago(700)),
    "back: the canary destination is idle": back(weights=(0,), canary="B", traffic=counted(B=100)),
    "back: the old ReplicaSet was deleted": back(revisions=(pods("B", 4),)),
    "back: all its pods died": back(revisions=(pods("A", 4, 0), pods("B", 4))),
    "back: a new template": back(target="C"),
    **{f"{verb} on the way back": back(actions=(asked(verb, why="lunch"),)) for verb in Verb},
    "abort on the way back, by name": back(actions=(asked(Verb.ABORT, revision="A"),)),
    "undo of a proven revision, not held yet": proven(actions=(asked(Verb.UNDO),), held=False),
    "undo of a proven revision": proven(held=True, actions=(asked(Verb.UNDO, why="slow"),)),
    "undo of that stable revision": proven(held=True, actions=(asked(Verb.UNDO, revision="A"),)),
    "undo of another revision": proven(actions=(asked(Verb.UNDO, revision="X"),)),
    "undo with no ReplicaSet left": proven(revisions=(pods("A", 4),), actions=(asked(Verb.UNDO),)),
    "undo beside a new template": proven(target="B", actions=(asked(Verb.UNDO),)),
    "a proven template on the fast track": proven(target="O", spec=FAST),
    "a proven template without one": proven(target="O"),
}
"""Moments by name."""
