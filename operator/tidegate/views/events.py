"""A note of the core as an events.k8s.io/v1 Event, for `kubectl describe` and `kubectl events`."""

from datetime import datetime
from typing import Any, Final, Protocol

from tidegate.api.constants import API_VERSION
from tidegate.api.scalars import format_timestamp
from tidegate.core import reasons
from tidegate.core.decision import Note

CONTROLLER: Final = "tidegate.io/operator"
MAX_NOTE_BYTES: Final = 1024
MAX_INSTANCE_BYTES: Final = 128
MAX_NAME_STEM_CHARS: Final = 52
"""The API server cuts a generateName at 58 characters and adds five of its own."""

_ACTIONS: Final = {
    reasons.ACTION_DONE: "AnswerAction",
    reasons.ACTION_REFUSED: "AnswerAction",
    reasons.AWAITING_APPROVAL: "AwaitApproval",
    reasons.TRAFFIC_SHIFTED: "ShiftTraffic",
    reasons.TRAFFIC_DRIFT: "ShiftTraffic",
    reasons.SAMPLE_RATIO_MISMATCH: "CountTraffic",
    reasons.REVERTED: "SendBack",
    reasons.SUPERSEDED: "SendBack",
    reasons.UNDONE: "SendBack",
    reasons.BAKING: "Promote",
    reasons.BAKE_PASSED: "Promote",
    reasons.PROMOTED: "Promote",
    reasons.PROMOTING: "Promote",
    reasons.OLD_PODS_REMOVED: "Drain",
    reasons.DRAIN_TIMED_OUT: "Drain",
    reasons.TAKEOVER_STARTED: "TakeOver",
    reasons.TAKEN_OVER: "TakeOver",
    reasons.WORKLOAD_DRIFT: "TakeOver",
    reasons.GIVING_BACK: "GiveBack",
    reasons.GIVEN_BACK: "GiveBack",
    reasons.EXPERIMENT_DECIDED: "TellResult",
    reasons.EXPERIMENT_UNDECIDED: "TellResult",
    reasons.HOOK_STARTED: "RunHook",
    reasons.HOOK_SUCCEEDED: "RunHook",
    reasons.HOOK_FAILED: "RunHook",
}


class Regarding(Protocol):
    """Whom an event is about: a parsed Rollout, or the Meta of one that cannot be parsed."""

    @property
    def name(self) -> str:
        """Name of the Rollout."""
        ...

    @property
    def namespace(self) -> str:
        """Its namespace."""
        ...

    @property
    def uid(self) -> str:
        """Its uid."""
        ...

    @property
    def resource_version(self) -> str:
        """The version the note speaks of."""
        ...


def event(note: Note, rollout: Regarding, *, instance: str, now: datetime) -> dict[str, Any]:
    """The body to POST to events.k8s.io/v1 in the Rollout's namespace.

    `instance` names the process that reports, such as the pod.
    """
    return {
        "apiVersion": "events.k8s.io/v1",
        "kind": "Event",
        "metadata": {
            "namespace": rollout.namespace,
            "generateName": generate_name(rollout.name),
        },
        "regarding": {
            "apiVersion": API_VERSION,
            "kind": "Rollout",
            "name": rollout.name,
            "namespace": rollout.namespace,
            "uid": rollout.uid,
            "resourceVersion": rollout.resource_version,
        },
        "reason": note.reason,
        "note": clip_bytes(note.message, MAX_NOTE_BYTES),
        "type": "Warning" if note.warning else "Normal",
        "action": _ACTIONS.get(note.reason, "Reconcile"),
        "eventTime": format_timestamp(now),
        "reportingController": CONTROLLER,
        "reportingInstance": clip_bytes(instance, MAX_INSTANCE_BYTES) or "unknown",
    }


def generate_name(name: str, *words: str) -> str:
    """A generateName that keeps the words and stays valid however long the name is."""
    tail = "".join(f"-{word}" for word in words)
    stem = name[: MAX_NAME_STEM_CHARS - len(tail)].rstrip(".-")
    return f"{stem}{tail}-"


def clip_bytes(text: str, max_bytes: int) -> str:
    """The text cut to that many bytes of UTF-8: the API server counts bytes, not characters."""
    raw = text.encode()
    if len(raw) <= max_bytes:
        return text
    mark = "…"
    kept = raw[: max_bytes - len(mark.encode())].decode(errors="ignore")
    return f"{kept}{mark}"
