"""What one pass of one Rollout was decided on, so that its write fits that and nothing newer."""

from __future__ import annotations

from dataclasses import dataclass, field

from tidegate.adapters.kubernetes.content import Content
from tidegate.adapters.kubernetes.replica_sets import revision_of_set
from tidegate.adapters.kubernetes.resources import Body
from tidegate.adapters.kubernetes.routing import Routing
from tidegate.adapters.kubernetes.workloads import Workload


@dataclass(frozen=True, slots=True)
class Sight:
    """Routes and destinations, ReplicaSets, the Deployment and named content as they were read."""

    routing: Routing = field(default_factory=Routing)
    sets: tuple[Body, ...] = ()
    workload: Workload = field(default_factory=Workload)
    content: Content = field(default_factory=Content)

    def set_named(self, name: str) -> Body | None:
        """The ReplicaSet of that name, or None."""
        return next((body for body in self.sets if body["metadata"]["name"] == name), None)

    def sets_of(self, revision: str | None) -> tuple[Body, ...]:
        """The ReplicaSets of one revision: one, or none."""
        return tuple(body for body in self.sets if revision_of_set(body) == revision)
