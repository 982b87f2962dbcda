"""From every running state the way back is one write away and waits for nobody."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.properties.scenario import (
    RELEASE_S,
    STALLS,
    deployed,
    examples,
    finish,
    matching,
    phase,
    release,
    rollout_spec,
    rollouts,
    settings_of,
)
from tests.properties.world import Setting, within
from tidegate.api.actions import Verb
from tidegate.core.decision import AnswerAction, SetWeight

TWO = ("shop", "shop-internal")


def _weights_first(operator, asked_s):
    """The effects since then begin with one write to 0 for each VirtualService that had weight."""
    effects = [effect for at_s, effect in operator.effects if at_s >= asked_s]
    weights = []
    for effect in effects:
        if not isinstance(effect, SetWeight):
            break
        weights.append(effect)
    return weights, effects[len(weights) :]


@examples(90)
@given(setting=settings_of(stalls=STALLS), spec=rollouts(), after=st.floats(0.0, 60.0))
def test_an_abort_at_any_moment_writes_weight_0_before_anything_else(setting, spec, after):
    operator = deployed(setting, matching(setting, spec))
    release(operator)
    operator.run(RELEASE_S + after)
    on = operator.status.run is not None
    before = operator.world.routes
    asked_s = operator.world.now_s
    operator.world.ask(Verb.ABORT)
    if not on:
        return
    finish(operator)
    weights, rest = _weights_first(operator, asked_s)
    there = zip(setting.virtual_services, before.weights, before.matches, strict=True)
    expected = [name for name, weight, match in there if weight > 0 or match]
    assert weights == [SetWeight(name, 0) for name in expected]
    assert isinstance(rest[0], AnswerAction)
    assert operator.status.stable_revision == "A"
    assert operator.status.reverted_revision == "B"
    if setting.depth == "revision" or not setting.proxies[0].stalls:
        assert operator.world.failed == 0, operator.world.failures[:3]


@pytest.mark.parametrize("down", [(0.0, 0.0), (RELEASE_S + 12, RELEASE_S + 400)])
def test_an_abort_needs_no_metrics(down):
    operator = deployed(Setting(provider_down=(down,)), rollout_spec())
    release(operator)
    operator.at(RELEASE_S + 14, lambda op: op.world.ask(Verb.ABORT) and None)
    operator.run(RELEASE_S + 14.5)
    assert operator.world.routes.weights == (0,)
    assert within(operator.world.now_s, operator.world.setting.provider_down) == (down[0] > 0)


@pytest.mark.parametrize("after", [1.0, 5.0, 14.0, 20.0, 23.0, 25.5])
def test_an_abort_comes_before_other_actions_and_is_done_once(after):
    operator = deployed(Setting(), rollout_spec())
    release(operator)
    operator.run(RELEASE_S + after)
    for verb in (Verb.PAUSE, Verb.PROMOTE, Verb.ABORT, Verb.RESUME):
        operator.world.ask(verb)
    finish(operator)
    assert operator.status.last_run.reason == "Aborted"
    assert len(operator.world.answers) == 4
    assert operator.status.last_run_number == 1


def test_an_abort_after_the_point_of_no_return_is_refused():
    operator = deployed(Setting(), rollout_spec())
    release(operator)
    operator.run(1e9, stop=lambda op: op.world.routes.stable == "B")
    operator.world.ask(Verb.ABORT)
    finish(operator)
    assert operator.status.stable_revision == "B"
    assert operator.world.answers[0].result == "Refused"


def test_an_abort_between_the_re_point_and_its_record_is_refused_too():
    for write in range(1, 60):
        operator = deployed(Setting(), rollout_spec())
        operator.crash_after = frozenset({write})
        release(operator)
        operator.run(1e9, stop=lambda op, last=write: op.writes >= last)
        if operator.status.run is not None and operator.world.routes.stable == "B":
            break
    else:
        raise AssertionError("no crash fell between the re-point and its record")
    operator.world.ask(Verb.ABORT)
    finish(operator)
    assert operator.status.stable_revision == "B"
    assert operator.world.answers[0].result == "Refused"


def test_traffic_follows_what_stable_can_carry():
    spec = rollout_spec(replicas=4, phases=(phase("all", 100, hold_s=60.0),))
    operator = deployed(Setting(), spec)
    release(operator)
    operator.run(RELEASE_S + 20)
    operator.world.kill_pods("A", 3, for_s=30.0)
    operator.world.ask(Verb.ABORT)
    operator.run(RELEASE_S + 21)
    assert operator.world.routes.weights == (50,)
    finish(operator)
    assert operator.status.stable_revision == "A"
    assert operator.world.failed == 0


def test_pods_that_die_in_a_phase_lose_their_traffic_and_get_it_back():
    operator = deployed(Setting(), rollout_spec(phases=(phase("ten", 10, hold_s=30.0),)))
    release(operator)
    operator.run(RELEASE_S + 15)
    operator.world.kill_pods("B", 9, for_s=8.0)
    operator.run(RELEASE_S + 15.5)
    assert operator.world.routes.weights == (0,)
    finish(operator)
    assert operator.status.stable_revision == "B"
    assert operator.status.last_run_number == 1
