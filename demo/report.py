"""Counting what happened, from the recorded requests and the watched routes alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from rich.table import Table

from demo.routes import RouteWatch
from sandbox import Record


@dataclass(frozen=True)
class Outcome:
    """The demo's figures; times in seconds."""

    requests: Counter[str]
    failures: Counter[str]
    good_failures: int
    good_s: float
    bad_answers: int
    bad_to_zero_s: float | None
    promoted: bool
    reverted: bool

    @property
    def as_it_should(self) -> bool:
        """Whether both releases went as they should."""
        return (
            self.promoted
            and self.reverted
            and self.good_failures == 0
            and self.bad_answers > 0
            and self.bad_to_zero_s is not None
        )


def measure(
    records: Sequence[Record],
    routes: RouteWatch,
    *,
    bad_version: str,
    good_s: float,
    promoted: bool,
    reverted: bool,
) -> Outcome:
    """Count per version; a request that nobody answered belongs to no version and to us."""
    failed = [record for record in records if record.failed]
    bad = [record for record in failed if record.version == bad_version]
    first_bad_s = min((r.sent_at_s + r.latency_ns / 1e9 for r in bad), default=None)
    zero_at_s = routes.zero_after(first_bad_s) if first_bad_s is not None else None
    return Outcome(
        requests=Counter(record.version for record in records),
        failures=Counter(record.version for record in failed),
        good_failures=len(failed) - len(bad),
        good_s=good_s,
        bad_answers=len(bad),
        bad_to_zero_s=zero_at_s - first_bad_s if zero_at_s and first_bad_s else None,
        promoted=promoted,
        reverted=reverted,
    )


def table(outcome: Outcome) -> Table:
    """The figures for people."""
    rows = Table(title="What the clients saw", title_justify="left", title_style="bold")
    rows.add_column("version")
    rows.add_column("requests", justify="right")
    rows.add_column("failed", justify="right")
    for version in sorted(outcome.requests):
        name = version or "(no answer)"
        rows.add_row(name, str(outcome.requests[version]), str(outcome.failures[version]))
    return rows


def sentences(outcome: Outcome) -> list[str]:
    """The figures that matter, one sentence each."""
    good = "promoted" if outcome.promoted else "NOT promoted"
    bad = "sent back" if outcome.reverted else "NOT sent back"
    others = "requests that failed for another reason than the bad version"
    lines = [
        f"Good release {good} in {outcome.good_s:.1f} s; {others}: {outcome.good_failures}.",
        f"Bad release {bad}; bad answers served: {outcome.bad_answers}.",
    ]
    if outcome.bad_to_zero_s is not None:
        lines.append(f"From the first bad answer to weight 0: {outcome.bad_to_zero_s:.1f} s.")
    return lines
