"""Readings belong to one run and one set of checks."""

from __future__ import annotations

from tests.controller.fakes import NOON
from tests.views.bodies import rollout
from tidegate.api.status import RolloutStatus
from tidegate.controller.memory import Memory, asked_of
from tidegate.core.observation import Answer, Reading
from tidegate.core.verdicts import READINGS_MAX


def memory():
    return Memory("u", "1", RolloutStatus(), RolloutStatus())


def reading(value):
    return Reading(NOON, Answer.OK, value=float(value))


def test_readings_are_kept_oldest_first_and_the_oldest_give_way():
    kept = memory()
    for value in range(READINGS_MAX + 5):
        kept.keep("guard/0", reading(value))
    kept.keep("guard/1", reading(-1))
    values = [one.value for one in kept.snapshot()["guard/0"]]
    assert values == [float(value) for value in range(5, READINGS_MAX + 5)]
    assert kept.snapshot()["guard/1"] == (reading(-1),)


def test_a_snapshot_does_not_change_any_more():
    kept = memory()
    kept.keep("guard/0", reading(1))
    before = kept.snapshot()
    kept.keep("guard/0", reading(2))
    assert len(before["guard/0"]) == 1


def test_another_run_or_other_checks_begin_with_no_readings():
    kept, epochs = memory(), set()
    for number, checks in ((1, "a"), (2, "a"), (2, "b")):
        kept.begin(number, checks)
        assert kept.epoch not in epochs
        epochs.add(kept.epoch)
        assert (kept.snapshot(), kept.asked_at) == ({}, {})
        kept.keep("guard/0", reading(1))
        kept.asked_at["guard/0"] = NOON


def test_the_same_run_with_the_same_checks_goes_on():
    kept = memory()
    kept.begin(1, "a")
    epoch = kept.epoch
    kept.keep("guard/0", reading(1))
    kept.begin(1, "a")
    assert (kept.epoch, len(kept.snapshot()["guard/0"])) == (epoch, 1)


def test_an_edit_of_a_preflight_is_one_of_what_check_ids_point_into():
    def asked(most: float):
        gates = [{"metric": "latency", "max": most}]
        return asked_of(rollout(preflight={"gates": gates}))

    assert asked(0.7) == asked(0.7)
    assert asked(0.7) != asked(0.8)


def test_no_two_rollouts_share_an_epoch():
    one, namesake = memory(), memory()
    one.begin(1, "a")
    namesake.begin(1, "a")
    assert one.epoch != namesake.epoch


def test_another_run_waits_for_no_answer_to_a_question_of_the_run_before():
    """A Job may take minutes to answer; until then nobody would ask about the new revision."""
    kept = memory()
    kept.begin(1, "a")
    kept.asking |= {None, "guard/0"}
    kept.begin(1, "a")
    assert kept.asking == {None, "guard/0"}
    kept.begin(2, "a")
    assert kept.asking == {None}
