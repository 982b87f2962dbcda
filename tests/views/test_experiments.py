"""An experiment as people see it."""

from __future__ import annotations

from tests.views.bodies import IN_PHASE, NOW, body
from tidegate.api.experiments import ArmStatus, ExperimentStatus, MeasureStatus
from tidegate.views.picture import picture, plain
from tidegate.views.story import story

BETTER = MeasureStatus(
    metric="conversion",
    verdict="better",
    value=0.12,
    stable=0.1,
    samples=8000,
    ratio=1.2,
    low=1.1,
    high=1.31,
    evidence=512.0,
    needed=80.0,
)
UNSEEN = MeasureStatus(metric="engaged", verdict="nodata")
COUNTING = ExperimentStatus(
    run=3,
    phase="half",
    about="x",
    decide="winner",
    arms=(ArmStatus(name="a", revision="abc", metrics=(BETTER, UNSEEN)),),
)


def drawn(experiment):
    """The lines about it."""
    status = IN_PHASE | ({"experiment": experiment.as_dict()} if experiment else {})
    text = plain(picture(story(body(status), NOW), NOW))
    return [line.strip() for line in text.splitlines()]


def test_what_is_known_of_each_arm_is_a_line():
    lines = drawn(COUNTING)
    assert "experiment  phase half still counts, and will name a winner" in lines
    assert (
        "a  conversion  0.12 against 0.1  1.2 times stable's (1.1 to 1.31)  better"
        "  evidence 512 of 80  8,000 samples"
    ) in lines
    assert "a  engaged  not measured yet" in lines


def test_a_result_that_was_told_stands_first():
    told = COUNTING.model_copy(update={"message": "a wins by conversion", "outcome": "Decided"})
    assert "experiment  a wins by conversion" in drawn(told)


def test_without_an_experiment_nothing_is_said_of_one():
    assert not any("experiment" in line for line in drawn(None))
