"""Anything that can happen to a release, in any order, as hypothesis chooses: rules and ends.

In safety mode faults heal, and then all must come to rest. In liveness mode one fault stays for
ever, and an abort must still get through, with stable serving.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from math import inf

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tests.model.plant import Failure, Server
from tests.model.process import Process
from tests.properties.scenario import BETA, PHONES, gate, guard, phase, rollout_spec
from tests.properties.watch import Watch
from tests.properties.world import Proxy, Setting, World
from tidegate.api.actions import Verb
from tidegate.api.matching import HttpMatch
from tidegate.api.rollout import Bake, RolloutSpec
from tidegate.api.status import Stage

DEPLOYED_S = 60.0
REST_S = 900.0
"""Seconds within which all is at rest once every fault is healed."""
QUIET_S = 10.0
"""At rest, nothing is written for that long."""
ABORT_S = 30.0
"""Seconds within which an abort gets through whatever else is broken."""
SERVICES = ("shop", "shop-internal")
NAMES = st.sampled_from("ABC")
DELETE = 8
"""One of eight deletions is meant."""
ACTIONS_MAX = 3
"""Actions that wait at once: enough to be in each other's way."""

SPEC = rollout_spec(
    phases=(
        phase("members", 0, gates=(gate(),), match=BETA),
        phase("ten", 10, gates=(gate(),), match=BETA),
        phase("half", 50),
    ),
    guards=(guard(breaches=2, of=3),),
    virtual_services=SERVICES,
)


def quiet(server: Server) -> bool:
    """Whether stable serves alone and nothing is left to do, or the Rollout is gone."""
    if server.body is None:
        return True
    status, world = server.status, server.world
    busy = [name for name in world.sets if world.pods(name) and name != status.stable_revision]
    return (
        status.run is None
        and world.routes.stable == world.routes.canary == status.stable_revision
        and not any(world.routes.weights)
        and not world.routes.matched
        and not busy
        and world.ready(status.stable_revision) == server.rollout.spec.replicas
        and world.target in (status.stable_revision, status.reverted_revision)
        and not world.actions
    )


class Release(RuleBasedStateMachine):
    """What both modes share: a cluster with A at rest, and what may happen to it."""

    spec: RolloutSpec = SPEC

    def __init__(self) -> None:
        super().__init__()
        self.calm = True
        self.runner = asyncio.Runner()
        setting = Setting(virtual_services=SERVICES, proxies=(Proxy(), Proxy(0.5, 2.0)))
        self.world = World(setting)
        self.watch = Watch()
        self.server = Server(self.world, self.spec, self.watch)
        self.process = Process(self.server, self.runner)
        self.process.live(DEPLOYED_S)
        assert self.server.status.stable_revision == "A", self.server.status.message
        self.world.failed = 0.0
        self.world.failures.clear()
        self.retarget("B")

    def teardown(self) -> None:
        """Nothing is left behind."""
        self.runner.close()

    # ------------------------------------------------------------ what happens

    @rule(seconds=st.sampled_from([0.05, 0.5, 2.0, 5.0, 12.0, 40.0]))
    def advance(self, seconds: float) -> None:
        """Time passes."""
        self.process.live(self.world.now_s + seconds)

    @rule()
    def pass_once(self) -> None:
        """The operator looks once, and no time passes."""
        self.process.one_pass()

    @rule(revision=NAMES)
    def retarget(self, revision: str) -> None:
        """Somebody edits the template."""
        self.world.target = revision
        self.server.edit(spec={})

    @rule(failure=st.sampled_from(["before", "after", "conflict"]))
    def next_write_fails(self, failure: Failure) -> None:
        """The server does not answer, loses the reply, or somebody else was faster."""
        self.process.cluster.failures.append(failure)

    @rule(verb=st.sampled_from([Verb.ABORT, Verb.PAUSE, Verb.RESUME, Verb.PROMOTE, Verb.RETRY]))
    @precondition(lambda self: len(self.world.actions) < ACTIONS_MAX)
    def act(self, verb: Verb) -> None:
        """Somebody asks for something."""
        self.world.ask(verb)

    @rule(paused=st.booleans())
    def pause(self, *, paused: bool) -> None:
        """Somebody turns spec.paused."""
        self.server.edit(spec={"paused": paused})

    @initialize(calm=st.booleans())
    def keep_hands_off(self, *, calm: bool) -> None:
        """In half of the histories nobody touches routes or pods, and no request may fail."""
        self.calm = calm

    @rule(replicas=st.sampled_from([1, 2, 4, 6]))
    @precondition(lambda self: not self.calm)
    def scale(self, replicas: int) -> None:
        """Somebody scales."""
        self.watch.foreign = True  # how many pods are enough is another question then
        self.server.edit(spec={"replicas": replicas})

    @rule(place=st.integers(0, 1), weight=st.sampled_from([0, 10, 33, 100]), even=st.booleans())
    @precondition(lambda self: not self.calm)
    def edit_weight(self, place: int, weight: int, *, even: bool) -> None:
        """Somebody edits a route by hand."""
        self.watch.foreign = True
        self.world.set_weight(SERVICES[place], weight, even=even)

    @rule(place=st.integers(0, 1), match=st.sampled_from([(), None, BETA, PHONES]))
    @precondition(lambda self: not self.calm)
    def edit_match(self, place: int, match: tuple[HttpMatch, ...] | None) -> None:
        """Somebody adds, takes away or changes header routes by hand."""
        self.watch.foreign = True
        self.world.put_match(SERVICES[place], match)

    @rule(destination=st.sampled_from(["stable", "canary"]), revision=NAMES)
    @precondition(lambda self: not self.calm)
    def edit_destination(self, destination: str, revision: str) -> None:
        """Somebody re-points a destination by hand."""
        if revision in self.world.sets:
            self.watch.foreign = True
            self.world.point(destination, revision)

    @rule(
        revision=st.sampled_from("ABC"), count=st.integers(1, 6), for_s=st.sampled_from([3.0, 70.0])
    )
    @precondition(lambda self: not self.calm)
    def pods_die(self, revision: str, count: int, for_s: float) -> None:
        """Pods become unready for a while."""
        self.watch.foreign = True
        self.world.kill_pods(revision, count, for_s=for_s)

    @rule()
    def crash(self) -> None:
        """The process dies, and another leads."""
        self.process = Process(self.server, self.runner)

    @rule()
    def deliver(self) -> None:
        """The watch hands over what it held."""
        self.process.cluster.deliver()

    @rule(bad=st.sets(st.sampled_from("BC")))
    def behave(self, bad: set[str]) -> None:
        """Revisions answer well or badly from now on."""
        self.world.setting = replace(self.world.setting, bad=frozenset(bad))

    @rule(answering=st.booleans())
    def hold_answers(self, *, answering: bool) -> None:
        """The metrics provider hangs, or answers again."""
        self.process.answering = answering

    # ------------------------------------------------------------ what always holds

    @invariant()
    def keeps_its_shape(self) -> None:
        """Weights are percentages, a phase is in range, and a run has a revision of its own."""
        assert all(0 <= weight <= 100 for weight in self.world.routes.weights)
        status = self.server.status
        if status.run is not None and status.run.stage is not Stage.BAKING:
            assert status.run.to_revision != status.stable_revision
        if status.phase is not None:
            assert status.phase.index < len(self.spec.phases)
        if not self.watch.foreign:
            assert self.world.failed == 0, self.world.failures[:3]


