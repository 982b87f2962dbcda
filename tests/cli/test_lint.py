import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from tests.rehearsal.rollouts import ERRORS, GUARD, body, manifest
from tidegate.cli.main import app
from tidegate.cli.manifests import Document, documents

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def lint(tmp_path: Path):
    def run(text: str, *options: str):
        file = tmp_path / "shop.yaml"
        file.write_text(text)
        done = CliRunner().invoke(app, ["lint", str(file), *options])
        assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
        return done

    return run


def test_a_good_file_is_said_to_be_good(lint):
    done = lint(manifest())
    assert (done.exit_code, done.stdout) == (0, "1 Rollout: 0 errors, 0 warnings\n")


def test_an_error_has_its_line_and_its_path(lint, tmp_path: Path):
    text = manifest(replicas=-1)
    line = text.splitlines().index("  replicas: -1") + 1
    done = lint(text)
    assert done.exit_code == 1
    assert done.stdout.splitlines()[0] == (
        f"{tmp_path}/shop.yaml:{line}: error: spec.replicas: must be at least 0, but is -1"
    )


def test_every_error_of_every_document_is_said(lint):
    wrong = [body(replicas=-1, paused="no"), body(guards=[GUARD | {"metric": "x", "of": 0}])]
    done = lint(yaml.safe_dump_all(wrong), "-o", "json")
    found = json.loads(done.stdout)
    paths = ["spec.paused", "spec.replicas", "spec.guards[0].of"]
    assert sorted(one["path"] for one in found["findings"]) == sorted(paths)
    assert found["rollouts"] == 2


@pytest.mark.parametrize(
    ("spec", "path"),
    [
        ({"guards": [GUARD | {"compare": {"to": "baseline", "maxIncreasePercent": 10}}]}, 4),
        ({"traffic": None}, 0),
        ({"metrics": [ERRORS | {"template": "none"}]}, 0),
        ({"metrics": [{"name": "errors", "query": "x{{{nope}}}"}]}, 0),
        ({"metrics": [{"name": "errors", "query": 'sum("a'}]}, 0),
    ],
)
def test_what_would_be_invalid_in_a_cluster_is_an_error_here(lint, spec, path):
    done = lint(manifest(**spec))
    assert done.exit_code == 1, path
    assert ": error: spec." in done.stdout


def test_warnings_are_errors_only_if_asked(lint):
    text = manifest(guards=[GUARD | {"interval": "5s"}])
    assert lint(text).exit_code == 0
    assert ": warning: spec.guards[0].interval: 5s is shorter" in lint(text).stdout
    assert lint(text, "--strict").exit_code == 1
    assert lint(text, "--strict", "--scrape", "5s").exit_code == 0


def test_other_kinds_are_skipped_with_a_note_and_other_rollouts_are_not_ours(lint):
    argo = body() | {"apiVersion": "argoproj.io/v1alpha1"}
    done = lint(yaml.safe_dump_all([argo, {"kind": "Service"}, body()]))
    assert done.exit_code == 0
    assert done.stdout.count(": note: skipped: ") == 2


def test_no_rollout_at_all_is_no_success(lint):
    done = lint("kind: Service\n")
    assert done.exit_code == 2
    assert "there is no Rollout" in done.stderr


def test_another_version_of_ours_is_an_error(lint):
    done = lint(yaml.safe_dump(body() | {"apiVersion": "tidegate.io/v9"}))
    assert done.exit_code == 1
    assert "use tidegate.io/v1alpha1" in done.stdout


def test_a_list_of_objects_is_taken_apart(lint):
    listed = {"apiVersion": "v1", "kind": "List", "items": [body(), body(replicas=-1)]}
    done = lint(yaml.safe_dump(listed, sort_keys=False))
    assert done.exit_code == 1
    assert done.stdout.endswith("2 Rollouts: 1 error, 0 warnings\n")


