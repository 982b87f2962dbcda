import json
import threading
import time
from pathlib import Path

import pytest
import yaml

from tests.cli.fake_api import FakeApi, write_kubeconfig
from tests.views.bodies import AT_REST, IN_PHASE, REVERTED, body
from tidegate.cli import kube

HEALTHY, BEHIND = body(AT_REST), body(AT_REST | {"observedGeneration": 3})


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kube, "PAUSE_S", 0.01)


def later(api: FakeApi, *steps) -> threading.Thread:
    """Once the command watches, run the steps one after the other, a tenth of a second apart."""

    def work() -> None:
        assert api.watched.wait(20)
        for step in steps:
            time.sleep(0.1)
            step()

    thread = threading.Thread(target=work)
    thread.start()
    return thread


@pytest.mark.parametrize(
    ("status", "code"), [(AT_REST, 0), (IN_PHASE, 0), (REVERTED, 1), ({"state": "Invalid"}, 1)]
)
def test_a_look_tells_and_exits_by_what_it_sees(api: FakeApi, run, status, code):
    api.put("rollouts", body(status))
    done = run("status", "web")
    assert done.exit_code == code
    assert done.stdout.startswith(f"shop/web  {status['state']}")
    assert "\x1b" not in done.stdout


def test_json_is_the_object_without_its_managers(api: FakeApi, run):
    api.put("rollouts", HEALTHY)
    shown = json.loads(run("status", "web", "-o", "json").stdout)
    assert shown["status"] == HEALTHY["status"]
    assert "managedFields" not in shown["metadata"]
    assert yaml.safe_load(run("status", "web", "-o", "yaml").stdout) == shown


def test_wide_is_a_table(api: FakeApi, run):
    api.put("rollouts", body(IN_PHASE))
    head, row = run("status", "web", "-o", "wide").stdout.splitlines()
    assert head.split() == [
        *("NAME", "STATE", "PHASE", "WEIGHT", "GATES", "READY", "STABLE", "CANARY", "MESSAGE")
    ]
    assert row.split()[:8] == [
        *("web", "Progressing", "half", "50", "2/3", "4/4", "7d4f9c", "a91c02")
    ]


def test_the_namespace_is_the_contexts_own_or_the_one_named(api: FakeApi, run):
    api.put("rollouts", HEALTHY, "other")
    assert run("status", "web").exit_code == 2
    assert run("status", "web", "-n", "other").exit_code == 0
    assert run("status", "web", "--context", "elsewhere").exit_code == 0


def test_a_context_without_a_namespace_means_default(api: FakeApi, run, tmp_path: Path):
    write_kubeconfig(tmp_path / "config", api.url, namespace=None)
    api.put("rollouts", HEALTHY, "default")
    assert run("status", "web").exit_code == 0


class TestWait:
    def test_healthy_at_once(self, api: FakeApi, run):
        api.put("rollouts", HEALTHY)
        assert run("status", "web", "--wait").exit_code == 0

    def test_it_waits_for_the_end(self, api: FakeApi, run):
        api.put("rollouts", body(IN_PHASE))
        thread = later(api, lambda: api.put("rollouts", body(REVERTED)))
        done = run("status", "web", "--wait", "--timeout", "10s")
        thread.join()
        assert done.exit_code == 1
        assert done.stdout.startswith("shop/web  Reverted")

    def test_healthy_of_an_older_generation_is_not_believed(self, api: FakeApi, run):
        api.put("rollouts", BEHIND)
        thread = later(
            api, lambda: api.put("rollouts", body(IN_PHASE)), lambda: api.put("rollouts", HEALTHY)
        )
        done = run("status", "web", "--wait", "-w", "--timeout", "10s")
        thread.join()
        assert done.exit_code == 0
        assert [line.split()[1] for line in done.stdout.splitlines()] == [
            *("Healthy", "Progressing", "Healthy")
        ]

    def test_time_runs_out(self, api: FakeApi, run):
        api.put("rollouts", body(IN_PHASE))
        done = run("status", "web", "--wait", "--timeout", "300ms")
        assert done.exit_code == 3
        assert "neither Healthy nor failed after 0.3s: phase half" in done.stderr
        assert done.stdout.startswith("shop/web  Progressing")

    def test_an_operator_that_does_not_run_is_suspected(self, api: FakeApi, run):
        api.put("rollouts", BEHIND)
        done = run("status", "web", "--wait", "--timeout", "300ms")
        assert done.exit_code == 3
        assert "does it run?" in done.stderr

    @pytest.mark.parametrize("ending", ["expired", "closed", "torn", "broken"])
    def test_a_watch_that_ends_is_opened_again(self, api: FakeApi, run, ending: str):
        api.watch_ends = [ending, ending]
        api.put("rollouts", body(IN_PHASE))
        thread = later(api, lambda: api.put("rollouts", HEALTHY))
        done = run("status", "web", "--wait", "--timeout", "10s")
        thread.join()
        assert done.exit_code == 0

    def test_an_api_server_that_restarts_is_waited_for(self, api: FakeApi, run):
        api.watch_ends = ["closed"] * 10_000
        api.put("rollouts", body(IN_PHASE))
        thread = later(
            api,
            lambda: api.fail("GET", "rollouts", 503, "starting"),
            lambda: api.put("rollouts", HEALTHY),
            api.faults.clear,
        )
        done = run("status", "web", "--wait", "--timeout", "10s")
        thread.join()
        assert done.exit_code == 0

    def test_an_api_server_that_stays_away_is_given_up(self, api: FakeApi, run, monkeypatch):
        monkeypatch.setattr(kube, "PATIENCE_S", 0.2)
        api.watch_ends = ["closed"] * 10_000
        api.put("rollouts", body(IN_PHASE))
        thread = later(api, lambda: api.fail("GET", "rollouts", 503, "starting"))
        done = run("status", "web", "-w")
        thread.join()
        assert done.exit_code == 2
        assert "answers 503 (starting)" in done.stderr

    def test_a_rollout_that_is_deleted_ends_the_wait(self, api: FakeApi, run):
        api.put("rollouts", body(IN_PHASE))
        thread = later(api, lambda: api.delete("rollouts", "web"))
        done = run("status", "web", "--wait", "--timeout", "10s")
        thread.join()
        assert (done.exit_code, done.stdout) == (2, "")
        assert "was deleted" in done.stderr

    def test_a_server_that_never_answered_is_not_waited_for(self, api: FakeApi, run):
        api.fail("GET", "rollouts", 503, "starting")
        assert run("status", "web", "--wait", "--timeout", "1s").exit_code == 2


