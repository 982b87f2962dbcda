"""Many Rollouts at once, each given one mutation after the other and looked at in between.

A lane is one shop in a namespace of its own. It is mutated, watched until nothing moves, judged,
mutated back, and watched until everything is as before. All lanes are read by five lists a round.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from demo.manifests import App, Shop
from sandbox.kube import Api, ApiRefusal
from tests.cluster.direct import Object, applied, path_to
from tests.cluster.leaf_schema import steps, written
from tests.cluster.leaf_table import PLAIN, Mutation, Spec, edited

QUIET_S = 1.0
"""Nothing moved for so long: longer than settle, drain.min and the start of a simulated pod.

On a busy machine a pause may last longer, so what stands still elsewhere than it should is given
until the deadline.
"""
POLL_S = 0.2
DEADLINE_S = 60.0
MAY_END_THE_RUN = frozenset({"spec.phases[].hold", "spec.phases[].name", "spec.phases[].weight"})
"""Leaves of a phase that is on: with them changed the run may go on to its end, which is right."""
MAY_KEEP_PODS = frozenset({"spec.replicas", "spec.phases[].replicas", "spec.phases[].weight"})
"""Leaves by which pods are asked for: while a run is on, those that were started stay."""
MAY_START_A_RUN = frozenset({"spec.template", "spec.contentOf.configMaps[]"})
NOT_TYPED = "failed to create typed patch object"
"""How an API server refuses an apply of the wrong type; with status 500, it is true."""
LISTS = {
    "rollouts": "/apis/tidegate.io/v1alpha1/rollouts",
    "routes": "/apis/networking.istio.io/v1/virtualservices",
    "rules": "/apis/networking.istio.io/v1/destinationrules",
    "services": "/api/v1/services",
    "sets": "/apis/apps/v1/replicasets",
}


@dataclass(frozen=True)
class Picture:
    """One namespace at one moment, without what differs by nature (times, versions, names)."""

    observed: bool
    state: str
    message: str
    routes: tuple[Any, ...]
    rules: tuple[Any, ...]
    services: tuple[Any, ...]
    pods: tuple[tuple[str, int, int], ...]
    """Revision, wanted and ready, of every ReplicaSet with pods, sorted."""

    @property
    def world(self) -> tuple[Any, ...]:
        """What traffic depends on."""
        wanted = tuple((revision, count) for revision, count, _ in self.pods)
        return (self.routes, self.rules, self.services, wanted)

    @property
    def weights(self) -> list[int]:
        """The weights of the managed route."""
        managed = next(r for r in self.routes[0]["http"] if r.get("name") == "primary")
        return [part.get("weight", 0) for part in managed["route"]]


def pictures(api: Api) -> dict[str, Picture]:
    """Every namespace that has a Rollout."""
    by_kind: dict[str, dict[str, list[Object]]] = {}
    for kind, path in LISTS.items():
        places: dict[str, list[Object]] = {}
        for item in api.get(path)["items"]:
            places.setdefault(item["metadata"]["namespace"], []).append(item)
        by_kind[kind] = places
    return {
        namespace: _picture(items[0], {k: v.get(namespace, []) for k, v in by_kind.items()})
        for namespace, items in by_kind["rollouts"].items()
    }


def _picture(rollout: Object, objects: dict[str, list[Object]]) -> Picture:
    status = rollout.get("status", {})
    sets = [
        (
            body["metadata"]["labels"].get("tidegate.io/revision", ""),
            body["spec"]["replicas"],
            body.get("status", {}).get("readyReplicas", 0),
        )
        for body in objects["sets"]
    ]
    return Picture(
        observed=status.get("observedGeneration") == rollout["metadata"]["generation"],
        state=status.get("state", ""),
        message=status.get("message", ""),
        routes=tuple(body["spec"] for body in objects["routes"]),
        rules=tuple(body["spec"] for body in objects["rules"]),
        services=tuple(body["spec"] for body in objects["services"]),
        pods=tuple(sorted(entry for entry in sets if entry[1] or entry[2])),
    )


def plain_rollout(shop: Shop, version: str) -> Object:
    """The Rollout that mutations start from, with every common field written out."""
    body: Object = shop.rollout(App(version))
    subsets = {"name": shop.name, "stableSubset": "stable", "canarySubset": "canary"}
    spec = edited(body["spec"] | PLAIN, [("traffic.istio.destinationRule", subsets)])
    return {**body, "spec": spec}


@dataclass
class Lane:
    """One shop of the sweep and where it stands."""

    shop: Shop
    midrun: bool
    version: int = 1
    doing: str = "opening"
    mutation: Mutation | None = None
    reference: Picture | None = None
    last: Picture | None = None
    moved_s: float = 0.0
    began_s: float = 0.0

    @property
    def standpoint(self) -> str:
        """For people."""
        return "mid-run" if self.midrun else "at rest"

    def body(self, spec: Spec | None = None) -> Object:
        """The shop's Rollout, plain or with a mutated spec."""
        plain = plain_rollout(self.shop, f"v{self.version}")
        return plain if spec is None else {**plain, "spec": spec}


