"""What is handed over, and to whom: pods that can take it, at a time when nobody is harmed."""

from dataclasses import replace

import pytest

from tests.core.scenes import (
    Case,
    ago,
    asked,
    at_rest,
    counted,
    error_guard,
    in_phase,
    pods,
    read,
    spec,
)
from tidegate.api.actions import Verb
from tidegate.api.status import Draining, PhaseStatus, Stage
from tidegate.core.decision import HoldRollout, PointDestination, SetWeight

TEN = PhaseStatus(index=0, name="ten", entered_at=ago(20))
HALF = PhaseStatus(index=1, name="half", entered_at=ago(20))


def routed(case: Case, **fields: object) -> Case:
    """The case with its routes known so for a minute."""
    known = case.status.traffic
    assert known is not None
    usual = {"weight_since": ago(60), "canary_since": ago(60)}
    return case.status_with(traffic=known.model_copy(update={**usual, **fields}))


def to_another(**fields: object) -> Case:
    """A phase whose canary destination somebody pointed at revision Z; no weight is on it."""
    usual = {"canary": "Z", "weights": (0,), "traffic": counted(A=100)}
    case = in_phase(**{**usual, **fields}).status_with(phase=TEN)
    return routed(case, weight=0, canary="Z")


def homeward(**fields: object) -> Case:
    """A run is over and its canary destination is still to go home."""
    usual = {"canary": "B", "traffic": counted(A=100)}
    return routed(at_rest(**{**usual, **fields}), canary="B")


@pytest.mark.parametrize("ready", [0, 1])
@pytest.mark.parametrize(
    ("make", "revision", "other"), [(to_another, "B", "A"), (homeward, "A", "B")]
)
def test_no_destination_is_pointed_at_a_revision_without_ready_pods(make, revision, other, ready):
    sizes = {"A": 4, "B": 1}
    seen = (pods(revision, sizes[revision], ready), pods(other, sizes[other]))
    effect = make(revisions=seen).decided().effect
    assert effect == (PointDestination("canary", revision) if ready else None)


def test_no_weight_rises_while_the_canary_destination_selects_another_revision():
    assert to_another(traffic=counted(A=100, Z=1)).decided().effect is None


@pytest.mark.parametrize("ready", range(5))
def test_no_weight_rises_before_as_many_pods_are_ready_as_it_needs(ready):
    case = in_phase(revisions=(pods("A", 4), pods("B", 4, ready))).status_with(phase=HALF)
    assert (case.decided().effect == SetWeight("shop", 50)) is (ready >= 2)


@pytest.mark.parametrize("value", [0.0, 0.02])
@pytest.mark.parametrize(("seconds", "rises"), [(4, True), (30, False)])
def test_no_weight_rises_on_a_reading_from_the_future(seconds, rises, value):
    """A clock that was set back leaves readings that nobody can tell the age of."""
    guards = (error_guard(breaches=2, of=3),)
    readings = {"guard/0": (read(-seconds, value),)}
    case = in_phase(spec=spec(guards=guards), weights=(0,), readings=readings)
    raised = case.status_with(phase=TEN).decided().effect == SetWeight("shop", 10)
    assert raised is (rises and value == 0.0)


@pytest.mark.parametrize("ready", [1, 2])
def test_a_phase_does_not_end_while_its_pods_are_missing(ready):
    wide = in_phase(spec=spec(replicas=20), revisions=(pods("A", 20), pods("B", 2, ready)))
    wide = wide.status_with(run=wide.status.run.model_copy(update={"min_replicas": 20}))
    assert (wide.decided().status.phase.name == "half") is (ready == 2)


def test_no_run_starts_while_the_stable_destination_selects_other_pods():
    lost = at_rest(target="C", stable="Z", revisions=(pods("A", 4, 0), pods("Z", 4)))
    assert lost.decided().status.run is None


@pytest.mark.parametrize("held", [True, False])
def test_a_revision_that_was_sent_back_starts_nothing_by_itself(held):
    decision = at_rest(target="B", held=held).status_with(reverted_revision="B").decided()
    assert decision.status.run is None
    assert not isinstance(decision.effect, HoldRollout)


@pytest.mark.parametrize("role", ["stable", "canary"])
def test_what_a_destination_selects_is_never_drained(role):
    case = at_rest(revisions=(pods("A", 4, 0), pods("Z", 4)), traffic=counted(A=90, Z=1))
    case = routed(case.with_(**{role: "Z"}), **{role: "Z"})
    long = case.status_with(draining=(Draining(revision="Z", since=ago(3600)),))
    assert long.decided().effect is None


@pytest.mark.parametrize("at_stage", [s for s in Stage if s is not Stage.BAKING])
def test_an_abort_wins_over_a_promotion_that_was_asked_for(at_stage):
    case = in_phase(stage=at_stage, actions=(asked(Verb.ABORT),))
    run = case.status.run.model_copy(update={"skip_to_end": True})
    decision = case.status_with(run=run).decided()
    assert decision.effect == SetWeight("shop", 0)
    assert decision.status.last_run.reason == "Aborted"


def test_an_abort_needs_no_reading_no_count_and_no_ready_canary():
    blind = in_phase(readings={}, traffic=None, actions=(asked(Verb.ABORT),))
    dead = replace(blind, revisions=(pods("A", 4), pods("B", 1, 0)))
    for case in (blind, dead):
        decision = case.decided()
        assert decision.effect == SetWeight("shop", 0)
        assert decision.status.run is None


def test_a_pause_by_a_guard_is_said_once():
    case = in_phase(spec=spec(guards=(error_guard(then="pause"),)))
    case = case.with_(readings={"guard/0": (read(1, 0.25),)})
    first = case.decided()
    assert [note.reason for note in first.notes] == ["Paused"]
    second = case.with_(status=first.status).decided()
    assert (second.notes, second.status.pause) == ((), first.status.pause)
