"""Guards with all their fields, through whole releases: promoted, sent back, or held."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.properties.scenario import (
    RELEASE_S,
    deployed,
    examples,
    finish,
    gate,
    guard,
    matching,
    phase,
    release,
    rollout_spec,
    settings_of,
    some_of,
    with_bad,
)
from tests.properties.world import Setting
from tidegate.api.blind import Blind
from tidegate.core import reasons

HELD = (phase("ten", 10, hold_s=40.0, gates=(gate(),)), phase("half", 50, hold_s=5.0))
DOWN_S = 400.0
UNMEASURED_S = 120.0
"""Longer than each delay and each time after which a guard calls itself blind."""

FIELDS = st.fixed_dictionaries(
    {
        "failures": st.sampled_from([None, 1, 3]),
        "delay_s": st.sampled_from([None, 3.0, 12.0]),
        "warn_max": st.sampled_from([None, 0.0005, 0.005]),
        "severity": st.sampled_from([None, "info"]),
        "on_no_data": st.sampled_from(["blind", "ignore"]),
        "on_error": st.sampled_from(["blind", "fail", "ignore"]),
        "blind": st.sampled_from([None, Blind(after_s=20.0, then="revert")]),
    }
)


def made(fields, *, phases=HELD, **rest):
    return rollout_spec(phases=phases, guards=(guard().model_copy(update=fields),)).model_copy(
        update=rest
    )


def reverted(operator):
    assert operator.status.stable_revision == "A"
    assert operator.status.reverted_revision == "B"
    return operator.status.last_run


@examples(30)
@given(setting=settings_of(), fields=FIELDS)
def test_a_good_release_is_promoted_whatever_its_guard_says(setting, fields):
    operator = deployed(setting, matching(setting, made(fields)))
    release(operator)
    finish(operator)
    assert operator.status.last_run.outcome == "Promoted"


@examples(30)
@given(setting=settings_of(), fields=FIELDS)
def test_a_bad_release_is_sent_back_whatever_its_guard_says(setting, fields):
    setting = with_bad(setting, "B")
    operator = deployed(setting, matching(setting, made(fields)))
    release(operator)
    finish(operator)
    assert reverted(operator).reason == reasons.GUARD_BREACHED


@examples(30)
@given(fields=FIELDS, from_s=st.floats(0.0, 40.0), empty=st.booleans())
def test_no_gate_passes_while_nothing_can_be_measured(fields, from_s, empty):
    down = ((RELEASE_S + from_s, RELEASE_S + UNMEASURED_S),)
    setting = Setting(no_data=down) if empty else Setting(provider_down=down)
    operator = deployed(setting, made(fields))
    release(operator)
    operator.run(RELEASE_S + from_s)
    before = operator.status.run
    passed = len(before.history) if before is not None else 0
    stale_s = 3 * 2.0 + 5.0
    operator.run(RELEASE_S + from_s + stale_s + 1.0)
    run = operator.status.run
    if run is None:
        return
    operator.run(RELEASE_S + UNMEASURED_S - 1.0)
    later = operator.status.run or operator.status.last_run
    told = [e.what for e in later.history[passed:] if e.reason == reasons.PHASE_PASSED]
    soon = [e.what for e in run.history[passed:] if e.reason == reasons.PHASE_PASSED]
    assert "ten" not in set(told) - set(soon)


@pytest.mark.parametrize("write", some_of(range(1, 20)))
def test_a_crash_after_any_write_forgets_neither_failures_nor_delay(write):
    fields = {"failures": 3, "delay_s": 6.0, "warn_max": 0.005}
    operator = deployed(Setting(bad=frozenset({"B"})), made(fields))
    operator.crash_after = frozenset({write})
    release(operator)
    finish(operator)
    assert "3 in a row" in reverted(operator).message


def test_a_warning_is_told_once_a_run_and_the_release_goes_on():
    operator = deployed(Setting(), made({"warn_max": 0.0005}))
    release(operator)
    finish(operator)
    told = [note for note in operator.notes if note.reason == reasons.METRIC_WARNING]
    assert len(told) == 1
    assert operator.status.last_run.outcome == "Promoted"


@pytest.mark.parametrize("delay_s", [5.0, 20.0])
def test_a_bad_release_is_sent_back_once_the_delay_is_over_and_not_before(delay_s):
    operator = deployed(Setting(bad=frozenset({"B"})), made({"delay_s": delay_s}))
    release(operator)
    operator.run(RELEASE_S + 200, stop=lambda op: any(op.world.routes.weights))
    weighted_s = operator.world.now_s
    operator.run(weighted_s + delay_s - 1.0)
    assert operator.status.run is not None
    assert operator.status.phase.name == "ten"
    finish(operator)
    assert reverted(operator).reason == reasons.GUARD_BREACHED


@pytest.mark.parametrize(
    ("own", "ends"), [(None, False), (Blind(after_s=20.0, then="revert"), True)]
)
def test_a_provider_that_is_gone_sends_back_only_where_the_guard_says_so(own, ends):
    down = ((RELEASE_S + 25, RELEASE_S + DOWN_S),)
    operator = deployed(Setting(provider_down=down), made({"blind": own}))
    release(operator)
    operator.run(RELEASE_S + 200)
    assert (operator.status.run is None) is ends
    if ends:
        assert reverted(operator).reason == reasons.METRICS_BLIND


def test_an_error_that_counts_as_failed_sends_back_at_once():
    down = ((RELEASE_S + 25, RELEASE_S + DOWN_S),)
    operator = deployed(Setting(provider_down=down), made({"on_error": "fail", "failures": 2}))
    release(operator)
    operator.run(RELEASE_S + 40)
    assert reverted(operator).reason == reasons.GUARD_BREACHED


@examples(20)
@given(fields=FIELDS, bad=st.booleans(), down=st.booleans())
def test_mode_observe_promotes_whatever_the_guard_says(fields, bad, down):
    setting = Setting(bad=frozenset({"B"} if bad else ()))
    if down:
        setting = replace(setting, provider_down=((RELEASE_S + 4, RELEASE_S + 90),))
    operator = deployed(setting, made(fields, mode="observe"))
    release(operator)
    finish(operator)
    assert operator.status.last_run.outcome == "Promoted"
