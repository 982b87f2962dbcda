"""A Prometheus that measures what an example's metrics ask for, as good or as bad as a test says.

Requests per revision it does not count: time stands in.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from sandbox.kube import Api
from tests.cluster.direct import found, path_to
from tests.cluster.example_documents import NAME, Object, gates_of
from tests.faults.provider import Provider

REQUESTS = 1_000_000.0
"""Requests behind each value of a built-in metric: enough for any rate and any `minSamples`."""
MS_PER_S = 1000.0
WORSE = 10.0
"""How many times its guard's bound a metric is that turned bad."""

Sample = tuple[Mapping[str, str], float]


class ExampleMetrics(Provider):
    """Use it as a context: it serves until the end of it."""

    def __init__(self, api: Api, rollout: Object) -> None:
        super().__init__()
        self._api = api
        self._namespace = rollout["metadata"]["namespace"]
        spec = rollout["spec"]
        self._metrics: Object = {metric["name"]: metric for metric in spec.get("metrics", ())}
        self._guards: Object = {bound["metric"]: bound for bound in _watched(spec)}
        self._values = dict.fromkeys(self._metrics, 0.0) | dict(_least(spec))
        self._failing: set[tuple[str, str]] = set()

    def says(self, metric: str, value: float) -> None:
        """From now on this is the metric's value, of every revision."""
        self._values[metric] = value

    def fails(self, metric: str, revision: str) -> None:
        """From now on that metric of that revision is far beyond its guard's bound."""
        self._failing.add((metric, revision))

    def answer(self, query: str, at_s: float) -> dict[str, Any]:
        """The API's answer to an instant query at a Unix time."""
        self.asked += 1
        body = found(self._api, path_to("Rollout", self._namespace, NAME)) or {}
        samples = [
            {"metric": labels, "value": [at_s, str(value)]}
            for labels, value in self._samples(query, _revisions(body.get("status") or {}))
        ]
        return {"status": "success", "data": {"resultType": "vector", "result": samples}}

    def _samples(self, query: str, revisions: Iterable[str]) -> Iterator[Sample]:
        """One value for a query of the document's own, every revision for a built-in one."""
        for name, metric in self._metrics.items():
            own = metric.get("query")
            if own and query.startswith(own.split("{{")[0]):
                named = next((r for r in revisions if f'"{r}"' in query), "")
                yield {}, self._value(name, named)
                return
        for revision in revisions:
            labels = {
                "destination_workload_namespace": self._namespace,
                "destination_canonical_revision": revision,
                "reporter": "source",
            }
            if query.startswith("sum by (destination_workload_namespace"):
                bad = REQUESTS * self._of_template("istio-error-rate", revision)
                yield labels | {"response_code": "200"}, REQUESTS - bad
                yield labels | {"response_code": "503"}, bad
            elif query.startswith("label_replace(histogram_quantile("):
                value_s = self._of_template("istio-latency", revision)
                yield labels | {"part": "value"}, value_s * MS_PER_S
                yield labels | {"part": "samples"}, REQUESTS

    def _of_template(self, template: str, revision: str) -> float:
        named = (n for n, metric in self._metrics.items() if metric.get("template") == template)
        return next((self._value(name, revision) for name in named), 0.0)

    def _value(self, metric: str, revision: str) -> float:
        if (metric, revision) in self._failing:
            bound = self._guards[metric]
            return float(bound["max"]) * WORSE if "max" in bound else float(bound["min"]) / WORSE
        return self._values[metric]


def _watched(spec: Object) -> Iterator[Object]:
    """Whatever has a metric and a bound outside of the phases: members, and guards above them."""
    for card in spec.get("scorecards", ()):
        yield from card["members"]
    yield from (guard for guard in spec.get("guards", ()) if "metric" in guard)


def _least(spec: Object) -> Iterator[tuple[str, float]]:
    """What metrics have to reach at least: just that is good."""
    for check in (*_watched(spec), *gates_of(spec)):
        if "min" in check:
            yield check["metric"], float(check["min"])


def _revisions(status: Object) -> list[str]:
    """All that may have requests now."""
    run = status.get("run") or {}
    named = (status.get("stableRevision"), status.get("canaryRevision"), run.get("to"))
    return sorted({*filter(None, (*named, run.get("from")))})
