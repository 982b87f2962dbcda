"""A pre-flight is rehearsed: what serves is asked, and people and Jobs are taken as given."""

import pytest

from tests.rehearsal.rollouts import ERRORS, rollout
from tidegate.rehearsal.horizon import horizon_s
from tidegate.rehearsal.playing import End, Player
from tidegate.rehearsal.setting import setting_of
from tidegate.rehearsal.stories import STORIES

CPU = {"name": "cpu", "query": "cluster:cpu:ratio"}
BEFORE = {
    "gates": [{"metric": "cpu", "max": 0.7, "for": "2m"}],
    "hooks": [{"name": "backup", "cronJob": "backup"}],
    "approval": {"required": 2},
}


def _played(scenario: str) -> Player:
    made = rollout(metrics=[ERRORS, CPU], preflight=BEFORE)
    told = STORIES[scenario](made.spec)
    player = Player(made, setting_of("shop", made.spec, told, scrape_s=15.0))
    player.release(horizon_s(made.spec, told.pods.ready_after_s))
    return player


@pytest.mark.parametrize(("scenario", "end"), [("good", End.PROMOTED), ("bad", End.REVERTED)])
def test_it_passes_by_what_serves_and_then_the_release_is_judged(scenario, end):
    player = _played(scenario)
    assert player.end is end
    assert player.granted == ("preflight",)
    told = [one.reason for one in player.told]
    assert told.index("HookSucceeded") < told.index("PreflightPassed")
    passed = next(one for one in player.told if one.reason == "PreflightPassed")
    assert passed.at_s >= 120.0
    assert (passed.phase, passed.weight) == ("preflight", 0)


def test_a_provider_that_is_gone_leaves_it_waiting():
    assert _played("prometheus-down").end is End.STUCK
