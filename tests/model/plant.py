"""The real controller loop over the simulated cluster, with a server that may fail at any write.

Fakes stand only at the ports: the cluster (over `tests.properties.world`), the clock and the
metrics. What the operator sees of its own Rollout comes when it is delivered.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal, TypeAlias, cast

from tests.controller.fakes import KEY, FakeMetrics, FakePolicies, RecordingJournal, arms
from tests.properties.watch import Watch
from tests.properties.world import World, moment
from tidegate.adapters.kubernetes.api import Api
from tidegate.adapters.kubernetes.cluster import KubernetesCluster
from tidegate.adapters.kubernetes.runs import RunJournal
from tidegate.api.constants import FINALIZER
from tidegate.api.rollout import Rollout, RolloutSpec
from tidegate.api.status import RolloutStatus
from tidegate.controller.loop import Loop
from tidegate.controller.posting import Poster
from tidegate.controller.recording import Recorder
from tidegate.core.decision import AnswerAction, Decision, Effect, HoldRollout, ReleaseRollout
from tidegate.core.observation import Observed
from tidegate.ports.cluster import ApiUnavailable, Conflict, Gone
from tidegate.ports.metrics import Arms

Body: TypeAlias = dict[str, Any]
Failure: TypeAlias = Literal["before", "after", "conflict"]


class WorldClock:
    """The simulation's own time."""

    def __init__(self, world: World) -> None:
        self._world = world

    def now(self) -> datetime:
        """That second."""
        return moment(self._world.now_s)


class Server:
    """What the API server holds: the Rollout, the world, and who wrote last."""

    def __init__(self, world: World, spec: RolloutSpec, watch: Watch) -> None:
        self.world = world
        self.watch = watch
        self.epoch = 0
        self.writes = 0
        self.body: Body | None = {
            "metadata": {
                "name": KEY[1],
                "namespace": KEY[0],
                "uid": "u",
                "resourceVersion": "1",
                "generation": 1,
                "finalizers": [],
            },
            "spec": spec.model_dump(mode="json", by_alias=True, exclude_none=True),
        }

    @property
    def status(self) -> RolloutStatus:
        """The status as stored."""
        return RolloutStatus.parse(self.body or {})

    @property
    def rollout(self) -> Rollout:
        """The Rollout as stored."""
        assert self.body is not None, "it is gone"
        return Rollout.parse(self.body)

    def edit(self, *, spec: Body | None = None, **meta: Any) -> None:
        """Write the Rollout: fields of its spec (a new generation) or of its metadata."""
        if self.body is None:
            return
        known = self.body["metadata"]
        versions = {"resourceVersion": str(int(known["resourceVersion"]) + 1)}
        if spec is not None:
            meta["generation"] = known["generation"] + 1
        self.body = {
            **self.body,
            "metadata": {**known, **meta, **versions},
            "spec": {**self.body["spec"], **(spec or {})},
        }
        if self.body["metadata"].get("deletionTimestamp") and not self.held:
            self.body = None

    @property
    def held(self) -> bool:
        """Whether our finalizer is on it."""
        return self.body is not None and FINALIZER in self.body["metadata"]["finalizers"]

    def delete(self) -> None:
        """Delete the Rollout; it stays for as long as it is held."""
        if self.body and not self.body["metadata"].get("deletionTimestamp"):
            at = moment(self.world.now_s).strftime("%Y-%m-%dT%H:%M:%SZ")
            self.edit(deletionTimestamp=at)

    def write_status(self, version: str, status: RolloutStatus) -> None:
        """Store a status under compare-and-set."""
        if self.body is None:
            raise Gone("gone")
        if self.body["metadata"]["resourceVersion"] != version:
            raise Conflict("somebody else wrote")
        assert status.epoch >= self.status.epoch, "I5: an older leader's status"
        if self.rollout.deleting is False:
            decided = Decision(status)
            self.watch.decision(self.world, self.rollout, self.status, decided)
        self.body["status"] = status.model_dump(mode="json", by_alias=True, exclude_none=True)
        self.edit()
        self.writes += 1

    def apply(self, effect: Effect, working: RolloutStatus) -> None:
        """Do one write of the operator, once its watch has looked at it."""
        self.writes += 1
        match effect:
            case HoldRollout():
                self.edit(finalizers=[FINALIZER])
            case ReleaseRollout():
                self.edit(finalizers=[])
            case AnswerAction() if effect.uid not in self.world.actions:
                raise Conflict("it is answered")
            case _:
                self.watch.effect(self.world, self.rollout, Decision(working, effect))
                self.world.apply(effect)


