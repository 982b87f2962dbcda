"""A comparison passes only on values of both arms that keep every limit."""

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.core.scenes import NOW, ago, in_phase, read, spec
from tidegate.api.check_status import Verdict
from tidegate.api.checks import Gate, Guard
from tidegate.api.compare import Compare
from tidegate.api.rollout import Rollout
from tidegate.api.status import Stage
from tidegate.core.observation import Answer, Reading
from tidegate.core.scene import Scene
from tidegate.core.verdicts import bound_text, check_status, judge

TEN_PERCENT = {"max_increase_percent": 10}
VALUES = st.floats(-1e15, 1e15)


def gate(*, most=None, min_samples=None, **limits):
    compare = Compare(to="stable", **limits)
    return Gate(metric="latency", max=most, min_samples=min_samples, compare=compare)


def both(value, stable, *, samples=None, stable_samples=None):
    other = read(1, stable, samples=stable_samples)
    return replace(read(1, value, samples=samples), stable=other)


@pytest.mark.parametrize(
    ("limits", "value", "stable", "verdict"),
    [
        ({"max_increase": 2}, 12, 10, "pass"),
        ({"max_increase": 2}, 12.1, 10, "fail"),
        ({"min_increase": 2}, 12, 10, "pass"),
        ({"min_increase": 2}, 11.9, 10, "fail"),
        ({"max_decrease": 2}, 8, 10, "pass"),
        ({"max_decrease": 2}, 7.9, 10, "fail"),
        ({"min_decrease": 2}, 8, 10, "pass"),
        ({"min_decrease": 2}, 8.1, 10, "fail"),
        ({"max_increase_percent": 50}, 15, 10, "pass"),
        ({"max_increase_percent": 50}, 15.1, 10, "fail"),
        ({"min_increase_percent": 50}, 15, 10, "pass"),
        ({"min_increase_percent": 50}, 14.9, 10, "fail"),
        ({"max_decrease_percent": 50}, 5, 10, "pass"),
        ({"max_decrease_percent": 50}, 4.9, 10, "fail"),
        ({"min_decrease_percent": 50}, 5, 10, "pass"),
        ({"min_decrease_percent": 50}, 5.1, 10, "fail"),
        ({"max_increase_percent": 50}, -5, -10, "pass"),
        ({"max_increase_percent": 50}, -4.9, -10, "fail"),
        ({"max_increase": 1, "max_decrease": 1}, 12, 10, "fail"),
        ({"max_increase": 1, "max_decrease": 1}, 8, 10, "fail"),
        ({"max_increase": 1, "max_decrease": 1}, 9.5, 10, "pass"),
    ],
)
def test_each_limit_has_its_edge_and_all_must_be_kept(limits, value, stable, verdict):
    assert judge(gate(**limits), both(value, stable)) == verdict


@pytest.mark.parametrize("value", [0, 5, -5])
def test_a_percentage_of_nothing_is_undecided_and_says_what_to_do(value):
    bound = gate(**TEN_PERCENT)
    assert judge(bound, both(value, 0)) is Verdict.UNDECIDED
    said = check_status("gate/0/0", bound, [both(value, 0)], None, NOW).detail
    assert said.endswith("<= stable + 10 % says nothing of 0: set the limit in the metric's unit")


def test_a_broken_limit_fails_beside_one_that_cannot_be_judged():
    assert judge(gate(max_increase=1, **TEN_PERCENT), both(5, 0)) is Verdict.FAIL


@pytest.mark.parametrize(
    ("stable", "verdict"),
    [
        (None, "nodata"),
        (Reading(NOW, Answer.NODATA), "nodata"),
        (Reading(NOW, Answer.NODATA, value=1.0), "nodata"),
        (Reading(NOW, Answer.OK), "nodata"),
        (Reading(NOW, Answer.OK, value=math.nan), "nodata"),
        (Reading(NOW, Answer.OK, value=math.inf), "nodata"),
        (Reading(NOW, Answer.ERROR), "error"),
        (Reading(NOW, Answer.REFUSED), "error"),
    ],
)
def test_without_a_value_of_stable_nothing_passes_and_an_absolute_bound_still_fails(
    stable, verdict
):
    reading = Reading(NOW, Answer.OK, value=1.0, stable=stable)
    assert judge(gate(max_increase=9), reading) == verdict
    assert judge(gate(most=2, max_increase=9), reading) == verdict
    assert judge(gate(most=0.5, max_increase=9), reading) is Verdict.FAIL


@pytest.mark.parametrize(
    ("samples", "stable_samples", "verdict"),
    [
        (100, 100, "fail"),
        (99, 100, "undecided"),
        (100, 99, "undecided"),
        (100, None, "undecided"),
    ],
)
def test_both_arms_need_their_samples(samples, stable_samples, verdict):
    reading = both(9, 1, samples=samples, stable_samples=stable_samples)
    assert judge(gate(min_samples=100, max_increase=1), reading) == verdict


