"""Every template and every kind of check is known to the rehearsals."""

from random import Random

import pytest

from tests.rehearsal.rollouts import ERRORS, GATE, GUARD, metric_of, rollout
from tidegate.api.constants import KUBERNETES_TEMPLATES, METRIC_TEMPLATES
from tidegate.rehearsal.detection import Errors, Terms, play, suspects
from tidegate.rehearsal.doubts import doubts
from tidegate.rehearsal.horizon import horizon_s
from tidegate.rehearsal.playing import End, Player
from tidegate.rehearsal.setting import setting_of
from tidegate.rehearsal.stories import STORIES
from tidegate.rehearsal.values import levels

SCRAPE_S = 15.0
FIVE = {"metric": "errors", "weight": 5, "max": 0.05, "minSamples": 10}
ONE = {"metric": "http-latency", "weight": 1, "max": 0.5}
CARD = {"name": "health", "pass": 75, "members": [FIVE, ONE]}
OF_CARD = {"scorecard": "health", "interval": "15s"}


def ends(spec, scenario: str) -> End:
    told = STORIES[scenario](spec.spec)
    player = Player(spec, setting_of("shop", spec.spec, told, scrape_s=SCRAPE_S))
    return player.release(horizon_s(spec.spec, told.pods.ready_after_s))


def carded(**spec):
    gated = [{"name": "half", "weight": 50, "hold": "1m", "gates": [OF_CARD]}]
    usual = {"metrics": [ERRORS, metric_of("http-latency")], "scorecards": [CARD]}
    return rollout(**(usual | {"guards": [OF_CARD], "phases": gated} | spec))


@pytest.mark.parametrize("template", METRIC_TEMPLATES)
def test_a_good_release_is_promoted_and_a_bad_one_sent_back_by_any_template(template):
    most = 0 if template in KUBERNETES_TEMPLATES - {"kube-unready-share"} else 0.4
    bounds = {"min": 1} if template.endswith("request-rate") else {"max": most}
    guard = {"metric": template, "interval": "15s", **bounds}
    spec = rollout(metrics=[ERRORS, metric_of(template)], guards=[guard])
    assert ends(spec, "good") is End.PROMOTED
    if not template.endswith("request-rate"):  # scripted by the requests themselves
        assert ends(spec, "bad") is End.REVERTED


@pytest.mark.parametrize("least", [1, 2, 3])
def test_a_bad_count_of_pods_is_a_whole_number_and_enough_for_min_pods(least):
    guard = {"metric": "kube-oom-kills", "max": 0, "minPods": least, "interval": "15s"}
    spec = rollout(metrics=[ERRORS, metric_of("kube-oom-kills")], guards=[guard])
    found = levels(spec.spec, spec.spec.metrics[1])
    assert (found.stable, found.good) == (0, 0)
    assert found.bad == least


def test_a_scorecard_is_played_by_its_members():
    assert ends(carded(), "good") is End.PROMOTED
    assert ends(carded(), "bad") is End.REVERTED


def test_a_light_member_alone_sends_nothing_back_unless_it_is_critical():
    def with_slow(*, critical: bool):
        card = CARD | {"members": [FIVE, ONE | {"critical": critical}]}
        spec = carded(scorecards=[card])
        bad = STORIES["bad"](spec.spec)
        slow = bad.model_copy(update={"metrics": {"http-latency": bad.metrics["http-latency"]}})
        player = Player(spec, setting_of("shop", spec.spec, slow, scrape_s=SCRAPE_S))
        return player.release(horizon_s(spec.spec, 10.0))

    assert with_slow(critical=False) is End.PROMOTED
    assert with_slow(critical=True) is End.REVERTED


def test_how_long_a_bad_score_stays_is_asked_as_well():
    (one,) = suspects(carded().spec, 100.0, Errors(0.01, 0.3))
    assert (one.metric, one.bounds, one.bad) == ("health", ">= 75 of 100 (1 of 1)", 0.0)
    assert one.scenario.metrics["errors"].canary[0].value == 0.3
    assert play(Terms(carded(), SCRAPE_S), one.scenario, Random(1)).end is End.REVERTED


def test_a_member_counts_as_used_and_is_doubted_as_a_gate_would_be():
    assert not doubts(carded().spec, SCRAPE_S)
    bare = {key: value for key, value in FIVE.items() if key != "minSamples"}
    told = doubts(carded(scorecards=[CARD | {"members": [bare, ONE]}]).spec, SCRAPE_S)
    assert [one.path for one in told] == ["spec.phases[0].gates[0]"]
    assert "errors in scorecard health has no minSamples" in told[0].message


def test_a_scorecard_that_nobody_uses_leaves_its_metrics_unused():
    gated = [{"name": "half", "weight": 50, "hold": "1m", "gates": [GATE]}]
    told = doubts(carded(guards=[GUARD], phases=gated).spec, SCRAPE_S)
    assert ["uses metric 'http-latency'" in one.message for one in told] == [True]


def test_a_window_of_its_own_is_doubted_where_it_stands():
    told = doubts(rollout(guards=[GUARD | {"window": "20s"}]).spec, SCRAPE_S)
    assert [one.path for one in told] == ["spec.guards[0].window"]


def test_scrapes_say_nothing_of_what_the_api_server_is_asked():
    pods = metric_of("kube-restarts") | {"window": "5s"}
    guard = {"metric": "kube-restarts", "max": 0, "interval": "2s"}
    assert not doubts(rollout(metrics=[ERRORS, pods], guards=[guard]).spec, SCRAPE_S)
