"""Whatever people and crashes do in whatever order, the observer objects to nothing.

One seed is one storm: `TIDEGATE_SEED` repeats what was done (not how fast the cluster was).
"""

from __future__ import annotations

import json
import os
import random
import time
from collections.abc import Callable

import pytest

from demo.manifests import App, Shop
from demo.stage import Stage
from sandbox.waiting import wait_until
from tests.cluster.places import opened, quick_shop
from tests.observer.observer import Observer

pytestmark = pytest.mark.api

STEPS = 25
PAUSE_S = (0.05, 1.5)
"""Between two deeds of a storm."""
REST_S = 120.0
VERSIONS = ("v1", "v2", "v3")
PHASES = (
    {"name": "ten", "weight": 10, "hold": "300ms"},
    {"name": "half", "weight": 50, "hold": "300ms"},
    {"name": "most", "weight": 90, "hold": "300ms"},
)


class Storm:
    """One shop and everything that may befall it, drawn from one seed."""

    def __init__(self, stage: Stage, shop: Shop, dice: random.Random) -> None:
        self._stage, self._shop, self._dice = stage, shop, dice
        self._version, self._replicas, self._paused = "v1", shop.replicas, False
        self.deeds: list[str] = []

    def blow(self) -> None:
        """One random deed."""
        deeds: list[Callable[[], str]] = [
            *(3 * [self._release]),
            *(2 * [self._scale]),
            *(2 * [self._act]),
            self._hand_on_weights,
            self._hand_on_pods,
            self._pause,
            self._crash,
        ]
        self.deeds.append(self._dice.choice(deeds)())
        time.sleep(self._dice.uniform(*PAUSE_S))  # the moment of the next one is part of the storm

    def _apply(self) -> None:
        extra = {**self._shop.extra, "paused": self._paused}
        shop = self._shop.with_(replicas=self._replicas, extra=extra)
        self._stage.release(shop, App(self._version))

    def _release(self) -> str:
        self._version = self._dice.choice(VERSIONS)
        self._apply()
        return f"release {self._version}"

    def _scale(self) -> str:
        self._replicas = self._dice.randint(1, 6)
        self._apply()
        return f"scale {self._replicas}"

    def _pause(self) -> str:
        self._paused = not self._paused
        self._apply()
        return f"paused {self._paused}"

    def _act(self) -> str:
        verb = self._dice.choice(["abort", "promote", "pause", "resume", "retry"])
        self._stage.act(self._shop, verb, "storm")
        return verb

    def _hand_on_weights(self) -> str:
        share = self._dice.choice([0, 20, 100])
        patch = [
            {"op": "replace", "path": f"/spec/http/1/route/{place}/weight", "value": weight}
            for place, weight in enumerate((100 - share, share))
        ]
        place = ("virtualservice", self._shop.name, "-n", self._shop.namespace)
        self._stage.cluster.kubectl("patch", *place, "--type=json", "-p", json.dumps(patch))
        return f"hand on weights {share}"

    def _hand_on_pods(self) -> str:
        pods = self._stage.cluster.get("pods", "-n", self._shop.namespace)["items"]
        names = sorted(pod["metadata"]["name"] for pod in pods)
        if not names:
            return "no pod to delete"
        victims = self._dice.sample(names, min(2, len(names)))
        self._stage.cluster.kubectl(
            "delete", "pod", *victims, "-n", self._shop.namespace, "--wait=false", check=False
        )
        return f"delete {len(victims)} pods"

    def _crash(self) -> str:
        self._stage.operator.kill()
        self._stage.operator.start()
        return "SIGKILL"

    def calm(self) -> None:
        """Nobody pauses it any more, not even an action that waits for its answer."""
        self._paused = False
        self._apply()
        wait_until(self._answered, REST_S, "every action is answered")
        if self._stage.status(self._shop).get("pause"):
            self._stage.act(self._shop, "resume", "the storm is over")

    def _answered(self) -> bool:
        actions = self._stage.cluster.get("rolloutactions", "-n", self._shop.namespace)["items"]
        return all(body.get("status", {}).get("result") for body in actions)


def test_a_storm_ends_in_calm_and_nothing_was_wrong_on_the_way(
    stage: Stage, stage_observer: Observer
) -> None:
    """Releases, aborts, pauses, scaling, hands on routes and pods, crashes; then rest."""
    seed = int(os.environ.get("TIDEGATE_SEED") or random.SystemRandom().randrange(1_000_000))
    print(f"TIDEGATE_SEED={seed}")
    shop = quick_shop(replicas=4, phases=PHASES)
    with opened(stage, shop):
        storm = Storm(stage, shop, random.Random(seed))
        try:
            for _ in range(STEPS):
                storm.blow()
            storm.calm()
            stage_observer.quiescent(REST_S)
        finally:
            print("; ".join(storm.deeds))
