import math
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.api.samples import JSON
from tidegate.api.check_status import CheckStatus, Verdict
from tidegate.api.status import PhaseStatus, RolloutStatus, RunStatus, State

AT = datetime(2026, 1, 2, 3, 4, 5, 123456, tzinfo=UTC)
FULL = RolloutStatus(
    observed_generation=3,
    state=State.PROGRESSING,
    weight=10,
    phase=PhaseStatus(index=0, name="canary-10", entered_at=AT),
    run=RunStatus(number=2, from_revision="a", to_revision="b", started_at=AT, stage="Phase"),
    checks=(CheckStatus(id="guard/0", kind="guard", metric="error-rate", verdict="pass"),),
)


def test_a_status_comes_back_the_same_over_the_wire():
    assert RolloutStatus.parse({"status": FULL.as_dict()}) == FULL


def test_yaml_names_are_short_and_nothing_is_null():
    stored = FULL.as_dict()
    assert stored["run"]["from"] == "a"
    assert stored["run"]["startedAt"] == "2026-01-02T03:04:05.123456Z"
    assert "canaryRevision" not in stored


@pytest.mark.parametrize(
    "body",
    [{}, {"status": None}, {"status": {}}, {"status": 5}, {"status": {"a": object()}}, [], None],
)
def test_no_status_yet_is_a_fresh_status(body):
    assert RolloutStatus.parse(body) == RolloutStatus()


def test_a_copy_is_checked_and_cut_like_a_new_status():
    assert len(FULL.model_copy(update={"message": "x" * 5000}).message) == 1024
    assert FULL.model_copy(update={"weight": 20}).run == FULL.run
    with pytest.raises(ValueError, match="weight"):
        FULL.model_copy(update={"weight": 101})


@pytest.mark.parametrize(
    ("measured", "kept"), [(0.5, 0.5), (math.nan, None), (-math.inf, None), (1e300, 1e15)]
)
def test_a_number_that_cannot_be_stored_does_not_stop_a_status(measured, kept):
    check = CheckStatus(id="g", kind="guard", metric="m", verdict="nodata", value=measured)
    assert check.value == kept


def test_a_fresh_status_says_that_nothing_was_seen():
    assert (RolloutStatus().observed_generation, RolloutStatus().state) == (-1, "Initializing")


def test_fields_of_a_newer_version_are_ignored():
    stored = FULL.as_dict() | {"novelties": [{"name": "b"}]}
    stored["phase"] = stored["phase"] | {"cohort": "beta"}
    assert RolloutStatus.parse({"status": stored}) == FULL


def test_a_state_of_a_newer_version_falls_back_to_the_default():
    found = RolloutStatus.parse({"status": FULL.as_dict() | {"state": "Experimenting"}})
    assert (found.state, found.weight) == (State.INITIALIZING, 10)


def test_an_object_without_a_required_part_goes_as_a_whole():
    stored = FULL.as_dict()
    del stored["run"]["to"]
    found = RolloutStatus.parse({"status": stored})
    assert (found.run, found.phase) == (None, FULL.phase)


def test_unreadable_items_leave_the_readable_ones():
    good = FULL.as_dict()["checks"][0]
    stored = {"checks": [5, good | {"id": None}, good, good | {"verdict": "maybe"}, "x"]}
    found = RolloutStatus.parse({"status": stored}).checks
    assert [check.verdict for check in found] == [Verdict.PASS]


def test_all_of_a_long_list_of_unreadable_items_goes():
    good = FULL.as_dict()["checks"][0]
    stored = {"weight": 5, "checks": [{"id": 1}] * 40 + [good]}
    found = RolloutStatus.parse({"status": stored})
    assert (found.weight, len(found.checks)) == (5, 1)


@given(JSON)
def test_any_json_is_read_as_some_status(anything):
    assert isinstance(RolloutStatus.parse({"status": anything}), RolloutStatus)
    assert isinstance(RolloutStatus.parse(anything), RolloutStatus)


@given(st.dictionaries(st.sampled_from(sorted(FULL.as_dict())), JSON))
def test_any_json_in_any_field_is_read_as_some_status(fields):
    assert isinstance(RolloutStatus.parse({"status": FULL.as_dict() | fields}), RolloutStatus)


@given(JSON, st.sampled_from(["phase", "run", "checks"]))
def test_a_broken_part_costs_no_other_part(anything, part):
    found = RolloutStatus.parse({"status": FULL.as_dict() | {part: anything}})
    assert (found.weight, found.state) == (10, State.PROGRESSING)
