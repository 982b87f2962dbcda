"""What the traffic tests have in common: a shop of their own under load, and the one judgement."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from demo.manifests import App, Shop
from demo.routes import RouteWatch
from demo.stage import Stage
from sandbox import Load, Record
from sandbox.waiting import wait_until

WARM_UP_REQUESTS = 200
WARM_UP_S = 30.0

STEPS = (
    {"name": "ten", "weight": 10, "hold": "6s"},
    {"name": "half", "weight": 50, "hold": "6s"},
)


@dataclass(frozen=True)
class Scene:
    """A shop that serves its first version under load."""

    stage: Stage
    shop: Shop
    load: Load
    routes: RouteWatch

    def failures(self, *, but_of: str = "") -> list[Record]:
        """Failed requests except those that this version itself answered badly."""
        self.load.stop()
        records = self.load.records()
        assert len(records) > WARM_UP_REQUESTS, "the load did not run"
        return [r for r in records if r.failed and not (but_of and r.version == but_of)]

    def served_by(self, version: str) -> list[Record]:
        """Requests that this version answered."""
        return [record for record in self.load.records() if record.version == version]


@contextmanager
def under_load(stage: Stage, shop: Shop, first: App) -> Iterator[Scene]:
    """Open the shop with its first version, send 200 requests a second, close it at the end."""
    stage.open(shop, first)
    try:
        stage.await_served(shop)
        with stage.routes(shop) as routes, stage.load(shop, shop.name) as load:
            load.await_records(WARM_UP_REQUESTS, WARM_UP_S)
            wait_until(lambda: bool(routes.shares), WARM_UP_S, "the watch tells of the routes")
            yield Scene(stage, shop, load, routes)
    finally:
        stage.close(shop)


def promoted(number: int) -> Callable[[dict[str, object]], bool]:
    """A predicate: that run is promoted and the routes are at rest."""

    def holds(status: dict[str, object]) -> bool:
        last = status.get("lastRun")
        return (
            status.get("state") == "Healthy"
            and isinstance(last, dict)
            and last["number"] == number
            and last["outcome"] == "Promoted"
        )

    return holds


def undone(number: int) -> Callable[[dict[str, object]], bool]:
    """A predicate: that run has taken the release before it back."""

    def holds(status: dict[str, object]) -> bool:
        last = status.get("lastRun")
        return (
            status.get("state") == "Reverted"
            and isinstance(last, dict)
            and (last["number"], last["reason"]) == (number, "Undone")
        )

    return holds


def undo_at_rest(stage: Stage, shop: Shop) -> None:
    """Release v2, let its run and its old pods end, take it back: nobody may notice.

    The app exits at once on SIGTERM.
    """
    with under_load(stage, shop, App("v1", exit="abrupt")) as scene:
        first = stage.status(shop)["stableRevision"]
        stage.release(shop, App("v2", exit="abrupt"))
        stage.await_status(shop, "promoted", promoted(1), deadline_s=120)
        stage.await_old_pods_gone(shop, deadline_s=90)
        stage.act(shop, "undo", "the numbers of the shop are down")
        status = stage.await_status(shop, "undone", undone(2), deadline_s=120)
        stage.await_old_pods_gone(shop, deadline_s=90)
        assert scene.failures() == []
        assert status["stableRevision"] == first
        assert len(scene.served_by("v2")) > 0
        assert scene.load.records()[-1].version == "v1"
