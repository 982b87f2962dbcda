"""A gallery of moments with a Deployment: taken over, scaled up by somebody, gone, given back."""

from __future__ import annotations

from tests.core.scenes import Case, ago, at_rest, counted, pods, spec
from tidegate.api.status import Draining
from tidegate.api.takeover import WorkloadDrift, WorkloadRef, WorkloadStage, WorkloadStatus
from tidegate.api.traffic_status import TrafficStatus
from tidegate.core.observation import Problem, TrafficReading, WorkloadView

PODS = "5d4f8c7b9"
REF = WorkloadRef(api_version="apps/v1", kind="Deployment", name="shop")
GONE = Problem("WorkloadNotFound", "spec.workloadRef: Deployment shop/shop not found.")


def deployment(replicas: int = 4, ready: int | None = None, *, label: str = "") -> WorkloadView:
    """The Deployment with that many pods, all ready unless said otherwise."""
    found = replicas if ready is None else ready
    return WorkloadView("shop", "uid-d", replicas, label, found if label else 0)


def taken(
    stage: WorkloadStage = WorkloadStage.TAKEN_OVER, drift: WorkloadDrift | None = None
) -> WorkloadStatus:
    """What is remembered of it."""
    return WorkloadStatus(name="shop", stage=stage, replicas=4, drift=drift)


def adopting(**fields: object) -> Case:
    """The Rollout comes; the Deployment serves, and nothing was done yet."""
    usual = {
        "spec": spec(template=None, workload_ref=REF),
        "target": "A",
        "stable": None,
        "canary": None,
        "weights": (0,),
        "workload": deployment(),
    }
    return Case(**{**usual, **fields})  # type: ignore[arg-type]  # a misspelt name still raises


def taking_over(pointed_s: float = 60, **fields: object) -> Case:
    """Our pods serve since that long ago; the Deployment still has its own."""
    usual = {"spec": spec(template=None, workload_ref=REF), "workload": deployment()}
    traffic = TrafficStatus(
        weight=0,
        weight_since=ago(3600),
        stable="A",
        stable_since=ago(pointed_s),
        canary="A",
        canary_since=ago(pointed_s),
    )
    case = at_rest(**{**usual, **fields})
    return case.status_with(workload=taken(WorkloadStage.TAKING_OVER), traffic=traffic)


def taken_over(drift: WorkloadDrift | None = None, **fields: object) -> Case:
    """At rest, with the Deployment at no pods."""
    usual = {"spec": spec(template=None, workload_ref=REF), "workload": deployment(0)}
    return at_rest(**{**usual, **fields}).status_with(workload=taken(drift=drift))


def leaving(stage: WorkloadStage = WorkloadStage.TAKEN_OVER, **fields: object) -> Case:
    """The Rollout was deleted ten seconds ago."""
    usual = {"workload": deployment(0, label=PODS), "deleted_at": ago(10)}
    return taken_over(None, **{**usual, **fields}).status_with(workload=taken(stage))


def both(sent: float, reached: float) -> TrafficReading:
    """What proxies sent to stable, and what arrived at our pods."""
    return TrafficReading(
        ago(0), 5.0, by_revision={"A": reached}, by_subset={"stable": sent, "canary": 0.0}
    )


BACK = {"stable": PODS, "canary": PODS, "workload": deployment(label=PODS)}
IN_BACK = leaving(WorkloadStage.GIVEN_BACK, **BACK)
DRAINED = IN_BACK.status_with(draining=(Draining(revision="A", since=ago(60)),))


def emptied(seconds: float) -> Case:
    """The Deployment serves, and our last pod went that long ago."""
    found = taken(WorkloadStage.GIVEN_BACK).model_copy(update={"emptied_at": ago(seconds)})
    return IN_BACK.status_with(workload=found)


EMPTY = {"revisions": (pods("A", 0),)}

