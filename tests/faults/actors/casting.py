"""Actors by name, each ready to work on one shop."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from demo.manifests import Shop
from tests.faults.actors.actor import Actor, Place
from tests.faults.actors.deleter import SetDeleter
from tests.faults.actors.drainer import Drainer
from tests.faults.actors.editor import WeightEditor
from tests.faults.actors.scaler import Scaler
from tests.faults.actors.syncer import Syncer

Casting: TypeAlias = Callable[[Place, str, Shop], Actor]


def _syncer(*, ignore_weights: bool) -> Casting:
    def cast(place: Place, seed: str, shop: Shop) -> Actor:
        return Syncer(place, seed, shop.base()[1:], ignore_weights=ignore_weights)

    return cast


ACTORS: dict[str, Casting] = {
    "a GitOps syncer that ignores weights": _syncer(ignore_weights=True),
    "a GitOps syncer that puts weights back": _syncer(ignore_weights=False),
    "a person editing weights": lambda place, seed, _: WeightEditor(place, seed),
    "an autoscaler": lambda place, seed, _: Scaler(place, seed),
    "a node drainer": lambda place, seed, _: Drainer(place, seed),
    "somebody deleting ReplicaSets": lambda place, seed, _: SetDeleter(place, seed),
}
