"""What a run makes of a scorecard: one check, asked and judged by its members."""

import pytest

from tests.core.scenes import ago, in_phase, read
from tests.core.score_cards import GATE, GUARD, NAMES, answered, scored_spec
from tidegate.api.status import PhaseStatus, Stage
from tidegate.core.decision import SetWeight
from tidegate.core.observation import Answer, Reading


def test_each_member_is_asked_and_the_score_is_one_check():
    decision = in_phase(spec=scored_spec(), readings={}).decided()
    assert {ask.check_id for ask in decision.asks if ask.check_id} == {
        f"guard/0:{name}" for name in NAMES
    }
    assert [(c.id, c.metric, c.bound) for c in decision.status.checks] == [
        ("guard/0", "health", ">= 75 of 100")
    ]


def test_members_are_asked_together_by_the_newest_answer_of_any():
    late = answered("guard/0", ()) | {"guard/0:goals": (read(11, 1.0),)}
    asked = in_phase(spec=scored_spec(), readings=late).decided().asks
    assert not [ask for ask in asked if ask.check_id]
    late = answered("guard/0", (), seconds=(10,)) | {"guard/0:goals": (read(19, 1.0),)}
    asked = in_phase(spec=scored_spec(), readings=late).decided().asks
    assert {ask.check_id for ask in asked} >= {f"guard/0:{name}" for name in NAMES}


def test_one_failed_member_of_small_weight_sends_nothing_back():
    decision = in_phase(spec=scored_spec(), readings=answered("guard/0", ("goals",))).decided()
    assert decision.status.run is not None
    (check,) = decision.status.checks
    assert (check.verdict, check.value) == ("pass", 85)
    assert check.detail.startswith(
        "below the pass mark of 95; goals 0.2 (must be >= 0.9) fails, weight 15; success 1 "
    )


def test_a_score_below_marginal_sends_back_and_names_who_failed():
    readings = answered("guard/0", ("success", "goals"))
    decision = in_phase(spec=scored_spec(), readings=readings).decided()
    assert decision.effect == SetWeight("shop", 0)
    assert decision.status.last_run.message.startswith(
        "guard health is 60, must be >= 75 of 100 (failed 1 of 1; critical): "
        "success 0.2 (must be >= 0.9) fails, weight 25; goals 0.2 "
    )


def test_breaches_count_scores_and_not_members():
    guard = GUARD.model_copy(update={"breaches": 2, "of": 3})
    bad, well = ("success", "goals"), ()
    for rounds_, back in (((bad, well, well), False), ((bad, well, bad), True)):
        readings = answered("guard/0", *rounds_, seconds=(21, 11, 1))
        run = in_phase(spec=scored_spec(guards=(guard,)), readings=readings).decided().status.run
        assert (run is None) == back


def test_a_critical_member_sends_back_whatever_the_score():
    readings = answered("guard/0", ("goals",))
    decision = in_phase(spec=scored_spec(critical=("goals",)), readings=readings).decided()
    assert decision.effect == SetWeight("shop", 0)
    assert "guard health is 85" in decision.status.last_run.message
    assert "fails, weight 15, critical" in decision.status.last_run.message


@pytest.mark.parametrize("answer", [Answer.NODATA, Answer.ERROR])
def test_a_member_without_an_answer_neither_ends_the_phase_nor_sends_back(answer):
    readings = answered("guard/0", ()) | {"guard/0:goals": (Reading(ago(1), answer),)}
    decision = in_phase(spec=scored_spec(), readings=readings).decided()
    assert decision.status.phase.name == "ten"
    assert f"guard health is {answer.value}" in decision.status.message
    assert decision.status.blind_since is not None
    loose = in_phase(spec=scored_spec(coverage=80), readings=readings).decided()
    assert loose.status.phase.name == "half"


@pytest.mark.parametrize(
    ("bad", "word"), [(("goals",), "undecided"), (("success", "goals"), "fail")]
)
def test_a_gate_waits_below_its_pass_mark_and_nothing_is_sent_back(bad, word):
    made = scored_spec(guards=(), gates=(GATE,))
    decision = in_phase(spec=made, readings=answered("gate/0/0", bad)).decided()
    assert decision.status.run is not None
    assert f"gate health is {word}, must pass" in decision.status.message
    passed = in_phase(spec=made, readings=answered("gate/0/0", ())).decided()
    assert passed.status.phase.name == "half"


