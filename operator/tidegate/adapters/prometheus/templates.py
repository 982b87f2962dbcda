"""The metrics of proxies: one query per template and its settings answers for every Rollout.

| template | value | series |
| --- | --- | --- |
| `…-error-rate` | share (0 to 1) of 5xx among the answers | requests by destination and code |
| `…-latency` | quantile (default 0.95) in seconds | histogram in ms by destination |
| `…-request-rate` | requests per second | requests by destination and code |
| `…-slow-share` | share (0 to 1) above `threshold` | histogram in ms by destination |

`samples` is always the number of requests behind the value. No request at all means no answer
for that destination, which is "no data"; requests without any 5xx mean exactly 0. A destination
with a series that cannot be right (a count below 0 or not finite, requests without a code) is not
measured at all: what is left when that series is passed over can look like a good release.

A histogram knows how many requests took at most the edge of a bucket, and nothing between two
edges: a threshold must be an edge, and where none is, nothing is measured. So a slow share is
counted exactly, while a quantile is interpolated between two edges.

**Envoy** tells destinations apart by upstream cluster, `outbound|PORT|SUBSET|HOST`; ports are
added up. Its counters outlive a revision: the canary subset served other revisions before. So the
caller shortens the window to when the destination began to serve this one (`window_for`).

**Istio** tells revisions apart by namespace and canonical revision. A request between two proxies
is reported twice, by its source and by its destination, and neither is always there (a client
outside the mesh; a request that never arrived): of the reporters, the one that saw more of a
revision's requests counts. Response code 0, no answer because one side hung up, is left out of
the error rate altogether: it is mostly clients that went away, so counting it as an error would
send good releases back, and counting it as a success would let a hanging release look well. It
stays in the request rate.
"""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Protocol

from tidegate.adapters.prometheus.answers import Sample, Vector, one_line
from tidegate.adapters.prometheus.counting import MS_PER_S, duration, latest
from tidegate.api.checks import Metric
from tidegate.ports.metrics import Subject

QUANTILE_DEFAULT = 0.95
IDLE_LEAD_S = 1.0
"""How far a window may reach behind the moment a destination was re-pointed, when it was idle."""
CODE = "response_code"
NO_EDGE = "no bucket that ends at threshold; set it to an edge (le) of the histogram"
NO_ANSWER_CODE = "0"

Key = tuple[str, str]
"""A destination: (subset, host) for Envoy, (namespace, revision) for Istio."""
Reported = tuple[Key, str]
"""A destination and who reported it."""

_HTTP_CODE = re.compile(r"[0-9]{3}")


@dataclass(frozen=True, slots=True)
class Measure:
    """The value for one destination, in the template's unit, and the requests behind it.

    `flaw` says what about its series cannot be right; there is no value then.
    """

    value: float
    samples: float
    flaw: str = ""


Measures = Mapping[Key, Measure]


class Names(Protocol):
    """How series name a destination."""

    def named(self, labels: Mapping[str, str]) -> Reported | None:
        """The destination that a series is about, and who reported it; None for another kind."""
        ...


@dataclass(frozen=True, slots=True)
class Source:
    """Where a template's series come from and how they name a destination."""

    requests: str
    durations: str
    identity: tuple[str, ...]
    by_revision: bool

    def key(self, subject: Subject) -> Key:
        """The destination that a subject stands for."""
        if self.by_revision:
            return subject.namespace, subject.revision
        return subject.subset, subject.cluster_host

    def named(self, labels: Mapping[str, str]) -> Reported | None:
        """The destination that a series is about, and who reported it; None for another kind."""
        if self.by_revision:
            namespace, revision, reporter = (labels.get(name, "") for name in self.identity)
            return (namespace, revision), reporter
        key = destination(labels.get("cluster_name", "") or labels.get("destination", ""))
        return None if key is None else (key, "")


def destination(cluster: str) -> Key | None:
    """(subset, host) of Envoy's `outbound|PORT|SUBSET|HOST`, or of a bare `SUBSET|HOST`."""
    parts = cluster.split("|")
    if len(parts) not in (2, 4):
        return None
    subset, host = parts[-2:]
    return subset, host


ENVOY = Source(
    requests='envoy_cluster_upstream_rq{cluster_name=~"outbound[|].*",response_code!=""}',
    durations='envoy_cluster_upstream_rq_time_bucket{cluster_name=~"outbound[|].*"}',
    identity=("cluster_name",),
    by_revision=False,
)

# "latest" and "unknown" are what Istio writes for pods without a revision label.
_OF_REVISIONS = '{destination_canonical_revision!~"|latest|unknown"}'
ISTIO = Source(
    requests=f"istio_requests_total{_OF_REVISIONS}",
    durations=f"istio_request_duration_milliseconds_bucket{_OF_REVISIONS}",
    identity=("destination_workload_namespace", "destination_canonical_revision", "reporter"),
    by_revision=True,
)


