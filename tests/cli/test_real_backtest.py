"""Past releases, found and judged on what a real Prometheus holds of three hours."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from tests.adapters.prometheus.real import ON_A_REAL_PROMETHEUS, prometheus, series
from tests.rehearsal.rollouts import ERRORS, GATE, GUARD, manifest
from tidegate.cli.main import app

pytestmark = [
    *ON_A_REAL_PROMETHEUS,
    pytest.mark.skipif(shutil.which("promtool") is None, reason="no promtool beside prometheus"),
]

START_S = 1_767_268_800
"""2026-01-01T12:00:00Z"""
SCRAPE_S = 15
MINUTE = 60 // SCRAPE_S
Share = tuple[float, float]
"""Requests a second, and the share of them that fails."""


def day() -> Iterator[dict[str, Share]]:
    """What each revision got, scrape by scrape: one bad release, and then a good one."""
    yield from [{"a1": (50, 0.001)}] * (10 * MINUTE)
    yield from [{"a1": (45, 0.001), "b2": (5, 0.4)}] * (4 * MINUTE)
    yield from [{"a1": (50, 0.001)}] * (20 * MINUTE)
    yield from [{"a1": (45, 0.001), "c3": (5, 0.001)}] * (10 * MINUTE)
    yield from [{"c3": (50, 0.001)}] * (10 * MINUTE)


def recording() -> str:
    """The day as OpenMetrics, of the shop and of a neighbour whose releases are not ours."""
    counts: dict[str, float] = {}
    lines: dict[str, list[str]] = {"istio_requests_total": [], "up": []}
    for step, active in enumerate(day()):
        at_s = START_S + step * SCRAPE_S
        lines["up"].append(f'up{{job="mesh",instance="x:1"}} 1 {at_s}')
        for revision, (rate, share) in (
            {"n0": (9.0, 0.0), f"n{step}": (9.0, 1.0)} | active
        ).items():
            of = "shop" if revision in active else "shop-window"
            for code, part in (("200", 1 - share), ("503", share)):
                key = series(
                    "istio_requests_total",
                    {
                        "job": "mesh",
                        "instance": "x:1",
                        "reporter": "source",
                        "destination_workload": f"{of}-{revision}",
                        "destination_workload_namespace": "town",
                        "destination_canonical_revision": revision,
                        "response_code": code,
                    },
                )
                counts[key] = counts.get(key, 0.0) + rate * part * SCRAPE_S
                lines["istio_requests_total"].append(f"{key} {counts[key]} {at_s}")
    counters = sorted(lines["istio_requests_total"], key=lambda line: line.rsplit("}", 1)[0])
    return "\n".join(
        ["# TYPE istio_requests counter", *counters, "# TYPE up gauge", *lines["up"], "# EOF\n"]
    )


@pytest.fixture(scope="module")
def url(tmp_path_factory) -> Iterator[str]:
    folder: Path = tmp_path_factory.mktemp("prometheus")
    (folder / "day").write_text(recording())
    subprocess.run(
        ["promtool", "tsdb", "create-blocks-from", "openmetrics", folder / "day", folder / "data"],
        check=True,
        capture_output=True,
        timeout=60,
    )
    with prometheus(folder, {}) as found:
        yield found


@pytest.fixture
def backtest(url, tmp_path):
    def run(*options: str, **spec: Any):
        file = tmp_path / "shop.yaml"
        file.write_text(manifest(**spec))
        range_ = ["--from", "2026-01-01T12:00:00Z", "--to", "2026-01-01T13:00:00Z"]
        return CliRunner().invoke(
            app, ["backtest", str(file), "--prometheus", url, *range_, *options]
        )

    return run


def told(done) -> list[dict[str, Any]]:
    assert done.exit_code == 0, done.stdout + done.stderr
    return json.loads(done.stdout)["releases"]


def test_a_bad_release_would_have_been_sent_back_and_a_good_one_not(backtest):
    bad, good = told(backtest("-o", "json"))
    assert (bad["stable"], bad["canary"], bad["ending"]) == ("a1", "b2", "withdrawn")
    assert (good["stable"], good["canary"], good["ending"]) == ("a1", "c3", "promoted")
    guard, gate = bad["checks"]
    assert bad["verdict"].startswith("sent back after ")
    assert guard["at"] is not None
    assert guard["value"] == pytest.approx(0.4)
    assert gate["at"] is None
    guard, gate = good["checks"]
    assert good["verdict"] == "not sent back"
    assert guard["at"] is None
    assert gate["at"] is not None
    assert guard["verdicts"].get("pass", 0) > 30


def test_it_is_told_in_words(backtest):
    done = backtest()
    assert done.exit_code == 0, done.stderr
    assert "town/shop, 2026-01-01 12:00:00Z to 2026-01-01 13:00:00Z, every 15s: 2 releases" in (
        done.stdout
    )
    assert "a1 -> b2: withdrawn" in done.stdout
    assert "! guard errors <= 0.05: trips (revert) after " in done.stdout
    assert "✗ gate of half errors <= 0.02: never passes" in done.stdout


def test_a_test_counts_the_recorded_requests(backtest):
    compared = {"metric": "errors", "interval": "15s", "compare": {"to": "stable"}}
    compared["compare"] |= {"test": "sequential", "margin": 1.5}
    bad, good = told(backtest("-o", "json", guards=[compared]))
    assert bad["checks"][0]["at"] is not None
    assert "is shown" in bad["checks"][0]["detail"]
    assert good["checks"][0]["at"] is None


def test_a_scorecard_is_judged_by_its_members(backtest):
    rate = {"name": "rate", "template": "istio-request-rate", "window": "30s"}
    card = {
        "name": "health",
        "pass": 75,
        "members": [
            {"metric": "errors", "weight": 3, "max": 0.05},
            {"metric": "rate", "weight": 1, "min": 1},
        ],
    }
    guard = {"scorecard": "health", "interval": "15s"}
    found = backtest("-o", "json", metrics=[ERRORS, rate], scorecards=[card], guards=[GUARD, guard])
    bad, good = told(found)
    health = bad["checks"][1]
    assert (health["metric"], health["value"]) == ("health", 25)
    assert "errors 0.4" in health["detail"]
    assert good["checks"][1]["at"] is None


def test_own_queries_and_what_cannot_be_judged(backtest):
    own = {
        "name": "own",
        "query": 'sum(increase(istio_requests_total{destination_canonical_revision="{{revision}}",'
        'response_code="503"}[{{window}}]))',
        "window": "1m",
    }
    pods = {"name": "restarts", "template": "kube-restarts", "provider": "kubernetes"}
    once = {"metric": "errors", "minSamples": 9, "interval": "15s"}
    once["compare"] = {"to": "stable", "test": "mann-whitney", "margin": 1.2}
    phase = {"name": "half", "weight": 50, "hold": "5m", "gates": [GATE, once]}
    done = backtest(
        "-o", "json", "--revisions",
        'label_replace(sum by (destination_canonical_revision) (increase(istio_requests_total{'
        'destination_workload=~"{{rollout}}-[abc]."}[30s])), "revision", "$1", '
        '"destination_canonical_revision", "(.*)")',
        metrics=[ERRORS, own, pods],
        guards=[{"metric": "own", "max": 20, "interval": "15s"}, {"metric": "restarts", "max": 0}],
        phases=[phase],
    )  # fmt: skip
    bad, _ = told(done)
    own_guard, restarts, _, looked_once = bad["checks"]
    assert own_guard["at"] is not None
    assert "keeps no history" in restarts["not_judged"]
    assert "once" in looked_once["not_judged"]
    assert bad["verdict"].endswith("; 2 checks not judged")


def test_what_prometheus_refuses_is_told_in_its_words(backtest):
    done = backtest("--revisions", "sum(")
    assert done.exit_code == 2
    assert "could not be asked for the requests per revision: Prometheus refuses" in done.stderr


def test_a_range_without_a_release_ends_with_1(backtest):
    done = backtest("--to", "2026-01-01T12:05:00Z")
    assert done.exit_code == 1
    assert "0 releases" in done.stdout
