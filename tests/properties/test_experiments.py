"""Experiments with variants: no request is lost, a bad arm sends all back, and all arms go home."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.properties.scenario import (
    LONG_S,
    RELEASE_S,
    STICKY,
    deployed,
    examples,
    finish,
    gate,
    guard,
    matching,
    phase,
    release,
    retarget,
    rollout_spec,
    settings_of,
    some_of,
    with_bad,
)
from tests.properties.world import Setting
from tidegate.api.actions import Verb
from tidegate.api.experiments import Experiment, Measure
from tidegate.api.rollout import Capacity
from tidegate.api.status import State
from tidegate.api.variants import Variant
from tidegate.core.decision import PointDestination, SetWeight

NAMES = ("a", "b")
MOMENTS = st.floats(RELEASE_S, RELEASE_S + 90).map(lambda at_s: round(at_s, 2))
ALONE = (phase("test", 0, hold_s=20.0, gates=(gate(),), a=25, b=25),)
"""Control 50, a and b 25 each, as whoever asks which of two texts converts better would say it."""
WITHIN = (phase("ten", 10), phase("test", 10, hold_s=20.0, a=20, b=5), phase("half", 50))


def experiment(*phases, sticky=None, **fields):
    """A spec with two variants; `sticky` keeps users with their arms."""
    variants = tuple(
        Variant(name=name, patch={"metadata": {"annotations": {"text": name}}}) for name in NAMES
    )
    spec = rollout_spec(phases=phases or ALONE, sticky=sticky)
    return spec.model_copy(update={"variants": variants, **fields})


def begun(setting=None, spec=None, **fields):
    """An operator whose release with an experiment begins soon."""
    setting = replace(setting or Setting(), variants=NAMES)
    operator = deployed(setting, matching(setting, spec or experiment()), **fields)
    release(operator)
    return operator


def shares(operator):
    """What each route write gave to the canary and to variants."""
    return [(e.weight, e.variants) for _, e in operator.effects if isinstance(e, SetWeight)]


def sent_to_arms(operator):
    """Whether the variants get their requests."""
    return bool(operator.world.routes.sent)


def until_tested(operator):
    """Live until they do and their phase's clock runs."""
    operator.run(
        LONG_S, stop=lambda op: sent_to_arms(op) and op.status.phase.started_at is not None
    )
    assert sent_to_arms(operator), operator.status.message


@st.composite
def phase_lists(draw):
    """One to three phases; some name variants, with or without the canary beside them."""
    found = []
    for place in range(draw(st.integers(1, 3))):
        arms = draw(st.sampled_from([{}, {"a": 25, "b": 25}, {"a": 1}, {"b": 48}, {"a": 40}]))
        weight = draw(st.sampled_from([0, 10, 50]))
        gates = draw(st.sampled_from([(), (gate(),), (gate(for_s=4.0),)]))
        gates = gates if weight or arms else ()
        hold_s = draw(st.sampled_from([0.0, 3.0, 20.0]))
        guards = draw(st.sampled_from([(), (guard(breaches=2, of=3),)]))
        found.append(phase(f"p{place}", weight, hold_s=hold_s, gates=gates, guards=guards, **arms))
    return tuple(found)


SPECS = st.builds(
    lambda phases, replicas, mode, sticky: experiment(
        *phases, replicas=replicas, capacity=Capacity(mode=mode), sticky=sticky
    ),
    phase_lists(),
    st.sampled_from([1, 4, 7]),
    st.sampled_from(["surge", "surge", "shift"]),
    st.sampled_from([None, STICKY]),
)


@examples(60)
@given(setting=settings_of(), spec=SPECS)
def test_an_experiment_loses_no_request_and_leaves_nothing_behind(setting, spec):
    operator = begun(setting, spec)
    finish(operator)
    assert operator.status.stable_revision == "B"
    assert operator.world.failed == 0, operator.world.failures[:3]
    assert set(operator.world.sets) == {"A", "B"}
    assert operator.status.variants == ()


@examples(40)
@given(setting=settings_of(), spec=SPECS, at=MOMENTS, verb=st.sampled_from(["abort", "new", "old"]))
def test_whatever_ends_a_run_takes_each_arms_requests_away(setting, spec, at, verb):
    operator = begun(setting, spec)
    acts = {
        "abort": lambda op: op.world.ask(Verb.ABORT),
        "new": lambda op: retarget(op, "C"),
        "old": lambda op: retarget(op, "A"),
    }
    operator.at(at, acts[verb])
    finish(operator)
    assert operator.world.failed == 0, operator.world.failures[:3]
    assert set(operator.world.sets) <= {"A", "B", "C"}


@examples(30)
@given(setting=settings_of(depths=("revision", "subset")), arm=st.sampled_from(["B-a", "B-b"]))
def test_a_bad_arm_sends_every_arm_back_in_the_same_write(setting, arm):
    operator = begun(with_bad(setting, arm))
    finish(operator)
    last = operator.status.last_run
    assert (last.outcome, last.reason) == ("Reverted", "GuardBreached")
    assert f"of variant {arm[-1]}" in last.message
    assert operator.status.stable_revision == "A"
    both = (("a", 25), ("b", 25))
    names = len(setting.virtual_services)
    assert shares(operator) == [(0, both)] * names + [(0, ())] * names
    assert operator.world.failed == 0, operator.world.failures[:3]


