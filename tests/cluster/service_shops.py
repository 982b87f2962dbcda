"""Shops without a mesh: one Service is the switch, and another one may show the new version."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from demo.manifests import App, Shop
from demo.stage import Stage
from tests.cluster.places import quick_shop

GREEN = {"name": "green", "weight": 0, "replicas": "100%", "hold": "300ms"}
SWITCH = {"name": "switch", "weight": 100, "hold": "500ms"}
BLUE_GREEN = (GREEN, SWITCH)
HELD_BEFORE = (GREEN | {"hold": "1h"}, SWITCH)
HELD_AFTER = (GREEN, SWITCH | {"hold": "1h"})
PREVIEW = "shop-preview"


def service_shop(
    *, preview: bool = True, phases: tuple[dict[str, Any], ...] = BLUE_GREEN, **changes: Any
) -> Shop:
    """A quick shop whose traffic is one Service's selector."""
    service = {"active": "shop"} | ({"preview": PREVIEW} if preview else {})
    traffic = {"settle": "200ms", "service": service}
    extra = {"traffic": traffic, **changes.pop("extra", {})}
    return quick_shop(phases=phases, extra=extra, **changes)


@contextmanager
def opened_service_shop(stage: Stage, shop: Shop) -> Iterator[Shop]:
    """The namespace and the Services alone, and the first version served: no mesh object is there.

    Deleted at the end.
    """
    namespace, service, *_ = shop.base()
    preview = copy.deepcopy(service)
    preview["metadata"]["name"] = PREVIEW
    for body in (namespace, service, preview):
        stage.cluster.apply(body)
    stage.release(shop, App("v1"))
    stage.await_state(shop, "Healthy", deadline_s=30)
    try:
        yield shop
    finally:
        stage.close(shop)
