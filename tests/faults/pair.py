"""A trial with two operators that share a Lease, each behind a proxy of its own."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from contextlib import ExitStack
from types import TracebackType
from typing import Self

from demo.operator_process import OperatorProcess
from sandbox.waiting import wait_until
from tests.faults.arena import Arena
from tests.faults.calls import Call
from tests.faults.proxy import ChaosProxy
from tests.faults.scenarios import Scenario
from tests.faults.trial import Trial

SECOND = "operator-1"
TAKEOVER_S = 20.0
"""Promised from the death of a leader to the next one's first decision."""
LATE_S = 2 * TAKEOVER_S
"""How long a test waits for it where the time is not its subject."""
START_S = 60.0
POLL_S = 0.05
LEASE_LOST = 3
"""Exit status of an operator that lost its Lease."""
EPOCH = re.compile(r"epoch/(\d+)")


class Pair:
    """The first operator leads, the second stands by; use it as a context."""

    def __init__(self, arena: Arena, scenario: Scenario) -> None:
        self.trial = Trial(arena, scenario)
        self.proxy = ChaosProxy(arena.cluster)
        self.trial.proxies.append(self.proxy)
        self._second: OperatorProcess | None = None
        self._open = ExitStack()

    @property
    def first(self) -> OperatorProcess:
        """The one that leads in the beginning."""
        return self.trial.operator

    @property
    def second(self) -> OperatorProcess:
        """The one that stands by in the beginning."""
        assert self._second is not None, "made on entering"
        return self._second

    def __enter__(self) -> Self:
        trial = self._open.enter_context(self.trial)
        self._open.enter_context(self.proxy)
        self._second = trial.arena.operator(self.proxy, trial.namespace, identity=SECOND)
        self._open.callback(self._second.kill)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._open.close()

    def install(self) -> None:
        """The first version served by the first operator, and the second warm."""
        self.trial.install()
        self.second.start()
        wait_until(self._standing_by, START_S, f"{self.trial.told()}: a standby", POLL_S)

    def _standing_by(self) -> bool:
        return self.second.health().get("role") == "standby"

    def await_takeover(self) -> None:
        """Wait until the second operator leads."""
        wait_until(self.second.leads, LATE_S, f"{self.trial.told()}: the second leads", POLL_S)

    def await_end_of(self, operator: OperatorProcess, deadline_s: float) -> int | None:
        """Wait until that operator has ended by itself; its exit status."""
        wait_until(
            lambda: not operator.alive(),
            deadline_s,
            f"{self.trial.told()}: {operator.identity} ends by itself",
            POLL_S,
        )
        return operator.stop()

    def lease_epoch(self) -> int:
        """The number of the present leadership; 0 while there is no Lease."""
        found = self.trial.direct.get("Lease", self.trial.namespace, "tidegate")
        return int(found["spec"].get("leaseTransitions", 0)) if found else 0

    def calls(self) -> list[Call]:
        """All writes that both asked for, in the order in which they came."""
        both = [*self.trial.proxy.log.writes(), *self.proxy.log.writes()]
        return sorted(both, key=lambda call: call.at_s)

    def violations(self) -> list[str]:
        """In words: accepted writes of an epoch that was over, and epochs with two leaders."""
        told, newest = [], 0
        for call in self.calls():
            epoch = epoch_of(call)
            if not call.accepted or call.kind == "leases" or epoch is None:
                continue
            if epoch < newest:
                told.append(f"{call} was accepted under epoch {epoch} after epoch {newest}")
            newest = max(newest, epoch)
        holders: dict[int, set[str]] = defaultdict(set)
        for call in self.calls():
            if call.kind == "leases" and call.accepted:
                spec = json.loads(call.body)["spec"]
                if spec.get("holderIdentity"):
                    holders[int(spec["leaseTransitions"])].add(spec["holderIdentity"])
        told += [f"epoch {e} has {sorted(who)}" for e, who in holders.items() if len(who) > 1]
        return told


def epoch_of(call: Call) -> int | None:
    """The leadership under which it was sent."""
    found = EPOCH.search(call.agent)
    return int(found[1]) if found else None
