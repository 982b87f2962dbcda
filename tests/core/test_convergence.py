import pytest

from tests.core.scenes import NOW, ago, counted
from tidegate.core.convergence import Arm, idle, realised_at, share
from tidegate.core.observation import TrafficReading

STABLE = Arm("stable", "A")


def reading(by_revision=None, by_subset=None, *, error="", at=NOW):
    return TrafficReading(at, 5.0, by_revision=by_revision, by_subset=by_subset, error=error)


@pytest.mark.parametrize(
    ("traffic", "seen"),
    [
        (None, "unknown"),
        (reading({"B": 100}, error="subsets are down"), "yes"),
        (reading(error="down"), "unknown"),
        (reading({"B": 19}, error="subsets are down"), "unknown"),
        (reading({"B": 100}, at=ago(11)), "unknown"),
        (reading({"B": 100}), "yes"),
        (reading({"B": 100, "A": 0}), "yes"),
        (reading({"B": 100, "A": 0.5}), "no"),
        (reading({"B": 19}), "silent"),
        (reading({"B": 19, "A": 1}), "no"),
        (reading(), "silent"),
        (reading(None, {"canary": 100}), "yes"),
        (reading(None, {"canary": 100, "stable": 1}), "no"),
        (reading({"B": 100}, {"canary": 50, "stable": 1}), "no"),
        (reading({"A": 1, "B": 100}, {"canary": 101}), "yes"),  # around the mesh, to the pods
        (reading({"B": 19}, {"canary": 100}), "yes"),
        (reading({}, {}), "silent"),
    ],
)
def test_a_destination_is_idle_by_its_own_count_else_by_its_revision(traffic, seen):
    assert idle(traffic, STABLE, ago(10)) == seen


def test_an_arm_without_a_revision_of_its_own_is_seen_by_subset_only():
    assert idle(reading({"A": 100}), Arm("canary", None), ago(10)) == "silent"
    assert idle(reading({"A": 100}, {"stable": 100}), Arm("canary", None), ago(10)) == "yes"


def test_a_revision_that_no_destination_selects_is_seen_by_revision_only():
    assert idle(reading(None, {"stable": 100}), Arm("", "B"), ago(10)) == "silent"
    assert idle(reading({"A": 100}), Arm("", "B"), ago(10)) == "yes"


@pytest.mark.parametrize(
    ("canary", "total", "weight", "seen"),
    [
        (10, 100, 10, "yes"),
        (0, 1000, 10, "no"),
        (0, 20, 10, "yes"),  # so few requests cannot tell
        (0, 100, 10, "no"),
        (0, 300, 1, "yes"),
        (0, 1000, 1, "no"),
        (1000, 1000, 99, "no"),
        (1_310_000, 10_000_000, 10, "no"),
        (30, 100, 10, "no"),
        (1000, 10_000, 10, "yes"),
        (1500, 10_000, 10, "no"),
        (0, 100, 0, "yes"),
        (10, 100, 0, "no"),
        (100, 100, 100, "yes"),
        (90, 100, 100, "no"),
        (5, 19, 50, "silent"),
    ],
)
def test_a_share_is_realised_within_what_the_count_can_tell(canary, total, weight, seen):
    traffic = counted(A=total - canary, B=canary)
    assert share(traffic, "B", weight, ago(10)) == seen


def test_the_share_is_told_by_subset_where_revisions_are_not_told_apart():
    assert share(reading(None, {"canary": 50, "stable": 50}), "B", 50, ago(10)) == "yes"


def test_a_share_began_no_earlier_than_the_weight_or_the_window():
    assert realised_at(counted(A=1), ago(60)) == ago(5)
    assert realised_at(counted(A=1), ago(2)) == ago(2)
