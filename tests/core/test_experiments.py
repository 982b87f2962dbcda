"""Experiments: what is told of arms, how rarely by mistake, and what a phase waits for then."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.core.scenes import NOW, ago, in_phase, pods, read, spec
from tidegate.api.checks import Metric
from tidegate.api.experiments import (
    ArmStatus,
    Experiment,
    Measure,
    MeasureStatus,
    without_numbers,
)
from tidegate.api.phases import Phase
from tidegate.api.status import State
from tidegate.api.variants import Variant, VariantStatus, VariantWeight
from tidegate.core import reasons
from tidegate.core.decide import decide
from tidegate.core.experimenting import winner_of
from tidegate.core.observation import Reading, RoutesView, RouteWeight
from tidegate.core.storing import intent_changed

INTERVAL_S, WINDOWS = 60.0, 40
HOLD_S = INTERVAL_S * WINDOWS
BEGAN = ago(HOLD_S + 30)
REQUESTS = {"": 100, "a": 200, "b": 200, "stable": 500}
"""A minute's, by arm: 10 % to the canary, 20 % to each variant, the rest to stable."""
USUAL = 0.1
RUNS, MISTAKES = 200, 0.05
ARMS = {"a": "B-a", "b": "B-b"}
BOTH = (("a", 20), ("b", 20))
CONVERSION = Measure(metric="conversion", better="higher", interval_s=INTERVAL_S)
ERRORS = Measure(metric="errors", better="lower", interval_s=INTERVAL_S)


def asked(**fields):
    """An experiment on conversions."""
    return Experiment(**({"metrics": (CONVERSION,)} | fields))


def experiment(asks, readings, *, hold_s=HOLD_S, **status):
    """A run whose only phase has that experiment, its hold over unless said otherwise."""
    weights = tuple(VariantWeight(name=name, weight=weight) for name, weight in BOTH)
    phase = Phase(name="ten", weight=10, hold_s=hold_s, variants=weights, experiment=asks)
    patches = {name: {"metadata": {"annotations": {"text": name}}} for name in ARMS}
    metrics = tuple(
        Metric(name=one, query="share[{{window}}]", samples="count[{{window}}]")
        for one in ("conversion", "errors")
    )
    case = in_phase(
        spec=spec(
            guards=(),
            phases=(phase,),
            metrics=metrics,
            variants=tuple(Variant(name=name, patch=patch) for name, patch in patches.items()),
        ),
        readings=readings,
        revisions=(pods("A", 4), pods("B", 1), pods("B-a", 1), pods("B-b", 1)),
        traffic=None,
    )
    known = tuple(
        VariantStatus(name=name, weight=20, revision=ARMS[name], since=BEGAN, ready_since=BEGAN)
        for name in ARMS
    )
    at, traffic = case.status.phase, case.status.traffic
    seen = {"weight_since": BEGAN, "canary_since": BEGAN, "variants": "a 20 %, b 20 %"}
    return case.status_with(
        variants=known,
        phase=at.model_copy(update={"entered_at": BEGAN, "started_at": BEGAN}),
        traffic=traffic.model_copy(update=seen),
        **status,
    )


def decided(case, *, now=NOW, status=None):
    """What is decided on it, with the arms in place."""
    routes = RoutesView((RouteWeight("shop", 10, variants=BOTH),), "A", "B", ARMS)
    observed = replace(case.observed, variants=ARMS, routes=routes)
    return decide(case.rollout, status or case.status, observed, now)


def told(case):
    """What is decided once the result is stored."""
    return decided(case, status=decided(case).status)


def drawn(
    seed: int, rates: Mapping[str, float], *, place: int = 0, later_s: float = 0.0
) -> dict[str, tuple[Reading, ...]]:
    """Readings of every arm, window by window, drawn by lot at these rates beside stable's."""
    dice = Random(seed)
    found: dict[str, list[Reading]] = {}
    for window in reversed(range(WINDOWS)):
        seconds_ago = 1 + INTERVAL_S * window - later_s
        stable = _share(dice, seconds_ago, "stable", rates)
        for arm in ("", "a", "b"):
            check_id = f"measure/0/{place}@{arm}".removesuffix("@")
            one = replace(_share(dice, seconds_ago, arm, rates), stable=stable)
            found.setdefault(check_id, []).append(one)
    return {check_id: tuple(readings) for check_id, readings in found.items()}


def _share(dice: Random, seconds_ago: float, arm: str, rates: Mapping[str, float]) -> Reading:
    count = REQUESTS[arm]
    rate = rates.get(arm, USUAL)
    hits = sum(dice.random() < rate for _ in range(count))
    return read(seconds_ago, hits / count, samples=float(count))


