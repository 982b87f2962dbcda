"""A provider that is silent is left alone for a moment, and never for longer."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from tidegate.adapters.prometheus.breaker import (
    FAILURES_MAX,
    PAUSE_S_FIRST,
    PAUSE_S_MAX,
    Breaker,
    Stance,
)

EVENTS = st.lists(
    st.tuples(
        st.sampled_from(["answered", "unanswered", "unproven"]),
        st.floats(min_value=0, max_value=20),
    ),
    max_size=40,
)


def after(events) -> tuple[Breaker, float]:
    """The breaker after (what came, seconds since what came before), and the time then."""
    breaker, now_s = Breaker(), 1000.0
    for event, passed_s in events:
        now_s += passed_s
        breaker = breaker.unproven(now_s) if event == "unproven" else getattr(breaker, event)()
    return breaker, now_s


@settings(deadline=None)
@given(EVENTS, st.floats(min_value=0, max_value=1e6))
def test_nobody_is_sent_away_for_longer_than_the_longest_pause(events, later_s):
    breaker, now_s = after(events)
    assert 0 <= breaker.left_s(now_s + later_s) <= PAUSE_S_MAX
    assert breaker.stance(now_s + PAUSE_S_MAX) is not Stance.GIVE_UP


@settings(deadline=None)
@given(EVENTS)
def test_an_answer_to_anybody_closes_it(events):
    breaker, now_s = after([*events, ("answered", 0)])
    assert breaker == Breaker()
    assert breaker.stance(now_s) is Stance.ASK


@settings(deadline=None)
@given(EVENTS)
def test_it_takes_a_probe_without_an_answer_to_send_anybody_away(events):
    breaker, now_s = after([(event, s) for event, s in events if event != "unproven"])
    assert breaker.stance(now_s) is not Stance.GIVE_UP


@settings(deadline=None)
@given(EVENTS, st.integers(min_value=0, max_value=3 * FAILURES_MAX))
def test_a_probe_is_wanted_after_so_many_failures_in_a_row(events, failures):
    breaker, now_s = after([*events, ("answered", 0), *[("unanswered", 0)] * failures])
    wanted = Stance.PROBE if failures >= FAILURES_MAX else Stance.ASK
    assert breaker.stance(now_s) is wanted


@settings(deadline=None)
@given(st.integers(min_value=1, max_value=20), st.integers(min_value=0, max_value=20))
def test_the_pause_grows_to_its_limit_and_late_failures_do_not_stretch_it(probes, late):
    breaker, now_s = after([("unproven", 0)] * probes + [("unanswered", 0.0)] * late)
    assert breaker.pause_s == min(PAUSE_S_FIRST * 2 ** (probes - 1), PAUSE_S_MAX)
    assert breaker.stance(now_s) is Stance.GIVE_UP
    assert breaker.stance(now_s + breaker.pause_s) is Stance.PROBE
