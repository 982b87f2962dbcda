import math
from itertools import pairwise

import pytest

from tests.core.statistics.stated import stated
from tidegate.core.statistics.refused import Refused
from tidegate.core.statistics.spending import Spending, spent

PARTS = (0.25, 0.5, 0.75, 1.0)


@pytest.mark.parametrize(
    ("spending", "amounts"),
    [
        (Spending.LATE, ("0.00009", "0.00557", "0.02363", "0.05000")),
        (Spending.EVEN, ("0.01787", "0.03101", "0.04140", "0.05000")),
    ],
)
def test_alpha_is_spent_as_in_the_literature(spending, amounts):
    assert [spent(0.05, part, spending) for part in PARTS] == [stated(text) for text in amounts]


@pytest.mark.parametrize("spending", Spending)
@pytest.mark.parametrize("alpha", [1e-9, 0.01, 0.2, 0.5])
def test_nothing_is_spent_before_the_start_more_with_every_look_and_all_at_the_end(spending, alpha):
    amounts = [spent(alpha, at / 50, spending) for at in range(51)]
    assert amounts[0] == 0.0
    assert amounts[-1] == pytest.approx(alpha)
    assert all(earlier <= later for earlier, later in pairwise(amounts))


@pytest.mark.parametrize(
    ("alpha", "part"), [(math.nan, 0.5), (0.0, 0.5), (0.05, 1.1), (0.05, -0.1), (0.05, math.nan)]
)
def test_what_cannot_be_spent_is_refused(alpha, part):
    assert isinstance(spent(alpha, part, Spending.LATE), Refused)


def test_the_smallest_part_of_a_run_spends_nothing_and_fails_at_nothing():
    assert spent(1e-9, 5e-324, Spending.LATE) == 0.0