class WorldCluster:
    """ports.Cluster for one process: its view of the Rollout, and failures it is to meet."""

    def __init__(self, server: Server) -> None:
        server.epoch += 1
        self.epoch = server.epoch
        self.server = server
        self.policies = FakePolicies()
        self.rollouts: dict[tuple[str, str], Body] = {}
        self.failures: list[Failure] = []
        self.claimed = 0
        self.working = RolloutStatus()
        self.deliver()

    def deliver(self) -> None:
        """The watch hands over the Rollout as it is now."""
        if self.server.body is None:
            self.rollouts.pop(KEY, None)
        else:
            self.rollouts[KEY] = self.server.body

    async def observe(self, rollout: Rollout) -> Observed:
        """The world, without metrics."""
        return self.server.world.observe({}, None)

    async def claim(self, rollout: Rollout) -> None:
        """Touch what an older leader may write."""
        self._fail_before()
        self.claimed += 1

    def arms(self, rollout: Rollout, status: RolloutStatus) -> Arms | None:
        """Both arms, always."""
        self.working = status
        return arms(rollout.name)

    def _fail_before(self) -> Failure | None:
        failure = self.failures.pop(0) if self.failures else None
        if failure == "before":
            raise ApiUnavailable("no answer; nothing was done")
        if failure == "conflict":
            self.deliver()
            raise Conflict("somebody else wrote")
        return failure

    async def apply(self, rollout: Rollout, effect: Effect) -> None:
        """One write, if the Rollout is still what it was decided on."""
        failure = self._fail_before()
        body = self.server.body
        if body is None or body["metadata"]["generation"] != rollout.generation:
            self.deliver()
            raise Conflict("the Rollout changed since it was read")
        self._first_claimed(rollout)
        self.server.apply(effect, self.working)
        if isinstance(effect, HoldRollout | ReleaseRollout):
            self.deliver()
        if failure == "after":
            raise ApiUnavailable("the reply is lost")

    def _first_claimed(self, rollout: Rollout) -> None:
        """I5: what was in flight under another leader is claimed before it is written to."""
        status = self.server.status
        run = status.run is not None
        assert not run or status.epoch == self.epoch or self.claimed, "written to without a claim"

    async def write_status(self, key: tuple[str, str], version: str, status: RolloutStatus) -> str:
        """Store the status."""
        failure = self._fail_before()
        try:
            self.server.write_status(version, status)
        finally:
            if failure != "after":
                self.deliver()
        if failure == "after":
            raise ApiUnavailable("the reply is lost")
        return str(self.rollouts[key]["metadata"]["resourceVersion"])

    def forget(self, key: tuple[str, str]) -> None:
        """Nothing is remembered here."""

    async def refuse_orphans(self, key: tuple[str, str], now: datetime) -> None:
        """Nobody asks anything of a Rollout that is gone."""


def loop_over(cluster: WorldCluster) -> Loop:
    """A process' loop; nothing runs until a pass is asked for."""
    clock = WorldClock(cluster.server.world)
    nobody = cast("Api", None)  # the poster only queues: its task does not run
    return Loop(
        cast("KubernetesCluster", cluster),
        FakeMetrics(),  # its asker does not run either: the process answers by itself
        clock,
        Poster(nobody, clock, "here"),
        Recorder(cast("RunJournal", RecordingJournal())),
        1.0,
    )
