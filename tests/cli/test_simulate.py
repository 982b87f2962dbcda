import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.house.tree import ROOT
from tests.rehearsal.rollouts import manifest
from tidegate.cli import simulate as command
from tidegate.cli.chances import parse_errors
from tidegate.cli.errors import UsageError
from tidegate.cli.main import app


@pytest.fixture
def simulate(tmp_path: Path):
    def run(*options: str, text: str | None = None):
        file = tmp_path / "shop.yaml"
        file.write_text(manifest() if text is None else text)
        done = CliRunner().invoke(app, ["simulate", str(file), *options])
        assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
        return done

    return run


@pytest.mark.parametrize(
    ("scenario", "status", "words"),
    [("good", 0, "promoted"), ("bad", 3, "sent back"), ("no-data", 4, "neither promoted")],
)
def test_the_exit_status_tells_the_end(simulate, scenario, status, words):
    done = simulate("--scenario", scenario)
    assert done.exit_code == status
    assert done.stdout.splitlines()[-1].startswith(f"end: {words}")
    assert f"town/shop, scenario {scenario}: " in done.stdout


def test_json_has_the_same_story(simulate):
    found = json.loads(simulate("--scenario", "bad", "-o", "json").stdout)
    assert found["end"] == "reverted"
    assert found["failedRequests"] == 0
    assert "Reverted" in [one["reason"] for one in found["timeline"]]
    assert "chances" not in found


def test_approvals_are_taken_as_given_and_that_is_said(simulate):
    text = (ROOT / "examples" / "approvals" / "rollout.yaml").read_text()
    done = simulate("--scenario", "good", text=text)
    assert done.exit_code == 0
    assert "approvals are taken as given: phase accepted, switch" in done.stdout
    found = json.loads(simulate("--scenario", "good", "-o", "json", text=text).stdout)
    assert found["approvalsTakenAsGiven"] == ["accepted", "switch"]


def test_a_scenario_of_ones_own(simulate, tmp_path: Path):
    own = tmp_path / "own.yaml"
    own.write_text(
        "description: half an hour of trouble\nrate: 20\npods: {readyAfter: 5s}\n"
        "metrics:\n  errors:\n    stable: 0.001\n    canary:\n"
        "    - 0.001\n    - {at: 40s, for: 30m, value: 0.2}\n"
        "provider:\n- {at: 10s, for: 5s}\n"
    )
    done = simulate("--scenario", str(own))
    assert done.exit_code == 3
    assert "errors: stable 0.001, new 0.001, 0.2 from 40s for 30m" in done.stdout


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("rate: -1", "scenario.rate: must be more than 0"),
        ("speed: 1", "scenario.speed: is not a field"),
        ("metrics: {other: {canary: 1}}", "no metric of shop is named other"),
        ("metrics: {errors: {canary: [{every: 10s, value: 1}]}}", "every needs a shorter for"),
        ("metrics: {errors: {canary: []}}", "must have at least 1 entries"),
        ("[", "is no YAML"),
        ("3", "must be an object"),
    ],
)
def test_a_scenario_that_cannot_be_used_is_told(simulate, tmp_path: Path, text, words):
    own = tmp_path / "own.yaml"
    own.write_text(text)
    done = simulate("--scenario", str(own))
    assert done.exit_code == 2
    assert words in done.stderr


def test_what_cannot_be_played_is_told(simulate):
    assert "would be Invalid: spec.replicas" in simulate(text=manifest(replicas=-1)).stderr
    assert "has no Rollout" in simulate(text="kind: Service").stderr
    two = manifest() + "---\n" + manifest()
    assert "choose one with --name" in simulate(text=two).stderr
    assert "neither a file nor one of good" in simulate("--scenario", "fine").stderr


def test_many_plays_say_how_long_and_how_often(simulate):
    words = ("--runs", "3", "--rate", "200", "--errors", "1%:30%", "--seed", "5")
    done = simulate(*words)
    assert done.exit_code == 0
    assert "played 3 times at 200 requests/s, --seed 5" in done.stdout
    assert "bad errors (0.3 in place of 0.01), guard <= 0.05 (1 of 1):" in done.stdout
    assert "sent back 3 of 3, from its first request after" in done.stdout
    assert simulate(*words).stdout == done.stdout


def test_the_budget_cuts_the_plays_and_says_so(simulate, monkeypatch):
    times = iter(range(0, 10_000, 100))
    monkeypatch.setattr(command, "steady_s", lambda: float(next(times)))
    done = simulate("--runs", "9", "--budget", "1s", "--seed", "1")
    assert "played 1 times (of 9: --budget is over)" in done.stdout


@pytest.mark.parametrize("text", ["", "1%", "30%:1%", "1:30", "..%:3%", "1%:300%"])
def test_shares_that_make_no_sense(text):
    with pytest.raises(UsageError, match="two rising shares"):
        parse_errors(text)