@pytest.mark.parametrize("asked", [{"test": "welch"}, {"test": "welch", "max_increase": 9}])
def test_a_test_that_is_not_built_passes_nothing(asked):
    assert judge(gate(**asked), both(1, 1)) is Verdict.UNDECIDED


@given(VALUES, VALUES, st.floats(0, 1e5), st.floats(0, 1e5))
def test_a_wider_limit_never_fails_what_a_narrower_one_passes(value, stable, one, other):
    narrow, wide = sorted((one, other))
    if judge(gate(max_increase_percent=narrow), both(value, stable)) is Verdict.PASS:
        assert judge(gate(max_increase_percent=wide), both(value, stable)) is Verdict.PASS


@given(
    st.one_of(st.none(), st.floats()),
    st.one_of(st.none(), st.floats()),
    st.dictionaries(st.sampled_from(list(Compare.model_fields)[2:10]), st.floats(0, 1e5)),
)
def test_every_pair_has_a_verdict_and_passes_only_on_two_numbers(value, stable, limits):
    verdict = judge(gate(**limits), both(value, stable))
    measured = [one is not None and math.isfinite(one) for one in (value, stable)]
    assert verdict is not Verdict.PASS or all(measured)


@pytest.mark.parametrize(
    ("bound", "text"),
    [
        (gate(**TEN_PERCENT), "<= stable + 10 %"),
        (gate(most=0.5, max_increase=0.1), "<= 0.5, <= stable + 0.1"),
        (gate(max_decrease_percent=5), ">= stable - 5 %"),
        (gate(max_increase=0), "<= stable"),
    ],
)
def test_a_comparison_reads_well(bound, text):
    assert bound_text(bound) == text


def test_the_status_shows_the_value_beside_that_of_stable():
    status = check_status("gate/0/0", gate(**TEN_PERCENT), [both(0.31, 0.28)], None, NOW)
    assert (status.value, status.detail) == (0.31, "0.31 against 0.28 of stable")


def compared_guard(**bounds):
    compare = Compare(to="stable", max_increase_percent=10)
    return Guard(metric="errors", compare=compare, **bounds)


def scene(case):
    rollout = Rollout(
        name="shop",
        namespace="shop",
        uid="u",
        resource_version="1",
        generation=7,
        deleting=False,
        spec=case.spec,
    )
    return Scene(rollout, case.status, case.observed, NOW)


def watched(case):
    return [(check.id, bound_text(guard)) for check, guard in scene(case).guards()]


def guarded(*, stage=Stage.PHASE, **bounds):
    guard = Guard(metric="errors", compare=Compare(to="stable", **TEN_PERCENT), **bounds)
    readings = {"guard/0": (both(0.4, 0.3),)}
    return in_phase(stage=stage, spec=spec(guards=(guard,)), readings=readings)


def test_a_release_that_is_worse_than_stable_is_sent_back_with_both_numbers():
    decision = guarded().decided()
    assert decision.status.run is None
    assert "is 0.4 against 0.3 of stable, must be <= stable + 10 %" in str(decision.notes)


def test_a_comparison_of_before_the_canary_was_pointed_sends_nothing_back():
    old = replace(both(0.4, 0.3), at=ago(291))
    assert guarded().with_(readings={"guard/0": (old,)}).decided().status.run is not None


ALONE = {
    "bake": guarded(stage=Stage.BAKING),
    "all requests": guarded().with_(weights=(100,)),
    "one revision": guarded(stage=Stage.PROMOTING).with_(stable="B"),
}
BESIDE_STABLE = {
    "phase": guarded(),
    "one route of two": guarded().with_(weights=(100, 10)),
    "before the last raise": guarded(stage=Stage.PROMOTING),
    "routes not read": guarded().with_(routes_hidden=True),
}


@pytest.mark.parametrize("case", ALONE.values(), ids=ALONE)
def test_where_stable_gets_nothing_only_the_numbers_of_a_guard_are_left(case):
    assert watched(case) == []
    (guard,) = case.spec.guards
    both_kinds = guard.model_copy(update={"max": 0.5})
    case = case.with_(spec=case.spec.model_copy(update={"guards": (both_kinds,)}))
    assert watched(case) == [("guard/0", "<= 0.5")]


@pytest.mark.parametrize("case", BESIDE_STABLE.values(), ids=BESIDE_STABLE)
def test_while_stable_may_get_requests_it_is_compared_with(case):
    assert watched(case) == [("guard/0", "<= stable + 10 %")]