@pytest.mark.parametrize("count", some_of(range(1, 40)))
@pytest.mark.parametrize("bad", [(), ("B-a",)])
def test_a_crash_after_any_write_changes_nothing_about_the_outcome(count, bad):
    spec = experiment(*WITHIN, sticky=STICKY if count % 2 else None)
    operator = begun(with_bad(Setting(), *bad), spec)
    operator.crash_after = frozenset({count})
    finish(operator)
    operator.run(operator.world.now_s + 60)  # empty ReplicaSets of arms go after all else
    assert operator.status.stable_revision == ("A" if bad else "B")
    assert set(operator.world.sets) == {"A", "B"}
    assert operator.world.failed == 0, operator.world.failures[:3]


def test_each_arm_gets_its_share_and_stable_the_rest():
    operator = begun()
    until_tested(operator)
    flow = operator.world.flow()
    assert {name: round(rate) for (_, name), rate in flow.items()} == {
        "A": 50,
        "B-a": 25,
        "B-b": 25,
    }
    assert [(v.name, v.weight, v.revision) for v in operator.status.variants] == [
        ("a", 25, "B-a"),
        ("b", 25, "B-b"),
    ]
    checks = {check.id: check.variant for check in operator.status.checks}
    assert checks["guard/0@a"] == "a"
    assert "gate/0/0" not in checks, "nothing is asked of a canary without requests"
    assert checks["gate/0/0@b"] == "b"


@pytest.mark.parametrize("sticky", [None, STICKY])
def test_an_arm_whose_pods_die_loses_its_share_and_gets_it_back(sticky):
    operator = begun(spec=experiment(sticky=sticky))
    until_tested(operator)
    operator.world.kill_pods("B-a", 9, for_s=8.0)
    operator.run(operator.world.now_s + 0.5)
    assert operator.world.routes.shares == ((("b", 25),),)
    began = operator.status.phase.started_at
    until_tested(operator)
    operator.run(operator.world.now_s + 30.0, stop=lambda op: len(op.world.routes.sent) == 2)
    assert operator.world.routes.shares == ((("a", 25), ("b", 25)),)
    finish(operator)
    assert operator.status.stable_revision == "B"
    assert operator.status.last_run.history[-1].at > began


def test_users_are_kept_with_their_arms_while_the_phase_lasts():
    operator = begun(spec=experiment(*WITHIN, sticky=STICKY))
    until_tested(operator)
    (match,) = operator.world.routes.matches
    assert [(one.weight, one.arms) for one in match] == [(10, (("a", 20), ("b", 5)))]
    rates = {name: round(rate) for (_, name), rate in operator.world.flow().items()}
    assert rates == {"A": 65, "B": 10, "B-a": 20, "B-b": 5}
    finish(operator)
    assert operator.status.stable_revision == "B"
    assert operator.world.failed == 0, operator.world.failures[:3]


def test_an_arm_whose_pods_never_come_ends_the_run_by_its_deadline():
    operator = begun(Setting(never_ready=frozenset({"B-b"})))
    finish(operator)
    last = operator.status.last_run
    assert last.reason == "ProgressDeadlineExceeded"
    assert "pods of variant b" in last.message


@examples(20)
@given(
    setting=settings_of(depths=("revision", "subset")),
    edits=st.lists(
        st.tuples(MOMENTS, st.sampled_from([(), (("a", 30),), (("b", 25),)])),
        min_size=1,
        max_size=3,
    ),
)
def test_shares_that_somebody_else_changes_are_put_right(setting, edits):
    operator = begun(setting, experiment(*WITHIN), foreign=True)
    place = setting.virtual_services[-1]
    for at_s, arms in edits:
        operator.at(at_s, lambda op, arms=arms: op.world.set_weight(place, 0, shares=arms))
    finish(operator)
    assert operator.status.stable_revision == "B"


def test_an_arm_that_would_be_another_revision_waits_until_someone_says_so():
    operator = begun()
    operator.world.arm = lambda name: "B" if name == "a" else "B-b"
    operator.run(RELEASE_S + 60)
    assert "variant a makes no pods of its own" in operator.status.message
    assert shares(operator) == []
    operator.world.ask(Verb.ABORT)
    finish(operator)
    assert operator.status.stable_revision == "A"


def test_a_patch_that_changes_takes_its_arm_through_all_of_it_again():
    operator = begun()
    until_tested(operator)
    operator.world.arm = lambda name: f"B-{name}2" if name == "a" else "B-b"
    operator.edit()
    operator.run(operator.world.now_s + 0.5)
    assert operator.world.routes.shares == ((("b", 25),),)
    operator.run(operator.world.now_s + 40.0, stop=lambda op: len(op.world.routes.sent) == 2)
    assert operator.world.routes.variants == {"a": "B-a2", "b": "B-b"}
    finish(operator)
    assert operator.world.failed == 0, operator.world.failures[:3]