class TestWatch:
    def test_one_line_a_change_and_none_for_no_change(self, api: FakeApi, run):
        api.put("rollouts", body(IN_PHASE))
        heartbeat = body(IN_PHASE | {"checks": []})
        thread = later(
            api,
            lambda: api.put("rollouts", heartbeat),
            lambda: api.put("rollouts", HEALTHY),
            lambda: api.delete("rollouts", "web"),
        )
        done = run("status", "web", "-w")
        thread.join()
        assert [line.split()[1] for line in done.stdout.splitlines()] == ["Progressing", "Healthy"]
        # Without --wait it goes on after Healthy, until there is nothing left to watch.
        assert done.exit_code == 2
        assert "was deleted" in done.stderr

    def test_json_lines(self, api: FakeApi, run):
        api.watch_ends = ["closed"] * 3  # each ends in a new read of the same version
        api.put("rollouts", HEALTHY)
        thread = later(api, lambda: api.delete("rollouts", "web"))
        done = run("status", "web", "-w", "-o", "json")
        thread.join()
        assert json.loads(done.stdout)["status"]["state"] == "Healthy"


class TestErrors:
    def test_no_such_rollout_names_those_there_are(self, api: FakeApi, run):
        api.put("rollouts", HEALTHY)
        done = run("status", "wbe")
        assert done.exit_code == 2
        assert "no Rollout wbe in namespace shop (it has web)" in done.stderr

    @pytest.mark.parametrize(
        ("code", "words"),
        [
            (401, "log in to the cluster again"),
            (403, "ask whoever runs the cluster"),
            (404, "Tidegate is not installed"),
            (429, "try again shortly"),
            (500, "try again shortly"),
            (422, "refuses it (422)"),
        ],
    )
    def test_each_refusal_says_why_and_what_to_do(self, api: FakeApi, run, code, words):
        api.fail("GET", "rollouts", code, "the server's\nown words.")
        done = run("status", "web")
        assert done.exit_code == 2
        assert "the server's own words" in done.stderr
        assert words in done.stderr
        assert len(done.stderr.splitlines()) == 1

    def test_nobody_answers(self, api: FakeApi, run, tmp_path: Path):
        write_kubeconfig(tmp_path / "config", "http://127.0.0.1:1")
        done = run("status", "web")
        assert done.exit_code == 2
        assert "no answer from the API server at http://127.0.0.1:1" in done.stderr

    def test_no_kubeconfig(self, run, tmp_path: Path):
        done = run("status", "web", "--kubeconfig", str(tmp_path / "none"))
        assert done.exit_code == 2
        assert "no usable kubeconfig" in done.stderr

    def test_a_kubeconfig_that_is_no_yaml(self, run, tmp_path: Path):
        (tmp_path / "bad").write_text("a: [")
        assert run("status", "web", "--kubeconfig", str(tmp_path / "bad")).exit_code == 2

    def test_a_context_that_is_not_there(self, api: FakeApi, run):
        assert "no usable kubeconfig" in run("status", "web", "--context", "nope").stderr

    def test_a_timeout_without_a_unit(self, api: FakeApi, run):
        done = run("status", "web", "--wait", "--timeout", "10")
        assert done.exit_code == 2
        assert "--timeout '10' must be a duration" in done.stderr

    @pytest.mark.parametrize("words", [("status",), ("status", "web", "--oops"), ("sing",)])
    def test_usage(self, run, words):
        assert run(*words).exit_code == 2
