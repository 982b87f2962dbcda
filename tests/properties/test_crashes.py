"""A process that dies after any write starts again and comes to the same end."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.properties.loop import Operator
from tests.properties.scenario import (
    BETA,
    LONG_S,
    PHONES,
    RELEASE_S,
    baking,
    deployed,
    finish,
    gate,
    guard,
    phase,
    release,
    retarget,
    rollout_spec,
    some_of,
)
from tests.properties.world import Proxy, Setting, World
from tidegate.api.actions import Verb
from tidegate.api.rollout import Bake, Capacity
from tidegate.api.status import RolloutStatus
from tidegate.core.decision import SetWeight

TWO = ("shop", "shop-internal")
SETTING = Setting(virtual_services=TWO, proxies=(Proxy(), Proxy(1.0, 2.0)))
SPEC = rollout_spec(virtual_services=TWO, guards=(guard(breaches=2, of=3),))
COHORTS = SPEC.model_copy(
    update={
        "phases": (
            phase("shadow", 0, mirror=50),
            phase("beta", 0, match=BETA, mirror=20, gates=(gate(),)),
            phase("more", 10, match=BETA),
            phase("phones", 10, match=PHONES),
            phase("half", 50),
        )
    }
)


def _good(operator: Operator) -> None:
    release(operator)


def _bad(operator: Operator) -> None:
    operator.world.setting = Setting(
        virtual_services=TWO, proxies=SETTING.proxies, bad=frozenset({"B"})
    )
    release(operator)


def _aborted(operator: Operator) -> None:
    release(operator)
    operator.at(RELEASE_S + 14, lambda op: op.world.ask(Verb.ABORT) and None)


def _superseded(operator: Operator) -> None:
    release(operator)
    release(operator, "C", at_s=RELEASE_S + 14)


def _taken_back(operator: Operator) -> None:
    release(operator)
    release(operator, "A", at_s=RELEASE_S + 14)


def _never_ready(operator: Operator) -> None:
    operator.world.setting = Setting(
        virtual_services=TWO, proxies=SETTING.proxies, never_ready=frozenset({"B"})
    )
    release(operator)


def _promoted_by_hand(operator: Operator) -> None:
    release(operator)
    operator.at(RELEASE_S + 5, lambda op: op.world.ask(Verb.PAUSE) and None)
    operator.at(RELEASE_S + 14, lambda op: op.world.ask(Verb.PROMOTE) and None)


def _skipped(operator: Operator) -> None:
    operator.edit(phases=(*SPEC.phases, phase("most", 90), phase("all", 100)))
    release(operator)
    operator.at(RELEASE_S + 8, lambda op: op.world.ask(Verb.SKIP, phase="most") and None)
    operator.at(RELEASE_S + 40, lambda op: op.world.ask(Verb.SKIP) and None)


def _when_baking(operator: Operator, after_s: float, do: Callable[[Operator], object]) -> None:
    """Release with a bake, and do that so long after the promotion; crashes shift its second."""
    operator.edit(bake=Bake(duration_s=40.0))
    release(operator)
    operator.run(LONG_S, stop=baking)
    operator.run(operator.world.now_s + after_s)
    do(operator)


def _baked(operator: Operator) -> None:
    _when_baking(operator, 0.0, lambda op: None)


def _gone_bad_in_its_bake(operator: Operator) -> None:
    _when_baking(operator, 27.0, _turn_bad)


def _turn_bad(operator: Operator) -> None:
    operator.world.setting = replace(operator.world.setting, bad=frozenset({"B"}))


def _undone(operator: Operator) -> None:
    _when_baking(operator, 27.0, lambda op: op.world.ask(Verb.UNDO))


def _undone_at_once(operator: Operator) -> None:
    _when_baking(operator, 2.0, lambda op: op.world.ask(Verb.UNDO))


def _undone_at_rest(operator: Operator) -> None:
    release(operator)
    operator.at(RELEASE_S + 200, lambda op: op.world.ask(Verb.UNDO) and None)


STORIES = [
    _good,
    _bad,
    _aborted,
    _superseded,
    _taken_back,
    _never_ready,
    _promoted_by_hand,
    _baked,
    _gone_bad_in_its_bake,
    _undone,
    _undone_at_once,
    _undone_at_rest,
]


def _shifted(operator: Operator) -> None:
    _shift(operator)
    release(operator)


def _shifted_back(operator: Operator) -> None:
    _shift(operator)
    release(operator)
    operator.at(RELEASE_S + 30, lambda op: op.world.ask(Verb.ABORT) and None)


def _shift(operator: Operator) -> None:
    phases = (phase("half", 50, hold_s=9.0), phase("most", 90, hold_s=9.0), phase("ten", 10))
    operator.edit(phases=phases, capacity=Capacity(mode="shift"))


STORIES += [_skipped, _shifted, _shifted_back]


def _lived(story, crashes=frozenset(), spec=SPEC) -> Operator:
    operator = deployed(SETTING, spec)
    operator.crash_after = crashes
    story(operator)
    finish(operator)
    return operator


def _end(operator: Operator) -> tuple[object, ...]:
    status, world = operator.status, operator.world
    pods = {name: world.pods(name) for name in world.sets if world.pods(name)}
    outcome = (status.last_run.outcome, status.last_run.to_revision)
    told = (status.state, status.stable_revision, status.reverted_revision, status.pause)
    answers = tuple(answer.result for answer in world.answers)
    return (told, outcome, pods, world.routes, status.run, answers)


@pytest.mark.parametrize("story", STORIES)
def test_a_crash_after_any_write_leads_to_the_same_end(story):
    whole = _lived(story)
    for write in some_of(range(1, whole.writes + 1)):
        crashed = _lived(story, frozenset({write}))
        assert _end(crashed) == _end(whole), f"crash after write {write}"
        assert crashed.world.failed == 0, f"crash after write {write}"


@pytest.mark.parametrize("story", [_good, _bad, _aborted])
def test_header_routes_come_and_go_alike_whatever_write_it_crashes_after(story):
    whole = _lived(story, spec=COHORTS)
    assert not whole.world.routes.matched
    assert any(effect.match for _, effect in whole.effects if isinstance(effect, SetWeight))
    for write in some_of(range(1, whole.writes + 1)):
        crashed = _lived(story, frozenset({write}), COHORTS)
        assert _end(crashed) == _end(whole), f"crash after write {write}"
        assert crashed.world.failed == 0, f"crash after write {write}"


@pytest.mark.parametrize("story", STORIES)
def test_a_process_that_dies_after_every_third_write_gets_there_too(story):
    whole = _lived(story)
    assert _end(_lived(story, frozenset(range(3, 400, 3)))) == _end(whole)


def test_a_status_that_is_lost_at_rest_is_found_again():
    operator = deployed(SETTING, SPEC)
    operator.stored = RolloutStatus()
    operator.memory.working = operator.stored
    retarget(operator, "B")
    finish(operator)
    assert operator.status.last_run.from_revision == "A"
    assert operator.world.failed == 0


def test_the_first_deployment_survives_a_crash_after_any_write():
    for write in range(1, 8):
        operator = Operator(World(Setting()), rollout_spec(phases=(phase("ten", 10),)))
        operator.crash_after = frozenset({write})
        operator.run(60.0)
        assert operator.status.state == "Healthy"