@dataclass
class Sweep:
    """Runs mutations over lanes until there are none left; `failures` says what went wrong."""

    api: Api
    failures: list[str] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)
    """Outcomes: refused, Invalid, carried out."""

    def run(self, mutations: Iterable[tuple[bool, Mutation]], lanes: int, prefix: str) -> None:
        """Carry out the mutations, each at rest (False) or mid-run (True)."""
        wanted = list(mutations)
        waiting: dict[bool, Iterator[Mutation]] = {}
        started: list[Lane] = []
        for midrun, where in ((False, "rest"), (True, "run")):
            mine = [mutation for at_run, mutation in wanted if at_run is midrun]
            waiting[midrun] = iter(mine)
            names = [f"{prefix}-{where}-{n}" for n in range(min(lanes, len(mine)))]
            started += [self._opened(name, midrun) for name in names]
        while started:
            now_s = time.monotonic()
            seen = pictures(self.api)
            started = [
                lane
                for lane in started
                if self._goes_on(lane, seen.get(lane.shop.namespace), waiting[lane.midrun], now_s)
            ]
            time.sleep(POLL_S)

    def _opened(self, namespace: str, midrun: bool) -> Lane:
        shop = Shop(namespace=namespace, settle="200ms")
        lane = Lane(shop, midrun, began_s=time.monotonic())
        for body in (*shop.base(), lane.body()):
            applied(self.api, body)
        return lane

    def _goes_on(
        self, lane: Lane, seen: Picture | None, waiting: Iterator[Mutation], now_s: float
    ) -> bool:
        """One look at a lane, and its next move when it stands still; False when it is done."""
        if seen is None:
            return True
        if sum(seen.weights) != 100:
            self._fail(lane, f"weights {seen.weights}")
        if seen != lane.last:
            lane.last, lane.moved_s = seen, now_s
        quiet = seen.observed and now_s - lane.moved_s >= QUIET_S
        if quiet and _arrived(lane, seen):
            lane.began_s = lane.moved_s = now_s
            return self._moved(lane, seen, waiting)
        if now_s - lane.began_s > DEADLINE_S:
            self._late(lane, seen)
            return False
        return True

    def _moved(self, lane: Lane, seen: Picture, waiting: Iterator[Mutation]) -> bool:
        match lane.doing:
            case "opening":
                return self._armed(lane, seen, waiting)
            case "arming":
                lane.reference = seen
                return self._mutated(lane, waiting)
            case "mutated":
                self._judge(lane, seen)
                applied(self.api, lane.body())
                lane.doing = "returning"
                return True
            case _:
                return self._returned(lane, seen, waiting)

    def _armed(self, lane: Lane, seen: Picture, waiting: Iterator[Mutation]) -> bool:
        """At rest the lane is ready; for mid-run a release is begun first."""
        if not lane.midrun:
            lane.reference = seen
            return self._mutated(lane, waiting)
        lane.version += 1
        applied(self.api, lane.body())
        lane.doing = "arming"
        return True

    def _mutated(self, lane: Lane, waiting: Iterator[Mutation]) -> bool:
        """The next mutation that the API server takes; False when there is none left."""
        for mutation in waiting:
            lane.mutation = mutation
            body = lane.body(mutation.of(lane.body()["spec"]))
            try:
                applied(self.api, body, dry=mutation.dry)
            except ApiRefusal as refusal:
                self._refused(lane, refusal)
                continue
            if mutation.dry:
                self._count("taken by the API server, not carried out")
                continue
            lane.doing = "mutated"
            return True
        return False

    def _refused(self, lane: Lane, refusal: ApiRefusal) -> None:
        self._count("refused")
        if refusal.code not in (400, 422) and NOT_TYPED not in str(refusal):
            self._fail(lane, f"refused oddly: {refusal}")

    def _judge(self, lane: Lane, seen: Picture) -> None:
        reference, mutation = lane.reference, lane.mutation
        assert reference is not None
        assert mutation is not None
        if seen.state == "Invalid":
            self._count("Invalid")
            if seen.world != reference.world:
                self._fail(lane, "Invalid, but routes or pods changed")
            if not _names(seen.message, mutation):
                self._fail(lane, f"Invalid without the field's path: {seen.message}")
            return
        self._count("carried out")

    def _returned(self, lane: Lane, seen: Picture, waiting: Iterator[Mutation]) -> bool:
        if _ended(lane, seen):
            lane.doing = "opening"
            return True
        if not _home(lane, seen):  # but for pods that were added, and stay
            lane.reference = seen
        return self._mutated(lane, waiting)

    def _late(self, lane: Lane, seen: Picture) -> None:
        """It moves on, or stands still elsewhere; the lane is given up."""
        still = f"still {lane.doing} after {DEADLINE_S:g} s: {seen.state}, {seen.message}"
        self._fail(lane, still)
        reference = lane.reference
        if lane.doing != "returning" or reference is None:
            return
        for name in ("state", "routes", "rules", "services", "pods"):
            was, is_now = getattr(reference, name), getattr(seen, name)
            if was != is_now:
                self._fail(lane, f"mutated back, {name} is {is_now}, was {was}")

    def _count(self, outcome: str) -> None:
        self.counts[outcome] = self.counts.get(outcome, 0) + 1

    def _fail(self, lane: Lane, what: str) -> None:
        name = lane.mutation.name if lane.mutation else lane.doing
        self.failures.append(f"{name} ({lane.standpoint}, {lane.shop.namespace}): {what}")


