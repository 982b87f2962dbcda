"""Releases that a sequential test judges: the good go on, the bad go back, whoever restarts."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.properties.scenario import (
    deployed,
    examples,
    finish,
    guard,
    matching,
    phase,
    release,
    rollout_spec,
    settings_of,
    some_of,
)
from tests.properties.world import Setting
from tidegate.api.checks import Gate, Guard, Metric
from tidegate.api.compare import Compare
from tidegate.api.scorecards import Member, Scorecard
from tidegate.core.decision import SetWeight

USUAL, TWICE = 0.02, 0.04
MARGIN = 1.3


def sequential(margin=MARGIN):
    return Compare(to="stable", test="sequential", margin=margin)


GUARD = Guard(metric="errors", compare=sequential(), interval_s=5.0)
GATE = Gate(metric="errors", compare=sequential(2.0), interval_s=5.0)
PHASES = (phase("ten", 10, gates=(GATE,)), phase("half", 50, hold_s=20.0))
SPEC = rollout_spec(guards=(GUARD,), phases=PHASES)
WATCHED = rollout_spec(guards=(GUARD,), phases=(phase("ten", 10, hold_s=600.0), phase("half", 50)))


CARD = Scorecard(
    name="health",
    pass_mark=90,
    members=(
        Member(metric="errors", weight=60, compare=sequential(2.0)),
        Member(metric="late", weight=40, max=0.9),
    ),
)
SCORED = rollout_spec(
    guards=(Guard(scorecard="health", interval_s=5.0),),
    phases=(
        phase("ten", 10, hold_s=20.0, gates=(Gate(scorecard="health", interval_s=5.0),)),
        phase("half", 50, hold_s=20.0),
    ),
).model_copy(
    update={
        "metrics": tuple(
            Metric(name=name, template="istio-error-rate") for name in ("errors", "late")
        ),
        "scorecards": (CARD,),
    }
)


def failing(setting, canary, stable=USUAL):
    """The same cluster with so many failed requests of A and B."""
    return replace(setting, rate_rps=400.0, errors=(("A", stable), ("B", canary)))


@examples(25)
@given(setting=settings_of(depths=("revision", "subset")), rate=st.sampled_from([0.01, USUAL]))
def test_a_release_that_is_as_good_as_stable_is_promoted_by_a_sequential_gate(setting, rate):
    operator = deployed(failing(setting, rate), matching(setting, SPEC))
    release(operator)
    finish(operator)
    assert operator.status.stable_revision == "B", operator.status.message
    assert operator.world.failed == 0, operator.world.failures[:3]


@examples(25)
@given(setting=settings_of(depths=("revision", "subset")), rate=st.sampled_from([TWICE, 0.3]))
def test_a_release_that_is_worse_is_sent_back_by_a_sequential_guard(setting, rate):
    operator = deployed(failing(setting, rate), matching(setting, WATCHED))
    release(operator)
    finish(operator)
    assert operator.status.reverted_revision == "B", operator.status.message
    last = operator.status.last_run
    assert last.reason == "GuardBreached"
    assert f"worse than {MARGIN} times is shown" in last.message
    assert operator.world.failed == 0, operator.world.failures[:3]


@examples(15)
@given(setting=settings_of(depths=("revision",)))
def test_errors_of_both_alike_send_nothing_back_and_an_absolute_guard_would(setting):
    setting = failing(setting, 0.3, stable=0.3)
    operator = deployed(setting, matching(setting, SPEC))
    release(operator)
    finish(operator)
    assert operator.status.stable_revision == "B", operator.status.message
    operator = deployed(setting, matching(setting, rollout_spec(guards=(GUARD, guard()))))
    release(operator)
    finish(operator)
    assert operator.status.reverted_revision == "B"


@examples(15)
@given(
    setting=settings_of(depths=("revision", "subset")),
    crashes=st.frozensets(st.integers(1, 25), max_size=2),
)
def test_a_good_release_is_promoted_by_a_score_with_a_test_whoever_restarts(setting, crashes):
    operator = deployed(failing(setting, USUAL), matching(setting, SCORED))
    operator.crash_after = crashes
    release(operator)
    finish(operator)
    assert operator.status.stable_revision == "B", operator.status.message
    assert operator.world.failed == 0, operator.world.failures[:3]


@examples(15)
@given(
    setting=settings_of(depths=("revision", "subset")),
    crashes=st.frozensets(st.integers(1, 25), max_size=2),
)
def test_a_bad_release_is_sent_back_by_the_test_in_its_score_and_no_other_member(setting, crashes):
    operator = deployed(failing(setting, 0.3), matching(setting, SCORED))
    operator.crash_after = crashes
    release(operator)
    finish(operator)
    assert operator.status.reverted_revision == "B", operator.status.message
    assert "errors (must be <= 2 x stable (sequential)) fails" in operator.status.last_run.message
    shares = [e.weight for _, e in operator.effects if isinstance(e, SetWeight)]
    assert max(shares[shares.index(0) :]) == 0


def test_a_gate_that_nothing_is_shown_to_holds_the_release():
    operator = deployed(failing(Setting(), 0.0, stable=0.0), SPEC)
    release(operator)
    operator.run(1200.0)
    assert operator.status.message == "phase ten waits: gate errors is undecided, must pass"
    assert operator.world.routes.weights == (10,)


@pytest.mark.parametrize(("rate", "said"), [(USUAL, "Promoted"), (TWICE, None)])
def test_a_gate_that_looks_once_promotes_the_good_and_holds_the_bad(rate, said):
    compare = Compare(to="stable", test="mann-whitney", margin=MARGIN)
    gates = (Gate(metric="errors", compare=compare, interval_s=5.0),)
    spec = rollout_spec(guards=(), phases=(phase("ten", 10, hold_s=60.0, gates=gates),))
    operator = deployed(failing(Setting(), rate), spec)
    release(operator)
    operator.run(400.0)
    last = operator.status.last_run
    assert (last.outcome if last else None) == said
    held = operator.status.message
    assert said or held == "phase ten waits: gate errors is fail, must pass"


def lived(setting, spec, crashes=frozenset()):
    operator = deployed(setting, spec)
    operator.crash_after = crashes
    release(operator)
    finish(operator)
    status = operator.status
    return operator, (status.state, status.stable_revision, status.reverted_revision)


@pytest.mark.parametrize(
    ("setting", "spec"),
    [
        (failing(Setting(), USUAL), SPEC),
        (failing(Setting(), TWICE), WATCHED),
        (failing(Setting(), 0.3), WATCHED),
    ],
    ids=["good", "twice", "ruinous"],
)
def test_a_crash_after_any_write_leads_to_the_same_end(setting, spec):
    whole, end = lived(setting, spec)
    for write in some_of(range(1, whole.writes + 1)):
        crashed, same = lived(setting, spec, frozenset({write}))
        assert same == end, f"crash after write {write}"
        assert crashed.world.failed == 0, f"crash after write {write}"


@pytest.mark.parametrize("rate", [TWICE, 0.3])
def test_a_crash_on_the_way_back_gives_a_bad_release_no_traffic_again(rate):
    setting = failing(Setting(), rate)
    whole, _ = lived(setting, WATCHED)
    for write in some_of(range(1, whole.writes + 1)):
        crashed, _ = lived(setting, WATCHED, frozenset({write}))
        shares = [e.weight for _, e in crashed.effects if isinstance(e, SetWeight)]
        assert max(shares[shares.index(0) :]) == 0, f"crash after write {write}: {shares}"


def test_a_process_that_dies_after_every_third_write_gets_there_too():
    for setting, spec in ((failing(Setting(), USUAL), SPEC), (failing(Setting(), TWICE), WATCHED)):
        _, end = lived(setting, spec)
        assert lived(setting, spec, frozenset(range(3, 400, 3)))[1] == end
