"""The judge of every run on a real API server: it watches for itself, and objects.

`with watching(cluster) as observer: …; observer.check()`.
"""

from __future__ import annotations

import tempfile
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sandbox import Cluster, Sandbox
from tests.observer.audit import AuditTail
from tests.observer.docket import LAG_S, Docket, Objection
from tests.observer.invariants.table import AT_REST
from tests.observer.watches import Watches
from tests.observer.world import World

JUDGE_EVERY_S = 0.5
SYNC_S = 30.0
CATCH_UP_S = 60.0
STOP_S = 10.0
POLL_S = 0.02
QUIET_S = 10.0
"""So long nothing may be written once all is at rest (I16)."""
SHOWN_LINES = 40
"""Lines of the history that are printed with an objection."""
REVERT_BUDGET_S = 5.0


class Observer:
    """Follows one cluster from `start` to `stop`; `check` says what it has against it."""

    def __init__(
        self,
        cluster: Cluster,
        folder: Path,
        *,
        revert_budget_s: float = REVERT_BUDGET_S,
        events_are_due: bool = True,
    ) -> None:
        self._folder = folder
        self._watches = Watches(cluster.kubeconfig)
        # Only our sandbox has an audit log; elsewhere nothing is known to be the operator's.
        self._audit = AuditTail(cluster.audit_log) if isinstance(cluster, Sandbox) else None
        self.docket = Docket(
            world=World(revert_budget_s=revert_budget_s), events_are_due=events_are_due
        )
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._work, name="observer-judge", daemon=True)
        self._checked = 0
        self.broken: Exception | None = None

    @property
    def objections(self) -> list[Objection]:
        """All there have been."""
        return self.docket.objections

    def start(self) -> None:
        """Begin, and return once everything that exists is known."""
        self._watches.start()
        self._thread.start()

    def await_synced(self) -> None:
        """Wait until each kind was listed; its CRD must be there by then."""
        told = self._watches.synced.wait(SYNC_S)
        assert told, f"the observer cannot list everything: {self._watches.trouble}"

    def stop(self) -> None:
        """End the threads."""
        self._stop.set()
        self._thread.join(STOP_S)
        self._watches.stop()

    def _work(self) -> None:
        while not self._stop.wait(JUDGE_EVERY_S):
            try:
                self._judge(time.time() - LAG_S)
            except Exception as error:  # noqa: BLE001 — the next check says it, with the trace
                self.broken = error
                return

    def _judge(self, until_s: float) -> None:
        with self._lock:
            self._drain()
            self.docket.judge(until_s, time.time())

    def _drain(self) -> None:
        while not self._watches.told.empty():
            self.docket.tell(self._watches.told.get())
        for write in self._audit.read() if self._audit else ():
            self.docket.log(write)

    # ------------------------------------------------------------ asking

    def catch_up(self) -> None:
        """Judge everything that has happened by now."""
        self.await_synced()
        mark = uuid.uuid4().hex
        with self._lock:
            if self._audit:
                self._audit.expect(mark)
        self._watches.catch_up(mark, CATCH_UP_S)
        end = time.monotonic() + CATCH_UP_S
        while self._audit and not self._audit.passed(mark):
            assert time.monotonic() < end, "the audit log does not tell what was asked"
            with self._lock:
                self._drain()
            time.sleep(POLL_S)
        self._judge(time.time())
        if self.broken is not None:
            raise self.broken

    def mark(self) -> None:
        """Forget the objections there are: the next check begins here."""
        self._checked = len(self.objections)

    def check(self, title: str = "") -> None:
        """Raise AssertionError if there are objections since the last check or mark."""
        self.catch_up()
        new = self.objections[self._checked :]
        found = [objection for objection in new if not self.docket.explained(objection)]
        self.mark()
        if found:
            raise AssertionError(self._report(found, title))

    def quiescent(self, within_s: float, quiet_s: float = QUIET_S) -> None:
        """Wait until every Rollout waits for nobody but a person, and all stays silent (I15, I16).

        AssertionError when that has not come within `within_s`.
        """
        end = time.monotonic() + within_s
        while (found := self._at_rest()) and time.monotonic() < end:
            time.sleep(JUDGE_EVERY_S)
        if found:
            raise AssertionError(self._report(found, f"not at rest within {within_s:g} s"))
        since_s = time.time()
        while time.time() < since_s + quiet_s:
            time.sleep(JUDGE_EVERY_S)
        self.catch_up()
        wrote = self.docket.world.memory.last_write
        assert wrote is None or wrote.at_s <= since_s, (
            f"I16: {wrote.verb} {wrote.target} although all was at rest"
        )

    def _at_rest(self) -> list[Objection]:
        self.catch_up()
        return [
            Objection(name, text, time.time(), "")
            for name, judges in AT_REST.items()
            for judge in judges
            for text in judge(self.docket.world)
        ]

    def _report(self, found: list[Objection], title: str) -> str:
        stem = "".join(c if c.isalnum() else "-" for c in title)[:80].strip("-") or "history"
        self._folder.mkdir(parents=True, exist_ok=True)
        file = self._folder / f"{stem}.txt"
        first = found[0]
        with self._lock:
            file.write_text(self.docket.history.text())
            lines = self.docket.history.about(first.namespace, 0, first.at_s, SHOWN_LINES)
        said = "\n".join(map(str, found))
        shown = "\n".join(map(str, lines))
        return (
            f"the observer objects ({len(found)}):\n{said}\n\n"
            f"what led to the first one:\n{shown}\n\nthe whole history: {file}"
        )


@contextmanager
def watching(
    cluster: Cluster,
    folder: Path | None = None,
    *,
    revert_budget_s: float = REVERT_BUDGET_S,
    events_are_due: bool = True,
) -> Iterator[Observer]:
    """An observer of a cluster that has our CRDs, from now on.

    Where requests are delayed or swallowed on their way, give more than REVERT_BUDGET_S in
    `revert_budget_s` and `events_are_due=False`: an Event may be lost rather than delay a release.
    That an operator was killed the observer sees by itself.
    """
    place = folder or Path(tempfile.mkdtemp(prefix="tidegate-observer-"))
    observer = Observer(
        cluster, place, revert_budget_s=revert_budget_s, events_are_due=events_are_due
    )
    observer.start()
    try:
        observer.await_synced()
        yield observer
    finally:
        observer.stop()
