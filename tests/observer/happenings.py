"""What the observer is told: objects that changed (watches) and requests (the audit log)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

Body: TypeAlias = Mapping[str, Any]
Key: TypeAlias = tuple[str, str]
"""(namespace, name)."""

WRITES = frozenset({"create", "update", "patch", "delete", "deletecollection"})
OPERATOR = "system:serviceaccount:tidegate-system:tidegate"
"""The user that the operator is to the API server, as the chart names it."""


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind that is watched: its group ("" for core), version, plural and kind."""

    group: str
    version: str
    plural: str
    kind: str
    namespace: str = ""
    """Watched in this namespace alone; "" for all."""
    selector: str = ""
    """Label selector of what is watched."""
    may_be_missing: bool = False
    """Whether a cluster may do without this kind."""

    @property
    def path(self) -> str:
        """The URL path of the collection."""
        root = f"/apis/{self.group}" if self.group else "/api"
        scope = f"/namespaces/{self.namespace}" if self.namespace else ""
        return f"{root}/{self.version}{scope}/{self.plural}"


KINDS = (
    Kind("tidegate.io", "v1alpha1", "rollouts", "Rollout"),
    Kind("tidegate.io", "v1alpha1", "rolloutruns", "RolloutRun"),
    Kind("tidegate.io", "v1alpha1", "rolloutactions", "RolloutAction"),
    Kind("apps", "v1", "replicasets", "ReplicaSet", selector="tidegate.io/rollout"),
    Kind("apps", "v1", "deployments", "Deployment"),
    Kind("", "v1", "pods", "Pod", selector="tidegate.io/rollout"),
    Kind("", "v1", "services", "Service"),
    Kind("", "v1", "secrets", "Secret"),
    Kind("networking.istio.io", "v1", "virtualservices", "VirtualService"),
    Kind("networking.istio.io", "v1", "destinationrules", "DestinationRule"),
    Kind("gateway.networking.k8s.io", "v1", "httproutes", "HTTPRoute", may_be_missing=True),
    Kind("coordination.k8s.io", "v1", "leases", "Lease", namespace="tidegate-system"),
    Kind("events.k8s.io", "v1", "events", "Event"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Write:
    """One request as the API server's audit log has it.

    `at_s` is the Unix time at which it was answered. `version` is the resourceVersion of the
    object in the answer (0 when the answer has none), which is how a watched change finds out
    whose it is.
    """

    at_s: float
    user: str
    agent: str = ""
    verb: str
    group: str = ""
    plural: str
    subresource: str = ""
    namespace: str = ""
    name: str = ""
    uid: str = ""
    code: int = 200
    version: int = 0
    request: Any = None
    dry_run: bool = False

    @property
    def accepted(self) -> bool:
        """Whether it changed, or may have changed, what is stored."""
        return self.verb in WRITES and 200 <= self.code < 300 and not self.dry_run

    @property
    def by_operator(self) -> bool:
        """Whether the operator sent it."""
        return self.user == OPERATOR

    @property
    def epoch(self) -> int:
        """The epoch that the writer named in its User-Agent; 0 when it named none."""
        for word in self.agent.split():
            label, _, number = word.partition("/")
            if label == "epoch" and number.isdigit():
                return int(number)
        return 0

    @property
    def target(self) -> str:
        """What it was about, for people."""
        place = "/".join(part for part in (self.namespace, self.name) if part)
        return f"{self.plural}{'/' + self.subresource if self.subresource else ''} {place}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One object before and after: None stands for absence.

    `gap` says that versions in between may have been missed, so that nothing can be said of the
    step itself. `write` is the request that made it, where the audit log tells.
    """

    version: int
    at_s: float
    kind: str
    key: Key
    before: Body | None
    after: Body | None
    gap: bool = False
    write: Write | None = None

    @property
    def body(self) -> Body:
        """The newer of the two that is there."""
        found = self.after if self.after is not None else self.before
        assert found is not None, "a change of nothing into nothing"
        return found

    @property
    def by_operator(self) -> bool:
        """Whether the operator made it."""
        return self.write is not None and self.write.by_operator

    @property
    def step(self) -> bool:
        """Whether both sides are known and nothing is missing between them."""
        return self.before is not None and self.after is not None and not self.gap


def meta(body: Body) -> Body:
    """An object's metadata."""
    found: Body = body.get("metadata") or {}
    return found


def key_of(body: Body) -> Key:
    """(namespace, name) of an object."""
    return str(meta(body).get("namespace", "")), str(meta(body).get("name", ""))


def uid_of(body: Body) -> str:
    """The object's uid."""
    return str(meta(body).get("uid", ""))


def version_of(body: Body) -> int:
    """The resourceVersion as a number: versions of one etcd are in the order of its writes."""
    text = str(meta(body).get("resourceVersion", ""))
    return int(text) if text.isdigit() else 0


def part(body: Body | None, *path: str) -> Any:
    """What stands at that path, or None."""
    found: Any = body
    for name in path:
        if not isinstance(found, Mapping):
            return None
        found = found.get(name)
    return found
