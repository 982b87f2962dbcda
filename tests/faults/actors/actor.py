"""Somebody else at work in a namespace: a thread that does one deed after the other, by a seed."""

from __future__ import annotations

import random
import threading
import time
from dataclasses import dataclass
from typing import Self

from sandbox import SandboxError
from sandbox.kube import Api, ApiRefusal

STOP_S = 30.0
"""How long an actor may take to end the deed it is at."""
CONFLICT, UNPROCESSABLE, NOT_FOUND, TOO_MANY = 409, 422, 404, 429
LOST_RACES = frozenset({CONFLICT, UNPROCESSABLE, NOT_FOUND, TOO_MANY})
"""Refusals that everybody meets who works beside others: the actor goes on."""


@dataclass(frozen=True)
class Place:
    """Where an actor is at work: a client with an administrator's rights, and one shop."""

    api: Api
    namespace: str
    name: str = "shop"


class Actor:
    """Does `deed` every `period_s` seconds, give or take a third, from `start` to `stop`.

    What it did is kept in `deeds`; anything but a lost race is raised by `stop`.
    """

    period_s = 1.0

    def __init__(self, place: Place, seed: str, *, period_s: float | None = None) -> None:
        self.place = place
        self.random = random.Random(f"{seed}/{type(self).__name__}")
        self.deeds: list[str] = []
        if period_s is not None:
            self.period_s = period_s
        self._stopping = threading.Event()
        self._trouble: BaseException | None = None
        self._thread = threading.Thread(target=self._work, name=type(self).__name__, daemon=True)

    def deed(self) -> str:
        """Do one thing and say what; "" when there was nothing to do."""
        raise NotImplementedError

    def start(self) -> None:
        """Begin; returns at once."""
        self._thread.start()

    def stop(self) -> None:
        """End after the deed that is being done; raise what went wrong in between."""
        self._stopping.set()
        self._thread.join(STOP_S)
        if self._thread.is_alive():
            raise SandboxError(f"{self._thread.name} does not stop")
        if self._trouble is not None:
            raise self._trouble

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self.stop()

    def wait_for_deeds(self, count: int, deadline_s: float) -> None:
        """Return when it has done so many things."""
        end = time.monotonic() + deadline_s
        while len(self.deeds) < count:
            if self._trouble is not None or time.monotonic() > end:
                raise SandboxError(f"{self._thread.name} did {len(self.deeds)} of {count} deeds")
            self._stopping.wait(0.05)

    def _work(self) -> None:
        while not self._stopping.wait(self.period_s * self.random.uniform(0.67, 1.33)):
            try:
                done = self.deed()
            except ApiRefusal as refusal:
                if refusal.code not in LOST_RACES:
                    self._trouble = refusal
                    return
                continue
            except BaseException as error:  # noqa: BLE001 — raised again by stop
                self._trouble = error
                return
            if done:
                self.deeds.append(done)
