"""The metrics of pods: what kube-state-metrics and cAdvisor say of a revision's containers.

| template | value | series |
| --- | --- | --- |
| `pod-restarts` | restarts of all containers | kube_pod_container_status_restarts_total |
| `container-cpu` | highest share of a CPU limit | container_cpu_usage_seconds_total |
| `container-memory` | highest share of a memory limit | container_memory_working_set_bytes |

`samples` is the number of containers behind the value, of the last two only those with a limit.
A share of 1 is all of it. The highest one counts, not the mean: one container that runs out of
memory is enough.

Neither source knows revisions. A pod is named `REPLICASET-xxxxx` and a ReplicaSet of ours
`ROLLOUT-REVISION`, so the pod's name tells. Kubernetes cuts that name where it would be longer than
63 characters, and the revision with it: pods of a Rollout whose name is so long are nobody's here.

Two scrapes of one pod, as by a pair of kube-state-metrics, are one: the larger counts.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

from tidegate.adapters.prometheus.answers import Vector
from tidegate.adapters.prometheus.counting import duration, latest
from tidegate.adapters.prometheus.templates import (
    Key,
    Measure,
    Measures,
    Template,
    as_part,
    flaw_of,
)
from tidegate.api.checks import Metric
from tidegate.ports.metrics import Subject

REPLICA_SET = "replica_set"
OURS = 'pod=~".+-[0-9a-f]{10}-[a-z0-9]{5}"'
"""Names of pods that can be ours: a revision is ten hexadecimal digits."""
_CONTAINER = "namespace,pod,container"
_BY = f"namespace,{REPLICA_SET}"


@dataclass(frozen=True, slots=True)
class Resource:
    """What containers use of a resource, in the unit of its limit, and that limit."""

    used: Callable[[str], str]
    limit: str


def _cpu(window: str) -> str:
    # The label tells the sum from single processors, where somebody has switched these on.
    counted = f'container_cpu_usage_seconds_total{{container!~"|POD",cpu=~"|total",{OURS}}}'
    return f"max by ({_CONTAINER}) (rate({counted}[{window}]))"


def _memory(window: str) -> str:
    seen = f'container_memory_working_set_bytes{{container!~"|POD",{OURS}}}'
    return f"max by ({_CONTAINER}) (max_over_time({seen}[{window}]))"


def _limit(resource: str) -> str:
    limits = f'kube_pod_container_resource_limits{{resource="{resource}",{OURS}}}'
    return f"(max by ({_CONTAINER}) ({limits}) > 0)"


CPU = Resource(_cpu, _limit("cpu"))
MEMORY = Resource(_memory, _limit("memory"))


def _restarts_text(window_s: float, _metric: Metric) -> str:
    counted = latest(f"kube_pod_container_status_restarts_total{{{OURS}}}", duration(window_s))
    return _of_sets("sum", f"max by ({_CONTAINER}) ({counted})")


def _usage_text(resource: Resource, window_s: float, _metric: Metric) -> str:
    return _of_sets("max", f"{resource.used(duration(window_s))} / {resource.limit}")


def _of_sets(operation: str, by_container: str) -> str:
    named = with_set(by_container)
    value = as_part("value", f"{operation} by ({_BY}) ({named})")
    return f"{value} or {as_part('samples', f'count by ({_BY}) ({named})')}"


def with_set(by_pod: str) -> str:
    """A vector by pod with the name of each pod's ReplicaSet beside it."""
    return f'label_replace({by_pod}, "{REPLICA_SET}", "$1", "pod", "(.+)-[a-z0-9]{{5}}")'


def key_of_set(subject: Subject) -> Key:
    """The namespace and ReplicaSet that a subject's pods belong to."""
    return subject.namespace, f"{subject.rollout}-{subject.revision}"


def _measures(unit: str, vector: Vector, _window_s: float) -> Measures:
    values, samples = _part(vector, "value"), _part(vector, "samples")
    return {
        key: _measure(values[key], samples[key], unit) for key in values.keys() & samples.keys()
    }


def _measure(value: float, samples: float, unit: str) -> Measure:
    flaw = flaw_of(samples, "containers") or flaw_of(value, unit)
    return Measure(math.nan, 0.0, flaw) if flaw else Measure(value, samples)


def _part(vector: Vector, part: str) -> dict[Key, float]:
    return {
        (sample.labels.get("namespace", ""), sample.labels.get(REPLICA_SET, "")): sample.value
        for sample in vector.samples
        if sample.labels.get("part") == part
    }


def _usage(resource: Resource) -> Template:
    share = partial(_measures, "of the limit")
    return Template(key_of_set, partial(_usage_text, resource), share, "containers with a limit")


POD_TEMPLATES: Mapping[str, Template] = {
    "pod-restarts": Template(
        key_of_set, _restarts_text, partial(_measures, "restarts"), "containers of the revision"
    ),
    "container-cpu": _usage(CPU),
    "container-memory": _usage(MEMORY),
}
"""The templates over pods, by their names in `spec.metrics[].template`."""