def window_since(window_s: float, subject: Subject, now: datetime) -> float:
    """The window in seconds, cut to what the subject has lived through; see `window_for`."""
    if subject.since is None:
        return window_s
    since_s = (now - subject.since).total_seconds()
    return min(window_s, math.ceil(max(0.0, since_s)) + IDLE_LEAD_S)


@dataclass(frozen=True, slots=True)
class Template:
    """A built-in metric: its query text, how to read its answer, and whom an answer is about.

    `samples` names what its samples are, as in "no requests".
    """

    key: Callable[[Subject], Key]
    text: Callable[[float, Metric], str]
    read: Callable[[Vector, float], Measures]
    samples: str = "requests"

    def query(self, window_s: float, metric: Metric) -> str:
        """The PromQL for all destinations, with the metric's quantile or threshold."""
        return self.text(window_s, metric)

    def measures(self, vector: Vector, window_s: float) -> Measures:
        """The answer split by destination; one without samples is absent."""
        return self.read(vector, window_s)

    def window_for(self, window_s: float, subject: Subject, now: datetime) -> float:
        """The window in seconds for a subject: shorter at first, whole seconds.

        It begins at most IDLE_LEAD_S plus a second before `subject.since`. Nothing of an earlier
        revision, or of an earlier attempt of this one, lies there, because the destination was
        seen idle before it was re-pointed; a window that began later would lose what came before
        its first scrape, and with it one scrape interval of every detection.
        """
        return window_since(window_s, subject, now)


def _requests_text(source: Source, window_s: float, _metric: Metric) -> str:
    # Destinations without a request are left out at the server: the answer stays small. What is
    # below 0 or NaN stays in, or an error count that cannot be right would be one of no errors.
    labels = ",".join((*source.identity, CODE))
    return f"sum by ({labels}) ({latest(source.requests, duration(window_s))}) != 0"


def _latency_text(source: Source, window_s: float, metric: Metric) -> str:
    names, counted = _by_destination(source, source.durations, window_s)
    quantile = metric.quantile or QUANTILE_DEFAULT
    value = f"histogram_quantile({quantile!r}, sum by (le,{names}) ({counted}))"
    return f"{as_part('value', value)} or {as_part('samples', _totals(source, window_s))}"


def _slow_text(source: Source, window_s: float, metric: Metric) -> str:
    in_time = only(source.durations, edge(metric.threshold_s or 0.0))
    names, counted = _by_destination(source, in_time, window_s)
    totals = _totals(source, window_s)
    # Of destinations without a request the bucket is left out, too.
    fast = f"sum by ({names}) ({counted}) and {totals}"
    return f"{as_part('fast', fast)} or {as_part('samples', totals)}"


def _totals(source: Source, window_s: float) -> str:
    names, total = _by_destination(source, only(source.durations, 'le="+Inf"'), window_s)
    return f"sum by ({names}) ({total}) != 0"


def _by_destination(source: Source, selector: str, window_s: float) -> tuple[str, str]:
    """The labels that name a destination, and a selector's counts that carry them."""
    counted = latest(selector, duration(window_s))
    if source.by_revision:
        return ",".join(source.identity), counted
    # Ports of one host and subset must be added up before a quantile or a share, not after.
    return "destination", _without_port(counted)


def only(selector: str, matcher: str) -> str:
    """The selector `NAME{…}` with one matcher more."""
    comma = "" if selector.endswith("{}") else ","
    return selector.removesuffix("}") + f"{comma}{matcher}}}"


def edge(threshold_s: float, per_s: int = MS_PER_S) -> str:
    """A matcher for the bucket that ends there: Prometheus 3 writes 250 as 250.0.

    `per_s` is how many of the histogram's units make a second.
    """
    text = f"{threshold_s * per_s:.6f}".rstrip("0").rstrip(".")
    return 'le=~"' + (text.replace(".", "[.]") if "." in text else f"{text}([.]0)?") + '"'


def _without_port(vector: str) -> str:
    pattern = "outbound[|][0-9]+[|](.*)[|](.*)"
    return f'label_replace({vector}, "destination", "$1|$2", "cluster_name", "{pattern}")'


def as_part(part: str, vector: str) -> str:
    """The vector with a label that tells it from the other parts of one query."""
    return f'label_replace({vector}, "part", "{part}", "", "")'


