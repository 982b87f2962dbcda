"""Releases with copies of requests: nobody is answered by the canary, and copies go by weights."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.properties.scenario import (
    BETA,
    RELEASE_S,
    deployed,
    examples,
    finish,
    gate,
    matching,
    phase,
    release,
    rollout_spec,
    rollouts,
    settings_of,
    with_bad,
)
from tests.properties.test_header_routes import MOMENTS, written
from tests.properties.world import Setting
from tidegate.api.actions import Verb
from tidegate.api.mirroring import Mirror
from tidegate.core.decision import PointDestination, SetWeight
from tidegate.core.picks import Mirrored

SHADOW = (phase("shadow", 0, mirror=50, hold_s=30.0, gates=(gate(),)), phase("half", 50))
FIFTY = (Mirrored(50),)


def test_copies_come_with_their_phase_and_go_before_the_next_one():
    operator = deployed(Setting(), rollout_spec(phases=SHADOW))
    release(operator)
    operator.run(RELEASE_S + 30)
    flow = operator.world.flow()
    assert (flow["canary", "B"], flow["stable", "A"]) == (50, 100)
    finish(operator)
    assert operator.status.stable_revision == "B"
    assert written(operator) == [(0, FIFTY), (0, ()), (50, ()), (100, ()), (0, ())]
    assert operator.world.failed == 0


def test_copies_that_grow_are_one_write_and_those_that_shrink_are_one_write():
    phases = (phase("a", 0, mirror=10), phase("b", 0, mirror=50), phase("c", 0, mirror=20))
    operator = deployed(Setting(), rollout_spec(phases=phases))
    release(operator)
    finish(operator)
    shares = [match[0].percent for _, match in written(operator) if match]
    assert shares == [10, 50, 20]


def test_a_canary_that_is_bad_with_copies_is_sent_back_and_has_answered_nobody():
    operator = deployed(with_bad(Setting(), "B"), rollout_spec(phases=SHADOW))
    release(operator)
    finish(operator)
    assert operator.status.last_run.reason == "GuardBreached"
    assert written(operator) == [(0, FIFTY), (0, ())]
    assert operator.world.failed == 0


def test_copies_stand_beside_those_who_match():
    both = (phase("both", 0, match=BETA, mirror=50, hold_s=30.0), phase("half", 50, match=BETA))
    operator = deployed(Setting(matched=20.0), rollout_spec(phases=both))
    release(operator)
    operator.run(RELEASE_S + 30)
    flow = operator.world.flow()
    assert (flow["canary", "B"], flow["stable", "A"]) == (20 + 40, 80)
    finish(operator)
    assert written(operator)[:3] == [(0, (*BETA, *FIFTY)), (0, BETA), (50, BETA)]


@pytest.mark.parametrize("verb", [Verb.ABORT, Verb.PROMOTE])
def test_whoever_ends_the_phase_ends_the_copies(verb):
    operator = deployed(Setting(), rollout_spec(phases=SHADOW))
    release(operator)
    operator.at(RELEASE_S + 30, lambda op: op.world.ask(verb) and None)
    finish(operator)
    assert not operator.world.routes.matched
    assert written(operator)[0] == (0, FIFTY)


def test_another_revision_gets_no_copy_before_those_of_the_last_one_ended():
    operator = deployed(Setting(), rollout_spec(phases=SHADOW))
    release(operator)
    release(operator, "C", at_s=RELEASE_S + 30)
    finish(operator)
    assert operator.status.stable_revision == "C"
    writes = [e for _, e in operator.effects if isinstance(e, SetWeight | PointDestination)]
    ends = writes.index(SetWeight("shop", 0, ()))
    assert PointDestination("canary", "C") not in writes[:ends]


@examples(30)
@given(
    setting=settings_of(depths=("revision", "subset")),
    spec=rollouts(),
    edits=st.lists(
        st.tuples(MOMENTS, st.sampled_from([(), None, FIFTY, (*BETA, Mirrored(20))])),
        min_size=1,
        max_size=3,
    ),
)
def test_what_others_do_to_copies_is_put_right(setting, spec, edits):
    operator = deployed(setting, matching(setting, spec), foreign=True)
    release(operator)
    place = setting.virtual_services[-1]
    for at_s, match in edits:
        operator.at(at_s, lambda op, m=match: op.world.put_match(place, m))
    finish(operator)
    assert operator.status.stable_revision == "B"


@examples(30)
@given(setting=settings_of(), spec=rollouts(), share=st.sampled_from([None, 20, 100]), at=MOMENTS)
def test_a_phase_may_get_and_lose_its_copies_in_the_middle_of_a_run(setting, spec, share, at):
    operator = deployed(setting, matching(setting, spec))
    release(operator)

    def edit(op):
        mirror = Mirror(percent=share) if share else None
        phases = tuple(
            p if p.weight else p.model_copy(update={"mirror": mirror})
            for p in op.rollout.spec.phases
        )
        op.edit(phases=phases)

    operator.at(at, edit)
    finish(operator)
    assert operator.status.stable_revision == "B"
    assert operator.world.failed == 0, operator.world.failures[:3]
