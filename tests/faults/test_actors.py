"""Releases while somebody else is at work: they end as they would alone, and say what goes on."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest

from demo.manifests import App, Shop
from demo.stage import Stage
from sandbox import SandboxError
from sandbox.waiting import wait_until
from tests.cluster.direct import administrator, path_to
from tests.cluster.places import condition, history_ended, opened, quick_shop
from tests.faults.actors.actor import Actor, Place
from tests.faults.actors.casting import ACTORS
from tests.faults.actors.deleter import SetDeleter
from tests.faults.actors.witness import Witness, weights_of
from tests.faults.budget import SEED, chosen
from tidegate.core.scene import SIZE_KEPT_S

pytestmark = [pytest.mark.api, pytest.mark.faults]

ENDS = ("promote", "revert")
ALONE = [((name,), end) for name in ACTORS for end in ENDS]
IN_PAIRS = [(pair, end) for pair in itertools.combinations(ACTORS, 2) for end in ENDS]
ALONE_SLICE = 4
PAIRS_SLICE = 1
PAIRS_OF_ALL = 4
DEADLINE_S = 180.0
"""Whoever deletes pods every few seconds leaves a busy machine few chances to have them ready."""
REST_S = SIZE_KEPT_S + 40.0
"""A smaller size that an autoscaler asked for in a run is taken up only a while after its end."""
PHASES = (
    {"name": "quarter", "weight": 25, "hold": "500ms"},
    {"name": "half", "weight": 50, "hold": "500ms"},
)
LONG = ({"name": "half", "weight": 50, "hold": "1h"},)


def _named(case: object) -> str:
    return " and ".join(case) if isinstance(case, tuple) else str(case)


def _shop(end: str) -> Shop:
    phases = PHASES if end == "promote" else LONG
    return quick_shop(replicas=4, phases=phases, extra={"progressDeadline": f"{DEADLINE_S:g}s"})


@contextmanager
def _at_work(place: Place, names: Sequence[str], shop: Shop) -> Iterator[list[Actor]]:
    """The actors work for as long as the block lasts, and each did something in it."""
    with ExitStack() as stack:
        actors = [ACTORS[name](place, str(SEED), shop) for name in names]
        for actor in actors:
            stack.enter_context(actor)
        yield actors
        for actor in actors:
            actor.wait_for_deeds(1, DEADLINE_S)


def _picture(place: Place, stable: str) -> dict[str, Any]:
    """What must be true at rest, whoever was at work before."""
    api, namespace, name = place.api, place.namespace, place.name
    rule = api.get(path_to("DestinationRule", namespace, name))
    sets = api.get(path_to("ReplicaSet", namespace))["items"]
    rollout = api.get(path_to("Rollout", namespace, name))
    return {
        "weights": weights_of(api.get(path_to("VirtualService", namespace, name))),
        "selected": {
            subset["name"]: subset.get("labels", {}).get("tidegate.io/revision") == stable
            for subset in rule["spec"]["subsets"]
        },
        "pods": sum(
            body.get("status", {}).get("readyReplicas", 0) - rollout["spec"]["replicas"]
            for body in sets
            if body["metadata"]["labels"]["tidegate.io/revision"] == stable
        ),
        "others": sum(
            body["spec"]["replicas"]
            for body in sets
            if body["metadata"]["labels"]["tidegate.io/revision"] != stable
        ),
    }


AT_REST = {
    "weights": (100, 0),
    "selected": {"stable": True, "canary": True},
    "pods": 0,
    "others": 0,
}


def _await_rest(place: Place, stable: str) -> None:
    try:
        wait_until(lambda: _picture(place, stable) == AT_REST, REST_S, "at rest like alone", 0.2)
    except SandboxError as error:
        raise SandboxError(f"{error}; last seen: {_picture(place, stable)}") from error


def _released(stage: Stage, shop: Shop, end: str) -> str:
    """Release the second version to that end; returns the revision that is stable then."""
    first: str = stage.status(shop)["stableRevision"]
    stage.release(shop, App("v2"))
    if end == "promote":
        status = stage.await_status(
            shop, "promoted", history_ended(1, "Promoted"), deadline_s=DEADLINE_S
        )
        assert status["stableRevision"] != first
        return str(status["stableRevision"])
    stage.await_weight(shop, 50, deadline_s=DEADLINE_S)
    stage.act(shop, "abort", "enough")
    stage.await_status(shop, "reverted", history_ended(1, "Reverted"), deadline_s=DEADLINE_S)
    return first


@pytest.mark.parametrize(
    ("names", "end"),
    [
        *chosen(ALONE, ALONE_SLICE, "alone"),
        *chosen(IN_PAIRS, PAIRS_SLICE, "in pairs", count_of_all=PAIRS_OF_ALL),
    ],
    ids=_named,
)
def test_a_release_ends_as_it_does_alone(stage: Stage, names: tuple[str, ...], end: str) -> None:
    print(f"TIDEGATE_SEED={SEED}")
    shop = _shop(end)
    place = Place(administrator(stage.cluster), shop.namespace)
    with opened(stage, shop), Witness(place) as witness:
        with _at_work(place, names, shop) as actors:
            stable = _released(stage, shop, end)
        _await_rest(place, stable)
        print([actor.deeds for actor in actors], *witness.story.sights, sep="\n")
        assert witness.story.objections == []


def _stable_deleted(stage: Stage, shop: Shop, place: Place) -> str:
    """Mid-run, somebody deletes the stable ReplicaSet; returns its revision."""
    stable = str(stage.status(shop)["stableRevision"])
    stage.release(shop, App("v2"))
    stage.await_weight(shop, 50, deadline_s=DEADLINE_S)
    with SetDeleter(place, str(SEED), only=stable, period_s=0.1) as deleter:
        deleter.wait_for_deeds(1, DEADLINE_S)
    return stable


def test_a_deleted_stable_replica_set_is_made_again_from_what_was_seen_of_it(stage: Stage) -> None:
    shop = _shop("revert")
    place = Place(administrator(stage.cluster), shop.namespace)
    with opened(stage, shop):
        stable = _stable_deleted(stage, shop, place)
        stage.await_status(shop, "back", lambda s: s.get("ready") == "4/4", deadline_s=DEADLINE_S)
        stage.act(shop, "abort", "enough")
        stage.await_state(shop, "Reverted", deadline_s=DEADLINE_S)
        _await_rest(place, stable)


def test_a_stable_replica_set_that_nobody_remembers_is_said_in_status(stage: Stage) -> None:
    shop = _shop("revert")
    place = Place(administrator(stage.cluster), shop.namespace)
    with opened(stage, shop):
        stage.operator.stop()
        try:
            stage.cluster.apply(shop.rollout(App("v2")))
            stable = str(stage.status(shop)["stableRevision"])
            with SetDeleter(place, str(SEED), only=stable, period_s=0.1) as deleter:
                deleter.wait_for_deeds(1, DEADLINE_S)
        finally:
            stage.operator.start()
        status = stage.await_status(
            shop,
            "the loss is said",
            lambda s: f"Stable revision {stable} is gone" in s.get("message", ""),
            deadline_s=DEADLINE_S,
        )
        ready = condition(status, "Ready")
        assert ready["status"] != "True"
        assert f"Stable revision {stable} is gone" in ready["message"]
        assert "StableLost" in stage.describe(shop)
        stage.act(shop, "promote", "the way out")
        stage.await_status(shop, "promoted", history_ended(1, "Promoted"), deadline_s=DEADLINE_S)
