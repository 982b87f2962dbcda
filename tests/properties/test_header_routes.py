"""Releases by header routes: they come after pods, go before them, and nobody else's edit stays."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.properties.scenario import (
    BETA,
    LONG_S,
    PHONES,
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
from tests.properties.world import Setting
from tidegate.api.actions import Verb
from tidegate.core.decision import SetWeight

MOMENTS = st.floats(RELEASE_S, RELEASE_S + 80).map(lambda at_s: round(at_s, 2))
COHORT = (phase("beta", 0, hold_s=30.0, match=BETA, gates=(gate(),)), phase("half", 50))
KEPT = (
    phase("beta", 0, match=BETA),
    phase("ten", 10, match=BETA),
    phase("half", 50, match=BETA),
)


def written(operator):
    """Weight and match of each route write, in order."""
    return [(e.weight, e.match) for _, e in operator.effects if isinstance(e, SetWeight)]


@examples(40)
@given(
    setting=settings_of(depths=("revision", "subset")),
    spec=rollouts(),
    edits=st.lists(
        st.tuples(MOMENTS, st.sampled_from([(), None, BETA, PHONES])), min_size=1, max_size=3
    ),
)
def test_what_others_do_to_header_routes_is_put_right(setting, spec, edits):
    operator = deployed(setting, matching(setting, spec), foreign=True)
    release(operator)
    place = setting.virtual_services[-1]
    for at_s, match in edits:
        operator.at(at_s, lambda op, m=match: op.world.put_match(place, m))
    finish(operator)
    assert operator.status.stable_revision == "B"


@examples(30)
@given(
    setting=settings_of(), spec=rollouts(), match=st.sampled_from([(), BETA, PHONES]), at=MOMENTS
)
def test_a_phase_may_get_and_lose_its_match_in_the_middle_of_a_run(setting, spec, match, at):
    operator = deployed(setting, matching(setting, spec))
    release(operator)

    def edit(op):
        phases = tuple(p.model_copy(update={"match": match}) for p in op.rollout.spec.phases)
        op.edit(phases=phases)

    operator.at(at, edit)
    finish(operator)
    assert operator.status.stable_revision == "B"
    assert operator.world.failed == 0, operator.world.failures[:3]


@pytest.mark.parametrize("matched", [1.0, 5.0, 60.0])
def test_at_weight_0_the_canary_gets_those_who_match_and_nobody_else(matched):
    operator = deployed(Setting(matched=matched), rollout_spec(phases=COHORT))
    release(operator)
    operator.run(RELEASE_S + 30)
    flow = operator.world.flow()
    assert operator.status.phase.name == "beta"
    assert flow["canary", "B"] == pytest.approx(matched)
    assert flow["stable", "A"] == pytest.approx(100 - matched)
    finish(operator)
    assert operator.status.stable_revision == "B"


def test_a_release_that_is_bad_for_those_who_match_is_sent_back_in_one_write():
    operator = deployed(with_bad(Setting(), "B"), rollout_spec(phases=COHORT))
    release(operator)
    finish(operator)
    assert operator.status.last_run.reason == "GuardBreached"
    assert written(operator) == [(0, BETA), (0, ())]
    assert operator.world.failed == 0


def test_a_match_that_phases_share_stays_from_the_first_to_the_last():
    operator = deployed(Setting(), rollout_spec(phases=KEPT))
    release(operator)
    finish(operator)
    assert written(operator) == [(0, BETA), (10, BETA), (50, BETA), (100, ()), (0, ())]


def test_a_phase_that_nobodys_requests_match_waits_and_can_be_aborted():
    operator = deployed(Setting(matched=0.0), rollout_spec(phases=COHORT))
    release(operator)
    operator.run(RELEASE_S + 200)
    assert operator.status.phase.name == "beta"
    assert "nodata" in operator.status.message
    operator.world.ask(Verb.ABORT)
    finish(operator)
    assert operator.status.stable_revision == "A"


def test_pods_that_die_lose_their_header_routes_and_get_them_back():
    operator = deployed(Setting(), rollout_spec(phases=COHORT))
    release(operator)
    operator.run(RELEASE_S + 25)
    assert operator.world.routes.matches == (BETA,)
    operator.world.kill_pods("B", 9, for_s=8.0)
    operator.run(RELEASE_S + 25.5)
    assert operator.world.routes.matches == ((),)
    operator.run(RELEASE_S + 40)
    assert operator.world.routes.matches == (BETA,)
    finish(operator)
    assert operator.status.stable_revision == "B"


def test_header_routes_that_others_make_do_not_stop_an_undo():
    operator = deployed(Setting(), rollout_spec())
    release(operator)
    finish(operator)
    operator.world.ask(Verb.UNDO)
    operator.watch.foreign = True
    operator.run(LONG_S, stop=lambda op: op.world.routes.weights == (100,))
    operator.world.put_match("shop", None)
    finish(operator, until_s=operator.world.now_s + LONG_S)
    assert (operator.status.state, operator.status.stable_revision) == ("Reverted", "A")
