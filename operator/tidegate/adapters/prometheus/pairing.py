"""One reading of two: what was measured of the canary, with stable's answer beside it."""

from __future__ import annotations

from dataclasses import replace

from tidegate.core.observation import Answer, Reading


def paired(canary: Reading, stable: Reading) -> Reading:
    """The canary's reading that carries stable's; its detail says which arm was not measured."""
    missing = [
        f"{arm}: {reading.detail}"
        for arm, reading in (("canary", canary), ("stable", stable))
        if reading.answer is not Answer.OK and reading.detail
    ]
    if canary.answer is Answer.OK and canary.detail:
        missing.insert(0, canary.detail)
    return replace(canary, detail="; ".join(missing), stable=stable)
