"""A stand-in for the HorizontalPodAutoscaler: it writes another size to /scale."""

from __future__ import annotations

from tests.cluster.direct import path_to
from tests.faults.actors.actor import Actor

SIZES = (2, 3, 4, 5)


class Scaler(Actor):
    """Reads the scale as HPA does, and writes another size."""

    period_s = 1.0

    def deed(self) -> str:
        """One scaling."""
        path = path_to("Rollout", self.place.namespace, self.place.name, "scale")
        scale = self.place.api.get(path)
        selector = scale.get("status", {}).get("selector", "")
        if not selector:
            return ""  # HPA does nothing either until it knows which pods to measure
        size = self.random.choice(SIZES)
        scale["spec"]["replicas"] = size
        self.place.api.request("PUT", path, scale)
        return f"{size} pods"
