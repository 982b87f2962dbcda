"""What a check shows besides its verdict: how bad it is, that it warns, that it is ignored."""

from __future__ import annotations

from typing import Any

import pytest

from tests.views.bodies import IN_PHASE, NOW, ago, body, rollout
from tidegate.api.status import RolloutStatus
from tidegate.views.conditions import conditions
from tidegate.views.picture import picture, plain
from tidegate.views.story import story


def line(**fields: Any) -> str:
    """The line of the first guard in the picture."""
    check = IN_PHASE["checks"][0] | fields
    text = plain(picture(story(body(IN_PHASE | {"checks": [check]}), NOW), NOW))
    return next(one for one in text.splitlines() if "guard error-rate" in one)


def available(**fields: Any) -> tuple[str, str]:
    """Status and message of MetricsAvailable with that first guard alone."""
    check = IN_PHASE["checks"][0] | fields
    status = RolloutStatus.parse(body(IN_PHASE | {"checks": [check]}))
    made = conditions(rollout(), status, "WaitingForHold", NOW)
    return next((c.status, c.message) for c in made if c.type == "MetricsAvailable")


@pytest.mark.parametrize("severity", ["info", "warning", "critical"])
def test_a_guard_that_fails_says_how_bad_that_is(severity):
    assert line(verdict="fail", value=0.2, severity=severity).endswith(f"ago  {severity}")
    assert severity not in line(severity=severity)


def test_a_value_beyond_a_warn_level_is_marked_and_still_passes():
    shown = line(warning=True, severity="critical", detail="above warnMax 0.001")
    assert "▲ guard error-rate" in shown
    assert "  pass  " in shown
    assert shown.endswith("warning; above warnMax 0.001")


def test_a_value_next_to_its_bound_is_told_from_it():
    assert "0.050004" in line(verdict="fail", value=0.050004)


@pytest.mark.parametrize("verdict", ["nodata", "error"])
def test_what_is_ignored_says_so_and_is_no_blindness(verdict):
    assert line(verdict=verdict, value=None, ignored=True).endswith("ignored")
    status, message = available(verdict=verdict, ignored=True)
    assert status == "Unknown"
    assert message == "Guard error-rate has no value, and the spec says to ignore that."


def test_a_guard_with_a_blind_of_its_own_is_told_as_blind():
    assert available(verdict="nodata", blindSince=ago(5))[0] == "False"
