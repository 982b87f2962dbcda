"""A pre-flight in the picture, in the conditions and in one line."""

from tests.views.bodies import AT_REST, IN_PHASE, NOW, RUN, ago, body, rollout
from tidegate.api.status import RolloutStatus
from tidegate.views.conditions import conditions
from tidegate.views.picture import picture, plain
from tidegate.views.story import Mark, one_line, story

PREFLIGHT = {
    "gates": [{"metric": "cpu", "max": 0.7, "for": "5m"}],
    "hooks": [{"name": "backup", "cronJob": "backup"}],
    "approval": {"required": 2, "groups": ["release-managers"]},
    "deadline": "1h",
}
SPEC = {
    "preflight": PREFLIGHT,
    "metrics": [
        {"name": "error-rate", "template": "istio-error-rate"},
        {"name": "latency", "query": "up", "unit": "seconds"},
        {"name": "cpu", "query": "cluster:cpu:ratio", "unit": "of 1"},
    ],
}
CHECK = {
    "id": "gate/preflight/0",
    "kind": "gate",
    "metric": "cpu",
    "verdict": "pass",
    "value": 0.65,
    "bound": "<= 0.7",
    "measuredAt": ago(1),
    "passingSince": ago(60),
}
BACKUP = {
    "id": "3/phase/preflight/before/backup",
    "run": 3,
    "name": "backup",
    "phase": "preflight",
    "when": "before",
    "result": "Succeeded",
    "try": 1,
    "tries": 1,
    "job": "web-3-preflight-before-backup-1-0123456789",
    "exitCode": 0,
    "finishedAt": ago(60),
    "message": "412 GiB",
}
PHASE = {"index": 0, "name": "preflight", "enteredAt": ago(120)}
WAITING = IN_PHASE | {
    "run": RUN | {"stage": "Preflight"},
    "phase": PHASE,
    "checks": [CHECK],
    "hooks": [BACKUP],
    "message": "the pre-flight waits: gate cpu is pass, must pass for 300s",
    "gatesSummary": "1/1",
    "traffic": {"weight": 0},
    "weight": 0,
}


def _drawn(status):
    return plain(picture(story(body(status, **SPEC), NOW), NOW)).splitlines()


def test_it_stands_before_the_phases_with_its_gates_and_hooks():
    lines = _drawn(WAITING)
    assert "run         3: 7d4f9c → a91c02, preflight for 1m12s" in lines
    assert "phases      ▶ preflight    0 %  0 of 2 approvals given" in lines
    assert "            · canary-10   10 %  hold 30s" in lines
    cpu = next(line for line in lines if line.startswith("checks"))
    assert cpu.startswith("checks      ✓ gate cpu  0.65 of 1  <= 0.7  pass")
    assert cpu.endswith("of 5m")
    assert any(
        line.startswith("hooks       ✓ backup  in the pre-flight  Succeeded  exit 0")
        for line in lines
    )
    assert one_line(RolloutStatus.parse(body(WAITING))).startswith(
        "Progressing · phase preflight · canary 0 % · checks 1/1"
    )


def test_it_is_done_once_pods_are_made_and_idle_without_a_run():
    def marks(status):
        return [row.mark for row in story(body(status, **SPEC), NOW).phases]

    assert marks(WAITING) == [Mark.CURRENT, *[Mark.NEXT] * 3]
    assert marks(IN_PHASE | {"run": RUN | {"stage": "Preparing"}})[0] is Mark.DONE
    assert marks(IN_PHASE)[:3] == [Mark.DONE, Mark.DONE, Mark.CURRENT]
    assert marks(AT_REST) == [Mark.IDLE] * 4


def test_one_that_is_late_says_so_and_counts_as_stalled():
    late = WAITING | {"phase": PHASE | {"timedOutAt": ago(5)}}
    assert any("over its deadline of 1h" in line for line in _drawn(late))
    status = RolloutStatus.parse(body(late))
    made = conditions(rollout(**SPEC), status, "WaitingForGates", NOW)
    assert {one.type for one in made if one.status == "True"} >= {"Stalled"}


def test_while_people_are_waited_for_the_condition_names_it_and_them():
    run = RUN | {"stage": "Preflight", "approvals": {"awaiting": "preflight"}}
    status = RolloutStatus.parse(body(WAITING | {"run": run, "state": "AwaitingApproval"}))
    made = conditions(rollout(**SPEC), status, "AwaitingApproval", NOW)
    named = {one.type: one for one in made}
    assert named["AwaitingApproval"].message == (
        "The pre-flight waits for approval, 0 of 2 approvals given; members of release-managers "
        "may give one."
    )


def test_a_pass_that_says_nothing_leaves_it_in_progress():
    status = RolloutStatus.parse(body(WAITING))
    made = {one.type: one for one in conditions(rollout(**SPEC), status, "", NOW)}
    assert (made["Reconciling"].status, made["Ready"].status) == ("True", "Unknown")
