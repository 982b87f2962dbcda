"""How many events a counter saw in a window, in PromQL, without `increase()`.

`increase()` guesses: it extrapolates to the window's edges, gives fractions, and sees nothing of
a series' first sample, so that the first scrape which holds errors is lost and a bad release is
found one scrape later. Counting here is by difference, with three cases, the first that fits:

1. **The series was there before the window**: its value now less its last value at or before the
   window's start. That last value may be up to BASELINE_REACH old, *across failed scrapes*: a
   plain `X offset 1m` is empty while the scrape at that moment had failed (Prometheus then writes
   a stale marker), and all that the series ever counted would pass for new. Left out when the
   counter was reset: within the window, which `resets()` sees, or over its start, so that a
   value in the window lies below that last value. The difference alone may hide either.
2. **The series was born, or began again from 0, while its target was being watched**: everything
   it holds is new, so its value itself. "Watched" is a successful scrape (`up`) of the same
   target (`job`, `instance`) within BASELINE_REACH before the window. Without that condition a
   Prometheus that itself was just started, or was away for long, would take the whole past of
   every proxy, with the errors of earlier releases, for the last minute.
3. **The target was not watched before the window** (a new proxy, a new or long absent Prometheus,
   or a store that has no `up`): its value now less its least value in the window. What happened
   before the first scrape stays uncounted, as with `increase()`.

On labels: both sides of each `-`, `unless` and `or` are the same selector, so that series match
one to one on all labels; `or` ignores the metric's name, which arithmetic drops, and adds only
series the earlier cases did not yield. A counter that stands still gives exactly 0.

Two ways to see "now", chosen by what a mistake costs:

- `latest`: the instant value. A failed scrape or a vanished target takes its series away at once:
  a check has then no data rather than old data.
- `latest_seen`: the last value within the window. A proxy that failed one scrape, or has just
  ended, keeps its requests: for telling that a revision is idle, forgetting them would be the
  dangerous mistake. `unseen` names the series whose target cannot be scraped right now.

What remains inexact: a window starts at the last scrape before it, so that up to one scrape
interval of earlier events is in it; a counter that was reset loses what it counted between the
last scrape and the reset; and a series that ended and began again under the same labels within
BASELINE_REACH, both outside the window, is counted from its old value.
"""

from __future__ import annotations

BASELINE_REACH = "5m"
"""How far before the window a series' last value may lie: Prometheus' own look-back."""

MS_PER_S = 1000


def duration(seconds: float) -> str:
    """A PromQL duration, whole milliseconds at least one: 60.0 is `60s`, 1.5 is `1500ms`."""
    ms = max(1, round(seconds * MS_PER_S))
    return f"{ms // MS_PER_S}s" if ms % MS_PER_S == 0 else f"{ms}ms"


def latest(selector: str, window: str) -> str:
    """Events in the window per series that was there at the last scrape of its target."""
    return _counted(selector, selector, window)


def latest_seen(selector: str, window: str) -> str:
    """Events in the window per series that was there at any scrape within it."""
    return _counted(f"last_over_time({selector}[{window}])", selector, window)


def unseen(selector: str) -> str:
    """The series of targets that are still there but whose last scrape failed."""
    return f"(last_over_time({selector}[{BASELINE_REACH}]) and on (job, instance) (up == 0))"


def _counted(now: str, selector: str, window: str) -> str:
    before = f"last_over_time({selector}[{BASELINE_REACH}] offset {window})"
    least = f"min_over_time({selector}[{window}])"
    watched = f"(max_over_time(up[{BASELINE_REACH}] offset {window}) == 1)"
    return (
        f"(({now} - {before} unless {least} < {before} unless resets({selector}[{window}]) > 0)"
        f" or ({now} and on (job, instance) {watched})"
        f" or ({now} - {least}))"
    )