def error_rates(source: Names, vector: Vector, _window_s: float) -> Measures:
    """Shares of 5xx from counts by CODE."""
    answers: dict[Reported, float] = defaultdict(float)
    errors: dict[Reported, float] = defaultdict(float)
    flaws: dict[Reported, str] = {}
    for named, sample in about_destinations(source, vector):
        code = sample.labels.get(CODE, "")
        if code == NO_ANSWER_CODE:
            continue
        if flaw := flaw_of(sample.value, "requests") or _code_flaw(code):
            flaws[named] = flaw
            continue
        answers[named] += sample.value
        if code.startswith("5"):
            errors[named] += sample.value
    measures = {named: Measure(errors[named] / n, n) for named, n in answers.items() if n > 0}
    return best_reporter(measures, flaws)


def request_rates(source: Names, vector: Vector, window_s: float) -> Measures:
    """Requests per second from counts."""
    requests: dict[Reported, float] = defaultdict(float)
    flaws: dict[Reported, str] = {}
    for named, sample in about_destinations(source, vector):
        if flaw := flaw_of(sample.value, "requests"):
            flaws[named] = flaw
        else:
            requests[named] += sample.value
    measures = {named: Measure(n / window_s, n) for named, n in requests.items() if n > 0}
    return best_reporter(measures, flaws)


def latencies(source: Names, vector: Vector, _window_s: float) -> Measures:
    """Seconds from the parts `value`, in milliseconds, and `samples`."""
    ms, samples = part(source, vector, "value"), part(source, vector, "samples")
    measures: dict[Reported, Measure] = {}
    flaws: dict[Reported, str] = {}
    # The quantile of no requests is NaN, and then there are no samples beside it.
    for named in ms.keys() & samples.keys():
        if flaw := flaw_of(samples[named], "requests") or flaw_of(ms[named], "milliseconds"):
            flaws[named] = flaw
        elif samples[named] > 0:
            measures[named] = Measure(ms[named] / MS_PER_S, samples[named])
    return best_reporter(measures, flaws)


def slow_shares(source: Names, vector: Vector, _window_s: float) -> Measures:
    """Shares of what was not in time, from the parts `fast` and `samples`."""
    fast, samples = part(source, vector, "fast"), part(source, vector, "samples")
    measures: dict[Reported, Measure] = {}
    flaws: dict[Reported, str] = {}
    for named, total in samples.items():
        if named not in fast:
            flaws[named] = NO_EDGE
        elif flaw := flaw_of(total, "requests") or flaw_of(fast[named], "requests in time"):
            flaws[named] = flaw
        elif fast[named] > total:
            flaws[named] = f"{fast[named]:g} of {total:g} requests in time"
        elif total > 0:
            measures[named] = Measure((total - fast[named]) / total, total)
    return best_reporter(measures, flaws)


def part(source: Names, vector: Vector, wanted: str) -> dict[Reported, float]:
    """The values of one part of an answer."""
    told = about_destinations(source, vector)
    return {named: sample.value for named, sample in told if sample.labels.get("part") == wanted}


def about_destinations(source: Names, vector: Vector) -> Iterator[tuple[Reported, Sample]]:
    """The samples that are about a destination at all, each with which and by whom."""
    for sample in vector.samples:
        named = source.named(sample.labels)
        if named is not None:
            yield named, sample


def flaw_of(count: float, unit: str) -> str:
    """What is wrong with a number that cannot be below 0, or ""."""
    return "" if math.isfinite(count) and count >= 0 else f"{count:g} {unit}"


def _code_flaw(code: str) -> str:
    return "" if _HTTP_CODE.fullmatch(code) else f"requests with {CODE} {one_line(code)!r:.40}"


def best_reporter(measures: Mapping[Reported, Measure], flaws: Mapping[Reported, str]) -> Measures:
    """Of each destination, what the reporter with the most requests says.

    Where one of them has a flaw, nobody can say which has the most.
    """
    best: dict[Key, tuple[float, str]] = {}
    for (key, reporter), measure in measures.items():
        best[key] = max(best.get(key, (0.0, "")), (measure.samples, reporter))
    told = {key: measures[key, reporter] for key, (_, reporter) in best.items()}
    return told | {key: Measure(math.nan, 0.0, flaw) for (key, _), flaw in flaws.items()}


_KINDS = {
    "error-rate": (_requests_text, error_rates),
    "request-rate": (_requests_text, request_rates),
    "latency": (_latency_text, latencies),
    "slow-share": (_slow_text, slow_shares),
}
MESH_TEMPLATES: Mapping[str, Template] = {
    f"{mesh}-{kind}": Template(source.key, partial(text, source), partial(read, source))
    for mesh, source in (("envoy", ENVOY), ("istio", ISTIO))
    for kind, (text, read) in _KINDS.items()
}
"""The templates over what proxies count, by their names in `spec.metrics[].template`."""
