"""Evidence as it lies in a status: plain lists of numbers, some hundred bytes as JSON.

What comes back is checked: people can edit a status, and other versions wrote some.
"""

from dataclasses import astuple
from typing import Any

from tidegate.core.statistics.differences import Differences
from tidegate.core.statistics.dispersion import Dispersion
from tidegate.core.statistics.refused import Refused, refused_number
from tidegate.core.statistics.sequential import DEVIATIONS, Evidence

NUMBER_MOST = 1e18
"""No sum of counts that were accepted comes near it."""
_COUNT = (0.0, NUMBER_MOST)
_SIGNED = (-NUMBER_MOST, NUMBER_MOST)
_BOUNDS = {
    "totals": [_COUNT, _COUNT, _COUNT, (0.0, 1.0)],
    "logRatios": [_SIGNED] * len(DEVIATIONS),
    "dispersion": [_COUNT] * 11,
    "differences": [_COUNT, _SIGNED, _COUNT],
}
"""The lists of a record, and from where to where each of their numbers may be."""


def to_record(evidence: Evidence) -> dict[str, list[float]]:
    """The evidence as JSON can hold it; a number comes back from there exactly as it was."""
    return {
        "totals": [
            evidence.canary_requests,
            evidence.stable_requests,
            evidence.errors,
            evidence.p_least,
        ],
        "logRatios": list(evidence.log_ratios or (0.0,) * len(DEVIATIONS)),
        "dispersion": list(astuple(evidence.dispersion)),
        "differences": list(astuple(evidence.differences)),
    }


def from_record(record: Any) -> Evidence | Refused:
    """The evidence that was stored, or why it is none: then it has to start over."""
    for name in _BOUNDS:
        if (refused := _refused_list(record, name)) is not None:
            return refused
    canary_requests, stable_requests, errors, p_least = record["totals"]
    canary, stable, seen, blocks, *others = record["dispersion"]
    windows, mean, squares = record["differences"]
    return Evidence(
        canary_requests=canary_requests,
        stable_requests=stable_requests,
        errors=errors,
        log_ratios=tuple(record["logRatios"]),
        dispersion=Dispersion(canary, stable, seen, int(blocks), *others),
        differences=Differences(int(windows), mean, squares),
        p_least=p_least,
    )


def _refused_list(record: Any, name: str) -> Refused | None:
    numbers = record.get(name) if isinstance(record, dict) else None
    bounds = _BOUNDS[name]
    if not isinstance(numbers, list) or len(numbers) != len(bounds):
        return Refused(f"The stored evidence has no list {name} of {len(bounds)} numbers.")
    for number, (least, most) in zip(numbers, bounds, strict=True):
        if type(number) not in {int, float}:
            return Refused(f"The stored evidence has something in {name} that is no number.")
        if type(number) is int and not least <= number <= most:
            return Refused(f"The stored evidence has a number in {name} that is out of bounds.")
        refused = refused_number(f"a number of the stored {name}", number, least=least, most=most)
        if refused is not None:
            return refused
    return None
