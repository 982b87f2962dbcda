"""What the observer remembers beyond the newest objects, each thing for an invariant or two."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections import defaultdict, deque
from dataclasses import dataclass, field
from typing import Any

from tests.observer.entries import new_entries
from tests.observer.happenings import Body, Change, Key, Write, part, uid_of

ROUTING = frozenset({"VirtualService", "HTTPRoute", "DestinationRule", "Service"})
SENT_BACK = frozenset(
    {"Aborted", "Deleted", "GuardBreached", "MetricsBlind"}
    | {"PhaseDeadlineExceeded", "ProgressDeadlineExceeded", "Rejected", "TemplateIsStable"}
    | {"Undone"}
)
"""Why a run is sent back, each told by an Event `Reverted`."""
NOTES_KEPT = 2000
"""Events remembered per Rollout."""
ALIVE_S = 2.5
"""Whoever renews its Lease so long after a decision has posted its Event."""
TELLING_S = 5.0
"""Within so many seconds of a decision its Event comes, which is posted beside the loop."""
HTTP_ERROR = 400
DUE_KEPT = 5000
SHARES_KEPT = 500
"""Changes of the canary's share remembered per Rollout."""
SECRET_CHARS_MIN = 12
"""Shorter values of Secrets stand in other text by chance."""


@dataclass(frozen=True, slots=True)
class Reverted:
    """A revision that was sent back, and the template that it was of."""

    revision: str
    template: str


@dataclass(frozen=True, slots=True)
class Note:
    """An Event about a Rollout."""

    at_s: float
    reason: str
    text: str


@dataclass(frozen=True, slots=True)
class Due:
    """Something decided that an Event must tell of."""

    at_s: float
    uid: str
    key: Key
    reason: str
    what: str
    epoch: int = 0
    """Whose decision it was."""

    def near(self, at_s: float) -> bool:
        """Whether an Event of that time may be the one."""
        return self.at_s - TELLING_S <= at_s <= self.at_s + TELLING_S


@dataclass
class Spent:
    """Writes in one namespace since its newest run began."""

    since_s: float
    writes: int = 0
    foreign: int = 0


