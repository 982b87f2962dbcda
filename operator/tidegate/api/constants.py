"""Names that other people's manifests, dashboards and policies rely on; change none lightly."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

GROUP: Final = "tidegate.io"
VERSION: Final = "v1alpha1"
API_VERSION: Final = f"{GROUP}/{VERSION}"

LABEL_ROLLOUT: Final = "tidegate.io/rollout"
LABEL_REVISION: Final = "tidegate.io/revision"
# Istio's proxies report this label of a pod as `destination_canonical_revision`.
LABEL_CANONICAL_REVISION: Final = "service.istio.io/canonical-revision"
LABEL_HOOK: Final = "tidegate.io/hook"
"""On the Jobs of hooks, with the hook's name."""
LABEL_METRIC: Final = "tidegate.io/metric"
"""On the Jobs that bring the value of a metric, with the metric's name."""
LABEL_POD_TEMPLATE_HASH: Final = "pod-template-hash"
"""Kubernetes' own: tells the pods of a Deployment's present template from all others."""
ANNOTATION_EPOCH: Final = "tidegate.io/epoch"
"""On ReplicaSets: the leadership that last took them over. On other objects only for a moment."""

ANNOTATION_VARIANT: Final = "tidegate.io/variant"
"""On ReplicaSets: the arm of an experiment that it was made for."""

ANNOTATION_CONTENT: Final = "tidegate.io/content"
"""On pods: a digest of the ConfigMaps and Secrets whose content is part of the revision."""

FINALIZER: Final = "tidegate.io/traffic"
"""On a Rollout in the middle of something: a deletion waits until its traffic is back."""

CATEGORY: Final = "tidegate"
FIELD_MANAGER: Final = "tidegate"

METRIC_TEMPLATES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "container-cpu": "highest share of its CPU limit that a container uses, from cAdvisor and "
        "kube-state-metrics",
        "container-memory": "highest share of its memory limit that a container uses, from "
        "cAdvisor and kube-state-metrics",
        "counter-ratio": "share (0 to 1) of counters.bad in counters.total, which pods export",
        "envoy-error-rate": "share (0 to 1) of requests answered 5xx, from Envoy's counters",
        "envoy-latency": "latency quantile in seconds, from Envoy's histograms",
        "envoy-request-rate": "requests per second, from Envoy's counters",
        "envoy-slow-share": "share (0 to 1) of requests slower than threshold, from Envoy's "
        "histograms",
        "histogram-quantile": "quantile of histogram, in its own unit, which pods export",
        "histogram-slow-share": "share (0 to 1) of histogram's observations above threshold",
        "http-error-rate": "share (0 to 1) of requests answered 5xx, from http_requests_total",
        "http-latency": "latency quantile in seconds, from http_request_duration_seconds",
        "http-request-rate": "requests per second, from http_requests_total",
        "http-slow-share": "share (0 to 1) of requests slower than threshold, from "
        "http_request_duration_seconds",
        "istio-error-rate": "share (0 to 1) of requests answered 5xx, from istio_requests_total",
        "istio-latency": "latency quantile in seconds, from istio_request_duration_milliseconds",
        "istio-request-rate": "requests per second, from istio_requests_total",
        "istio-slow-share": "share (0 to 1) of requests slower than threshold, from "
        "istio_request_duration_milliseconds",
        "kube-crash-loops": "pods that wait in CrashLoopBackOff now, from the API server",
        "kube-evictions": "pods that were evicted in the window, from the API server",
        "kube-oom-kills": "containers killed for want of memory in the window, from the API server",
        "kube-restarts": "restarts of containers in the window, from the API server",
        "kube-unready-share": "share (0 to 1) of pods that were not ready for the whole window, "
        "from the API server",
        "otel-http-error-rate": "share (0 to 1) of requests answered 5xx, from "
        "http_server_request_duration_seconds",
        "otel-http-latency": "latency quantile in seconds, from "
        "http_server_request_duration_seconds",
        "otel-http-request-rate": "requests per second, from http_server_request_duration_seconds",
        "otel-http-slow-share": "share (0 to 1) of requests slower than threshold, from "
        "http_server_request_duration_seconds",
        "pod-restarts": "restarts of containers, from kube-state-metrics",
    }
)
"""Built-in metric templates: name to what it measures, with the unit."""

DESTINATION_TEMPLATES: Final = frozenset(
    name for name in METRIC_TEMPLATES if name.startswith("envoy-")
)
"""The templates that tell destinations apart, not revisions."""

KUBERNETES_TEMPLATES: Final = frozenset(
    name for name in METRIC_TEMPLATES if name.startswith("kube-")
)
"""The templates over pods as the API server has them; they need no metrics server."""

PROVIDER_DEFAULT: Final = "default"
PROVIDER_KUBERNETES: Final = "kubernetes"
"""Always there, and the name of no other provider."""

HISTOGRAM_TEMPLATES: Final = frozenset({"histogram-quantile", "histogram-slow-share"})
"""The templates that read `histogram`, and need it."""

RATIO_TEMPLATE: Final = "counter-ratio"
"""The template that reads `counters`, and needs them."""

OWN_SERIES_TEMPLATES: Final = HISTOGRAM_TEMPLATES | {RATIO_TEMPLATE}
"""The templates over series that the Rollout names."""

LATENCY_TEMPLATES: Final = frozenset(
    name for name in METRIC_TEMPLATES if name.endswith(("-latency", "-quantile"))
)
"""The templates that read `quantile`."""

SLOW_TEMPLATES: Final = frozenset(name for name in METRIC_TEMPLATES if name.endswith("-slow-share"))
"""The templates that read `threshold`, and need it."""

SHARE_TEMPLATES: Final = SLOW_TEMPLATES | {
    name for name in METRIC_TEMPLATES if name.endswith(("-error-rate", "-ratio"))
}
"""The templates whose value is a share of the requests, so that value x samples are events."""
