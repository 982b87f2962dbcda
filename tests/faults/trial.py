"""One trial: a namespace, a shop, an operator behind its proxy, and what a scenario does to it."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from types import TracebackType
from typing import Any, Self

from demo.operator_process import OperatorProcess
from sandbox import SandboxError
from sandbox.waiting import holds_within, wait_until
from tests.faults.arena import Arena
from tests.faults.oracle import Outcome, outcome_of
from tests.faults.provider import Provider
from tests.faults.proxy import ChaosProxy
from tests.faults.scenarios import (
    Phases,
    Scenario,
    Status,
    adoption_of,
    base_of,
    cron_jobs_of,
    healthy,
    rollout_of,
    shop,
)

POLL_S = 0.1
LOOK_S = 1.0
"""A status is read anew after a write went through the proxy, and this often in any case: a read
costs the API server as much as a write of the operator's, and there are dozens in a trial."""
STEP_S = 150.0
"""Seconds within which a step's condition has to come true, faults included: after an API server
was away, Kubernetes' own controllers ask again only after up to 60 s."""
QUIET_S = 1.0
"""Seconds without a write after which a trial is over; whole runs of the reference take longer."""
SETTLED_S = 0.3
LEASES = "leases"


class Trial:
    """Use it as a context: what it started ends with it."""

    def __init__(self, arena: Arena, scenario: Scenario) -> None:
        self.arena = arena
        self.scenario = scenario
        self.direct = arena.direct
        self.provider = Provider()
        self.proxy = ChaosProxy(arena.cluster)
        self.proxies = [self.proxy]
        """Of all operators that may write to the Rollout."""
        self.namespace = ""
        self.began = 0
        self.turned = 0
        """Number of the last call before the last step."""
        self.acted_at_s: list[float] = []
        """When (monotonic seconds) each step was taken."""
        self.restarts = 0
        self._operator: OperatorProcess | None = None
        self._open = ExitStack()
        self._over = False
        self._starting = threading.Lock()

    @property
    def operator(self) -> OperatorProcess:
        """The operator under test."""
        assert self._operator is not None, "made on entering"
        return self._operator

    # ------------------------------------------------------------------ from begin to end

    def __enter__(self) -> Self:
        self.namespace = self.arena.new_namespace(self.scenario.name.replace(" ", "-"))
        self._open.enter_context(self.proxy)
        prometheus = ""
        if self.scenario.metrics:
            self._open.enter_context(self.provider)
            prometheus = self.provider.url
        self._operator = self.arena.operator(self.proxy, self.namespace, prometheus)
        self.shop = shop(self.namespace, self.scenario)
        for body in base_of(self.shop):
            self.direct.create(body)
        for body in cron_jobs_of(self.shop) if self.scenario.cron_jobs else ():
            self.direct.create(body)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with self._starting:
            self._over = True
            self.operator.kill()
        self._open.close()
        # The namespace stays, like all that is in it: taking one apart is 150 requests, a third of
        # all that a trial asks of the API server, which ends with its session anyway.

    def install(self) -> None:
        """Start the operator, and have the first version served where the scenario wants it."""
        if self.scenario.installed:
            self.release("v1", self.scenario.first)
        self.operator.start()
        if self.scenario.installed:
            self.await_status(healthy, "the first version served")
            self.await_quiet(SETTLED_S)
        self.began = len(self.proxy.log)

    def play(self, *, deadline_s: float = STEP_S) -> None:
        """Take the scenario's steps and wait until all of it has been done."""
        for number, step in enumerate(self.scenario.steps, 1):
            self.await_status(step.when, f"step {number} possible", deadline_s)
            self.turned = len(self.proxy.log)
            self.acted_at_s.append(time.monotonic())
            step.do(self)
        if self.scenario.over is not None:
            self.await_status(self.scenario.over, "the end", deadline_s)
        else:
            wait_until(self._gone, deadline_s, f"{self.told()}: all gone", POLL_S)

    def outcome(self) -> Outcome:
        """What there is now, and what was written for it."""
        return outcome_of(self.direct, self.namespace, self.proxy.log.since(self.began))

    # ------------------------------------------------------------------ what scenarios do

    def release(self, version: str, phases: Phases) -> None:
        """Apply the Rollout with that version."""
        self.direct.apply(rollout_of(self.shop, version, phases))

    def adopt(self, version: str, phases: Phases) -> None:
        """Let a Deployment serve that version, and then apply a Rollout that takes it over."""
        deployment, rollout = adoption_of(self.shop, version, phases)
        self.direct.apply(deployment)
        wait_until(self._deployment_serves, STEP_S, f"{self.told()}: the Deployment serves", POLL_S)
        self.direct.apply(rollout)

    def _deployment_serves(self) -> bool:
        found = self.direct.get("Deployment", self.namespace, self.shop.name) or {}
        return bool(found.get("status", {}).get("readyReplicas") == self.shop.replicas)

    def act(self, verb: str, **more: str) -> None:
        """Ask for something, under a name that is the same in every run."""
        self.direct.create(
            {
                "apiVersion": "tidegate.io/v1alpha1",
                "kind": "RolloutAction",
                "metadata": {"name": f"please-{verb}", "namespace": self.namespace},
                "spec": {"rollout": self.shop.name, "verb": verb, "requestedBy": "trial"} | more,
            }
        )

    def remove(self) -> None:
        """Delete the Rollout."""
        self.direct.delete("Rollout", self.namespace, self.shop.name)

    def canary(self) -> str:
        """The revision that is being tried."""
        return str(self.status().get("canaryRevision", ""))

    # ------------------------------------------------------------------ looking and waiting

    def rollout(self) -> dict[str, Any]:
        """The Rollout as it is now; empty when there is none."""
        return self.direct.get("Rollout", self.namespace, self.shop.name) or {}

    def status(self) -> Status:
        """Its status, empty before the first."""
        found: Status = self.rollout().get("status") or {}
        return found

    def await_status(
        self, holds: Callable[[Status], bool], what: str, deadline_s: float = STEP_S
    ) -> None:
        """Wait until the status speaks of the present generation and is so."""
        seen: Status = {}
        looked_s, known = -LOOK_S, -1

        def check() -> bool:
            nonlocal looked_s, known
            answered = sum(proxy.log.answered("rollouts") for proxy in self.proxies)
            now_s = time.monotonic()
            if answered == known and now_s - looked_s < LOOK_S:
                return False
            looked_s, known = now_s, answered
            body = self.rollout()
            seen.clear()
            seen.update(body.get("status") or {})
            if not self.scenario.installed and not body:
                return holds({})
            generation = body["metadata"]["generation"]
            return seen.get("observedGeneration") == generation and holds(seen)

        if not holds_within(check, deadline_s, POLL_S):
            raise SandboxError(f"{self.told()}: {what}: not within {deadline_s:g} s; {_say(seen)}")

    def await_quiet(self, quiet_s: float, deadline_s: float = STEP_S) -> None:
        """Wait until nothing but the Lease has been written for so long."""

        def quiet() -> bool:
            last = max((c.at_s for c in self.proxy.log.writes() if c.kind != LEASES), default=0.0)
            return time.monotonic() - last >= quiet_s

        wait_until(quiet, deadline_s, f"{self.told()}: quiet", POLL_S)

    def told(self) -> str:
        """Which trial this is, for messages."""
        return f"{self.scenario.name} in {self.namespace}"

    def log_text(self) -> str:
        """All that the operator logged."""
        return self.operator.log_file.read_text(errors="replace")

    def crash(self) -> None:
        """SIGKILL the operator, and start it again as kubelet would, under the same name."""
        with self._starting:
            self.operator.kill()
            if not self._over:
                self.restarts += 1
                self.operator.start()

    def revive(self) -> bool:
        """Start the operator again if it ended by itself; tells whether it had."""
        with self._starting:
            dead = not self._over and not self.operator.alive()
            if dead:
                self.restarts += 1
                self.operator.start()
            return dead

    def _gone(self) -> bool:
        kinds = ("Rollout", "ReplicaSet", "Pod")
        return not any(self.direct.list(kind, self.namespace) for kind in kinds)


def _say(status: Status) -> str:
    shown = {k: status.get(k) for k in ("state", "message", "phase", "weight", "lastRun")}
    return f"last seen: {json.dumps(shown)}"
