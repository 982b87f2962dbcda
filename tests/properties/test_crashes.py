"""A process that dies after any write starts again and comes to the same end."""

import pytest

from tests.properties.loop import Operator
from tests.properties.scenario import (
    RELEASE_S,
    deployed,
    finish,
    guard,
    phase,
    release,
    retarget,
    rollout_spec,
)
from tests.properties.world import Proxy, Setting, World
from tidegate.api.actions import Verb
from tidegate.api.status import RolloutStatus

TWO = ("shop", "shop-internal")
SETTING = Setting(virtual_services=TWO, proxies=(Proxy(), Proxy(1.0, 2.0)))
SPEC = rollout_spec(virtual_services=TWO, guards=(guard(breaches=2, of=3),))


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


STORIES = [_good, _bad, _aborted, _superseded, _taken_back, _never_ready, _promoted_by_hand]


def _lived(story, crashes=frozenset()) -> Operator:
    operator = deployed(SETTING, SPEC)
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
    for write in range(1, whole.writes + 1):
        crashed = _lived(story, frozenset({write}))
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
