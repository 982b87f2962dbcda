import pytest

from tidegate.api.phases import Phase
from tidegate.core.capacity import phase_pods, pods_for_weight, stable_pods, weight_left_on_canary


@pytest.mark.parametrize(
    ("weight", "full", "expected"),
    [(0, 4, 1), (1, 4, 1), (10, 4, 1), (25, 4, 1), (26, 4, 2), (50, 7, 4), (100, 7, 7), (50, 0, 0)],
)
def test_pods_for_a_weight_round_up_and_are_at_least_one(weight, full, expected):
    assert pods_for_weight(weight, full) == expected


@pytest.mark.parametrize(
    ("weight", "full", "headroom", "expected"),
    [
        (0, 10, 10, 10),  # never more than carry all
        (10, 10, 10, 10),
        (50, 10, 10, 6),
        (50, 10, 0, 5),
        (50, 10, 100, 10),
        (90, 10, 10, 2),
        (99, 10, 0, 1),
        (100, 10, 10, 1),  # one stays, for the way back
        (50, 1, 10, 1),
        (50, 0, 10, 0),
    ],
)
def test_stable_keeps_what_its_share_needs_and_some_more(weight, full, headroom, expected):
    assert stable_pods(weight, full, headroom) == expected


@pytest.mark.parametrize(
    ("replicas", "expected"), [(None, 2), (3, 3), ("100%", 10), ("25%", 3), (0, 0), ("0%", 1)]
)
def test_pods_of_a_phase_are_what_it_says_or_what_its_weight_needs(replicas, expected):
    assert phase_pods(Phase(name="p", weight=20, replicas=replicas), 10) == expected


@pytest.mark.parametrize(
    ("weight", "stable_ready", "canary_ready", "full", "left"),
    [
        (50, 10, 5, 10, 0),
        (50, 5, 5, 10, 0),  # half of stable may take it all
        (100, 4, 10, 10, 20),
        (100, 1, 10, 10, 80),
        (50, 1, 10, 10, 50),  # never more than there was
        (100, 0, 10, 10, 100),
        (100, 0, 0, 10, 0),  # neither has a pod: stable
        (50, 3, 0, 10, 0),
        (50, 0, 0, 0, 0),
    ],
)
def test_what_stays_on_the_canary_is_what_stable_cannot_carry(
    weight, stable_ready, canary_ready, full, left
):
    assert (
        weight_left_on_canary(
            weight, stable_ready=stable_ready, canary_ready=canary_ready, full=full
        )
        == left
    )
