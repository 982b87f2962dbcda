"""What an example's queries ask for, served as a business would: counters, scraped every second.

A real Prometheus evaluates the document's own PromQL on it. Requests go where the routes send
them, so shares are as Tidegate made them; how good the answers are is as a test says.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from time import monotonic
from typing import Any

from sandbox.kube import Api
from tests.adapters.prometheus.real import Exporter, series
from tests.cluster.direct import found, path_to

REQUESTS_PER_S = 20_000.0
MEMORY_LIMIT = 2.0**28
"""Bytes that a container may use; of CPU it may use one core."""
EDGES_S = (5e-5, 6.2e-5, 1e-4, 5e-4, 1e-3, 2e-3, 0.05, 0.1, 0.2, 0.25, 0.5, 1.0)
"""Edges of the buckets of every histogram; what lasts longer is in the last one, +Inf."""


@dataclass(frozen=True, slots=True)
class Quality:
    """How good one revision's answers are: shares from 0 to 1, durations in seconds."""

    errors: float = 0.0
    latency_s: float = 6.2e-5
    available: float = 1.0
    judged: float = 1.0
    compliant: float = 0.7
    ndcg: float = 0.5
    conversion: float = 0.03
    cpu: float = 0.5
    memory: float = 0.5
    accuracy: float = 0.9
    complaints: float = 0.01
    syncs_failed: float = 0.005
    release_success: float = 0.97
    satisfaction: float = 0.92
    stability: float = 0.999
    response_s: float = 3600.0
    goals: float = 0.95


class Business(Exporter):
    """Counters of every revision that the routes of one Rollout name."""

    def __init__(self, api: Api, namespace: str, name: str) -> None:
        super().__init__()
        self._api = api
        self._namespace, self._name = namespace, name
        self._usual = Quality()
        self._of: dict[str, Quality] = {}
        self._counted_at = monotonic()
        self._requests_per_s = REQUESTS_PER_S

    def says(self, revision: str = "", /, **quality: float) -> None:
        """From now on that revision's answers are so; without one, those of all others."""
        with self.lock:
            if revision:
                self._of[revision] = replace(self._of.get(revision, self._usual), **quality)
            else:
                self._usual = replace(self._usual, **quality)

    def gets(self, requests_per_s: float) -> None:
        """From now on so many requests come in, for all revisions together."""
        with self.lock:
            self._requests_per_s = requests_per_s

    def page(self) -> bytes | None:
        """All counters at this moment."""
        shares = self._shares()
        with self.lock:
            now = monotonic()
            passed_s, self._counted_at = now - self._counted_at, now
            for revision, share in shares.items():
                quality = self._of.get(revision, self._usual)
                requests = self._requests_per_s * share * passed_s
                self._container(revision, quality, passed_s)
                self._shop(revision, quality)
                for key, more in self._counted(revision, quality, requests):
                    self._add(key, more)
        return super().page()

    def _add(self, key: str, more: float) -> None:
        self.values[key] = self.values.get(key, 0.0) + more

    def _container(self, revision: str, quality: Quality, passed_s: float) -> None:
        """One pod's container, as cAdvisor and kube-state-metrics tell of it."""
        pod = f"{self._name}-{revision}-x1y2z"
        labels = {"namespace": self._namespace, "pod": pod, "container": "app"}
        limit = "kube_pod_container_resource_limits"
        self.values[series(limit, {**labels, "resource": "cpu"})] = 1.0
        self.values[series(limit, {**labels, "resource": "memory"})] = MEMORY_LIMIT
        used = MEMORY_LIMIT * quality.memory
        self.values[series("container_memory_working_set_bytes", labels)] = used
        self._add(series("container_cpu_usage_seconds_total", labels), quality.cpu * passed_s)

    def _shop(self, revision: str, quality: Quality) -> None:
        """What a shop's back office says of a version."""
        for name, value in (
            ("release_success_ratio", quality.release_success),
            ("satisfaction_ratio", quality.satisfaction),
            ("stability_ratio", quality.stability),
            ("problem_response_seconds", quality.response_s),
            ("performance_goals_ratio", quality.goals),
        ):
            self.values[series(f"shop_{name}", {"version": revision})] = value

    def _shares(self) -> Mapping[str, float]:
        body = found(self._api, path_to("Rollout", self._namespace, self._name)) or {}
        traffic: dict[str, Any] = body.get("status", {}).get("traffic") or {}
        canary = max(traffic.get("weight", 0), _picked(body)) / 100
        shares: dict[str, float] = {}
        for side, share in (("canary", canary), ("stable", 1.0 - canary)):
            if traffic.get(side):
                shares[traffic[side]] = shares.get(traffic[side], 0.0) + share
        return shares

    def _counted(
        self, revision: str, quality: Quality, requests: float
    ) -> Iterator[tuple[str, float]]:
        own = {"namespace": self._namespace, "revision": revision}
        mesh = {
            "reporter": "source",
            "destination_workload_namespace": self._namespace,
            "destination_canonical_revision": revision,
            "destination_service_name": self._name,
        }
        bad = requests * quality.errors
        yield series("istio_requests_total", {**mesh, "response_code": "200"}), requests - bad
        yield series("istio_requests_total", {**mesh, "response_code": "503"}), bad
        buckets = (
            ("istio_request_duration_milliseconds", 1000.0, mesh),
            ("ranking_duration_seconds", 1.0, own),
        )
        for name, per_s, labels in buckets:
            for edge_s in EDGES_S:
                below = requests if quality.latency_s <= edge_s else 0.0
                yield series(f"{name}_bucket", {**labels, "le": f"{edge_s * per_s:g}"}), below
            yield series(f"{name}_bucket", {**labels, "le": "+Inf"}), requests
            yield series(f"{name}_count", labels), requests
        judged = requests * quality.judged
        for name, count in (
            ("http_requests_total", requests),
            ("checkout_probes_total", requests),
            ("checkout_probes_passed_total", requests * quality.available),
            ("checkout_answers_total", requests),
            ("checkout_answers_right_total", requests * quality.accuracy),
            ("ranking_probes_total", requests),
            ("ranking_probes_passed_total", requests * quality.available),
            ("ranking_candidates_judged_total", judged),
            ("ranking_candidates_compliant_total", judged * quality.compliant),
            ("ranking_ndcg_count", judged),
            ("ranking_ndcg_sum", judged * quality.ndcg),
            ("ranking_visits_total", requests),
            ("ranking_orders_total", requests * quality.conversion),
        ):
            yield series(name, own), count
        for name, count in (
            ("users", requests),
            ("complaints", requests * quality.complaints),
            ("syncs", requests),
            ("syncs_failed", requests * quality.syncs_failed),
        ):
            yield series(f"shop_{name}_total", {"version": revision}), count


def _picked(rollout: Mapping[str, Any]) -> float:
    """The share of the users, in percent, whose ids the header routes send to the canary now."""
    status = rollout.get("status") or {}
    if not (status.get("traffic") or {}).get("match"):
        return 0.0
    now = (status.get("phase") or {}).get("name")
    phases = (phase for phase in rollout["spec"]["phases"] if phase["name"] == now)
    items = next((phase.get("match", ()) for phase in phases), ())
    return float(sum(item.get("buckets", {}).get("percent", 0) for item in items))
