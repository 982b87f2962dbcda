import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.stats.proportion import proportions_ztest

from bench.verdicts.__main__ import missed, reverted, table
from bench.verdicts.rules import (
    FLAGGER_GOOD,
    RULES,
    argo,
    argo_in_a_row,
    flagger,
    ordinary_test,
    z_statistic,
)
from bench.verdicts.scenarios import HARMLESS, SHAKEN, SHAKEN_WORSE, WORSE, Scenario, Shocks
from tests.core.statistics.stated import stated
from tidegate.core.statistics.window import Window

steady = settings(max_examples=30, deadline=None, derandomize=True, database=None)
ALL = (*HARMLESS, *SHAKEN, *WORSE, *SHAKEN_WORSE)
GOOD, BAD = Window(1, 100, 9, 900), Window(2, 100, 9, 900)
"""On the bound of 99 % and below it."""


def _run(pattern: str) -> list[Window]:
    return [GOOD if letter == "+" else BAD for letter in pattern]


@pytest.mark.parametrize(
    ("pattern", "look"),
    [
        ("-----", 5),
        ("-+-+-+-+-", 9),
        ("+++++-+++++-----", None),
        ("----" + "+" * FLAGGER_GOOD + "-", None),
        ("----" + "+" * (FLAGGER_GOOD - 1) + "-", 14),
        ("----", None),
    ],
)
def test_flagger_reverts_at_the_fifth_failure_unless_ten_good_checks_came_first(pattern, look):
    assert flagger(_run(pattern)) == look


@pytest.mark.parametrize(
    ("pattern", "look", "look_in_a_row"),
    [
        ("----", 4, 4),
        ("-+-++-+++-", 10, 10),
        ("---" + "+" * 9 + "-", 13, 13),
        ("---" + "+" * 10 + "-", 14, None),
        ("+" * 30, None, None),
    ],
)
def test_argo_reverts_at_the_failure_after_three_unless_ten_successes_in_a_row_came_first(
    pattern, look, look_in_a_row
):
    assert argo(_run(pattern)) == look
    assert argo_in_a_row(_run(pattern)) == look_in_a_row


def test_the_ordinary_test_is_that_of_the_literature():
    assert z_statistic(Window(40, 2_000, 180, 18_000)) == stated("4.07")


@steady
@given(st.integers(0, 300), st.integers(0, 2_700))
def test_the_ordinary_test_is_that_of_statsmodels(bad, usual):
    counts = Window(bad, 300, usual, 2_700)
    if counts.errors in {0, 3_000}:
        assert z_statistic(counts) == 0.0
        return
    theirs, _ = proportions_ztest([bad, usual], [300, 2_700])
    assert z_statistic(counts) == pytest.approx(theirs, rel=1e-9, abs=1e-12)


def test_the_ordinary_test_looks_at_all_counts_so_far():
    fair, few = Window(3, 300, 27, 2_700), Window(6, 300, 27, 2_700)
    assert z_statistic(few) < 1.96
    assert ordinary_test([fair] * 20) is None
    assert 1 < ordinary_test([few] * 20) < 20


def test_a_broken_canary_is_found_by_every_rule_and_a_faultless_one_by_none():
    for rule in RULES.values():
        assert rule([Window(0, 300, 0, 2_700)] * 30) is None
        assert rule([Window(90, 300, 14, 2_700)] * 30) <= 10


@pytest.mark.parametrize("scenario", ALL, ids=repr)
def test_a_scenario_has_in_the_mean_the_rates_that_it_names(scenario):
    runs = [scenario.windows(np.random.default_rng([7, run])) for run in range(40)]
    windows = [window for run in runs for window in run]
    wild = 0.0 if scenario.shocks is Shocks.NONE else 1.0 / scenario.shape
    for rate, errors, requests in (
        (
            scenario.canary_rate,
            [w.canary_errors for w in windows],
            [w.canary_requests for w in windows],
        ),
        (scenario.rate, [w.stable_errors for w in windows], [w.stable_requests for w in windows]),
    ):
        expected = rate * sum(requests)
        spread = math.sqrt(expected + wild * expected * expected / len(windows))
        assert abs(sum(errors) - expected) <= 4 * spread


def test_shared_shocks_hit_both_sides_alike_and_own_ones_do_not():
    for shocks, least, most in ((Shocks.SHARED, 0.9, 1.0), (Shocks.OWN, -0.5, 0.5)):
        scenario = Scenario(0.01, 1_000_000, shocks=shocks)
        windows = scenario.windows(np.random.default_rng(8))
        sides = np.array([(w.canary_errors, w.stable_errors) for w in windows])
        assert least <= np.corrcoef(sides.T)[0, 1] <= most


def test_cells_say_how_many_runs_and_at_which_look():
    assert reverted([None] * 3 + [4]) == "25 %"
    assert reverted([None] * 999 + [4]) == "0.1 %"
    assert reverted([None] * 5) == "0 %"
    assert missed([3, 9, 4, None]) == "25 %, 4"
    assert missed([None]) == "100 %"


def test_the_same_seed_gives_the_same_table():
    tables = [table("t", SHAKEN[:2], reverted, runs=3, seed=seed) for seed in (1, 1)]
    assert tables[0] == tables[1]
    assert len(tables[0]) == 4
    assert {line.count("|") for line in tables[0]} == {len(RULES) + 2}
