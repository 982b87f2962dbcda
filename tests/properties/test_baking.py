"""After a promotion: guards stay on, the old pods stay warm, and the way back is one write."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.properties.loop import Operator
from tests.properties.scenario import (
    LONG_S,
    NO_STALL,
    STALLS,
    baked,
    baking,
    deployed,
    examples,
    finish,
    goes_bad,
    guard,
    matching,
    release,
    retarget,
    rollout_spec,
    rollouts,
    settings_of,
    some_of,
    went_back,
)
from tests.properties.world import Setting
from tidegate.api.actions import Verb
from tidegate.api.traffic import ServiceTraffic, Traffic
from tidegate.core.decision import AnswerAction, ScaleReplicaSet, SetWeight, SwitchService

TWO = ("shop", "shop-internal")
BAKE_S = 60.0
NOTICED_S = 5.0
"""A guard looks every 2 s at what was scraped before: what goes bad later may outlive the bake."""
AFTER = st.floats(0.0, BAKE_S - NOTICED_S).map(lambda after: round(after, 1))


def in_bake(setting: Setting, spec, after: float = 0.0, *, bake_s: float = BAKE_S) -> Operator:
    """A good release of B that long into its bake, if the bake is still on then."""
    operator = deployed(setting, baked(matching(setting, spec), bake_s))
    release(operator)
    operator.run(LONG_S, stop=baking)
    assert baking(operator), operator.status.message
    operator.run(operator.world.now_s + after, stop=lambda op: not baking(op))
    return operator


def since(operator: Operator, at_s: float) -> list[object]:
    """The writes since then, but for the answers to people."""
    effects = [effect for at, effect in operator.effects if at >= at_s]
    return [effect for effect in effects if not isinstance(effect, AnswerAction)]


@examples(40)
@given(setting=settings_of(stalls=st.one_of(NO_STALL, STALLS)), spec=rollouts())
def test_a_good_release_bakes_and_stays_and_no_request_fails(setting, spec):
    if setting.proxies[0].stalls:
        setting = replace(setting, depth="revision")
    operator = in_bake(setting, spec)
    began_s = operator.world.now_s
    assert operator.status.state == "Baking"
    operator.run(LONG_S, stop=lambda op: not baking(op))
    assert operator.world.now_s - began_s >= BAKE_S
    assert operator.world.ready("A") >= spec.replicas, "the old pods are not warm"
    finish(operator)
    assert (operator.status.state, operator.status.stable_revision) == ("Healthy", "B")
    assert operator.status.last_run.reason == "BakePassed"
    assert operator.status.proven_revisions == ("A",)
    assert operator.world.pods("A") == 0
    assert operator.world.failed == 0, operator.world.failures[:3]


@examples(40)
@given(setting=settings_of(depths=("revision", "subset")), spec=rollouts(), after=AFTER)
def test_a_release_that_goes_bad_at_any_moment_of_its_bake_is_sent_back(setting, spec, after):
    operator = in_bake(setting, spec, after)
    if not baking(operator):
        return
    goes_bad(operator)
    finish(operator)
    went_back(operator)


@pytest.mark.parametrize("verb", [Verb.ABORT, Verb.UNDO])
@examples(25)
@given(
    setting=settings_of(stalls=st.one_of(NO_STALL, STALLS), depths=("revision",)),
    spec=rollouts(),
    after=AFTER,
)
def test_asking_at_any_moment_of_a_bake_sends_it_back(verb, setting, spec, after):
    operator = in_bake(setting, spec, after)
    operator.world.ask(verb)
    finish(operator)
    went_back(operator)
    assert [answer.result for answer in operator.world.answers] == ["Done"]


@examples(25)
@given(setting=settings_of(depths=("revision", "subset")), spec=rollouts())
def test_the_way_back_is_one_write_a_route_once_the_old_pods_are_pointed_at(setting, spec):
    operator = in_bake(setting, spec)
    operator.run(LONG_S, stop=lambda op: op.world.routes.canary == "A")
    assert baking(operator), "the bake was over before"
    asked_s = operator.world.now_s
    operator.world.ask(Verb.UNDO)
    operator.run(asked_s + 1.0)
    names = setting.virtual_services
    assert since(operator, asked_s) == [SetWeight(name, 100) for name in names]
    finish(operator)
    went_back(operator)


def test_the_way_back_needs_no_metrics_and_no_leave_to_go_on():
    operator = in_bake(Setting(virtual_services=TWO), rollout_spec(), after=40.0)
    operator.world.setting = replace(operator.world.setting, provider_down=((0.0, LONG_S),))
    operator.edit(paused=True)
    operator.world.ask(Verb.UNDO)
    operator.run(operator.world.now_s + 1.0)
    assert operator.world.routes.weights == (100, 100)


def test_a_pause_in_a_bake_sends_nothing_back_and_keeps_the_old_pods():
    operator = in_bake(Setting(), rollout_spec(), after=30.0)
    operator.world.ask(Verb.PAUSE)
    operator.run(operator.world.now_s + 5 * BAKE_S)
    assert baking(operator)
    assert operator.world.routes.weights == (0,)
    assert operator.world.ready("A") == 4
    operator.world.ask(Verb.RESUME)
    finish(operator)
    assert (operator.status.state, operator.status.stable_revision) == ("Healthy", "B")


def test_a_bake_is_not_over_while_its_guards_cannot_see():
    operator = in_bake(Setting(), rollout_spec(), after=20.0)
    until = operator.world.now_s + 4 * BAKE_S
    operator.world.setting = replace(operator.world.setting, provider_down=((0.0, until),))
    operator.run(until - 1)
    assert baking(operator)
    finish(operator)
    assert (operator.status.state, operator.status.stable_revision) == ("Healthy", "B")


def test_a_blind_bake_is_sent_back_when_the_spec_says_so():
    spec = rollout_spec()
    spec = spec.model_copy(update={"blind": spec.blind.model_copy(update={"then": "revert"})})
    operator = in_bake(Setting(), spec, after=20.0, bake_s=600.0)
    operator.world.setting = replace(
        operator.world.setting, provider_down=((0.0, operator.world.now_s + 100.0),)
    )
    finish(operator)
    went_back(operator)


@pytest.mark.parametrize("after", some_of([0.0, 3.0, 8.0, 15.0, 30.0, 50.0]))
def test_a_new_template_ends_the_bake_and_starts_from_what_is_new(after):
    operator = in_bake(Setting(), rollout_spec(), after)
    retarget(operator, "C")
    finish(operator)
    assert (operator.status.state, operator.status.stable_revision) == ("Healthy", "C")
    assert operator.status.last_run.from_revision == "B"
    assert operator.status.last_run.number == 2
    assert operator.world.failed == 0


@pytest.mark.parametrize("after", some_of([0.0, 3.0, 8.0, 15.0, 30.0, 50.0]))
def test_the_old_template_in_a_bake_is_the_way_back(after):
    operator = in_bake(Setting(), rollout_spec(), after)
    retarget(operator, "A")
    finish(operator)
    assert (operator.status.state, operator.status.stable_revision) == ("Healthy", "A")
    assert operator.status.last_run.number == 2
    assert operator.world.failed == 0


@pytest.mark.parametrize("after", some_of([0.0, 3.0, 8.0, 15.0, 30.0, 50.0]))
def test_a_deletion_in_a_bake_leaves_stable_serving(after):
    operator = in_bake(Setting(), rollout_spec(), after)
    operator.delete()
    operator.run(LONG_S, stop=lambda op: op.gone)
    assert operator.gone
    assert operator.world.routes.weights == (0,)
    assert operator.world.routes.stable == operator.world.routes.canary == "B"
    assert operator.world.failed == 0


def test_promote_ends_a_bake_early():
    operator = in_bake(Setting(), rollout_spec(), after=20.0, bake_s=3600.0)
    operator.world.ask(Verb.PROMOTE)
    finish(operator)
    assert (operator.status.state, operator.status.stable_revision) == ("Healthy", "B")


def test_two_people_who_abort_at_once_do_not_cancel_each_other():
    operator = in_bake(Setting(), rollout_spec(), after=40.0)
    operator.world.ask(Verb.ABORT)
    operator.world.ask(Verb.ABORT)
    finish(operator)
    went_back(operator)
    assert [answer.result for answer in operator.world.answers] == ["Done", "Refused"]


def test_a_way_back_is_stopped_by_who_names_the_revision_it_goes_to():
    operator = in_bake(Setting(startup_s=30.0), rollout_spec(), after=0.0, bake_s=1.0)
    finish(operator)
    operator.world.ask(Verb.UNDO)
    operator.run(operator.world.now_s + 5.0)
    operator.world.ask(Verb.ABORT, revision="A")
    finish(operator)
    assert (operator.status.state, operator.status.stable_revision) == ("Healthy", "B")
    assert operator.world.failed == 0


def test_old_pods_that_are_missing_get_only_what_they_can_carry():
    operator = in_bake(Setting(), rollout_spec(guards=(guard(),)), after=40.0, bake_s=600.0)
    operator.world.kill_pods("A", 3, for_s=30.0)
    operator.world.ask(Verb.UNDO)
    operator.run(operator.world.now_s + 2.0)
    assert operator.world.routes.weights == (50,)
    finish(operator)
    went_back(operator)


def test_old_pods_that_are_gone_get_nothing_until_they_are_back():
    operator = in_bake(Setting(), rollout_spec(), after=40.0, bake_s=600.0)
    operator.world.kill_pods("A", 4, for_s=30.0)
    operator.world.ask(Verb.UNDO)
    operator.run(operator.world.now_s + 2.0)
    assert operator.world.routes.weights == (0,)
    finish(operator)
    went_back(operator)


def test_an_old_revision_that_was_deleted_cannot_come_back_and_says_so():
    operator = in_bake(Setting(), rollout_spec(), after=40.0)
    del operator.world.sets["A"]
    operator.world.point("canary", "B")
    operator.world.ask(Verb.UNDO)
    operator.run(operator.world.now_s + 2.0)
    assert operator.world.answers[0].result == "Refused"
    assert "was deleted" in operator.world.answers[0].message
    finish(operator)
    assert (operator.status.state, operator.status.stable_revision) == ("Healthy", "B")


def test_a_weight_by_hand_in_a_bake_is_taken_back_unless_it_is_all():
    for weight, end in ((10, "B"), (100, "A")):
        operator = in_bake(Setting(), rollout_spec(), after=40.0)
        operator.watch.foreign = True
        operator.world.set_weight("shop", weight)
        finish(operator)
        assert operator.status.stable_revision == end
        assert operator.world.failed == 0


# ---------------------------------------------------------------- a plain Service


@pytest.mark.parametrize("switch", ["active", "preview"])
@pytest.mark.parametrize("asked", [Verb.UNDO, None])
@pytest.mark.parametrize("after", some_of([0.0, 2.0, 20.0, 40.0]))
def test_a_service_is_switched_back_in_its_bake(switch, asked, after):
    preview = "shop-preview" if switch == "preview" else None
    traffic = Traffic(service=ServiceTraffic(active="shop", preview=preview), settle_s=5.0)
    spec = baked(rollout_spec(phases=()).model_copy(update={"traffic": traffic}))
    operator = deployed(Setting(switch=switch), spec)
    release(operator)
    operator.run(LONG_S, stop=baking)
    operator.run(operator.world.now_s + after)
    asked_s = operator.world.now_s
    if asked:
        operator.world.ask(asked)
    else:
        goes_bad(operator)
    finish(operator)
    went_back(operator)
    moves = [e for e in since(operator, asked_s) if not isinstance(e, ScaleReplicaSet)]
    assert SwitchService("shop", "A", back=False) in moves[:2]


@pytest.mark.parametrize("switch", ["active", "preview"])
def test_a_service_bakes_and_stays(switch):
    preview = "shop-preview" if switch == "preview" else None
    traffic = Traffic(service=ServiceTraffic(active="shop", preview=preview), settle_s=5.0)
    spec = baked(rollout_spec(phases=()).model_copy(update={"traffic": traffic}))
    operator = deployed(Setting(switch=switch), spec)
    release(operator)
    operator.run(LONG_S, stop=baking)
    operator.run(LONG_S, stop=lambda op: not baking(op))
    assert operator.world.ready("A") == 4
    finish(operator)
    assert (operator.status.state, operator.status.stable_revision) == ("Healthy", "B")
    assert operator.world.failed == 0
