"""Templates over series that a user names: a ratio of two counters, and any histogram.

| template | value | field |
| --- | --- | --- |
| `counter-ratio` | bad / total | `counters` |
| `histogram-quantile` | quantile, in the histogram's own unit | `histogram` |
| `histogram-slow-share` | share (0 to 1) above `threshold` | `histogram` |

A user gives names and fixed matchers, in the grammar of `api.series`, and nothing of them is ever
more than that: no variable, no quote, no function. The rest is as with the templates over HTTP
servers: by pod to ReplicaSet, and the same series asked about by many Rollouts are asked once.

**No bad event is not the same as no series of bad events.** A misspelt name would be a guard that
never fails. So where a revision has no `bad` series, its share is 0 only if its pods have a series
of that metric with the labels that the matchers name, whatever their values; else it is not
measured. With `bad: http_requests_total{code=~"5.."}` any other code is that proof.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import partial

from tidegate.adapters.prometheus.answers import Vector
from tidegate.adapters.prometheus.counting import MS_PER_S
from tidegate.adapters.prometheus.http_servers import (
    BY_SET,
    SETS,
    by_set,
    quantile_text,
    slow_text,
)
from tidegate.adapters.prometheus.pods import OURS, key_of_set, with_set
from tidegate.adapters.prometheus.templates import (
    Measure,
    Measures,
    Reported,
    Template,
    as_part,
    best_reporter,
    flaw_of,
    latencies,
    only,
    part,
    slow_shares,
)
from tidegate.api.checks import Metric

NO_BAD = "no series of counters.bad, whatever its values; export it from the start, with 0"
_MATCHER = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)(=~|!~|!=|=)"([^"]*)"')
_IN_MS = ("_milliseconds", "_ms")
"""How the name of a histogram ends whose edges are milliseconds and not, as usual, seconds."""


def _selector(series: str, suffix: str = "") -> str:
    """`NAME` or `NAME{…}` as `NAME SUFFIX{…}`, always with braces."""
    name, _, matchers = series.partition("{")
    return f"{name}{suffix}{{{matchers or '}'}"


def _with_labels(series: str) -> str:
    """The same metric with the same labels, whatever their values."""
    name, _, matchers = series.partition("{")
    labels = dict.fromkeys(label for label, _, value in _MATCHER.findall(matchers) if value)
    return name + "{" + ",".join(f'{label}!=""' for label in labels) + "}"


def _ratio_text(window_s: float, metric: Metric) -> str:
    assert metric.counters is not None, "the provider asks for it only with counters"
    bad, total = _selector(metric.counters.bad), _selector(metric.counters.total)
    known = only(_with_labels(metric.counters.bad), OURS)
    parts = {
        "bad": f"sum by ({BY_SET}) ({by_set(bad, window_s)})",
        "samples": f"sum by ({BY_SET}) ({by_set(total, window_s)}) != 0",
        "known": f"group by ({BY_SET}) ({with_set(f'group by (namespace,pod,job) ({known})')})",
    }
    return " or ".join(as_part(name, vector) for name, vector in parts.items())


def _ratios(vector: Vector, _window_s: float) -> Measures:
    bad, samples = part(SETS, vector, "bad"), part(SETS, vector, "samples")
    known = part(SETS, vector, "known")
    measures: dict[Reported, Measure] = {}
    flaws: dict[Reported, str] = {}
    for named, total in samples.items():
        events = bad.get(named, 0.0)
        if named not in bad and named not in known:
            flaws[named] = NO_BAD
        elif flaw := flaw_of(total, "events") or flaw_of(events, "bad events"):
            flaws[named] = flaw
        elif events > total:
            flaws[named] = f"{events:g} bad events of {total:g}"
        elif total > 0:
            measures[named] = Measure(events / total, total)
    return best_reporter(measures, flaws)


def _buckets(metric: Metric) -> str:
    assert metric.histogram is not None, "the provider asks for it only with a histogram"
    return _selector(metric.histogram, "_bucket")


def _quantile_text(window_s: float, metric: Metric) -> str:
    # Thousandths, and read as such: so the value comes back in the unit that the histogram has.
    return quantile_text(_buckets(metric), window_s, metric)


def _slow_text(window_s: float, metric: Metric) -> str:
    name = (metric.histogram or "").partition("{")[0]
    per_s = MS_PER_S if name.endswith(_IN_MS) else 1
    return slow_text(_buckets(metric), per_s, window_s, metric)


OWN_SERIES_TEMPLATES: Mapping[str, Template] = {
    "counter-ratio": Template(key_of_set, _ratio_text, _ratios, "events"),
    "histogram-quantile": Template(
        key_of_set, _quantile_text, partial(latencies, SETS), "observations"
    ),
    "histogram-slow-share": Template(
        key_of_set, _slow_text, partial(slow_shares, SETS), "observations"
    ),
}
"""The templates over a user's own series, by their names in `spec.metrics[].template`."""
