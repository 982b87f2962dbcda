"""Somebody drains nodes: pods are evicted one by one, as kubectl drain does it."""

from __future__ import annotations

from tests.cluster.direct import path_to
from tests.faults.actors.actor import Actor


class Drainer(Actor):
    """Evicts a ready pod of the shop; a PodDisruptionBudget is honoured as it is by kubectl."""

    period_s = 1.5

    def deed(self) -> str:
        """One eviction."""
        query = f"?labelSelector=app%3D{self.place.name}"
        pods = self.place.api.get(path_to("Pod", self.place.namespace) + query)["items"]
        names = sorted(
            pod["metadata"]["name"] for pod in pods if "deletionTimestamp" not in pod["metadata"]
        )
        if not names:
            return ""
        name = self.random.choice(names)
        eviction = {
            "apiVersion": "policy/v1",
            "kind": "Eviction",
            "metadata": {"name": name, "namespace": self.place.namespace},
        }
        path = path_to("Pod", self.place.namespace, name, "eviction")
        self.place.api.request("POST", path, eviction)
        return f"evicted {name}"
