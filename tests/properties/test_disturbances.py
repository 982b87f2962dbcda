"""People and other programs get in the way: templates, sizes, pauses, phases, routes, pods."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.properties.scenario import (
    RELEASE_S,
    TWO_PHASES,
    deployed,
    examples,
    finish,
    guard,
    matching,
    phase,
    release,
    retarget,
    rollout_spec,
    rollouts,
    settings_of,
    some_of,
)
from tests.properties.world import Proxy, Setting
from tidegate.api.actions import Verb
from tidegate.core.leaving import LEAVE_S_MAX
from tidegate.core.observation import Problem

TELEMETRY = ("revision", "subset")
MOMENTS = st.floats(0.0, 60.0).map(lambda after: round(RELEASE_S + after, 2))
ANY_STAGE = some_of([0.5, 3.05, 6.0, 9.0, 14.0, 18.0, 21.0, 24.0, 29.0, 35.0, 45.0])


@examples(50)
@given(
    setting=settings_of(depths=("revision",)),
    spec=rollouts(),
    templates=st.lists(st.tuples(MOMENTS, st.sampled_from("ABCD")), min_size=1, max_size=6),
    bad=st.sets(st.sampled_from("BCD")),
)
def test_templates_may_change_at_any_time(setting, spec, templates, bad):
    setting = replace(setting, bad=frozenset(bad))
    operator = deployed(setting, matching(setting, spec))
    release(operator)
    for at_s, revision in templates:
        release(operator, revision, at_s=at_s)
    finish(operator)
    status, target = operator.status, operator.world.target
    if target in bad:
        assert (status.state, status.reverted_revision) == ("Reverted", target)
    else:
        assert (status.state, status.stable_revision) == ("Healthy", target)
    assert operator.world.failed == 0, operator.world.failures[:3]


def test_there_and_back_and_there_again_quickly():
    operator = deployed(Setting(), rollout_spec())
    for place, revision in enumerate("BABABCB"):
        release(operator, revision, at_s=RELEASE_S + 1.7 * place)
    finish(operator)
    assert operator.status.stable_revision == "B"
    assert operator.world.failed == 0


@pytest.mark.parametrize("after", ANY_STAGE)
@pytest.mark.parametrize("declared", [True, False], ids=["spec.paused", "action"])
def test_a_pause_at_any_stage_keeps_the_weight_until_resumed(after, declared):
    operator = deployed(Setting(), rollout_spec())
    release(operator)
    operator.run(RELEASE_S + after)
    if operator.status.run is None:
        return
    if declared:
        operator.edit(paused=True)
    else:
        operator.world.ask(Verb.PAUSE)
    operator.run(operator.world.now_s + 2)
    weights, run = operator.world.routes.weights, operator.status.run
    operator.run(operator.world.now_s + 100)
    assert operator.world.routes.weights == weights
    assert (operator.status.run is None) == (run is None)
    if run is not None:
        assert operator.status.state == "Paused"
    operator.edit(paused=False)
    if operator.status.pause:
        operator.world.ask(Verb.RESUME)
    finish(operator)
    assert operator.status.stable_revision == "B"
    assert operator.world.failed == 0


@pytest.mark.parametrize("after", ANY_STAGE)
def test_a_guard_sends_back_even_what_is_paused(after):
    operator = deployed(Setting(), rollout_spec())
    release(operator)
    operator.run(RELEASE_S + after)
    if not any(operator.world.routes.weights) or operator.status.run is None:
        return
    operator.world.ask(Verb.PAUSE)
    operator.world.setting = replace(operator.world.setting, bad=frozenset({"B"}))
    operator.run(operator.world.now_s + 10)
    assert operator.world.routes.weights == (0,)
    assert operator.status.last_run.reason == "GuardBreached"


@examples(40)
@given(
    setting=settings_of(depths=TELEMETRY),
    spec=rollouts(),
    sizes=st.lists(st.tuples(MOMENTS, st.sampled_from([1, 2, 6, 9])), min_size=1, max_size=4),
)
def test_the_size_may_change_at_any_time(setting, spec, sizes):
    operator = deployed(setting, matching(setting, spec))
    release(operator)
    for at_s, size in sizes:
        operator.at(at_s, lambda op, size=size: op.edit(replicas=size))
    finish(operator)
    assert operator.status.stable_revision == "B"
    operator.run(operator.world.now_s + 90)  # a size that was lowered in the run waits a minute
    assert operator.world.pods("B") == operator.rollout.spec.replicas
    assert operator.world.failed == 0, operator.world.failures[:3]


def test_during_a_run_the_size_never_falls_below_what_it_was_at_the_start():
    operator = deployed(Setting(), rollout_spec())
    release(operator)
    operator.at(RELEASE_S + 5, lambda op: op.edit(replicas=1))
    operator.run(RELEASE_S + 25)
    assert operator.status.run is not None
    assert (operator.world.pods("A"), operator.world.pods("B")) == (4, 4)


def test_a_release_that_begins_without_pods_gets_them_when_it_is_scaled_up():
    operator = deployed(Setting(), rollout_spec(replicas=0))
    release(operator)
    operator.at(RELEASE_S + 0.05, lambda op: op.edit(replicas=3))
    finish(operator)
    operator.run(operator.world.now_s + 30)
    assert operator.world.ready("B") == 3


@pytest.mark.parametrize("after", [2.0, 9.0, 14.0, 20.0])
def test_a_rollout_scaled_to_zero_in_a_run_still_ends_it(after):
    operator = deployed(Setting(), rollout_spec())
    release(operator)
    operator.at(RELEASE_S + after, lambda op: op.edit(replicas=0))
    finish(operator)
    assert operator.status.stable_revision == "B"


@pytest.mark.parametrize("after", ANY_STAGE)
def test_phases_that_are_all_removed_hold_the_run_until_a_person_decides(after):
    operator = deployed(Setting(), rollout_spec())
    release(operator)
    operator.at(RELEASE_S + after, lambda op: op.edit(phases=()))
    operator.run(RELEASE_S + after + 200)
    if operator.status.run is not None:
        assert operator.status.phase is not None
        assert operator.status.phase.name in operator.status.message
        operator.world.ask(Verb.PROMOTE)
    finish(operator)
    assert operator.status.stable_revision == "B"
    assert operator.world.failed == 0


@pytest.mark.parametrize("after", ANY_STAGE)
def test_phases_may_be_put_before_and_behind_the_one_that_is_on(after):
    operator = deployed(Setting(), rollout_spec())
    release(operator)
    more = (phase("one", 1), *TWO_PHASES, phase("all", 100))
    operator.at(RELEASE_S + after, lambda op: op.edit(phases=more))
    finish(operator)
    assert operator.status.stable_revision == "B"
    assert operator.world.failed == 0


@pytest.mark.parametrize("weight", [0, 5, 80])
def test_a_new_weight_for_the_phase_that_is_on_starts_its_clock_anew(weight):
    spec = rollout_spec(phases=(phase("one", 20, hold_s=30.0),))
    operator = deployed(Setting(), spec)
    release(operator)
    operator.run(RELEASE_S + 30)
    operator.edit(phases=(phase("one", weight, hold_s=30.0),))
    operator.run(RELEASE_S + 55)
    assert operator.status.run.stage == "Phase"
    finish(operator)
    assert operator.status.stable_revision == "B"


@examples(40)
@given(
    setting=settings_of(depths=TELEMETRY),
    spec=rollouts(),
    edits=st.lists(
        st.tuples(
            MOMENTS,
            st.sampled_from(["weight", "uneven", "stable", "canary"]),
            st.sampled_from([0, 33, 100]),
            st.sampled_from(["A", "B", None]),
        ),
        min_size=1,
        max_size=3,
    ),
)
def test_what_others_do_to_the_routes_is_put_right(setting, spec, edits):
    operator = deployed(setting, matching(setting, spec), foreign=True)
    release(operator)

    def disturb(what, weight, revision):
        world = operator.world
        if what in ("weight", "uneven"):
            world.set_weight(setting.virtual_services[-1], weight, even=what == "weight")
        elif revision in world.sets or revision is None:
            world.point(what, revision)

    for at_s, what, weight, revision in edits:
        operator.at(at_s, lambda _, w=what, n=weight, r=revision: disturb(w, n, r))
    finish(operator)
    assert operator.status.stable_revision == "B"


@examples(40)
@given(
    setting=settings_of(depths=TELEMETRY),
    spec=rollouts(),
    deaths=st.lists(
        st.tuples(MOMENTS, st.sampled_from("AB"), st.integers(1, 7), st.floats(1.0, 15.0)),
        min_size=1,
        max_size=3,
    ),
)
def test_pods_may_die_and_come_back(setting, spec, deaths):
    operator = deployed(setting, matching(setting, spec))
    operator.watch.foreign = True  # dead pods on both sides leave no right answer
    release(operator)
    for at_s, revision, count, length in deaths:
        operator.at(
            at_s,
            lambda op, r=revision, n=count, s=length: op.world.kill_pods(r, n, for_s=s),
        )
    finish(operator)
    assert operator.status.stable_revision == "B"


def test_a_stable_replica_set_that_is_deleted_is_made_again_when_its_template_is_back():
    operator = deployed(Setting(), rollout_spec(phases=(phase("ten", 10, hold_s=600.0),)))
    release(operator)
    operator.run(RELEASE_S + 15)
    operator.world.scale("A", 0)
    del operator.world.sets["A"]
    operator.run(RELEASE_S + 30)
    assert operator.status.run is not None
    retarget(operator, "A")
    finish(operator)
    assert operator.status.stable_revision == "A"
    assert operator.world.ready("A") == 4


def test_what_stable_lacked_at_rest_does_not_count_against_the_new_revision():
    operator = deployed(Setting(startup_s=5.0), rollout_spec())
    operator.world.kill_pods("A", 2)
    operator.run(RELEASE_S + 500)
    retarget(operator, "B")
    finish(operator)
    assert operator.status.last_run.outcome == "Promoted"


@pytest.mark.parametrize("after", ANY_STAGE)
@pytest.mark.parametrize("hidden", [True, False], ids=["no routes", "routes"])
def test_a_problem_at_any_stage_holds_and_is_told_and_then_the_run_goes_on(after, hidden):
    operator = deployed(Setting(), rollout_spec())
    release(operator)
    operator.run(RELEASE_S + after)
    operator.world.problems = (Problem("VirtualServiceNotFound", "there is no shop"),)
    operator.world.routes_hidden = hidden
    before = len(operator.effects)
    operator.run(RELEASE_S + after + 50)
    assert operator.status.state == "Invalid"
    assert operator.status.message == "there is no shop"
    assert len(operator.effects) == before
    operator.world.problems, operator.world.routes_hidden = (), False
    finish(operator)
    assert operator.status.stable_revision == "B"
    assert operator.world.failed == 0


def test_an_abort_goes_through_whatever_else_is_wrong():
    operator = deployed(Setting(), rollout_spec())
    release(operator)
    operator.run(RELEASE_S + 15)
    operator.world.problems = (Problem("TemplateRefused", "no such image policy"),)
    operator.world.ask(Verb.ABORT)
    operator.run(RELEASE_S + 16)
    assert operator.world.routes.weights == (0,)


@pytest.mark.parametrize("then", ["pause", "hold"])
def test_a_stopped_run_goes_on_once_the_guard_is_well_again(then):
    operator = deployed(Setting(bad=frozenset({"B"})), rollout_spec(guards=(guard(then=then),)))
    release(operator)
    operator.run(RELEASE_S + 40)
    operator.world.setting = replace(operator.world.setting, bad=frozenset())
    operator.run(RELEASE_S + 60)
    if then == "pause":
        operator.world.ask(Verb.RESUME)
    finish(operator)
    assert operator.status.stable_revision == "B"


def test_a_new_release_waits_until_the_reverted_one_is_seen_idle():
    stalled = Proxy(stalls=((RELEASE_S + 10, RELEASE_S + 100),))
    operator = deployed(Setting(proxies=(stalled, Proxy())), rollout_spec())
    release(operator)
    release(operator, "C", at_s=RELEASE_S + 14)
    operator.run(RELEASE_S + 95)
    assert "C" not in operator.world.sets
    finish(operator)
    assert operator.status.stable_revision == "C"
    assert operator.world.failed == 0


@examples(60)
@given(
    setting=settings_of(depths=("revision", "subset")),
    spec=rollouts(),
    after=st.floats(0.0, 60.0),
    crash=st.sampled_from([None, 1, 2, 3, 5]),
)
def test_a_rollout_may_be_deleted_at_any_time(setting, spec, after, crash):
    """Whatever was on: nothing of it is left in the routes, and no request fails for it."""
    operator = deployed(setting, matching(setting, spec))
    release(operator)
    operator.run(RELEASE_S + round(after, 2))
    if crash is not None:
        operator.crash_after = frozenset({operator.writes + crash})
    operator.delete()
    operator.run(operator.world.now_s + LEAVE_S_MAX + 10)
    assert operator.gone
    assert set(operator.world.routes.weights) == {0}
    assert not operator.world.routes.matched
    assert operator.world.failed == 0, operator.world.failures[:3]