class Healing(Release):
    """Safety mode: whatever happened, once it is healed all comes to rest and stays there."""

    spec = SPEC.model_copy(update={"bake": Bake(duration_s=30.0)})

    @rule(revision=st.sampled_from([None, "A", "B"]))
    @precondition(lambda self: len(self.world.actions) < ACTIONS_MAX)
    def go_back(self, revision: str | None) -> None:
        """Somebody takes a release back, or an undo."""
        if revision is None:
            self.world.ask(Verb.UNDO)
        else:
            self.world.ask(Verb.ABORT, revision=revision)

    @rule(sure=st.integers(1, 8))
    def delete(self, sure: int) -> None:
        """Somebody deletes the Rollout; seldom, for nothing more happens after it."""
        if sure == DELETE:
            self.server.delete()

    @rule(down=st.booleans())
    def provider(self, *, down: bool) -> None:
        """The metrics provider refuses to answer, or is back."""
        spans = ((self.world.now_s, inf),) if down else ()
        self.world.setting = replace(self.world.setting, provider_down=spans)

    def teardown(self) -> None:
        """Heal, wait, and see that it is quiet."""
        try:
            self._heal()
            until_s = self.world.now_s + REST_S
            while not quiet(self.server) and self.world.now_s < until_s:
                if self.server.status.pause is not None and not self.world.actions:
                    self.world.ask(Verb.RESUME)
                self.process.live(self.world.now_s + 5.0)
            assert quiet(self.server), f"I15: not at rest: {self.server.status.message}"
            self._stays_quiet()
        finally:
            super().teardown()

    def _heal(self) -> None:
        self.process.cluster.failures.clear()
        self.process.answering = True
        self.server.edit(spec={"paused": False})
        self.world.setting = replace(self.world.setting, bad=frozenset(), provider_down=())
        self.process.cluster.deliver()

    def _stays_quiet(self) -> None:
        self.process.live(self.world.now_s + QUIET_S)
        writes = self.server.writes
        self.process.live(self.world.now_s + QUIET_S)
        assert self.server.writes == writes, "I16: writes at rest"


class Broken(Release):
    """Liveness mode: one thing stays broken for ever, and an abort must still get through."""

    @initialize(fault=st.sampled_from(["provider", "silence", "pods", "bad"]))
    def break_for_ever(self, fault: str) -> None:
        """What is never healed."""
        self.fault = fault
        setting = self.world.setting
        match fault:
            case "provider":
                self.world.setting = replace(setting, provider_down=((self.world.now_s, inf),))
            case "silence":
                self.process.answering = False
            case "pods":
                self.world.setting = replace(setting, never_ready=frozenset("BC"))
            case _:
                self.world.setting = replace(setting, bad=frozenset("BC"))

    @rule(bad=st.sets(st.sampled_from("BC")))
    def behave(self, bad: set[str]) -> None:
        """What is bad stays bad."""

    @rule(answering=st.booleans())
    def hold_answers(self, *, answering: bool) -> None:
        """Who is silent stays silent."""
        self.process.answering = self.fault != "silence" and answering

    @rule()
    def crash(self) -> None:
        """The process dies, and another leads; what is silent stays so."""
        super().crash()
        self.process.answering = self.fault != "silence"

    def teardown(self) -> None:
        """Ask for an abort, and see that stable serves."""
        try:
            self.process.cluster.failures.clear()
            self.process.cluster.deliver()
            self.process.live(self.world.now_s + 75.0)  # dead pods are back, deadlines are over
            self.world.ask(Verb.ABORT)
            self.process.live(self.world.now_s + ABORT_S)
            status = self.server.status
            assert not self.world.actions, "the abort was never answered"
            assert status.run is None or status.run.stage == "Preparing", status.message
            assert not any(self.world.routes.weights), f"I4: {status.message}"
            assert not self.world.routes.matched, f"I4: {status.message}"
            assert status.message
        finally:
            super().teardown()
