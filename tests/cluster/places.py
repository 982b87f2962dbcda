"""Shops for the API level: each test in a namespace of its own, quick phases, no metrics."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from demo.manifests import App, Shop
from demo.stage import Stage
from sandbox.waiting import wait_until

QUICK = (
    {"name": "ten", "weight": 10, "hold": "500ms"},
    {"name": "half", "weight": 50, "hold": "500ms"},
)
NO_METRICS: dict[str, Any] = {"metrics": [], "guards": []}

_numbers = itertools.count(1)


def quick_shop(**changes: Any) -> Shop:
    """A shop without metrics whose release takes a few seconds."""
    extra = {**NO_METRICS, "drain": {"min": "500ms"}, **changes.pop("extra", {})}
    namespace = f"t{next(_numbers)}"
    fields: dict[str, Any] = {"settle": "200ms", "replicas": 2, "phases": QUICK} | changes
    return Shop(namespace=namespace, extra=extra, **fields)


@contextmanager
def opened(stage: Stage, shop: Shop, version: str = "v1") -> Iterator[Shop]:
    """The shop with its first version served; deleted at the end."""
    stage.open(shop, App(version))
    try:
        yield shop
    finally:
        stage.close(shop)


def await_seniority(stage: Stage, shop: Shop) -> None:
    """Who came first is told by creation times, which have whole seconds: let one pass.

    Of two Rollouts made within a second the smaller uid is the older one, which no test can know.
    """
    created = datetime.fromisoformat(stage.rollout(shop)["metadata"]["creationTimestamp"])
    later = created + timedelta(seconds=1)
    wait_until(lambda: datetime.now(UTC) > later, 5, "a later second")


def routes_of(stage: Stage, shop: Shop) -> dict[str, Any]:
    """The VirtualService's spec."""
    found = stage.cluster.get("virtualservice", shop.name, "-n", shop.namespace)
    spec: dict[str, Any] = found["spec"]
    return spec


def condition(status: dict[str, Any], kind: str) -> dict[str, Any]:
    """One condition of a status, empty when it is not there."""
    found = (c for c in status.get("conditions", ()) if c["type"] == kind)
    return next(found, {})


def history_ended(number: int, outcome: str) -> Any:
    """A predicate: that run is over with that outcome and the routes are at rest."""

    def holds(status: dict[str, Any]) -> bool:
        last = status.get("lastRun") or {}
        rest = status.get("state") in ("Healthy", "Reverted")
        return rest and last.get("number") == number and last.get("outcome") == outcome

    return holds
