"""Stable pods that follow the traffic: never fewer than what is sent to them, there and back."""

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.properties.scenario import (
    RELEASE_S,
    STALLS,
    examples,
    finish,
    guard,
    matching,
    phase,
    phase_lists,
    release,
    rollout_spec,
    settings_of,
    with_bad,
)
from tests.properties.scenario import deployed as deployed_plain
from tests.properties.watch import Watch
from tests.properties.world import Setting, World
from tidegate.api.actions import Verb
from tidegate.api.rollout import Capacity
from tidegate.core.capacity import REVERT_HEADROOM

SLOW = Setting(startup_s=12.0)
WAVE = (
    phase("half", 50, hold_s=20.0),
    phase("most", 90, hold_s=20.0),
    phase("some", 20, hold_s=5.0),
)


@dataclass
class Loaded(Watch):
    """Also measures how much more than its ready pods can carry stable gets, at every decision."""

    most: float = 0.0
    fewest: int = 10_000
    full: int = 10

    def decision(self, world: World, *rest: object) -> None:
        super().decision(world, *rest)
        if "A" not in world.sets or world.now_s < RELEASE_S or world.routes.stable != "A":
            return
        flow = world.flow()
        share = sum(rate for (_, name), rate in flow.items() if name == "A") / sum(flow.values())
        ready = world.ready("A")
        self.fewest = min(self.fewest, ready)
        load = share * self.full / ready if ready else float(share > 0) * 1000
        self.most = max(self.most, load)


def shift_spec(**fields: object):
    spec = rollout_spec(**{"replicas": 10, "phases": WAVE, **fields})
    return spec.model_copy(update={"capacity": Capacity(mode="shift")})


def deployed(setting, spec):
    operator = deployed_plain(setting, spec)
    operator.watch = Loaded(tried=operator.watch.tried, full=spec.replicas)
    return operator


@examples(30)
@given(
    setting=settings_of(),
    phases=phase_lists(),
    replicas=st.sampled_from([1, 4, 7, 10]),
    headroom=st.sampled_from(["0%", "10%", "100%"]),
)
def test_a_good_release_never_loads_stable_above_its_pods(setting, phases, replicas, headroom):
    spec = shift_spec(replicas=replicas, phases=phases)
    spec = spec.model_copy(update={"capacity": Capacity(mode="shift", headroom=headroom)})
    operator = deployed(setting, matching(setting, spec))
    release(operator)
    finish(operator)
    assert operator.status.stable_revision == "B"
    assert operator.world.failed == 0, operator.world.failures[:3]
    assert operator.watch.most <= 1.001
    assert operator.world.pods("B") == replicas


def test_stable_shrinks_and_comes_back_before_its_traffic():
    operator = deployed(SLOW, shift_spec())
    release(operator)
    finish(operator)
    assert operator.watch.fewest == 2
    assert operator.watch.most <= 1.001
    assert operator.world.failed == 0


def test_with_surge_stable_keeps_all_its_pods():
    operator = deployed(SLOW, rollout_spec(replicas=10, phases=WAVE))
    release(operator)
    finish(operator)
    assert operator.watch.fewest == 10


@examples(30)
@given(
    setting=settings_of(stalls=STALLS, depths=("revision", "subset")), after=st.floats(0.0, 140.0)
)
def test_after_an_abort_traffic_follows_the_ready_pods_of_stable(setting, after):
    operator = deployed(setting, matching(setting, shift_spec()))
    release(operator)
    operator.run(RELEASE_S + after)
    on = operator.status.run is not None
    operator.world.ask(Verb.ABORT)
    if not on:
        return
    finish(operator)
    assert (operator.status.stable_revision, operator.world.pods("A")) == ("A", 10)
    assert operator.watch.most <= REVERT_HEADROOM + 0.001
    if setting.depth == "revision":
        assert operator.world.failed == 0, operator.world.failures[:3]


@pytest.mark.parametrize("weight", [50, 90, 100])
def test_what_stable_can_carry_goes_back_at_once_and_the_rest_with_its_pods(weight):
    operator = deployed(SLOW, shift_spec(phases=(phase("all", weight, hold_s=300.0),)))
    release(operator)
    operator.run(RELEASE_S + 60)
    ready = operator.world.ready("A")
    assert ready == max(1, -(-(100 - weight) * 11 // 100))
    operator.world.ask(Verb.ABORT)
    operator.run(operator.world.now_s + 1)
    left = max(0, min(weight, 100 - 100 * ready * REVERT_HEADROOM // 10))
    assert operator.world.routes.weights == (left,)
    assert operator.world.pods("A") == 10
    finish(operator)
    assert operator.watch.most <= REVERT_HEADROOM + 0.001
    assert operator.world.failed == 0


@examples(20)
@given(setting=settings_of(depths=("revision", "subset")), late=st.booleans())
def test_a_bad_release_is_sent_back_from_shrunk_stable(setting, late):
    guards = (guard(breaches=2, of=3),) if late else (guard(),)
    operator = deployed(with_bad(setting, "B"), matching(setting, shift_spec(guards=guards)))
    release(operator)
    finish(operator)
    assert operator.status.reverted_revision == "B"
    assert operator.world.pods("A") == 10
    assert operator.world.failed == 0, operator.world.failures[:3]


def test_a_third_revision_finds_all_pods_of_stable():
    operator = deployed(SLOW, shift_spec())
    release(operator)
    release(operator, "C", at_s=RELEASE_S + 90)
    finish(operator)
    assert operator.status.stable_revision == "C"
    assert operator.watch.most <= REVERT_HEADROOM + 0.001
    assert operator.world.failed == 0


def test_a_size_that_grows_in_the_middle_grows_both_sides():
    operator = deployed(SLOW, shift_spec(phases=(phase("half", 50, hold_s=90.0),)))
    release(operator)
    operator.run(RELEASE_S + 60)
    assert (operator.world.pods("A"), operator.world.pods("B")) == (6, 5)
    operator.edit(replicas=20)
    operator.run(RELEASE_S + 61)
    assert (operator.world.pods("A"), operator.world.pods("B")) == (11, 10)


def test_back_to_surge_in_the_middle_brings_all_pods_back():
    operator = deployed(SLOW, shift_spec(phases=(phase("half", 50, hold_s=90.0),)))
    release(operator)
    operator.run(RELEASE_S + 60)
    assert operator.world.pods("A") == 6
    operator.edit(capacity=Capacity())
    operator.run(RELEASE_S + 61)
    assert operator.world.pods("A") == 10


def test_a_hand_on_the_weight_brings_pods_before_anything_else():
    operator = deployed_plain(
        SLOW, shift_spec(phases=(phase("most", 90, hold_s=90.0),)), foreign=True
    )
    release(operator)
    operator.run(RELEASE_S + 60)
    assert operator.world.pods("A") == 2
    operator.world.set_weight("shop", 0)
    operator.run(RELEASE_S + 60.2)
    assert operator.world.pods("A") == 10
