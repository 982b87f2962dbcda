"""Routes that Tidegate makes: through crashes, deletions by hand and edits, whatever the moment."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.properties.own_routes import (
    ROUTE,
    RULE,
    Workshop,
    edit_hosts,
    lose,
    settled,
    workshop,
)
from tests.properties.scenario import (
    RELEASE_S,
    examples,
    finish,
    guard,
    phase,
    release,
    rollout_spec,
    some_of,
    with_bad,
)
from tests.properties.world import Proxy, Setting
from tidegate.api.actions import Verb
from tidegate.core.decision import (
    AlignRoute,
    CreateReplicaSet,
    MakeDestinations,
    MakeRoute,
    SetWeight,
)

SETTING = Setting(proxies=(Proxy(), Proxy(1.0, 2.0)))
SPEC = rollout_spec(guards=(guard(breaches=2, of=3),))
KINDS = st.sampled_from([(ROUTE,), (RULE,), (RULE, ROUTE)])
MOMENTS = st.integers(0, 900).map(lambda tenths: RELEASE_S + tenths / 10)
DEPTHS = st.sampled_from(["revision", "subset", "none"])


def _end(operator):
    status, world = operator.status, operator.world
    pods = {name: world.pods(name) for name in world.sets if world.pods(name)}
    last = status.last_run and (status.last_run.outcome, status.last_run.to_revision)
    return (status.state, status.stable_revision, status.reverted_revision, last, pods)


def _made(operator):
    made = (CreateReplicaSet, MakeDestinations, MakeRoute)
    return [type(effect) for _, effect in operator.effects if isinstance(effect, made)]


def test_pods_come_first_then_destinations_then_the_route():
    operator = workshop(SETTING, SPEC)
    operator.run(60.0)
    assert _made(operator) == [CreateReplicaSet, MakeDestinations, MakeRoute]
    assert operator.status.state == "Healthy"


def test_a_first_deployment_makes_each_object_once_whatever_write_it_crashes_after():
    for write in range(1, 9):
        operator = workshop(SETTING, SPEC)
        operator.crash_after = frozenset({write})
        operator.run(60.0)
        assert operator.status.state == "Healthy", f"crash after write {write}"
        assert _made(operator) == [CreateReplicaSet, MakeDestinations, MakeRoute]


@pytest.mark.parametrize("kinds", [(ROUTE,), (RULE,), (RULE, ROUTE)])
@pytest.mark.parametrize("after_s", [11.0, 40.0])
def test_what_is_deleted_by_hand_is_made_again_whatever_write_it_crashes_after(kinds, after_s):
    def lived(crashes=frozenset()):
        operator = settled(SETTING, SPEC)
        operator.crash_after = crashes
        release(operator)
        lose(operator, RELEASE_S + after_s, *kinds)
        finish(operator)
        assert operator.world.failed == 0, operator.world.failures[:3]
        assert not operator.world.unmade
        return operator

    whole = lived()
    assert whole.status.stable_revision == "B"
    for write in some_of(range(1, whole.writes + 1)):
        crashed = lived(frozenset({write}))
        assert _end(crashed) == _end(whole), f"crash after write {write}"


@examples(40)
@given(at_s=MOMENTS, again_s=MOMENTS, kinds=KINDS, depth=DEPTHS)
def test_a_good_release_is_promoted_whenever_its_routes_are_deleted(at_s, again_s, kinds, depth):
    operator = settled(Setting(proxies=SETTING.proxies, depth=depth), SPEC)
    release(operator)
    lose(operator, at_s, *kinds)
    lose(operator, again_s, ROUTE)
    finish(operator)
    assert operator.status.stable_revision == "B"
    assert operator.world.failed == 0, operator.world.failures[:3]
    assert not operator.status.traffic.missing


@examples(20)
@given(at_s=MOMENTS, kinds=KINDS)
def test_a_bad_release_ends_reverted_whenever_its_routes_are_deleted(at_s, kinds):
    operator = settled(with_bad(SETTING, "B"), SPEC)
    release(operator)
    lose(operator, at_s, *kinds)
    finish(operator)
    assert (operator.status.stable_revision, operator.status.reverted_revision) == ("A", "B")
    assert operator.world.failed == 0, operator.world.failures[:3]


@examples(16)
@given(at_s=MOMENTS, later_s=st.sampled_from([0.0, 0.1, 1.0]))
def test_an_abort_beside_a_deletion_leaves_everything_on_stable(at_s, later_s):
    operator = settled(SETTING, SPEC)
    operator.edit(phases=(phase("half", 50, hold_s=600.0),))
    release(operator)
    at_s += 1.0  # by then the run is on
    lose(operator, at_s, ROUTE)
    operator.at(at_s + later_s, lambda op: op.world.ask(Verb.ABORT) and None)
    finish(operator)
    assert operator.status.stable_revision == "A"
    assert operator.world.routes.weights == (0,)
    assert operator.world.failed == 0, operator.world.failures[:3]


def test_in_a_phase_it_is_made_again_at_the_weight_of_the_status():
    operator = settled(SETTING, rollout_spec(phases=(phase("third", 30, hold_s=600.0),)))
    release(operator)
    lose(operator, RELEASE_S + 60, ROUTE)
    operator.run(RELEASE_S + 61)
    assert operator.effects[-1][1] == MakeRoute(ROUTE, "shop", 30, "B")
    assert operator.world.routes.weights == (30,)


@examples(16)
@given(at_s=MOMENTS)
def test_an_edit_of_the_hosts_is_carried_out_once_and_moves_no_weight(at_s):
    def lived(edits):
        operator = settled(SETTING, SPEC)
        release(operator)
        if edits:
            edit_hosts(operator, at_s)
        finish(operator)
        return operator

    edited, plain = lived(edits=True), lived(edits=False)
    assert [type(e) for _, e in edited.effects].count(AlignRoute) == 1
    weights = [
        [e.weight for _, e in operator.effects if isinstance(e, SetWeight)]
        for operator in (edited, plain)
    ]
    assert weights[0] == weights[1]
    assert _end(edited) == _end(plain)


def test_a_deletion_of_the_rollout_does_not_wait_for_a_route_that_is_gone():
    operator = settled(SETTING, rollout_spec(phases=(phase("third", 30, hold_s=600.0),)))
    release(operator)
    operator.run(RELEASE_S + 60)
    assert isinstance(operator.world, Workshop)
    operator.world.lose(RULE, ROUTE)
    operator.delete()
    operator.run(RELEASE_S + 61)
    assert operator.gone