WORKLOADS = {
    "a Deployment serves, and nobody holds the Rollout": adopting(held=False),
    "a Deployment serves": adopting(),
    "a Deployment has more pods than are asked for": adopting(workload=deployment(5)),
    "a takeover makes pods": adopting().status_with(workload=taken(WorkloadStage.TAKING_OVER)),
    "a takeover makes as many as the Deployment got": adopting(
        workload=deployment(6), revisions=(pods("A", 4),)
    ).status_with(workload=taken(WorkloadStage.TAKING_OVER)),
    "a takeover points the destinations": adopting(revisions=(pods("A", 4),)).status_with(
        workload=taken(WorkloadStage.TAKING_OVER)
    ),
    "a takeover settles": taking_over(2, traffic=both(500, 500)),
    "a takeover is counted at our pods": taking_over(20, traffic=both(500, 495)),
    "a takeover is not counted at our pods": taking_over(20, traffic=both(500, 400)),
    "a takeover in which our pods get more than is sent": taking_over(20, traffic=both(500, 600)),
    "a takeover without telemetry": taking_over(29),
    "a takeover without telemetry, later": taking_over(31, traffic=counted()),
    "a takeover with pods of ours missing": taking_over(60, revisions=(pods("A", 4, 3),)),
    "a takeover out of time": taking_over(601, traffic=both(500, 400)),
    "the Deployment has no pods any more": taking_over(60, workload=deployment(0)),
    "a Deployment that is taken over": taken_over(),
    "nobody holds it any more": taken_over(held=False),
    "its template changes": taken_over(target="B"),
    "somebody gave it pods": taken_over(workload=deployment(2)),
    "somebody gave it pods, which is written down": taken_over(
        WorkloadDrift.PUTTING_BACK, workload=deployment(2)
    ),
    "they are gone again": taken_over(WorkloadDrift.PUTTING_BACK),
    "somebody gave it pods once more": taken_over(WorkloadDrift.PUT_BACK, workload=deployment(2)),
    "it is left alone": taken_over(WorkloadDrift.LEFT_ALONE, workload=deployment(2)),
    "somebody scaled it to 0": taken_over(WorkloadDrift.LEFT_ALONE),
    "the Deployment is gone": taken_over(
        workload=None, workload_missing=True, problems=(GONE,), target=""
    ),
    "the Rollout names another Deployment": taken_over(
        spec=spec(template=None, workload_ref=REF.model_copy(update={"name": "other"}))
    ),
    "deleted before anything was done": adopting(deleted_at=ago(1), held=True),
    "deleted": leaving(),
    "deleted with another template": leaving(target="B"),
    "deleted with another template, too long": leaving(target="B", deleted_at=ago(601)),
    "deleted while it is taken over": taking_over(60, deleted_at=ago(1)),
    "the Deployment gets pods": leaving(WorkloadStage.GIVING_BACK),
    "the Deployment's pods start": leaving(
        WorkloadStage.GIVING_BACK, workload=deployment(4, 3, label=PODS)
    ),
    "the Deployment's pods are ready": leaving(
        WorkloadStage.GIVING_BACK, workload=deployment(label=PODS)
    ),
    "the Deployment shall serve": leaving(
        WorkloadStage.GIVEN_BACK, workload=deployment(label=PODS)
    ),
    "the Deployment serves": IN_BACK,
    "the Deployment serves, and ours are idle": DRAINED.with_(traffic=counted(A=0, B=100)),
    "the Deployment serves, and ours are busy": DRAINED.with_(traffic=counted(A=1, B=100)),
    "most of its pods fail while it serves": IN_BACK.with_(workload=deployment(4, 1, label=PODS)),
    "ours are gone just now": IN_BACK.with_(**EMPTY),
    "ours may still be endpoints": emptied(9).with_(**EMPTY),
    "ours are gone, and the label is still there": emptied(10).with_(**EMPTY),
    "ours are gone, and so is the label": IN_BACK.with_(**EMPTY, stable=None, canary=None),
    "deleted together with the Deployment": leaving(
        workload=None, workload_missing=True, routes_hidden=True
    ),
    "deleted, and the Deployment cannot be read": leaving(workload=None),
    "deleted, and the routes cannot be read": leaving(
        WorkloadStage.GIVING_BACK, routes_hidden=True
    ),
    "its routes cannot be read": leaving(WorkloadStage.GIVEN_BACK, routes_hidden=True),
    "deleted long ago": leaving(WorkloadStage.GIVING_BACK, deleted_at=ago(1801)),
    "deleted long ago, and the label is gone": leaving(
        WorkloadStage.GIVING_BACK, deleted_at=ago(1801), stable=None, canary=None
    ),
}