def _arrived(lane: Lane, seen: Picture) -> bool:
    """Whether a lane that stands still does so where its next move can begin."""
    mutation = lane.mutation
    match lane.doing:
        case "opening":
            return seen.state == "Healthy"
        case "arming":
            return seen.weights[1] > 0
        case "mutated":
            assert mutation is not None
            return seen.state == "Invalid" or seen.state in _rightful(lane, mutation)
        case _:
            return _ended(lane, seen) or _home(lane, seen) or _home_with_more_pods(lane, seen)


def _ended(lane: Lane, seen: Picture) -> bool:
    """Whether the mutation let the run go on to its end."""
    mutation = lane.mutation
    assert mutation is not None
    return lane.midrun and mutation.leaf in MAY_END_THE_RUN and seen.state == "Healthy"


def _home(lane: Lane, seen: Picture) -> bool:
    """Whether all is as it was before the mutation."""
    reference = lane.reference
    assert reference is not None
    return (seen.world, seen.state) == (reference.world, reference.state)


def _home_with_more_pods(lane: Lane, seen: Picture) -> bool:
    """Whether all is as before but for pods that this mutation may add to a run."""
    reference, mutation = lane.reference, lane.mutation
    assert reference is not None
    assert mutation is not None
    return lane.midrun and mutation.leaf in MAY_KEEP_PODS and _more_pods(seen, reference)


def _rightful(lane: Lane, mutation: Mutation) -> set[str]:
    """States in which a mutation that was carried out may leave the Rollout."""
    states = {"Progressing", "Paused"} if lane.midrun else {"Healthy"}
    if mutation.leaf in MAY_START_A_RUN:
        states |= {"Progressing", "Healthy"}
    if lane.midrun and mutation.leaf in MAY_END_THE_RUN:
        states |= {"Healthy"}
    return states


def _more_pods(seen: Picture, reference: Picture) -> bool:
    """Whether all is as before but for pods that were added."""
    before = {revision: count for revision, count, _ in reference.pods}
    now = {revision: count for revision, count, _ in seen.pods}
    return (
        (seen.routes, seen.rules, seen.services, seen.state)
        == (reference.routes, reference.rules, reference.services, reference.state)
        and now.keys() == before.keys()
        and all(now[revision] >= count for revision, count in before.items())
    )


def _names(message: str, mutation: Mutation) -> bool:
    """Whether the message names the field that was changed, or what it is part of.

    Or what had to be put around it: a guard of a metric without a provider is wrong there.
    """
    ways = [mutation.place, *(steps(place) for place, _ in mutation.around)]
    return any(
        written(way[:length]) in message for way in ways for length in range(1, len(way) + 1)
    )


def namespaces_of(api: Api, prefix: str) -> list[str]:
    """The namespaces that a sweep made."""
    items = api.get("/api/v1/namespaces")["items"]
    names = [item["metadata"]["name"] for item in items]
    return [name for name in names if name.startswith(f"{prefix}-")]


def closed(api: Api, prefix: str) -> None:
    """Delete the Rollouts of a sweep: nothing of it disturbs the tests after it."""
    for namespace in namespaces_of(api, prefix):
        api.delete(path_to("Rollout", namespace, "shop"))