def test_a_gate_must_pass_for_its_time_without_a_break():
    gate = GATE.model_copy(update={"for_s": 20.0})
    made = scored_spec(guards=(), gates=(gate,))
    back = (31, 21, 11, 1)
    for bad, phase in (((), "half"), (("goals",), "ten")):
        readings = answered("gate/0/0", (), (), bad, (), seconds=back)
        assert in_phase(spec=made, readings=readings).decided().status.phase.name == phase


def test_a_card_that_was_edited_passes_anew():
    gate = GATE.model_copy(update={"for_s": 20.0})
    made = scored_spec(guards=(), gates=(gate,))
    readings = answered("gate/0/0", (), (), (), seconds=(21, 11, 5))
    case = in_phase(spec=made, readings=readings)
    known = case.decided().status.checks
    once = answered("gate/0/0", (), seconds=(1,))
    same = case.status_with(checks=known).with_(readings=once)
    assert same.decided().status.phase.name == "half"
    other = scored_spec(guards=(), gates=(gate,), critical=("goals",))
    assert same.with_(spec=other).decided().status.phase.name == "ten"


@pytest.mark.parametrize("compared", [("success",), ("success", "goals"), NAMES])
def test_where_stable_gets_nothing_what_compares_leaves_the_score(compared):
    """In a bake there is nobody to compare with; without any other member there is no check."""
    made = scored_spec(compared=compared)
    case = in_phase(stage=Stage.BAKING, spec=made, stable="B", canary="A", weights=(0,))
    asked = case.with_(readings={}).decided().asks
    left = {f"guard/0:{name}" for name in NAMES if name not in compared}
    assert {ask.check_id for ask in asked if ask.check_id} == left
    checks = case.with_(readings=answered("guard/0", ())).decided().status.checks
    assert [check.id for check in checks] == ["guard/0"] * bool(left)


def test_before_the_first_traffic_each_member_must_be_answered():
    made = scored_spec(gates=(GATE,))
    case = in_phase(stage=Stage.PREPARING, spec=made, weights=(0,), readings={})
    asked = {ask.check_id for ask in case.decided().asks if ask.check_id}
    assert asked == {f"{check}:{name}" for name in NAMES for check in ("guard/0", "gate/0/0")}
    refused = answered("guard/0", ()) | {
        "guard/0:goals": (Reading(ago(1), Answer.REFUSED, detail="no such label"),)
    }
    decision = case.with_(readings=refused).decided()
    assert "metric 'goals' in spec.metrics: no such label" in decision.status.message


def test_a_weight_rises_only_on_a_score_that_is_fresh():
    case = in_phase(spec=scored_spec(), weights=(0,)).status_with(
        canary_ready_since=ago(600),
        phase=PhaseStatus(index=0, name="ten", entered_at=ago(1)),
    )
    for readings, said_ in (
        ({}, "guard health was not read yet"),
        (answered("guard/0", (), seconds=(40,)), "guard health was not read yet"),
        (answered("guard/0", ("success", "goals")), None),
    ):
        decision = case.with_(readings=readings).decided()
        assert decision.effect != SetWeight("shop", 10)
        assert said_ is None or said_ in decision.status.message
    assert case.with_(readings=answered("guard/0", ())).decided().effect == SetWeight("shop", 10)


def test_a_guard_of_a_phase_on_the_same_card_stands_in_for_the_usual_one():
    made = scored_spec()
    tight = GUARD.model_copy(update={"breaches": 1, "of": 2})
    phases = (made.phases[0].model_copy(update={"guards": (tight,)}), made.phases[1])
    case = in_phase(spec=made.model_copy(update={"phases": phases}), readings={})
    assert [check.id for check in case.decided().status.checks] == ["guard/0/0"]


def test_a_card_that_nobody_defined_says_nothing_and_harms_nobody():
    made = scored_spec().model_copy(update={"scorecards": ()})
    decision = in_phase(spec=made, readings=answered("guard/0", NAMES)).decided()
    assert decision.status.run is not None
    assert [check.verdict for check in decision.status.checks] == ["nodata"]