def test_subsets_are_brought_home_once_and_for_all():
    operator = begun()
    finish(operator)
    pointed = [e for _, e in operator.effects if isinstance(e, PointDestination)]
    variants = [(e.destination, e.revision) for e in pointed if e.destination.startswith("variant")]
    assert variants[-2:] == [("variant/a", "B"), ("variant/b", "B")]


def test_pods_stay_until_the_last_proxy_has_let_their_arm_go():
    slow = replace(Setting().proxies[0], stalls=((RELEASE_S + 35.0, RELEASE_S + 125.0),))
    operator = begun(Setting(proxies=(slow, Setting().proxies[1])))
    finish(operator)
    assert operator.status.stable_revision == "B"
    assert operator.world.failed == 0, operator.world.failures[:3]


def comparing(**fields):
    """A spec whose only phase compares both variants by their errors."""
    asks = Experiment(
        **({"metrics": (Measure(metric="errors", better="lower", interval_s=2.0),)} | fields)
    )
    (tested,) = ALONE
    one = tested.model_copy(update={"experiment": asks, "gates": (), "hold_s": 20.0})
    return experiment(one, guards=())


A_FAILS_LESS = replace(Setting(), errors=(("A", 0.3), ("B-b", 0.3)))
"""A cluster in which variant a has far fewer errors than stable, and b as many."""


def results(operator):
    """What the run's history says of its experiment."""
    run = operator.status.run or operator.status.last_run
    return [e.reason for e in run.history if e.reason.startswith("Experiment")]


def awaiting_a_winner(operator):
    """Whether a winner is named that nobody has followed yet."""
    return operator.status.state is State.AWAITING_APPROVAL


def until_named(setting=A_FAILS_LESS, **fields):
    """An operator that has named variant a and waits."""
    operator = begun(setting, comparing(decide="winner", **fields))
    operator.run(LONG_S, stop=awaiting_a_winner)
    assert operator.status.experiment.winner == "a", operator.status.message
    return operator


@examples(20)
@given(setting=settings_of(depths=("revision", "subset")))
def test_arms_that_are_alike_are_reported_undecided_and_the_run_goes_on(setting):
    operator = begun(setting, comparing())
    finish(operator)
    assert operator.status.stable_revision == "B"
    assert results(operator) == ["ExperimentUndecided"]


@pytest.mark.parametrize("count", some_of(range(1, 40)))
def test_a_crash_after_any_write_tells_the_same_winner_once(count):
    operator = begun(A_FAILS_LESS, comparing(decide="winner"))
    operator.crash_after = frozenset({count})
    operator.run(LONG_S, stop=awaiting_a_winner)
    assert operator.status.experiment.winner == "a"
    assert results(operator) == ["ExperimentDecided"]
    assert sent_to_arms(operator), "arms keep their requests while the winner waits for people"


@pytest.mark.parametrize(
    ("verb", "stable"), [(Verb.ABORT, "A"), (Verb.PROMOTE, "B"), (Verb.SKIP, "B")]
)
def test_a_winner_waits_for_a_person(verb, stable):
    operator = until_named()
    waited = operator.world.now_s
    operator.run(waited + 300.0)
    assert awaiting_a_winner(operator)
    operator.world.ask(verb)
    finish(operator)
    assert operator.status.stable_revision == stable
    assert operator.world.failed == 0, operator.world.failures[:3]


def test_a_winner_waits_for_git_which_then_tries_it_from_the_beginning():
    operator = until_named()
    operator.world.arm = lambda name: "B-a" if name == "a" else "B-a-b"
    operator.world.target = "B-a"
    operator.edit(phases=(phase("half", 50),))
    finish(operator)
    assert operator.status.stable_revision == "B-a"
    assert set(operator.world.sets) == {"A", "B", "B-a"}
    assert operator.world.failed == 0, operator.world.failures[:3]


def test_a_deadline_stands_still_while_people_have_to_follow_a_winner():
    operator = until_named()
    (tested,) = operator.rollout.spec.phases
    limited = tested.model_copy(update={"deadline_s": 60.0, "on_timeout": "revert"})
    operator.edit(phases=(limited,))
    operator.run(operator.world.now_s + 200.0)
    assert awaiting_a_winner(operator)


def test_a_bad_arm_goes_back_whatever_its_experiment_says():
    spec = comparing(decide="winner").model_copy(update={"guards": (guard(),)})
    operator = begun(A_FAILS_LESS, spec)
    finish(operator)
    assert operator.status.last_run.outcome == "Reverted"


@pytest.mark.parametrize("sticky", [None, STICKY])
def test_a_rollout_that_is_deleted_takes_its_arms_home_before_it_goes(sticky):
    operator = begun(spec=experiment(sticky=sticky))
    until_tested(operator)
    operator.delete()
    operator.run(operator.world.now_s + 120.0, stop=lambda op: op.gone)
    assert operator.gone, operator.status.message
    assert not operator.world.routes.sent
    assert set(operator.world.routes.variants.values()) == {"A"}
    assert operator.world.routes.matches == ((),)
    assert operator.world.failed == 0, operator.world.failures[:3]
