"""What people do to a Rollout in a trial: a table that takes one more line for each new way.

A scenario is a list of steps. Each step waits until the Rollout's status is so, and then does one
thing; what is done once is never repeated, however often the operator dies meanwhile.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from demo.manifests import App, Shop

if TYPE_CHECKING:
    from tests.faults.trial import Trial

Object = dict[str, Any]
Status = dict[str, Any]
Phases = tuple[Object, ...]

QUICK: Phases = ({"name": "half", "weight": 50, "hold": "200ms"},)
"""One phase that ends by itself."""
WAITING: Phases = ({"name": "half", "weight": 50, "hold": "1h"},)
"""One phase that waits for somebody."""
GREEN: Object = {"name": "green", "weight": 0, "replicas": "100%", "hold": "200ms"}
SWITCH: Object = {"name": "switch", "weight": 100, "hold": "200ms"}
SWITCHED: Object = SWITCH | {"hold": "1h"}
BLUE_GREEN: Phases = (GREEN, SWITCH)
HYBRID: Phases = (*QUICK, {"name": "warm", "weight": 50, "replicas": "100%", "hold": "200ms"})
"""A canary first, and then all of its pods before the switch."""
BETA: Object = {"match": [{"headers": {"x-group": {"exact": "beta"}}}]}
MEMBERS: Object = {"name": "members", "weight": 0, "hold": "200ms", **BETA}
COHORTS: Phases = (MEMBERS, {"name": "more", "weight": 10, "hold": "200ms", **BETA}, *QUICK)
"""Requests with a header first, then a share of the others as well."""
ASKED: Phases = (*QUICK, {"name": "most", "weight": 80, "hold": "200ms", "approval": {}})
"""The second phase waits for somebody to say go."""
HOOKED: Phases = (
    {
        "name": "half",
        "weight": 50,
        "hold": "200ms",
        "hooks": [{"name": "warm", "cronJob": "work"}],
    },
)
"""A Job before the phase."""
STUCK: Phases = (
    {
        "name": "half",
        "weight": 50,
        "hold": "1h",
        "hooks": [
            {"name": "warm", "cronJob": "stuck", "timeout": "1h"},
            {"name": "tidy", "cronJob": "work", "when": "revert"},
        ],
    },
)
"""A Job that never ends, and one that cleans up."""
CRON_JOBS = {"work": {}, "stuck": {"sandbox.tidegate.io/ready": "never"}}
"""By name, the annotations of their pods, after which simulated nodes treat them."""
SHIFT: Object = {"capacity": {"mode": "shift", "headroom": "0%"}}
SCORE: Object = {
    "scorecards": [
        {
            "name": "health",
            "pass": 60,
            "members": [
                {"metric": "error-rate", "weight": 2, "max": 0.1},
                {"metric": "errors", "weight": 1, "max": 1},
            ],
        }
    ],
    "guards": [{"scorecard": "health", "interval": "1s"}],
}
"""Two numbers, of which the heavier one decides."""
PREVIEW = "shop-preview"
SERVICE: Object = {
    "traffic": {"settle": "100ms", "service": {"active": "shop", "preview": PREVIEW}}
}
"""Without a mesh: the selector of one Service is the switch."""
READY_DELAY = "20ms"
PODS_LATE = "140s"
"""Kubernetes' own controllers make pods late after an API server was away; no scenario is about
pods that never come."""


@dataclass(frozen=True, slots=True)
class Step:
    """When the status is so, do this."""

    when: Callable[[Status], bool]
    do: Callable[[Trial], object]


@dataclass(frozen=True, slots=True)
class Scenario:
    """`over` tells from the status that all has been done; None: once the Rollout is gone.

    `first` are the phases of the version that is installed before the steps, and `spec` fields of
    the Rollout's spec that are not as in the other scenarios. `begins_as` names the scenario that
    is the same up to its last step, and so leaves the same worlds until then.
    """

    name: str
    steps: Sequence[Step]
    over: Callable[[Status], bool] | None
    metrics: bool = False
    installed: bool = True
    first: Phases = QUICK
    spec: Mapping[str, Any] = field(default_factory=dict)
    begins_as: str = ""
    cron_jobs: bool = False

    def __str__(self) -> str:
        return self.name


def shop(namespace: str, scenario: Scenario) -> Shop:
    """Two pods that are ready at once, and waits of a tenth of a second."""
    extra: Object = {"drain": {"min": "100ms"}, "progressDeadline": PODS_LATE}
    if scenario.metrics:
        query = 'errors{namespace="{{namespace}}",revision="{{revision}}"}'
        names = ("error-rate", "errors")
        extra["metrics"] = [{"name": name, "query": query, "window": "2s"} for name in names]
        extra["guards"] = [{"metric": "error-rate", "max": 0.1, "interval": "1s"}]
    else:
        extra |= {"metrics": [], "guards": []}
    extra |= scenario.spec
    return Shop(namespace=namespace, replicas=2, settle="100ms", phases=QUICK, extra=extra)


def base_of(shop: Shop) -> list[Object]:
    """What there is beside the Rollout in its namespace, with a Service for previews."""
    _, service, *routes = shop.base()
    preview = copy.deepcopy(service)
    preview["metadata"]["name"] = PREVIEW
    return [service, preview, *routes]


def cron_jobs_of(shop: Shop) -> list[Object]:
    """Templates for the Jobs of hooks; they never run by themselves."""
    return [_cron_job(shop.namespace, name, notes) for name, notes in CRON_JOBS.items()]


def _cron_job(namespace: str, name: str, notes: Mapping[str, str]) -> Object:
    containers = [{"name": "main", "image": "docker.io/local/work:1"}]
    pod = {
        "metadata": {"annotations": dict(notes)},
        "spec": {"restartPolicy": "Never", "containers": containers},
    }
    return {
        "apiVersion": "batch/v1",
        "kind": "CronJob",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "schedule": "0 0 31 2 *",
            "suspend": True,
            "jobTemplate": {"spec": {"template": pod}},
        },
    }


def rollout_of(shop: Shop, version: str, phases: Phases) -> Object:
    """The Rollout with that version, as the user would write it."""
    body = shop.with_(phases=phases).rollout(App(version))
    notes = body["spec"]["template"]["metadata"]["annotations"]
    notes["sandbox.tidegate.io/ready-delay"] = READY_DELAY
    return body


def adoption_of(shop: Shop, version: str, phases: Phases) -> tuple[Object, Object]:
    """A Deployment with that version, and the Rollout that takes it over."""
    rollout = rollout_of(shop, version, phases)
    spec = rollout["spec"]
    api, kind = "apps/v1", "Deployment"
    deployment = {
        "apiVersion": api,
        "kind": kind,
        "metadata": rollout["metadata"],
        "spec": {
            "replicas": shop.replicas,
            "selector": spec["selector"],
            "template": spec.pop("template"),
        },
    }
    spec["workloadRef"] = {"apiVersion": api, "kind": kind, "name": shop.name}
    return deployment, rollout


# ------------------------------------------------------------------ when


def at_once(status: Status) -> bool:
    """Without waiting."""
    return True


def halfway(status: Status) -> bool:
    """The canary has half of the traffic, and the phase has begun."""
    phase = status.get("phase") or {}
    return status.get("weight") == 50 and bool(phase.get("startedAt"))


def matched(status: Status) -> bool:
    """Requests with the header go to the canary, and a tenth of the others."""
    phase, traffic = status.get("phase") or {}, status.get("traffic") or {}
    return bool(status.get("weight") == 10 and traffic.get("match") and phase.get("startedAt"))


def switched(status: Status) -> bool:
    """The canary has all of the traffic, and the phase has begun."""
    phase = status.get("phase") or {}
    return status.get("weight") == 100 and bool(phase.get("startedAt"))


def asking(status: Status) -> bool:
    """It waits for an approval."""
    return status.get("state") == "AwaitingApproval"


def hooking(status: Status) -> bool:
    """The Job of a hook has been sent, and its end is waited for."""
    return any(one.get("sentAt") and one["result"] == "Running" for one in status.get("hooks", ()))


def tidied(status: Status) -> bool:
    """The run was sent back, and what cleans up after it has ended."""
    done = {one["name"] for one in status.get("hooks", ()) if one.get("result") == "Succeeded"}
    return ended("Reverted")(status) and "tidy" in done


def shrunk(status: Status) -> bool:
    """Halfway, and stable has given up the pod that its half does not need."""
    return halfway(status) and status.get("replicas") == 1


def ended(outcome: str, number: int = 1) -> Callable[[Status], bool]:
    """That run is over, and the Rollout rests."""

    def holds(status: Status) -> bool:
        last = status.get("lastRun") or {}
        resting = status.get("state") in ("Healthy", "Reverted")
        return resting and (last.get("number"), last.get("outcome")) == (number, outcome)

    return holds


def warm(status: Status) -> bool:
    """It bakes, and the canary destination is on the old revision again."""
    run, traffic = status.get("run") or {}, status.get("traffic") or {}
    if run.get("stage") != "Baking":
        return False
    return traffic.get("weight") == 0 and traffic.get("canary") == run.get("from")


def healthy(status: Status) -> bool:
    """It serves its first revision."""
    return status.get("state") == "Healthy"


def taken_over(status: Status) -> bool:
    """Its Deployment has no pods any more."""
    stage = (status.get("workload") or {}).get("stage")
    return (stage, status.get("state")) == ("TakenOver", "Healthy")


def gone(status: Status) -> bool:
    """There is no Rollout, and so no status."""
    return not status


# ------------------------------------------------------------------ what


def release(version: str, phases: Phases) -> Callable[[Trial], object]:
    """Apply that version."""
    return lambda trial: trial.release(version, phases)


def bake(version: str) -> Callable[[Trial], object]:
    """Apply that version, with a bake that waits for somebody."""

    def do(trial: Trial) -> None:
        body = rollout_of(trial.shop, version, QUICK)
        body["spec"]["bake"] = {"duration": "1h"}
        trial.direct.apply(body)

    return do


def act(verb: str) -> Callable[[Trial], object]:
    """Ask for it as a person does."""
    return lambda trial: trial.act(verb)


def approve(trial: Trial) -> None:
    """Somebody says go."""
    trial.act("approve", revision=trial.canary())


def turn_bad(trial: Trial) -> None:
    """From now on the new revision fails."""
    trial.provider.turn_bad(trial.canary())


START = Step(at_once, release("v2", WAITING))
BAKE = Step(at_once, bake("v2"))


def _released(*phases: Object) -> list[Step]:
    return [Step(at_once, release("v2", phases))]


def _sent_back(when: Callable[[Status], bool], *phases: Object) -> list[Step]:
    return [*_released(*phases), Step(when, act("abort"))]


SCENARIOS = (
    Scenario("install", [Step(at_once, release("v1", QUICK))], healthy, installed=False),
    Scenario("promote", [Step(at_once, release("v2", QUICK))], ended("Promoted")),
    Scenario("revert", [START, Step(halfway, turn_bad)], ended("Reverted"), metrics=True),
    Scenario(
        "revert by a score",
        [START, Step(halfway, turn_bad)],
        ended("Reverted"),
        metrics=True,
        spec=SCORE,
    ),
    Scenario("abort", [START, Step(halfway, act("abort"))], ended("Reverted")),
    Scenario(
        "supersede",
        [START, Step(halfway, release("v3", QUICK))],
        ended("Promoted", 2),
        begins_as="abort",
    ),
    Scenario("bake", [BAKE, Step(warm, act("promote"))], ended("Promoted")),
    Scenario("undo", [BAKE, Step(warm, act("undo"))], ended("Promoted", 2), begins_as="bake"),
    Scenario(
        "adopt",
        [
            Step(at_once, lambda trial: trial.adopt("v1", QUICK)),
            Step(taken_over, lambda trial: trial.remove()),
        ],
        gone,
        installed=False,
    ),
    Scenario(
        "delete",
        [START, Step(halfway, lambda trial: trial.remove())],
        None,
        begins_as="abort",
    ),
    Scenario("shift", [START, Step(shrunk, act("promote"))], ended("Promoted"), spec=SHIFT),
    Scenario(
        "shift back",
        [START, Step(shrunk, act("abort"))],
        ended("Reverted"),
        spec=SHIFT,
        begins_as="shift",
    ),
    Scenario("approve", [*_released(*ASKED), Step(asking, approve)], ended("Promoted")),
    Scenario("hook", _released(*HOOKED), ended("Promoted"), cron_jobs=True),
    Scenario("hook back", _sent_back(hooking, *STUCK), tidied, cron_jobs=True),
    Scenario("hybrid", _released(*HYBRID, SWITCH), ended("Promoted")),
    Scenario("hybrid back", _sent_back(switched, *HYBRID, SWITCHED), ended("Reverted")),
    Scenario(
        "blue-green", _released(*BLUE_GREEN), ended("Promoted"), first=BLUE_GREEN, spec=SERVICE
    ),
    Scenario(
        "blue-green back",
        _sent_back(switched, GREEN, SWITCHED),
        ended("Reverted"),
        first=BLUE_GREEN,
        spec=SERVICE,
    ),
    Scenario("header routes", _released(*COHORTS), ended("Promoted")),
    Scenario(
        "header routes back",
        _sent_back(matched, MEMBERS, COHORTS[1] | {"hold": "1h"}),
        ended("Reverted"),
    ),
)
"""A new strategy joins all crash points, API faults and soak runs by its line here."""

BY_NAME = {scenario.name: scenario for scenario in SCENARIOS}
