"""Each doubt is said where it belongs, and a Rollout without any stays without any."""

from __future__ import annotations

import pytest

from tests.rehearsal.rollouts import ERRORS, GATE, GUARD, rollout
from tidegate.rehearsal.doubts import doubts

HALF = {"name": "half", "weight": 50, "hold": "1m", "gates": [GATE]}
QUERY = {"name": "errors", "query": "sum(x)", "window": "30s"}
TEN = {"buckets": {"header": "x-user", "percent": 10, "encoding": "decimal"}}
OTHERS = {"buckets": {**TEN["buckets"], "after": 10}}
MORE = {"buckets": {**TEN["buckets"], "percent": 50}}

CASES = [
    ({"metrics": [ERRORS | {"window": "20s"}]}, "spec.metrics[0].window", "two scrapes"),
    ({"guards": [GUARD | {"interval": "5s"}]}, "spec.guards[0].interval", "more than once"),
    (
        {
            "guards": [
                GUARD,
                {
                    "metric": "errors",
                    "interval": "20s",
                    "compare": {"to": "stable", "test": "sequential", "margin": 1.5},
                },
            ]
        },
        "spec.guards[1].interval",
        "a test looks back as long",
    ),
    (
        {"guards": [GUARD, {"metric": "errors", "min": 0.5, "interval": "15s"}]},
        "spec.metrics[0]",
        "no value pleases",
    ),
    ({"metrics": [ERRORS, ERRORS | {"name": "more"}]}, "spec.metrics[1]", "uses metric 'more'"),
    ({"guards": []}, "spec.guards", "no guards at all"),
    (
        {"guards": [], "phases": [HALF, HALF | {"name": "full", "guards": [GUARD]}]},
        "spec.guards",
        "in phase half",
    ),
    (
        {"metrics": [QUERY], "phases": [HALF | {"gates": [GATE]}]},
        "spec.phases[0].gates[0].minSamples",
        "has no samples query",
    ),
    (
        {"phases": [HALF | {"gates": [{"metric": "errors", "max": 0.02}]}]},
        "spec.phases[0].gates[0]",
        "no minSamples",
    ),
    (
        {"phases": [HALF, HALF | {"name": "less", "weight": 20}, HALF | {"name": "more"}]},
        "spec.phases[1].weight",
        "back and forth",
    ),
    (
        {"phases": [HALF | {"match": [TEN]}, HALF | {"name": "next", "match": [OTHERS]}]},
        "spec.phases[1].match",
        "does not have all users of phase half",
    ),
    ({"phases": [HALF | {"weight": 60}]}, "spec.phases[0].weight", "from 0 % to 60 %"),
    (
        {"phases": [HALF | {"weight": 10, "gates": []}]},
        "spec.phases[0]",
        "from 10 % to 100 %",
    ),
    ({"phases": []}, "spec.phases", "in one step"),
    ({"phases": [HALF | {"hold": "10s"}]}, "spec.phases[0].hold", "shorter than the window"),
    (
        {"phases": [HALF | {"deadline": "90s", "gates": [GATE | {"for": "1m"}]}]},
        "spec.phases[0].deadline",
        "shorter than hold and for",
    ),
]


def test_a_rollout_without_doubt():
    assert doubts(rollout().spec, 15.0) == ()


@pytest.mark.parametrize(("spec", "path", "words"), CASES)
def test_a_doubt_is_said_once_and_in_its_place(spec, path, words):
    [doubt] = doubts(rollout(**spec).spec, 15.0)
    assert doubt.path == path
    assert words in doubt.message


def test_faster_scrapes_end_the_doubts_about_them():
    spec = rollout(metrics=[ERRORS | {"window": "10s"}], guards=[GUARD | {"interval": "5s"}]).spec
    assert len(doubts(spec, 15.0)) == 2
    assert doubts(spec, 5.0) == ()


def test_blue_green_jumps_and_nobody_minds():
    phases = [{"name": "all", "weight": 100, "hold": "1m", "gates": [GATE]}]
    spec = rollout(traffic={"service": {"active": "shop"}}, phases=phases).spec
    assert doubts(spec, 15.0) == ()


def test_a_share_of_users_that_grows_and_ends_with_all_is_no_doubt():
    phases = [
        HALF | {"match": [TEN]},
        HALF | {"name": "more", "match": [MORE]},
        HALF | {"name": "all", "weight": 100},
    ]
    assert doubts(rollout(phases=phases).spec, 15.0) == ()
