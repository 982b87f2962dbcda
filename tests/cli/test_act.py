import json

import pytest

from tests.cli.fake_api import FakeApi
from tests.views.bodies import IN_PHASE, body
from tidegate.cli import act, kube

VERBS = ["abort", "pause", "resume", "promote", "retry", "skip"]


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch, api: FakeApi) -> None:
    monkeypatch.setattr(kube, "PAUSE_S", 0.01)
    monkeypatch.setattr(act, "ANSWER_WITHIN_S", 0.5)
    api.put("rollouts", body(IN_PHASE))


@pytest.mark.parametrize("verb", VERBS)
def test_a_verb_is_asked_in_the_users_own_name(api: FakeApi, run, verb: str):
    api.answer_actions("Done", "as you wish")
    done = run(verb, "web", "--reason", "it is time", "--revision", "a91c02")
    assert (done.exit_code, done.stdout) == (0, f"{verb} web: Done: as you wish\n")
    assert api.bodies[0]["metadata"] | {"name": "", "managedFields": ""} == {
        "generateName": f"web-{verb}-",
        "namespace": "shop",
        "name": "",
        "managedFields": "",
    }
    assert api.bodies[0]["spec"] == {
        "rollout": "web",
        "verb": verb,
        "reason": "it is time",
        "revision": "a91c02",
        "requestedBy": "anna@example.org",
    }


def test_a_refusal_is_an_error_with_its_sentence(api: FakeApi, run):
    api.answer_actions("Refused", "no run is on, so there is nothing to abort")
    done = run("abort", "web")
    assert (done.exit_code, done.stdout) == (1, "")
    assert done.stderr == "abort web: Refused: no run is on, so there is nothing to abort\n"


def test_what_is_not_said_is_not_sent(api: FakeApi, run):
    api.answer_actions("Done", "aborted")
    run("abort", "web")
    assert api.bodies[0]["spec"].keys() == {"rollout", "verb", "requestedBy"}


def test_a_skip_may_name_the_phase_to_go_to(api: FakeApi, run):
    api.answer_actions("Done", "on to phase all")
    run("skip", "web", "--to", "all")
    assert api.bodies[0]["spec"]["phase"] == "all"


def test_no_answer_says_that_the_request_stays(api: FakeApi, run):
    done = run("abort", "web")
    assert done.exit_code == 3
    assert "is the operator running?" in done.stderr
    assert "kubectl -n shop delete rolloutactions.tidegate.io web-abort-x7k2p" in done.stderr


def test_no_wait_says_where_the_answer_will_be(api: FakeApi, run):
    done = run("abort", "web", "--no-wait")
    assert done.exit_code == 0
    assert done.stdout.endswith("the answer will be in rolloutactions/web-abort-x7k2p\n")
    assert not any("watch" in request for request in api.requests)


@pytest.mark.parametrize(("result", "code"), [("Done", 0), ("Refused", 1)])
def test_json_is_the_action_with_its_answer(api: FakeApi, run, result, code):
    api.answer_actions(result, "so be it")
    done = run("abort", "web", "-o", "json")
    assert done.exit_code == code
    shown = json.loads(done.stdout)
    assert shown["status"] == {"result": result, "message": "so be it"}
    assert "managedFields" not in shown["metadata"]


def test_no_such_rollout_asks_nothing(api: FakeApi, run):
    done = run("abort", "wbe")
    assert done.exit_code == 2
    assert "no Rollout wbe" in done.stderr
    assert api.bodies == []


def test_who_may_not_look_may_still_abort(api: FakeApi, run):
    api.answer_actions("Done", "aborted")
    api.fail("GET", "/rollouts", 403, "forbidden")
    assert run("abort", "web").exit_code == 0
    assert api.bodies[0]["spec"]["verb"] == "abort"


@pytest.mark.parametrize("code", [403, 404])
def test_a_cluster_that_does_not_tell_names_is_asked_without_one(api: FakeApi, run, code):
    api.answer_actions("Done", "aborted")
    api.fail("POST", "selfsubjectreviews", code, "unknown")
    assert run("abort", "web").exit_code == 0
    assert "requestedBy" not in api.bodies[0]["spec"]


def test_admission_is_quoted(api: FakeApi, run):
    api.fail("POST", "rolloutactions", 422, "requestedBy must be your own name")
    done = run("abort", "web")
    assert done.exit_code == 2
    assert "cannot ask to abort web" in done.stderr
    assert "requestedBy must be your own name" in done.stderr


def test_a_reason_that_is_too_long_is_not_sent(api: FakeApi, run):
    done = run("abort", "web", "--reason", "x" * 513)
    assert done.exit_code == 2
    assert "at most 512" in done.stderr
    assert api.requests == []


def test_an_answer_cannot_touch_the_terminal(api: FakeApi, run):
    api.answer_actions("Done", "\x1b[2Jcleared")
    assert "\x1b" not in run("abort", "web").stdout
