"""Durations as users write them (Go's spelling), read without the product's own parser."""

from __future__ import annotations

import re
from datetime import timedelta

UNITS_S = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}
PART = re.compile(r"(\d+(?:\.\d+)?)(ms|h|m|s)")


def duration_of(text: str) -> timedelta:
    """`1h30m`, `500ms`, `2.5s`; ValueError for anything else."""
    parts = PART.findall(text)
    if "".join(number + unit for number, unit in parts) != text:
        raise ValueError(f"no duration: {text!r}")
    return timedelta(seconds=sum(float(number) * UNITS_S[unit] for number, unit in parts))
