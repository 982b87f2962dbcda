"""A person with kubectl edit, in the middle of everything."""

from __future__ import annotations

from tests.cluster.direct import path_to
from tests.faults.actors.actor import Actor

WEIGHTS = (0, 5, 30, 50, 70, 95, 100)
JSON_PATCH = "application/json-patch+json"
MANAGED_ROUTE = 1
"""Where the managed route stands in the shop's VirtualService."""


class WeightEditor(Actor):
    """Sets the two weights of the managed route to something else, in one write."""

    period_s = 1.2

    def deed(self) -> str:
        """One edit."""
        weight = self.random.choice(WEIGHTS)
        base = f"/spec/http/{MANAGED_ROUTE}/route"
        patch = [
            {"op": "add", "path": f"{base}/0/weight", "value": 100 - weight},
            {"op": "add", "path": f"{base}/1/weight", "value": weight},
        ]
        path = path_to("VirtualService", self.place.namespace, self.place.name)
        self.place.api.request("PATCH", path, patch, content_type=JSON_PATCH)
        return f"canary {weight} %"