def test_arms_that_are_all_alike_are_told_apart_in_no_more_than_one_of_twenty_experiments():
    results = [
        decided(experiment(asked(), drawn(seed, {}))).status.experiment for seed in range(RUNS)
    ]
    assert all(one.told_at == NOW for one in results)
    wrong = [one.message for one in results if one.outcome != "Undecided"]
    assert len(wrong) <= MISTAKES * RUNS, wrong


@pytest.mark.parametrize("better", ["higher", "lower"])
def test_a_planted_difference_is_found_with_evidence(better):
    rate = 0.13 if better == "higher" else 0.07
    asks = asked(metrics=(CONVERSION.model_copy(update={"better": better}),))
    for seed in range(20):
        found = told(experiment(asks, drawn(seed, {"b": rate}))).status.experiment
        assert (found.outcome, found.winner) == ("Decided", "b"), found.message
        (shown,) = found.arms[2].metrics
        assert shown.evidence >= shown.needed == pytest.approx(120.0)
        assert (shown.low > 1.0) is (better == "higher")
        assert (shown.high < 1.0) is (better == "lower")
        assert shown.samples == pytest.approx(WINDOWS * 200)


def test_stable_wins_over_arms_that_are_all_worse():
    worse = dict.fromkeys(("", "a", "b"), 0.05)
    found = told(experiment(asked(decide="winner"), drawn(1, worse)))
    assert found.status.experiment.winner == "stable"
    assert "give spec.template what stable has" in found.status.message


def test_who_is_better_by_the_first_metric_and_worse_by_another_wins_nothing():
    both = drawn(1, {"a": 0.14}) | drawn(2, {"a": 0.2}, place=1)
    found = told(experiment(asked(metrics=(CONVERSION, ERRORS)), both)).status.experiment
    assert found.outcome == "Undecided"
    assert "a is worse by errors" in found.message


def test_the_result_is_told_once_and_stored_before_anything_follows():
    case = experiment(asked(), drawn(3, {"a": 0.14}))
    first = decided(case)
    assert first.effect is None
    assert [note.reason for note in first.notes] == [reasons.EXPERIMENT_DECIDED]
    assert first.status.run.history[-1].message == first.status.experiment.message
    assert intent_changed(case.status, first.status)
    again = decided(case, status=first.status)
    assert reasons.EXPERIMENT_DECIDED not in [note.reason for note in again.notes]


def test_nothing_is_told_before_the_hold_is_over():
    case = experiment(asked(), drawn(3, {"a": 0.14}), hold_s=2 * HOLD_S)
    found = decided(case)
    assert found.status.experiment.outcome == "Running"
    assert found.status.experiment.arms[1].metrics[0].verdict == "better"
    assert found.reason == reasons.WAITING_FOR_HOLD


def test_a_hold_ends_early_only_where_the_experiment_says_so_and_all_is_decided():
    rates = {"": 0.05, "a": 0.15, "b": 0.05}
    early = asked(stop_early=True)
    assert told(experiment(early, drawn(1, rates), hold_s=2 * HOLD_S)).status.phase is None
    unsure = experiment(early, drawn(1, {"a": 0.15}), hold_s=2 * HOLD_S)
    assert told(unsure).status.experiment.outcome == "Running"


def test_a_report_goes_on_whatever_it_says():
    assert told(experiment(asked(), drawn(1, {}))).status.phase is None


def test_a_winner_is_waited_for_until_git_or_a_person_follows():
    found = told(experiment(asked(decide="winner"), drawn(1, {"a": 0.14})))
    assert found.reason == reasons.WAITING_FOR_WINNER
    assert found.status.state is State.AWAITING_APPROVAL
    assert "give spec.template the patch of variant a" in found.status.message
    assert found.status.phase.name == "ten"


def test_a_canary_that_wins_goes_on():
    assert told(experiment(asked(decide="winner"), drawn(1, {"": 0.2}))).status.phase is None


def test_without_a_winner_the_phase_waits_and_is_told_again_once_there_is_one():
    none = experiment(asked(decide="winner"), drawn(1, {}))
    waiting = told(none)
    assert waiting.status.experiment.outcome == "Undecided"
    assert waiting.status.state is State.PROGRESSING
    assert "until its experiment shows a winner" in waiting.status.message
    later = NOW + timedelta(seconds=HOLD_S)
    more = replace(none, readings=drawn(2, {"b": 0.16}, later_s=HOLD_S))
    found = decided(more, now=later, status=waiting.status).status.experiment
    assert (found.outcome, found.winner) == ("Decided", "b")


