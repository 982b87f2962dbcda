"""The metrics of HTTP servers themselves: what an application counts, by the pod it counts in.

| templates | requests | durations |
| --- | --- | --- |
| `http-…` | http_requests_total | http_request_duration_seconds |
| `otel-http-…` | …_count of the durations | http_server_request_duration_seconds |

The second are those of OpenTelemetry's conventions for HTTP. As in `pods`, the pod's name tells
the revision; the series must carry `namespace` and `pod`, as those of a PodMonitor or
ServiceMonitor do. One query answers for the whole cluster.

A pod that two jobs scrape counts each request twice: of a revision's jobs, the one that saw the
most requests counts, as with the two reporters of Istio.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial

from tidegate.adapters.prometheus.answers import Vector
from tidegate.adapters.prometheus.counting import MS_PER_S, duration, latest
from tidegate.adapters.prometheus.pods import OURS, REPLICA_SET, key_of_set, with_set
from tidegate.adapters.prometheus.templates import (
    CODE,
    QUANTILE_DEFAULT,
    Measures,
    Reported,
    Template,
    as_part,
    edge,
    error_rates,
    latencies,
    only,
    request_rates,
    slow_shares,
)
from tidegate.api.checks import Metric

BY_SET = f"namespace,{REPLICA_SET},job"
_CODE_CLASS = re.compile(r"([1-5])[xX]{2}")
"""How some libraries write codes: 5xx for all of them."""


class Sets:
    """Names destinations by ReplicaSet, and who reported them by job."""

    def named(self, labels: Mapping[str, str]) -> Reported | None:
        """The ReplicaSet that a series is about, and the job that scraped it."""
        namespace, name = labels.get("namespace", ""), labels.get(REPLICA_SET, "")
        return ((namespace, name), labels.get("job", "")) if namespace and name else None


SETS = Sets()


def by_set(selector: str, window_s: float, *labels: str) -> str:
    """A selector's counts by pod, job and `labels`, with the name of each pod's ReplicaSet."""
    names = ",".join(("namespace", "pod", "job", *labels))
    return with_set(f"sum by ({names}) ({latest(only(selector, OURS), duration(window_s))})")


def quantile_text(buckets: str, window_s: float, metric: Metric) -> str:
    """The parts `value`, in thousandths of the unit of the edges, and `samples`."""
    quantile = metric.quantile or QUANTILE_DEFAULT
    counted = f"sum by (le,{BY_SET}) ({by_set(buckets, window_s, 'le')})"
    value = f"{MS_PER_S} * histogram_quantile({quantile!r}, {counted})"
    return f"{as_part('value', value)} or {as_part('samples', _totals(buckets, window_s))}"


def slow_text(buckets: str, per_s: int, window_s: float, metric: Metric) -> str:
    """The parts `fast` and `samples`; `per_s` is how many of the edges' units make a second."""
    in_time = only(buckets, edge(metric.threshold_s or 0.0, per_s))
    totals = _totals(buckets, window_s)
    # Of sets without a request the bucket is left out, too.
    fast = f"sum by ({BY_SET}) ({by_set(in_time, window_s)}) and {totals}"
    return f"{as_part('fast', fast)} or {as_part('samples', totals)}"


def _totals(buckets: str, window_s: float) -> str:
    everything = only(buckets, 'le="+Inf"')
    return f"sum by ({BY_SET}) ({by_set(everything, window_s)}) != 0"


@dataclass(frozen=True, slots=True)
class Server:
    """The series of one convention; `codes` are the labels that may hold the response code."""

    requests: str
    buckets: str
    codes: tuple[str, ...]


HTTP = Server(
    "http_requests_total{}",
    "http_request_duration_seconds_bucket{}",
    ("code", "status", "status_code"),
)
OTEL = Server(
    "http_server_request_duration_seconds_count{}",
    "http_server_request_duration_seconds_bucket{}",
    ("http_response_status_code",),
)


def _requests_text(server: Server, window_s: float, _metric: Metric) -> str:
    # Not above 0: a count that cannot be right has to be seen.
    labels = ",".join((BY_SET, *server.codes))
    return f"sum by ({labels}) ({by_set(server.requests, window_s, *server.codes)}) != 0"


def _error_rates(server: Server, vector: Vector, window_s: float) -> Measures:
    coded = (
        replace(sample, labels={**sample.labels, CODE: _code(server, sample.labels)})
        for sample in vector.samples
    )
    return error_rates(SETS, replace(vector, samples=tuple(coded)), window_s)


def _code(server: Server, labels: Mapping[str, str]) -> str:
    told = next(filter(None, (labels.get(name) for name in server.codes)), "")
    of_class = _CODE_CLASS.fullmatch(told)
    return f"{of_class.group(1)}00" if of_class else told


def _templates(server: Server) -> Mapping[str, Template]:
    text = partial(_requests_text, server)
    return {
        "error-rate": Template(key_of_set, text, partial(_error_rates, server)),
        "request-rate": Template(key_of_set, text, partial(request_rates, SETS)),
        "latency": Template(
            key_of_set, partial(quantile_text, server.buckets), partial(latencies, SETS)
        ),
        "slow-share": Template(
            key_of_set, partial(slow_text, server.buckets, 1), partial(slow_shares, SETS)
        ),
    }


HTTP_TEMPLATES: Mapping[str, Template] = {
    f"{prefix}-{kind}": template
    for prefix, server in (("http", HTTP), ("otel-http", OTEL))
    for kind, template in _templates(server).items()
}
"""The templates over what servers count, by their names in `spec.metrics[].template`."""
