"""Values found for a metric please, or trip, the very judge that the operator asks."""

from __future__ import annotations

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from tests.rehearsal.rollouts import ERRORS, rollout
from tidegate.api.check_status import Verdict
from tidegate.api.checks import Bound
from tidegate.core.observation import Answer, Reading
from tidegate.core.verdicts import judge
from tidegate.rehearsal.counters import binomial
from tidegate.rehearsal.scenario import Change
from tidegate.rehearsal.values import bounds_of, levels
from tidegate.rehearsal.world import EPOCH

NUMBERS = st.floats(-1e6, 1e6, allow_nan=False).map(lambda x: round(x, 4))
LIMITS = st.one_of(
    NUMBERS.map(lambda most: {"max": most}),
    NUMBERS.map(lambda least: {"min": least}),
    st.tuples(NUMBERS, NUMBERS).map(lambda two: {"min": min(two), "max": max(two)}),
    st.floats(0, 500).map(
        lambda part: {"compare": {"to": "stable", "maxIncreasePercent": round(part, 2)}}
    ),
)
QUERY = {"name": "errors", "query": 'sum(x{r="{{revision}}"})'}
METRICS = st.sampled_from([ERRORS, QUERY, {"name": "errors", "template": "istio-latency"}])


def verdict(bound: Bound, value: float, stable: float) -> Verdict:
    other = Reading(EPOCH, Answer.OK, stable, 1e6)
    return judge(bound, Reading(EPOCH, Answer.OK, value, 1e6, stable=other))


@given(metric=METRICS, limits=LIMITS)
def test_a_good_value_passes_and_a_bad_one_fails(metric, limits):
    spec = rollout(metrics=[metric], guards=[{"metric": "errors", **limits}], phases=[]).spec
    found = levels(spec, spec.metrics[0])
    [bound] = bounds_of(spec, "errors")
    if found.good is not None:
        assert verdict(bound, found.good, found.stable) is Verdict.PASS
    if found.bad is not None:
        assert verdict(bound, found.bad, found.stable) is Verdict.FAIL


@given(limit=st.floats(0.001, 0.9))
def test_a_share_under_a_ceiling_has_both(limit):
    spec = rollout(guards=[{"metric": "errors", "max": limit}], phases=[]).spec
    found = levels(spec, spec.metrics[0])
    assert found.good is not None
    assert found.bad is not None
    assert 0 <= found.good <= limit < found.bad <= 1


def test_what_contradicts_itself_has_no_good_value():
    guards = [{"metric": "errors", "max": 0.1}, {"metric": "errors", "min": 0.2}]
    spec = rollout(guards=guards, phases=[]).spec
    assert levels(spec, spec.metrics[0]).good is None


@given(
    at_s=st.integers(0, 50),
    for_s=st.integers(1, 20),
    more_s=st.integers(1, 20),
    now_s=st.integers(0, 200),
)
def test_nothing_changes_before_the_next_edge(at_s, for_s, more_s, now_s):
    change = Change(value=1.0, at_s=float(at_s), for_s=float(for_s), every_s=float(for_s + more_s))
    edge_s = change.next_edge_s(now_s)
    assert edge_s > now_s
    here = change.on(now_s, 0.0)
    assert all(change.on(now_s + part * (edge_s - now_s), 0.0) == here for part in (0.3, 0.99))
    assert change.on(edge_s, 0.0) != here


@given(count=st.integers(0, 500), share=st.floats(0, 1), seed=st.integers(0, 99))
def test_no_more_fail_than_there_are(count, share, seed):
    failed = binomial(Random(seed), count, share)
    assert 0 <= failed <= count
    assert share not in (0.0, 1.0) or failed == count * share