@dataclass
class Memory:
    """Facts that no single object tells."""

    epochs: dict[tuple[str, str], int] = field(default_factory=dict)
    """Highest epoch of an accepted write of the operator, by (plural, uid or place)."""
    let_go: dict[tuple[str, str], float] = field(default_factory=dict)
    """Unix time at which a revision lost its last weight, by (Rollout's uid, revision)."""
    reverted: dict[str, Reverted] = field(default_factory=dict)
    """By Rollout's uid; gone when the template changes or a retry is answered."""
    notes: dict[str, deque[Note]] = field(
        default_factory=lambda: defaultdict(lambda: deque(maxlen=NOTES_KEPT))
    )
    """Events by the uid they are about."""
    places: dict[str, Key] = field(default_factory=dict)
    """(namespace, name) of a Rollout by its uid."""
    seen_s: dict[str, float] = field(default_factory=dict)
    """Unix time at which a RolloutAction was first seen, by uid."""
    paused_since: dict[str, float] = field(default_factory=dict)
    """Unix time since when a Rollout is paused, by uid."""
    secrets: dict[Key, tuple[str, ...]] = field(default_factory=dict)
    """Values of Secrets, decoded."""
    named_secrets: set[Key] = field(default_factory=set)
    """Secrets that some Rollout names, or has named, as a part of its revision."""
    namespaces: set[str] = field(default_factory=set)
    """Namespaces in which a Rollout is or was."""

    touched_s: dict[str, float] = field(default_factory=dict)
    """Unix time at which somebody else last changed a route or destination, by namespace."""
    spent: dict[str, Spent] = field(default_factory=dict)
    """By namespace."""
    canary_shares: dict[str, deque[tuple[float, int]]] = field(
        default_factory=lambda: defaultdict(lambda: deque(maxlen=SHARES_KEPT))
    )
    """(Unix time, largest share of the canary in percent) by Rollout's uid."""
    last_write: Write | None = None
    """The operator's last accepted write, leases aside."""
    alive_s: dict[int, float] = field(default_factory=dict)
    """Unix time of the last accepted write of each epoch, renewals of the Lease included."""
    began_s: dict[int, float] = field(default_factory=dict)
    """Unix time of the first write of each epoch."""
    events_refused_s: float = 0.0
    """Unix time at which an Event of the operator's was last refused."""
    due: deque[Due] = field(default_factory=lambda: deque(maxlen=DUE_KEPT))

    def take(self, change: Change) -> None:
        """Remember what the change tells."""
        if change.kind in ROUTING and not change.by_operator:
            self.touched_s[change.key[0]] = change.at_s
            if change.key[0] in self.spent:
                self.spent[change.key[0]].foreign += 1
        match change.kind:
            case "Rollout":
                self._rollout(change)
            case "RolloutAction":
                self._action(change)
            case "Event":
                self._event(change)
            case "Secret":
                self._secret(change)
            case _:
                pass

    def take_write(self, write: Write) -> None:
        """Remember what became of a write of the operator."""
        if write.by_operator and write.plural == "events" and write.code >= HTTP_ERROR:
            self.events_refused_s = write.at_s
        if not (write.by_operator and write.accepted):
            return
        self.alive_s[write.epoch] = write.at_s
        self.began_s.setdefault(write.epoch, write.at_s)
        place = fence_key(write)
        self.epochs[place] = max(self.epochs.get(place, 0), write.epoch)
        if write.plural == "leases":
            return
        self.last_write = write
        if write.namespace in self.spent:
            self.spent[write.namespace].writes += 1

    def share_of(self, uid: str) -> int:
        """The canary's share as it was last seen, in percent."""
        history = self.canary_shares.get(uid)
        return history[-1][1] if history else 0

    def take_share(self, at_s: float, uid: str, share: int) -> None:
        """Remember the canary's share, if it is another one."""
        history = self.canary_shares[uid]
        if not history or history[-1][1] != share:
            history.append((at_s, share))

    def zero_since(self, uid: str, asked_s: float) -> float | None:
        """When the canary first had no share from `asked_s` on; None while it has one."""
        history = self.canary_shares.get(uid) or ()
        before = [share for at_s, share in history if at_s <= asked_s]
        if not history or (before and before[-1] == 0):
            return asked_s
        return next((at_s for at_s, share in history if at_s > asked_s and share == 0), None)

    def tellings_due(self, now_s: float) -> list[Due]:
        """Decisions whose Event must have come by now; each is given once.

        Not those whose operator died right after, or whose Event may have been refused.
        """
        ripe: list[Due] = []
        while self.due and self.due[0].at_s + TELLING_S < now_s:
            ripe.append(self.due.popleft())
        return [due for due in ripe if self._lived_on(due)]

    def _lived_on(self, due: Due) -> bool:
        died = self.alive_s.get(due.epoch, 0.0) < due.at_s + ALIVE_S
        return not died and self.events_refused_s < due.at_s - TELLING_S

    def takeover_since(self, moment_s: float) -> bool:
        """Whether another leader began after that Unix time."""
        return any(began_s > moment_s for began_s in self.began_s.values())

    def _rollout(self, change: Change) -> None:
        body, uid = change.body, uid_of(change.body)
        self.namespaces.add(change.key[0])
        self.places[uid] = change.key
        named = part(body, "spec", "contentOf", "secrets") or ()
        self.named_secrets |= {(change.key[0], name) for name in named}
        if change.after is None:
            self.reverted.pop(uid, None)
            self.paused_since.pop(uid, None)
            return
        if paused(body):
            self.paused_since.setdefault(uid, change.at_s)
        else:
            self.paused_since.pop(uid, None)
        self._decided(change, uid)
        known = self.reverted.get(uid)
        if known is not None and known.template != template_of(body):
            del self.reverted[uid]
        last = part(body, "status", "lastRun") or {}
        was = part(change.before, "status", "lastRun") or {}
        ended = last.get("number") != was.get("number")
        back = last.get("outcome") == "Reverted" or last.get("reason") == "Undone"
        if ended and back and part(body, "status", "revertedRevision"):
            revision = str(part(body, "status", "revertedRevision"))
            self.reverted[uid] = Reverted(revision, template_of(body))

    def _decided(self, change: Change, uid: str) -> None:
        """What the journal says now, and a run that began."""
        if not change.step or not change.by_operator:
            return
        for entry in new_entries(change):
            reason, what = str(entry.get("reason")), str(entry.get("what"))
            told = "Reverted" if what == "run" and reason in SENT_BACK else reason
            epoch = change.write.epoch if change.write else 0
            self.due.append(Due(change.at_s, uid, change.key, told, what, epoch))
        old, new = (part(body, "status", "run", "number") for body in (change.before, change.after))
        if new is not None and new != old:
            self.spent[change.key[0]] = Spent(change.at_s)

    def _action(self, change: Change) -> None:
        if change.after is None:
            self.seen_s.pop(uid_of(change.body), None)
            return
        self.seen_s.setdefault(uid_of(change.body), change.at_s)
        if part(change.after, "spec", "verb") != "retry":
            return
        for uid in tuple(self.reverted):
            if self._about(change, uid):
                del self.reverted[uid]

    def _about(self, change: Change, uid: str) -> bool:
        name = str(part(change.after, "spec", "rollout"))
        return self.places.get(uid) == (change.key[0], name)

    def _event(self, change: Change) -> None:
        body = change.after
        if body is None or change.before is not None:
            return
        note = Note(change.at_s, str(body.get("reason", "")), str(body.get("note", "")))
        self.notes[str(part(body, "regarding", "uid") or "")].append(note)

    def _secret(self, change: Change) -> None:
        if change.after is None:
            self.secrets.pop(change.key, None)
            return
        values = (_decoded(v) for v in (change.after.get("data") or {}).values())
        self.secrets[change.key] = tuple(v for v in values if len(v) >= SECRET_CHARS_MIN)


def fence_key(write: Write) -> tuple[str, str]:
    """By what the epochs of writes are compared: the object's uid, else its place."""
    return write.plural, write.uid or f"{write.namespace}/{write.name}"


def paused(rollout: Body) -> bool:
    """Whether a person or a guard stopped it."""
    return bool(part(rollout, "spec", "paused")) or part(rollout, "status", "pause") is not None


def template_of(rollout: Body) -> str:
    """A digest of the pod template."""
    text = json.dumps(part(rollout, "spec", "template"), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _decoded(value: Any) -> str:
    try:
        return base64.b64decode(str(value)).decode()
    except (binascii.Error, UnicodeDecodeError):
        return ""
