"""What the container of a metric's Job left as its termination message: one number, or no result.

Whatever is not exactly that is an error and never a value: a Job that says nothing passes nothing.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from math import isfinite
from typing import Any, Final

from tidegate.adapters.hooks.words import harmless
from tidegate.api.limits import MAX_SAMPLES, MAX_VALUE

VALUE: Final = "value"
SAMPLES: Final = "samples"
RESULT_CHARS_MAX: Final = 4096
"""As many bytes as Kubernetes keeps of a termination message."""
SHOWN_CHARS: Final = 80
"""Characters of a message that is no result which people are shown."""
WANTED: Final = (
    'its last container must leave {"value": 1.5, "samples": 100} as termination message'
)


@dataclass(frozen=True, slots=True)
class Result:
    """The value, and how many samples are behind it if the Job told."""

    value: float
    samples: float | None = None


def result_of(message: str) -> Result:
    """The result that a message is. Raises ValueError, with why, for anything else."""
    if not message.strip():
        raise ValueError(f"left no result; {WANTED}")
    told = _read(message)
    if not isinstance(told, dict) or VALUE not in told or not told.keys() <= {VALUE, SAMPLES}:
        raise ValueError(_no_result(message))
    value, samples = told[VALUE], told.get(SAMPLES)
    if not _number(value) or abs(value) > MAX_VALUE:
        raise ValueError(f"{_no_result(message)}: value must be a number up to {MAX_VALUE:g}")
    if samples is not None and (not _number(samples) or not 0 <= samples <= MAX_SAMPLES):
        raise ValueError(
            f"{_no_result(message)}: samples must be a number from 0 to {MAX_SAMPLES:g}"
        )
    return Result(float(value), None if samples is None else float(samples))


def _read(message: str) -> Any:
    if len(message) > RESULT_CHARS_MAX:
        raise ValueError(f"left more than {RESULT_CHARS_MAX} characters; {WANTED}")
    try:
        return json.loads(message, object_pairs_hook=_object, parse_constant=_no_constant)
    except (ValueError, RecursionError) as wrong:
        raise ValueError(_no_result(message)) from wrong


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A name that stands there twice says two things."""
    if len({name for name, _ in pairs}) != len(pairs):
        raise ValueError("a name twice")
    return dict(pairs)


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is no number of JSON")


def _number(value: Any) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return isinstance(value, int) or isfinite(value)


def _no_result(message: str) -> str:
    said = harmless(message)
    cut = said if len(said) <= SHOWN_CHARS else f"{said[:SHOWN_CHARS]}…"
    return f"left {cut!r}, which is no result; {WANTED}"