def test_mode_observe_tells_the_winner_and_waits_for_nobody():
    case = experiment(asked(decide="winner"), drawn(1, {"a": 0.14}))
    case = case.with_(spec=case.spec.model_copy(update={"mode": "observe"}))
    assert told(case).status.phase is None


def test_shares_that_are_not_as_asked_decide_nothing():
    case = experiment(asked(), drawn(1, {"a": 0.14}))
    odd = case.status.traffic.model_copy(update={"mismatch_since": ago(1)})
    found = told(case.status_with(traffic=odd)).status.experiment
    assert (found.outcome, found.winner) == ("Undecided", "")
    assert "so nothing is concluded" in found.message


def test_what_was_counted_survives_a_restart_and_goes_on():
    readings = drawn(4, {"a": 0.14})
    at_once = decided(experiment(asked(), readings)).status.experiment
    halves = [slice(0, WINDOWS // 2), slice(WINDOWS // 2, WINDOWS)]
    status = None
    for half in halves:
        part = {check_id: found[half] for check_id, found in readings.items()}
        status = decided(experiment(asked(), part), status=status).status
    assert status.experiment.arms == at_once.arms


@pytest.mark.parametrize("change", [{"margin": 1.5}, {"confidence": 0.9}])
def test_another_question_begins_anew(change):
    before = decided(experiment(asked(), drawn(1, {}))).status
    after = decided(experiment(asked(**change), {}), status=before).status
    assert after.experiment.arms[0].metrics[0].verdict == "nodata"


def test_a_margin_asks_for_more_than_a_small_difference():
    found = told(experiment(asked(margin=1.5), drawn(1, {"a": 0.13}))).status.experiment
    assert found.outcome == "Undecided"


def test_numbers_alone_are_no_reason_to_write_at_once():
    readings = drawn(1, {})
    some = {check_id: found[:-5] for check_id, found in readings.items()}
    case = experiment(asked(), some, hold_s=2 * HOLD_S)
    before = decided(case).status
    after = decided(replace(case, readings=readings), status=before).status
    assert after.experiment != before.experiment
    assert not intent_changed(before, after)
    assert without_numbers(after.experiment) == without_numbers(before.experiment)


def test_an_experiment_stays_readable_until_another_run_begins():
    done = told(experiment(asked(), drawn(1, {}))).status
    assert done.experiment is not None
    over = done.model_copy(update={"run": None, "phase": None})
    assert decided(experiment(asked(), {}), status=over).status.experiment == done.experiment
    next_run = done.model_copy(update={"run": done.run.model_copy(update={"number": 4})})
    assert decided(experiment(asked(), {}), status=next_run).status.experiment is None


VERDICTS = st.sampled_from(["better", "worse", "undecided", "nodata"])


@st.composite
def arms(draw):
    names = draw(st.lists(st.sampled_from(["canary", "a", "b", "c"]), min_size=1, unique=True))
    metrics = draw(st.integers(1, 3))
    return tuple(
        ArmStatus(
            name=name,
            metrics=tuple(
                MeasureStatus(metric=f"m{i}", verdict=draw(VERDICTS), ratio=draw(st.floats(0.1, 9)))
                for i in range(metrics)
            ),
        )
        for name in names
    )


@given(arms(), st.sampled_from(["higher", "lower"]))
def test_a_winner_is_better_by_the_first_metric_and_worse_by_none(found, better):
    asks = Experiment(metrics=(Measure(metric="m0", better=better),))
    winner = winner_of(asks, found)
    if not winner:
        return
    firsts = [arm.metrics[0] for arm in found]
    if winner == "stable":
        assert {one.verdict for one in firsts} == {"worse"}
        return
    (arm,) = (one for one in found if one.name == winner)
    assert arm.metrics[0].verdict == "better"
    assert "worse" not in {one.verdict for one in arm.metrics}
    rivals = [
        one.metrics[0].ratio
        for one in found
        if one.metrics[0].verdict == "better" and all(m.verdict != "worse" for m in one.metrics)
    ]
    best = max(rivals) if better == "higher" else min(rivals)
    assert arm.metrics[0].ratio == best


def test_arms_share_the_chance_of_a_mistake():
    one = decided(experiment(asked(), drawn(1, {}))).status.experiment
    two = decided(experiment(asked(metrics=(CONVERSION, ERRORS)), drawn(1, {}))).status.experiment
    needed = [found.arms[0].metrics[0].needed for found in (one, two)]
    assert all(b == pytest.approx(2 * a) for a, b in pairwise(needed))
