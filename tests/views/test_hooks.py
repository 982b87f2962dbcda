"""Hooks in the picture and in the conditions of a Rollout."""

from tests.views.bodies import AT_REST, IN_PHASE, NOW, ago, body
from tidegate.api.rollout import Rollout
from tidegate.api.status import RolloutStatus
from tidegate.core import reasons
from tidegate.views.conditions import conditions
from tidegate.views.picture import picture, plain
from tidegate.views.story import story

FAILED = {
    "id": "3/phase/ten/before/warm",
    "run": 3,
    "name": "warm",
    "phase": "ten",
    "when": "before",
    "result": "Failed",
    "try": 2,
    "tries": 2,
    "job": "web-3-phase-ten-before-warm-2-0123456789",
    "exitCode": 3,
    "startedAt": ago(70),
    "finishedAt": ago(60),
    "message": "no\x1b[31m cache",
}
TIDY = {
    "id": "3/run/revert/tidy",
    "run": 3,
    "name": "tidy",
    "when": "revert",
    "result": "Waiting",
    "tries": 1,
}


def _drawn(hooks):
    return plain(picture(story(body(AT_REST | {"hooks": hooks}), NOW), NOW)).splitlines()


def test_each_hook_has_a_line_with_its_end_and_its_words():
    lines = _drawn([FAILED, TIDY])
    at = next(number for number, line in enumerate(lines) if line.startswith("hooks"))
    first, second = lines[at : at + 2]
    assert "✗ warm  before ten  Failed  try 2 of 2, exit 3, " in first
    assert first.endswith("no [31m cache")
    assert second.strip() == "· tidy  after the revert  Waiting"


def test_without_hooks_there_is_no_line():
    assert not any(line.startswith("hooks") for line in _drawn([]))


def test_a_hook_that_holds_the_release_is_a_failure_for_flux_and_argo_cd():
    held = body(IN_PHASE | {"hooks": [FAILED], "message": "hook warm failed"})
    status = RolloutStatus.parse(held)
    found = conditions(Rollout.parse(held), status, reasons.HOOK_FAILED, NOW)
    said = {one.type: (one.status, one.reason) for one in found}
    assert said["Ready"] == ("False", "HookFailed")
    assert said["Stalled"] == ("True", "HookFailed")
    assert "Reconciling" not in said
