"""Which kinds are read and written, and where they live in the API."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from tidegate.api.constants import GROUP, VERSION

Body: TypeAlias = Mapping[str, Any]
Key: TypeAlias = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Resource:
    """One kind: its group ("" for core), version, plural and kind.

    Of a `bare` one only the metadata is listed and watched: the rest may be large.
    """

    group: str
    version: str
    plural: str
    kind: str
    bare: bool = False

    @property
    def api_version(self) -> str:
        """As in an object's `apiVersion`."""
        return f"{self.group}/{self.version}" if self.group else self.version

    def path(self, namespace: str | None = None, name: str = "", subresource: str = "") -> str:
        """The URL path of a collection (in one namespace or in all), an object or a subresource."""
        root = f"/apis/{self.api_version}" if self.group else f"/api/{self.version}"
        parts = [root]
        if namespace is not None:
            parts.append(f"namespaces/{namespace}")
        parts.append(self.plural)
        parts += [part for part in (name, subresource) if part]
        return "/".join(parts)


ROLLOUTS = Resource(GROUP, VERSION, "rollouts", "Rollout")
ROLLOUT_RUNS = Resource(GROUP, VERSION, "rolloutruns", "RolloutRun")
ROLLOUT_ACTIONS = Resource(GROUP, VERSION, "rolloutactions", "RolloutAction")
ROLLOUT_POLICIES = Resource(GROUP, VERSION, "rolloutpolicies", "RolloutPolicy")
"""Of the whole cluster, as are namespaces."""
NAMESPACES = Resource("", "v1", "namespaces", "Namespace", bare=True)
REPLICA_SETS = Resource("apps", "v1", "replicasets", "ReplicaSet")
DEPLOYMENTS = Resource("apps", "v1", "deployments", "Deployment")
CRON_JOBS = Resource("batch", "v1", "cronjobs", "CronJob")
JOBS = Resource("batch", "v1", "jobs", "Job")
PODS = Resource("", "v1", "pods", "Pod")
SERVICES = Resource("", "v1", "services", "Service")
CONFIG_MAPS = Resource("", "v1", "configmaps", "ConfigMap", bare=True)
SECRETS = Resource("", "v1", "secrets", "Secret")
LEASES = Resource("coordination.k8s.io", "v1", "leases", "Lease")
EVENTS = Resource("events.k8s.io", "v1", "events", "Event")
VIRTUAL_SERVICES = Resource("networking.istio.io", "v1", "virtualservices", "VirtualService")
DESTINATION_RULES = Resource("networking.istio.io", "v1", "destinationrules", "DestinationRule")
HTTP_ROUTES = Resource("gateway.networking.k8s.io", "v1", "httproutes", "HTTPRoute")


def key_of(body: Body) -> Key:
    """(namespace, name) of an object."""
    meta = body["metadata"]
    return meta.get("namespace", ""), meta["name"]


def uid_of(body: Body) -> str:
    """The object's uid, or "" before it has one."""
    return str(body["metadata"].get("uid", ""))


def version_of(body: Body) -> str:
    """The object's resourceVersion."""
    return str(body["metadata"].get("resourceVersion", ""))
