"""The documents of `examples/`, with their time made short and nothing else changed."""

from __future__ import annotations

import json
import re
from collections.abc import Container, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from sandbox import Cluster
from tidegate.api.limits import MIN_INTERVAL_S
from tidegate.api.scalars import DURATION_PATTERN, format_duration, parse_duration

Object = dict[str, Any]

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
NAME = "checkout"
IMAGE = "docker.io/local/demo-app"
OVERLAY = "kustomization.yaml"

FACTOR = 3600.0
"""Hours become seconds,"""
SHORTEST_S, LONGEST_S = 0.2, 1.0
"""and nothing takes less or more than this."""
AT_ONCE = f"{SHORTEST_S * 1000:g}ms"
BAKE = "bake"

PACE: tuple[tuple[str, Object], ...] = (
    ("traffic", {"settle": "5s"}),
    ("drain", {"min": "10s", "max": "10m"}),
)
CHECK_PACE = {"interval": "10s"}
"""What documents leave to defaults, spelled out: time left long would be waited for in full.

`drain.min` is the one that matters. Where nothing counts requests it is 30 s, and a promotion
waits for it several times.
"""

_DURATION = re.compile(DURATION_PATTERN)
_ANSWERED_IN = {"interval", "window"}
"""Durations that the API wants to be a second at least."""
_KEPT = {"hold", "duration", "timeout", "deadline", "expiry"}
"""How long a phase and the bake last: as the document says, until a test has seen enough.

And how long something may take at most, which is no time that anybody waits for.
"""


@dataclass(frozen=True, slots=True)
class Document:
    """All objects of an example in one namespace, as they are applied for its first version."""

    objects: tuple[Object, ...]

    @property
    def rollout(self) -> Object:
        """Its Rollout."""
        return next(body for body in self.objects if body["kind"] == "Rollout")

    @property
    def base(self) -> tuple[Object, ...]:
        """All the rest, as it was there before."""
        return tuple(body for body in self.objects if body["kind"] != "Rollout")

    def version(self, tag: str, over: Container[str]) -> Object:
        """The Rollout with that image, and with no time left for the phases (or BAKE) in `over`."""
        body: Object = json.loads(json.dumps(self.rollout))
        spec = body["spec"]
        spec["template"]["spec"]["containers"][0]["image"] = f"{IMAGE}:{tag}"
        for phase in spec.get("phases", ()):
            if phase["name"] in over:
                phase["hold"] = AT_ONCE
        if BAKE in over and BAKE in spec:
            spec[BAKE]["duration"] = AT_ONCE
        return body


def document(
    cluster: Cluster, example: str, namespace: str, *, window_s: float = MIN_INTERVAL_S
) -> Document:
    """The example of that name, its kustomization built, in that namespace; waits are short.

    `window_s` is what a window takes at least: a second where answers are made up.
    """
    folder = EXAMPLES / example
    if (folder / OVERLAY).exists():
        text = cluster.kubectl("kustomize", str(folder))
    else:
        text = "\n---\n".join(path.read_text() for path in sorted(folder.glob("*.yaml")))
    objects = [body for body in yaml.safe_load_all(text) if body]
    for body in objects:
        body["metadata"]["namespace"] = namespace
        if body["kind"] == "Rollout":
            _hurry(body["spec"], window_s)
    return Document(tuple(objects))


def gates_of(spec: Object) -> Iterator[Object]:
    """The gates of the pre-flight and of every phase."""
    for place in (spec.get("preflight", {}), *spec.get("phases", ())):
        yield from place.get("gates", ())


def _hurry(spec: Object, window_s: float) -> None:
    for field, pace in PACE:
        spec[field] = pace | spec.get(field, {})
    gates = list(gates_of(spec))
    for check in (*spec.get("guards", ()), *gates):
        check.update(CHECK_PACE | check)
    for field, value in spec.items():
        if field != "template":
            spec[field] = _hurried(value, field)
    longest = format_duration(max(window_s, LONGEST_S))
    for metric in spec.get("metrics", ()):
        metric["window"] = longest
    for guard in spec.get("guards", ()):
        guard.update({"window": longest} if "window" in guard else {})


def _hurried(value: Any, field: str) -> Any:
    if isinstance(value, dict):
        return {name: _hurried(inner, name) for name, inner in value.items()}
    if isinstance(value, list):
        return [_hurried(inner, field) for inner in value]
    if field in _KEPT or not isinstance(value, str) or not _DURATION.fullmatch(value):
        return value
    least_s = MIN_INTERVAL_S if field in _ANSWERED_IN else SHORTEST_S
    return format_duration(min(LONGEST_S, max(least_s, parse_duration(value) / FACTOR)))
