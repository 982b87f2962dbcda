"""A release played in virtual time ends as its scenario must, and loses no request on the way."""

from __future__ import annotations

from random import Random

import pytest

from tests.rehearsal.rollouts import ERRORS, GATE, GUARD, rollout
from tidegate.rehearsal.detection import (
    Errors,
    Terms,
    at_most,
    good_scenario,
    play,
    quantile,
    suspects,
)
from tidegate.rehearsal.horizon import horizon_s
from tidegate.rehearsal.playing import NEW, OLD, End, Player
from tidegate.rehearsal.scenario import Change, Pods, Scenario, Script
from tidegate.rehearsal.setting import setting_of
from tidegate.rehearsal.stories import STORIES

PLAIN = rollout()
PHASES = [
    {"name": "ten", "weight": 10, "hold": "1m", "gates": [GATE]},
    {"name": "half", "weight": 50, "hold": "1m", "gates": [GATE]},
]


def played(scenario: Scenario, about=PLAIN, **options) -> Player:
    player = Player(about, setting_of(about.name, about.spec, scenario, **options))
    player.release(horizon_s(about.spec, scenario.pods.ready_after_s))
    return player


@pytest.mark.parametrize(
    ("name", "end"),
    [
        ("good", End.PROMOTED),
        ("bad", End.REVERTED),
        ("worse-at-50", End.REVERTED),
        ("flapping", End.REVERTED),
        ("no-data", End.STUCK),
        ("prometheus-down", End.STUCK),
        ("slow-pods", End.PROMOTED),
        ("dead-pods", End.REVERTED),
    ],
)
def test_every_story_ends_as_it_must_and_no_request_fails(name, end):
    player = played(STORIES[name](PLAIN.spec))
    assert player.end is end, player.status.message
    assert player.world.failed == 0
    assert player.world.routes.stable == (NEW if end is End.PROMOTED else OLD)


def test_there_is_a_case_for_every_story():
    marks = test_every_story_ends_as_it_must_and_no_request_fails.pytestmark
    assert {case[0] for case in marks[0].args[1]} == set(STORIES)


def test_worse_at_50_goes_back_only_there():
    about = rollout(phases=PHASES)
    player = played(STORIES["worse-at-50"](about.spec), about)
    said = [one.reason for one in player.told]
    assert said.count("PhasePassed") == 1
    assert player.told[-1].reason == "Reverted"
    assert player.told[-1].phase == "half"


def test_the_timeline_is_in_order_and_begins_at_the_release():
    told = played(STORIES["good"](PLAIN.spec)).told
    times = [one.at_s for one in told]
    assert times == sorted(times)
    assert 0 <= times[0] < 1
    assert [one.reason for one in told if one.reason == "Promoted"] == ["Promoted"]


def test_a_play_is_the_same_each_time():
    scenario = STORIES["flapping"](PLAIN.spec)
    assert played(scenario).told == played(scenario).told


def test_pods_that_need_longer_delay_the_first_traffic_by_as_much():
    first = []
    for ready_after_s in (20.0, 80.0):
        player = played(Scenario(pods=Pods(ready_after_s=ready_after_s)))
        assert player.world.first_canary_s is not None
        first.append(player.world.first_canary_s - player.world.released_s)
    assert first[1] - first[0] == pytest.approx(60.0, abs=1.0)


def test_what_was_written_later_in_a_script_counts():
    changes = (Change(value=0.001), Change(value=0.5, at_s=90.0))
    player = played(Scenario(metrics={"errors": Script(canary=changes)}))
    assert player.end is End.REVERTED
    assert player.told[-1].at_s >= 90.0


@pytest.mark.parametrize("traffic", ["service", "managed", "gateway"])
def test_every_router_is_played(traffic):
    services = {"stable": "shop", "canary": "shop-canary"}
    routers = {
        "service": {"service": {"active": "shop", "preview": "shop-next"}},
        "managed": {"istio": {"managed": {}}},
        "gateway": {"gatewayApi": {"httpRoutes": [{"name": "shop"}], "services": services}},
    }
    phases = [{"name": "all", "weight": 100, "hold": "30s"}]
    about = rollout(traffic=routers[traffic], phases=phases)
    assert played(STORIES["good"](about.spec), about).end is End.PROMOTED


def test_a_deployment_that_is_taken_over_is_played_as_if_it_were():
    ref = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "shop"}
    about = rollout(template=None, workloadRef=ref)
    assert played(STORIES["bad"](about.spec), about).end is End.REVERTED


# ---------------------------------------------------------------- with chance


def test_a_very_bad_release_is_found_within_two_scrapes_and_a_look():
    [suspect] = suspects(PLAIN.spec, 200.0, Errors(0.01, 0.3))
    terms = Terms(PLAIN, 15.0)
    seed = 20261130
    print(f"seed {seed}")
    for run in range(5):
        found = play(terms, suspect.scenario, Random(seed + run))
        assert found.end is End.REVERTED
        assert found.took_s is not None
        assert 0 < found.took_s <= 2 * 15 + 15 + 2


def test_a_good_release_is_not_sent_back_by_chance():
    good = good_scenario(PLAIN.spec, 200.0, Errors(0.001, 0.3))
    assert {play(Terms(PLAIN, 15.0), good, Random(run)).end for run in range(3)} == {End.PROMOTED}


def test_too_tight_a_guard_sends_good_releases_back():
    tight = rollout(guards=[{**GUARD, "max": 0.0101}])
    good = good_scenario(tight.spec, 200.0, Errors(0.01, 0.3))
    ends = [play(Terms(tight, 15.0), good, Random(run)).end for run in range(4)]
    assert End.REVERTED in ends


def test_the_same_dice_give_the_same_play():
    [suspect] = suspects(PLAIN.spec, 50.0, None)
    terms = Terms(PLAIN, 15.0)
    once, again = (play(terms, suspect.scenario, Random(7)) for _ in range(2))
    assert once == again


def test_only_metrics_with_a_guard_that_reverts_are_suspects():
    paused = rollout(guards=[{**GUARD, "then": "pause"}])
    assert suspects(paused.spec, 100.0, None) == ()
    assert [one.metric for one in suspects(PLAIN.spec, 100.0, None)] == [ERRORS["name"]]


def test_a_quantile_is_a_value_that_was_seen():
    assert quantile([3.0, 1.0, 2.0], 0.5) == 2.0
    assert quantile([float(n) for n in range(1, 101)], 0.95) == 95.0
    assert quantile([4.0], 0.95) == 4.0


def test_what_was_never_seen_in_200_runs_may_still_happen():
    assert at_most(200) == pytest.approx(0.0149, abs=1e-4)


def test_a_shadow_phase_finds_what_is_bad_before_anybody_is_answered_by_it():
    shadow = {"name": "shadow", "weight": 0, "hold": "1m", "mirror": {"percent": 50}}
    about = rollout(phases=[shadow | {"gates": [GATE]}, *PHASES])
    assert played(STORIES["good"](about.spec), about).end is End.PROMOTED
    bad = played(STORIES["bad"](about.spec), about)
    assert (bad.end, bad.told[-1].phase) == (End.REVERTED, "shadow")
    assert {weight for _, routes in bad.world.past for weight in routes.weights.values()} == {0}
    assert bad.world.failed == 0