@pytest.mark.parametrize(
    "text",
    [
        "a: [",
        "a: !!python/object:os.system {}",
        "&a [*a]",
        "? [b]\n: c\n? {d: e}\n: f",
        "kind: Rollout\nkind: Rollout",
        "- 1",
        "just a text",
        "\t",
        "a: " + "[" * 3000,
        "a: &a [x,x,x,x,x,x,x,x,x,x]\n"
        + "".join(
            f"{chr(98 + i)}: &{chr(98 + i)} [{','.join([f'*{chr(97 + i)}'] * 10)}]\n"
            for i in range(8)
        ),
    ],
)
def test_hostile_yaml_is_an_error_with_a_line(lint, text):
    done = lint(text)
    assert done.exit_code == 1, done.stderr
    assert ":1: error: " in done.stdout or ":2: error: " in done.stdout


def test_control_characters_of_a_file_do_not_reach_the_terminal(lint):
    done = lint(yaml.safe_dump(body() | {"kind": "Serv\x1b[31mice"}))
    assert "\x1b" not in done.stdout


@pytest.mark.parametrize("name", ["nope.yaml", "."])
def test_a_file_that_is_not_there_or_holds_nothing_is_told(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(app, ["lint", name])
    assert done.exit_code == 2
    assert done.stderr.startswith("tidegate: ")


def test_stdin_is_a_file(tmp_path):
    done = CliRunner().invoke(app, ["lint", "-"], input=manifest(replicas=-1))
    assert done.stdout.startswith("-:")


def test_every_example_is_without_errors():
    done = CliRunner().invoke(app, ["lint", str(ROOT / "examples")])
    assert done.exit_code == 0, done.stdout
    assert ": error: " not in done.stdout


def test_lines_are_found_under_keys_with_dots():
    text = "a.b:\n  c: 1\na:\n  b: 2\nlist:\n- x: 1\n- y: 2\n"
    [one] = documents("f", text)
    assert isinstance(one, Document)
    paths = ("a.b", "a.b.c", "a", "list", "list[1].y", "list[9].y", "nothing")
    assert [one.line_of(path) for path in paths] == [1, 2, 3, 5, 7, 5, 1]


def test_an_unreachable_prometheus_is_no_error_of_the_file(lint):
    done = lint(manifest(), "--prometheus", "http://127.0.0.1:1")
    assert done.exit_code == 2
    assert "could not be asked" in done.stderr
    assert "user" in lint(manifest(), "--prometheus", "http://a:b@c").stderr


@contextmanager
def prometheus_says(status: int, answer: dict[str, object]) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            page = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(page)))
            self.end_headers()
            self.wfile.write(page)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


def test_what_prometheus_refuses_is_an_error_in_its_own_words(lint):
    said = {"status": "error", "errorType": "bad_data", "error": "parse error: bad number"}
    text = manifest(metrics=[{"name": "errors", "query": "1x", "samples": "2y", "window": "30s"}])
    with prometheus_says(400, said) as url:
        done = lint(text, "--prometheus", url)
    assert done.exit_code == 1
    for field in ("query", "samples"):
        found = [line for line in done.stdout.splitlines() if f"spec.metrics[0].{field}:" in line]
        assert len(found) == 1
        assert "parse error: bad number" in found[0]


def test_no_data_of_a_revision_that_nobody_has_is_no_error(lint):
    empty = {"status": "success", "data": {"resultType": "vector", "result": []}}
    with prometheus_says(200, empty) as url:
        assert lint(manifest(), "--prometheus", url).exit_code == 0


# ---------------------------------------------------------------- policies

HOUSE = {"metrics": [ERRORS], "guards": [GUARD]}
THEIRS = GUARD | {"metric": f"house/{ERRORS['name']}"}


def ruled(spec, *others, labels=None, **fields):
    """A Rollout, and the policy of that spec after it, in one file."""
    policy = {
        "apiVersion": "tidegate.io/v1alpha1",
        "kind": "RolloutPolicy",
        "metadata": {"name": "house"},
        "spec": spec,
    }
    rollout = body(**fields)
    rollout["metadata"]["labels"] = labels or {}
    return yaml.safe_dump_all([rollout, policy, *others], sort_keys=False)


