"""The history as a person reads it: when, who, what, from what to what."""

from __future__ import annotations

import copy
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from tests.observer.differences import differences, shown
from tests.observer.happenings import WRITES, Body, Change, Kind, Write, part
from tests.observer.world import ready_pod

HISTORY_MAX = 20_000
"""Lines kept; the oldest give way."""
DIFFERENCES_MAX = 10
"""Differences shown of one change."""
QUIET = frozenset({"resourceVersion", "generation", "managedFields"})
HTTP_ERROR = 400


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that happened."""

    at_s: float
    namespace: str
    text: str
    objections: tuple[str, ...] = ()

    def __str__(self) -> str:
        time = datetime.fromtimestamp(self.at_s, UTC).strftime("%H:%M:%S.%f")[:-3]
        marks = "".join(f"\n{' ' * 13}!! {text}" for text in self.objections)
        return f"{time} {self.text}{marks}"


@dataclass
class History:
    """Bounded; `lines` are in the order of the versions."""

    lines: deque[Line] = field(default_factory=lambda: deque(maxlen=HISTORY_MAX))

    def note_change(self, change: Change, objections: list[str]) -> None:
        """A change, unless it says nothing to people."""
        what = "\n".join(_what(change))
        if not what and not objections:
            return
        head = f"v{change.version} {_who(change)} {change.kind} {'/'.join(change.key)}"
        text = f"{head}{' (gap)' if change.gap else ''} {what}"
        self._add(Line(change.at_s, change.key[0], text, tuple(objections)))

    def note_write(self, write: Write, objections: list[str]) -> None:
        """A request that was refused or is objected to; accepted ones are seen as changes."""
        refused = write.by_operator and write.verb in WRITES and write.code >= HTTP_ERROR
        if refused or objections:
            text = f"{_writer(write)} {write.verb} {write.target}: HTTP {write.code}"
            self._add(Line(write.at_s, write.namespace, text, tuple(objections)))

    def note_gap(self, at_s: float, kind: Kind) -> None:
        """A watch had to begin anew."""
        self._add(Line(at_s, "", f"-- gap: {kind.plural} were listed anew"))

    def _add(self, line: Line) -> None:
        self.lines.append(line)

    def about(self, namespace: str, since_s: float, until_s: float, most: int) -> list[Line]:
        """The last lines of that namespace (and those of none) in that time."""
        found = [
            line
            for line in self.lines
            if line.namespace in (namespace, "") and since_s <= line.at_s <= until_s
        ]
        return found[-most:]

    def text(self) -> str:
        """All of it."""
        return "\n".join(map(str, self.lines)) + "\n"


def _writer(write: Write) -> str:
    if write.by_operator:
        return f"operator(epoch {write.epoch})" if write.epoch else "operator"
    return write.user.removeprefix("system:")


def _who(change: Change) -> str:
    return _writer(change.write) if change.write else "others"


def _what(change: Change) -> Iterator[str]:
    if change.kind == "Event":
        if not change.by_operator:
            return
        if change.after is not None and change.before is None:
            yield f"{change.after.get('reason')}: {change.after.get('note')}"
        return
    if change.kind == "Secret":
        return
    if change.kind == "Pod":
        yield from _of_pod(change)
    elif change.before is None:
        yield f"appears {_summary(change)}".rstrip()
    elif change.after is None:
        yield "is gone"
    else:
        yield from _of_both(change)


def _of_pod(change: Change) -> Iterator[str]:
    was, is_now = ready_pod(change.before), ready_pod(change.after)
    if was != is_now:
        yield "is ready" if is_now else "is not ready any more"
    elif change.after is None:
        yield "is gone"


def _summary(change: Change) -> str:
    match change.kind:
        case "ReplicaSet":
            return f"with {part(change.after, 'spec', 'replicas')} pods"
        case "RolloutAction":
            return f"{part(change.after, 'spec', 'verb')} {part(change.after, 'spec', 'reason')}"
        case "Lease":
            return f"held by {part(change.after, 'spec', 'holderIdentity')}"
        case _:
            return ""


def _of_both(change: Change) -> Iterator[str]:
    before, after = (_plain(body, change.kind) for body in (change.before, change.after))
    found = list(differences(before, after))
    shown_lines = [f"{path} {shown(old)} -> {shown(new)}" for path, old, new in found]
    if len(found) > DIFFERENCES_MAX:
        shown_lines[DIFFERENCES_MAX:] = [f"… and {len(found) - DIFFERENCES_MAX} more"]
    yield from (line if i == 0 else f"{' ' * 13}{line}" for i, line in enumerate(shown_lines))


def _plain(body: Body | None, kind: str) -> dict[str, Any]:
    plain: dict[str, Any] = copy.copy(dict(body or {}))
    plain["metadata"] = {
        name: value for name, value in plain.get("metadata", {}).items() if name not in QUIET
    }
    if kind == "Lease":
        plain["spec"] = {k: v for k, v in plain.get("spec", {}).items() if k != "renewTime"}
    if kind == "ReplicaSet":
        plain["status"] = {"ready": part(plain, "status", "readyReplicas")}
    if kind in ("Rollout", "RolloutRun") and "status" in plain:
        status = {k: v for k, v in plain["status"].items() if k != "conditions"}
        plain["status"] = {k: _journal(v) for k, v in status.items()}
        if "history" in status:
            plain["status"] |= {"history": _entries(status["history"])}
    return plain


def _journal(value: Any) -> Any:
    """A run with its journal as short lines by place, so that what is new stands out."""
    if not isinstance(value, dict) or "history" not in value:
        return value
    return {**value, "history": _entries(value["history"])}


def _entries(history: list[Body]) -> dict[str, str]:
    return {f"{i:02}": f"{e.get('what')} {e.get('reason')}" for i, e in enumerate(history)}
