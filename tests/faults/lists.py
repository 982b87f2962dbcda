"""Lists of the past: what a lagging API server would answer from its cache."""

from __future__ import annotations

import threading

from tests.faults.calls import Call
from tests.faults.rules import Answer


class Lists:
    """The last list of each collection that went through; a frozen one is answered again.

    Together with held watches this is a view of the past: what the client lists is old, and
    nothing newer reaches it. Reads of single objects stay true, as in a real cluster.
    """

    def __init__(self) -> None:
        self._last: dict[str, Answer] = {}
        self._frozen: set[str] = set()
        self._lock = threading.Lock()

    def freeze(self, kind: str) -> None:
        """Answer lists of that kind with the last one that went through, until `thaw`."""
        with self._lock:
            self._frozen.add(kind)

    def thaw(self) -> None:
        """Answer all lists truly again."""
        with self._lock:
            self._frozen.clear()

    def old(self, call: Call) -> Answer | None:
        """The old list that this call gets, if it is to get one."""
        with self._lock:
            frozen = call.listing and call.kind in self._frozen
            return self._last.get(_key(call)) if frozen else None

    def keep(self, call: Call, answer: Answer) -> None:
        """Remember a list."""
        if call.listing and answer.status == 200:
            with self._lock:
                self._last[_key(call)] = answer


def _key(call: Call) -> str:
    """Pages and versions aside: the collection and what is selected from it."""
    parts = [one for one in call.query.split("&") if one.startswith(("labelS", "fieldS"))]
    return "&".join([call.path, *sorted(parts)])