@pytest.mark.parametrize(
    ("spec", "path", "sentence"),
    [
        ({"guards": [GUARD]}, "spec.guards[0].metric", "no metric is named"),
        (
            {"freeze": [{"name": "w", "days": ["Fri"], "from": "16:00", "until": "8:00"}]},
            "spec.freeze[0].until",
            "must be a time of day such as 16:00, or a point in time",
        ),
        (
            {
                "freeze": [
                    {"name": "w", "days": ["Fri"], "from": "16:00", "until": "08:00", "timeZone": z}
                    for z in ("Nowhere/Else",)
                ]
            },
            "spec.freeze[0].timeZone",
            "no time zone is named 'Nowhere/Else'",
        ),
        ({"dependsOn": [{"name": "DB"}]}, "spec.dependsOn[0].name", "must be the name of an"),
        (
            {"metrics": [{"name": "x", "query": "x{{{nope}}}"}]},
            "spec.metrics[0].query",
            "never closed",
        ),
    ],
)
def test_what_is_wrong_with_a_policy_is_said_as_the_operator_says_it(lint, spec, path, sentence):
    done = lint(ruled(spec))
    assert done.exit_code == 1
    assert f": error: {path}: " in done.stdout
    assert sentence in done.stdout
    assert done.stdout.splitlines()[-1].startswith("1 Rollout, 1 RolloutPolicy: ")


def test_policies_alone_are_something_to_check(lint):
    policy = yaml.safe_load_all(ruled(HOUSE))
    done = lint(yaml.safe_dump([*policy][1]))
    assert (done.exit_code, done.stdout) == (
        0,
        "0 Rollouts, 1 RolloutPolicy: 0 errors, 0 warnings\n",
    )


def test_a_rollout_may_name_what_a_policy_of_the_files_defines_and_nothing_else_of_it(lint):
    assert lint(ruled(HOUSE, guards=[THEIRS])).exit_code == 0
    done = lint(ruled(HOUSE, guards=[THEIRS | {"metric": "house/nope"}]))
    assert done.exit_code == 1
    assert "no metric is named 'nope'; defined are errors" in done.stdout


def test_what_a_policy_defines_that_is_in_no_file_or_is_wrong_nobody_asks_for(lint):
    elsewhere = THEIRS | {"metric": "other/errors"}
    assert lint(ruled(HOUSE, guards=[elsewhere])).exit_code == 0
    done = lint(ruled(HOUSE | {"mode": "odd"}, guards=[THEIRS | {"metric": "house/nope"}]))
    assert "nope" not in done.stdout


@pytest.mark.parametrize(("tier", "code"), [("one", 0), ("two", 1)])
def test_a_policy_of_the_files_that_does_not_match_defines_nothing(lint, tier, code):
    named = HOUSE | {"rollouts": {"selector": {"matchLabels": {"tier": "one"}}}}
    done = lint(ruled(named, labels={"tier": tier}, guards=[THEIRS]))
    assert done.exit_code == code
    assert ("no RolloutPolicy 'house' holds for this Rollout" in done.stdout) is bool(code)


@pytest.mark.parametrize(("tier", "code"), [("one", 0), ("two", 1), (None, 0)])
def test_labels_of_a_namespace_are_those_of_the_files_or_nobody_knows_them(lint, tier, code):
    named = HOUSE | {"rollouts": {"namespaceSelector": {"matchLabels": {"tier": "one"}}}}
    name = body()["metadata"].get("namespace", "default")
    space = {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": name, "labels": {"tier": tier}},
    }
    done = lint(ruled(named, *([space] if tier else []), guards=[THEIRS]))
    assert done.exit_code == code, done.stdout


def test_a_policy_that_cannot_hold_for_a_rollout_is_an_error_there(lint):
    late = {"metrics": [ERRORS], "guards": [GUARD | {"delay": "2h"}]}
    phases = [{"name": "a", "weight": 10, "deadline": "1h"}]
    done = lint(ruled(late, phases=phases))
    assert done.exit_code == 1
    assert "RolloutPolicy house cannot be applied: " in done.stdout
