"""What is promised about mistakes, counted: alpha 0.05, 4,000 runs each, a look at every window."""

import random
from functools import partial

import pytest

from bench.verdicts.rules import ordinary_test
from tests.core.statistics.regimes import FAIR, no_change
from tests.core.statistics.simulated import RUNS, allowed, looks, shown_part
from tidegate.core.statistics.sequential import Claim, Plan

ALPHA = 0.05
PLANS = {
    "worse": Plan(Claim.WORSE, 1.0, ALPHA),
    "not worse": Plan(Claim.NOT_WORSE, 1.5, ALPHA),
}


@pytest.mark.parametrize("regime", FAIR)
@pytest.mark.parametrize("claim", PLANS)
def test_a_canary_at_the_bound_is_called_by_mistake_no_more_often_than_stated(regime, claim):
    plan = PLANS[claim]
    found = looks(
        plan, partial(FAIR[regime], ratio=plan.ratio), runs=RUNS, seed=f"{regime}/{claim}"
    )
    print(f"{claim}, {regime}: {100 * shown_part(found):.2f} % of {RUNS}")
    assert shown_part(found) <= allowed(ALPHA, RUNS)


def test_an_ordinary_test_at_each_look_does_not_keep_what_it_states():
    # The same windows as above: what is counted here can fail.
    runs = max(200, RUNS // 10)
    found = [
        ordinary_test(list(no_change(random.Random(f"no change/worse/{run}"), 1.0)))
        for run in range(runs)
    ]
    print(f"{100 * shown_part(found):.1f} % of {runs}")
    assert shown_part(found) > 3 * ALPHA
