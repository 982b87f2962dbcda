"""Who gets the requests: one query per depth counts for all Rollouts of the cluster.

*Revision* depth asks who answered, *subset* depth to which of the two destinations proxies sent.
The answers decide when old pods may go, so a gap must never read as "no requests": the built-in
queries count what was last seen (`counting.latest_seen`), and mark with `unseen` every series of
a proxy that is still there but cannot be scraped; a Rollout with such a series has no answer of
that depth, for as long as the proxy stays silent but at most BASELINE_REACH. A depth of which a
Rollout has no series at all is not measured for it: None. Once it has one, what is missing is 0.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from tidegate.adapters.prometheus.answers import Failure, Vector
from tidegate.adapters.prometheus.config import TelemetryConfig
from tidegate.adapters.prometheus.counting import duration, latest_seen, unseen
from tidegate.adapters.prometheus.templates import ENVOY, ISTIO, Key, destination
from tidegate.api.variants import destination_of
from tidegate.core.observation import TrafficReading
from tidegate.ports.metrics import Arms

WINDOW_VARIABLE = "{{window}}"
UNSEEN = "unseen"

NamedBy = Callable[[Mapping[str, str]], Key | None]


@dataclass(frozen=True, slots=True)
class Counts:
    """Requests by destination, and the destinations of which a part could not be seen."""

    requests: Mapping[Key, float] = field(default_factory=dict)
    unseen: frozenset[Key] = frozenset()


@dataclass(frozen=True, slots=True)
class Depth:
    """One way to count: its query, and how its series name a destination."""

    name: str
    query: str
    named_by: NamedBy

    def counts(self, vector: Vector) -> Counts:
        """The answer split by destination; series of another kind are passed over."""
        requests: dict[Key, float] = defaultdict(float)
        gaps: set[Key] = set()
        for sample in vector.samples:
            key = self.named_by(sample.labels)
            if key is None:
                continue
            # What is no count is no proof of anything, least of all of no requests.
            if sample.labels.get(UNSEEN) or not math.isfinite(sample.value) or sample.value < 0:
                gaps.add(key)
            else:
                requests[key] += sample.value
        return Counts(dict(requests), frozenset(gaps))


def depths(config: TelemetryConfig) -> tuple[Depth, Depth]:
    """The revision and the subset depth, with the built-in queries where none is configured."""
    window = duration(config.window_s)
    revision = config.revision_query or _revision_query()
    subset = config.subset_query or _subset_query()
    return (
        Depth("revision", revision.replace(WINDOW_VARIABLE, window), _by_revision),
        Depth("subset", subset.replace(WINDOW_VARIABLE, window), _by_cluster),
    )


def reading(
    arms: Arms,
    at: datetime,
    window_s: float,
    by_revision: Counts | Failure,
    by_subset: Counts | Failure,
) -> TrafficReading:
    """What both depths say about one Rollout; what either could not say is in `error`."""
    revisions = {name: (arms.namespace, name) for name in arms.revisions}
    subsets = {
        "stable": (arms.stable.subset, arms.stable.cluster_host),
        "canary": (arms.canary.subset, arms.canary.cluster_host),
    }
    for name, subject in arms.variants:
        subsets[destination_of(name)] = (subject.subset, subject.cluster_host)
    revision_counts, revision_error = _told(by_revision, revisions, "revision")
    subset_counts, subset_error = _told(by_subset, subsets, "subset")
    return TrafficReading(
        at=at,
        window_s=window_s,
        by_revision=revision_counts,
        by_subset=subset_counts,
        error="; ".join(filter(None, (revision_error, subset_error))),
    )


def _told(
    counts: Counts | Failure, keys: Mapping[str, Key], depth: str
) -> tuple[Mapping[str, float] | None, str]:
    """(requests by name or None, why not)."""
    if isinstance(counts, Failure):
        return None, f"requests per {depth} are unknown: {counts.detail}"
    if gaps := _names(keys, counts.unseen):
        return None, (
            f"requests per {depth} are unknown: a proxy that sends to {gaps} cannot be scraped, "
            "or its count is no count; see Prometheus' targets"
        )
    if not any(key in counts.requests for key in keys.values()):
        return None, ""
    return {name: counts.requests.get(key, 0.0) for name, key in keys.items()}, ""


def _names(keys: Mapping[str, Key], among: frozenset[Key]) -> str:
    return " and ".join(name for name, key in keys.items() if key in among)


def _by_revision(labels: Mapping[str, str]) -> Key | None:
    namespace, revision = labels.get("namespace"), labels.get("revision")
    return (namespace, revision) if namespace and revision else None


def _by_cluster(labels: Mapping[str, str]) -> Key | None:
    return destination(labels.get("cluster_name", ""))


def _revision_query() -> str:
    by = "destination_workload_namespace,destination_canonical_revision"
    counted = latest_seen(ISTIO.requests, WINDOW_VARIABLE)
    # Source and destination both report a request; the larger count misses the least.
    return _renamed(f"max by ({by}) (sum by ({by},reporter) ({counted}))") + (
        f" or {_marked(_renamed(f'group by ({by}) {unseen(ISTIO.requests)}'))}"
    )


def _renamed(vector: str) -> str:
    for new, old in (
        ("namespace", "destination_workload_namespace"),
        ("revision", "destination_canonical_revision"),
    ):
        vector = f'label_replace({vector}, "{new}", "$1", "{old}", "(.*)")'
    return vector


def _subset_query() -> str:
    counted = latest_seen(ENVOY.requests, WINDOW_VARIABLE)
    gaps = _marked(f"group by (cluster_name) {unseen(ENVOY.requests)}")
    return f"sum by (cluster_name) ({counted}) or {gaps}"


def _marked(vector: str) -> str:
    return f'label_replace({vector}, "{UNSEEN}", "yes", "", "")'
