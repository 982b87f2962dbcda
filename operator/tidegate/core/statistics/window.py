"""Errors and requests of canary and stable in one closed window: what every look adds."""

from dataclasses import dataclass

from tidegate.core.statistics.refused import Refused, refused_number

REQUESTS_LEAST = 1.0
"""Requests a side. In a window without them there is nothing to compare with."""
REQUESTS_MOST = 1e12


@dataclass(frozen=True, slots=True)
class Window:
    """Counts of one window. They may be fractions: Prometheus' `increase` extrapolates."""

    canary_errors: float
    canary_requests: float
    stable_errors: float
    stable_requests: float

    @property
    def canary_share(self) -> float:
        """The canary's part of the requests, as it was and not as it was asked for."""
        return self.canary_requests / (self.canary_requests + self.stable_requests)

    @property
    def stable_share(self) -> float:
        """Stable's part; by itself, so that a tiny one keeps its digits."""
        return self.stable_requests / (self.canary_requests + self.stable_requests)

    @property
    def errors(self) -> float:
        """Errors of both sides."""
        return self.canary_errors + self.stable_errors


def refused_window(window: Window) -> Refused | None:
    """Why these counts say nothing, or None when they do."""
    sides = (
        ("canary", window.canary_errors, window.canary_requests),
        ("stable", window.stable_errors, window.stable_requests),
    )
    for name, errors, requests in sides:
        refused = refused_number(
            f"the number of requests to {name}", requests, least=REQUESTS_LEAST, most=REQUESTS_MOST
        ) or refused_number(f"the number of errors of {name}", errors, least=0.0, most=requests)
        if refused is not None:
            return refused
    return None


def canary_chance(window: Window, ratio: float) -> tuple[float, float]:
    """Chances that an error of this window is the canary's, and stable's, at a ratio of rates.

    w r / (w r + 1 - w) with w the canary's share; both, so that a tiny one keeps its digits.
    """
    canary, stable = window.canary_share * ratio, window.stable_share
    return canary / (canary + stable), stable / (canary + stable)
