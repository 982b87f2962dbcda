"""What the search found, as it was found; and that it would find it, and its like, again.

A fault is put into a part of core by a monkeypatch: the search has to see what it leads to.
"""

import pytest

from tests.model.moves import Scope
from tests.model.scopes import (
    ALL,
    CUTS,
    EDITS,
    HALF,
    MEMBERS,
    TEN,
    draining,
    promoting,
    released,
    spec,
)
from tests.model.search import search
from tests.model.state import Engine
from tests.model.stories import lived
from tidegate.api.actions import Verb
from tidegate.core import decide, facts, promotion, resting, running, steering
from tidegate.core import draining as old_pods
from tidegate.core.convergence import Seen
from tidegate.core.waiting import LetGo

TWO = ("shop", "inner")
ALL_PASS = "all is counted, and all checks say pass"
TAKEN_UP = "all proxies have the routes"

APART = [
    "operator: HoldRollout",
    "pass",
    ALL_PASS,
    "operator: CreateReplicaSet B",
    "pass",
    "somebody gives the canary 33 in shop",
    TAKEN_UP,
    "pods of B are ready",
    "passes",
]
"""A slow proxy still sends 33 % to the canary when both routes are back at 0."""
IN_USE_AGAIN = [
    "passes",
    ALL_PASS,
    "time passes",
    "somebody points stable to A",
    "passes",
    ALL_PASS,
    "passes",
]
"""Proxies that took up the hand's edit still send to A when stable is put right."""


def test_routes_that_came_apart_are_not_settled_by_the_time_before():
    engine = Engine(spec(HALF, services=TWO))
    _, wrong = lived(engine, Scope(weights=(33,)), released(engine, 1), APART)
    assert wrong == ""


def test_an_old_revision_that_was_used_again_is_not_idle_by_the_time_before():
    engine = Engine(spec(TEN))
    state, wrong = lived(engine, Scope(selectors=True), draining(engine, 1), IN_USE_AGAIN)
    assert wrong == ""
    assert state.world.pods("A").ready == 2


# ---------------------------------------------------------------- does the net catch fish?


def at_once(*_args):
    return LetGo(free=True, seen=Seen.YES)


def nothing(*_args, **_named):
    return ""


def no_step(*_args):
    return None


def still_counted(scene):
    return scene.status.draining


def unstored(_stored, step):
    return step


def raised_over_a_hold(scene, asked):
    return steering.weight_to(scene, asked.weight, asked.match)


CALM = Scope()
BLIND = Scope(words=("nodata",))
DYING = Scope(pods=True)
ABORTED = Scope(verbs=(Verb.ABORT,), crashes=True)
FAULTS = {
    "stable is re-pointed unseen": (promotion, "let_go", at_once, promoting, CALM),
    "the canary goes home unseen": (resting, "let_go", at_once, released, ABORTED),
    "the canary is re-pointed unseen": (steering, "let_go", at_once, released, EDITS),
    "old pods go unseen": (old_pods, "let_go", at_once, draining, CALM),
    "old pods are idle from before": (facts, "_still_unused", still_counted, draining, EDITS),
    "that old pods were used is lost": (decide, "_use_noted", unstored, draining, EDITS),
    "a broken hold is not stored": (running, "_weight_up", raised_over_a_hold, released, EDITS),
    "weights rise whatever guards say": (steering, "obstacle_to_raise", nothing, released, CUTS),
    "phases end whatever checks say": (running, "obstacle_to_pass", nothing, released, CUTS),
    "promotion looks at no guard": (promotion, "_guarded", no_step, promoting, BLIND),
    "traffic comes before pods": (running, "canary_ready", no_step, released, DYING),
    "a phase is not held": (running, "_held", no_step, released, CALM),
}


HEADER_FAULTS = {
    "a phase of header routes is not held": (running, "_held", no_step, released, CALM),
    "header routes come whatever guards say": (
        steering,
        "obstacle_to_raise",
        nothing,
        released,
        CUTS,
    ),
}


def _found(fault, monkeypatch, *phases) -> str:
    module, function, faulty, start, scope = fault
    monkeypatch.setattr(module, function, faulty)
    engine = Engine(spec(*phases))
    return search(engine, scope, start(engine, 1), states_max=50_000).broken


@pytest.mark.parametrize("name", FAULTS)
def test_the_search_finds_a_fault(name, monkeypatch):
    assert _found(FAULTS[name], monkeypatch, ALL)


@pytest.mark.parametrize("name", HEADER_FAULTS)
def test_the_search_finds_a_fault_with_header_routes(name, monkeypatch):
    assert _found(HEADER_FAULTS[name], monkeypatch, MEMBERS, HALF)
