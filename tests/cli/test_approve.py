import pytest

from tests.cli.fake_api import FakeApi
from tests.views.bodies import IN_PHASE, body
from tidegate.cli import act, kube


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch, api: FakeApi) -> None:
    monkeypatch.setattr(kube, "PAUSE_S", 0.01)
    monkeypatch.setattr(act, "ANSWER_WITHIN_S", 0.5)
    found = body(IN_PHASE)
    names = {"half": ["qa", "sre"], "all": ["release-managers"]}
    approvals = {
        name: {"name": name, "weight": 50, "approval": {"groups": groups}}
        for name, groups in names.items()
    }
    phases = [*found["spec"].get("phases", []), *approvals.values()]
    api.put("rollouts", {**found, "spec": {**found["spec"], "phases": phases}})
    api.groups = ["dev", "release-managers", "qa", "system:authenticated"]
    api.answer_actions("Done", "1 of 2 approvals given")


def asked(api: FakeApi):
    return api.bodies[0]["spec"]


def test_an_approval_names_the_revision_that_is_being_tried_and_who_gives_it(api: FakeApi, run):
    done = run("approve", "web", "--phase", "half", "--reason", "looks good")
    assert done.exit_code == 0, done.stderr
    assert asked(api) == {
        "rollout": "web",
        "verb": "approve",
        "reason": "looks good",
        "phase": "half",
        "revision": IN_PHASE["canaryRevision"],
        "requestedBy": "anna@example.org",
        "requestedGroups": ["qa"],
    }


def test_of_the_users_groups_only_those_are_told_that_may_matter(api: FakeApi, run):
    run("approve", "web")
    assert asked(api)["requestedGroups"] == ["qa", "release-managers"]
    api.groups = ["dev"]
    run("approve", "web", "--revision", "a91c02")
    assert "requestedGroups" not in api.bodies[1]["spec"]
    assert api.bodies[1]["spec"]["revision"] == "a91c02"


def test_with_nothing_being_tried_nothing_is_asked(api: FakeApi, run):
    api.put("rollouts", body({"state": "Healthy"}))
    done = run("approve", "web")
    assert done.exit_code == 2
    assert "no revision is being tried, so there is nothing to approve" in done.stderr
    assert not api.bodies


def test_who_may_not_look_says_what_they_approve(api: FakeApi, run):
    api.faults.append(("GET", "/rollouts", 403, "forbidden"))
    done = run("approve", "web")
    assert done.exit_code == 2
    assert "say what you approve with --revision" in done.stderr


def test_a_no_go_may_name_its_phase(api: FakeApi, run):
    run("reject", "web", "--phase", "all", "--reason", "not on a Friday")
    assert asked(api) == {
        "rollout": "web",
        "verb": "reject",
        "phase": "all",
        "reason": "not on a Friday",
        "requestedBy": "anna@example.org",
    }


def test_groups_of_a_preflight_are_told_as_those_of_a_phase_are(api: FakeApi, run):
    found = body(IN_PHASE, preflight={"approval": {"groups": ["dev", "ops"]}})
    api.put("rollouts", found)
    run("approve", "web", "--phase", "preflight")
    assert asked(api)["requestedGroups"] == ["dev"]
    run("approve", "web", "--phase", "half")
    assert "requestedGroups" not in api.bodies[1]["spec"]
