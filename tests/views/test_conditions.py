"""Each state's conditions, judged by kstatus itself."""

import re
from datetime import timedelta
from itertools import product
from typing import Any

import pytest

from tests.views.bodies import AT_REST, GENERATION, IN_PHASE, NOW, REVERTED, RUN, ago, body, rollout
from tests.views.kstatus import kstatus
from tidegate.api.status import Condition, RolloutStatus, State
from tidegate.core import reasons
from tidegate.views.conditions import conditions, unreadable

EARLIER = NOW - timedelta(hours=1)
KNOWN_REASONS = {value for name, value in vars(reasons).items() if name.isupper()}


def status_of(fields: dict[str, Any], previous: tuple[Condition, ...] = ()) -> RolloutStatus:
    return RolloutStatus.parse(body(fields)).model_copy(update={"conditions": previous})


def found(
    fields: dict[str, Any],
    reason: str = "",
    previous: tuple[Condition, ...] = (),
    **spec: Any,
) -> dict[str, Condition]:
    made = conditions(rollout(**spec), status_of(fields, previous), reason, NOW)
    named = {condition.type: condition for condition in made}
    assert len(named) == len(made)
    return named


def flux(made: dict[str, Condition]) -> str:
    return kstatus(body({"conditions": [one.as_dict() for one in made.values()]}))


INITIALIZING = {"state": "Initializing", "message": "0 of 4 pods", "waitingSince": ago(5)}
TOO_LATE = INITIALIZING | {"waitingSince": ago(700)}
PREPARING = {k: v for k, v in IN_PHASE.items() if k != "checks"} | {
    "run": RUN | {"stage": "Preparing"}
}

TIMED_OUT = IN_PHASE | {"phase": IN_PHASE["phase"] | {"timedOutAt": ago(5)}}

TABLE = [
    # fields, decision's reason, Ready, its reason, what else is True, Flux says
    (AT_REST, "Healthy", "True", "Healthy", set(), "Current"),
    (AT_REST, "ActionRefused", "True", "Healthy", set(), "Current"),
    (AT_REST | {"waitingSince": ago(5)}, "WaitingForPods", "False", "WaitingForPods",
     {"Reconciling"}, "InProgress"),
    (AT_REST | {"waitingSince": ago(9999)}, "", "False", "WaitingForPods",
     {"Reconciling"}, "InProgress"),
    (INITIALIZING, "WaitingForPods", "Unknown", "WaitingForPods", {"Reconciling"}, "InProgress"),
    (INITIALIZING, "", "Unknown", "Initializing", {"Reconciling"}, "InProgress"),
    (TOO_LATE, "ProgressDeadlineExceeded", "False", "ProgressDeadlineExceeded", {"Stalled"},
     "Failed"),
    (TOO_LATE, "ActionRefused", "False", "ProgressDeadlineExceeded", {"Stalled"}, "Failed"),
    (IN_PHASE, "WaitingForHold", "Unknown", "WaitingForHold", {"Reconciling"}, "InProgress"),
    (IN_PHASE, "", "Unknown", "PhaseStarted", {"Reconciling"}, "InProgress"),
    (TIMED_OUT, "WaitingForGates", "False", "PhaseDeadlineExceeded", {"Stalled"}, "Failed"),
    (PREPARING, "", "Unknown", "WaitingForPods", {"Reconciling"}, "InProgress"),
    (IN_PHASE | {"run": RUN | {"stage": "Promoting"}}, "", "Unknown", "Promoting",
     {"Reconciling"}, "InProgress"),
    (AT_REST | {"state": "Progressing"}, "", "Unknown", "Settling", {"Reconciling"}, "InProgress"),
    (IN_PHASE | {"state": "Paused", "pause": {"by": "anna", "at": ago(9)}}, "Paused", "Unknown",
     "Paused", {"Reconciling", "Paused"}, "InProgress"),
    (IN_PHASE | {"state": "AwaitingApproval"}, "", "Unknown", "AwaitingApproval", {"Reconciling"},
     "InProgress"),
    (IN_PHASE | {"state": "AwaitingApproval"}, "WaitingForWinner", "Unknown", "WaitingForWinner",
     {"Reconciling"}, "InProgress"),
    (REVERTED | {"state": "Reverting"}, "Reverted", "False", "Reverted", {"Reconciling"},
     "InProgress"),
    (REVERTED, "Reverted", "False", "Reverted", {"Stalled"}, "Failed"),
    (REVERTED, "ActionRefused", "False", "Reverted", {"Stalled"}, "Failed"),
    (AT_REST | {"state": "Baking"}, "", "Unknown", "Settling", {"Reconciling"}, "InProgress"),
    (AT_REST | {"state": "Invalid"}, "InvalidSpec", "False", "InvalidSpec", {"Stalled"}, "Failed"),
    (IN_PHASE | {"state": "Invalid"}, "RouteNotFound", "False", "RouteNotFound", {"Stalled"},
     "Failed"),
]  # fmt: skip


@pytest.mark.parametrize(("fields", "reason", "ready", "why", "also", "verdict"), TABLE)
def test_each_state_reads_right(fields, reason, ready, why, also, verdict):
    made = found(fields, reason)
    assert (made["Ready"].status, made["Ready"].reason) == (ready, why)
    about_progress = {"Reconciling", "Stalled", "Paused"} & made.keys()
    assert about_progress == also
    assert {made[name].status for name in also} <= {"True"}
    assert flux(made) == verdict


def test_the_table_has_every_state():
    assert {State(fields["state"]) for fields, *_ in TABLE} == set(State)


def test_a_rollout_nobody_has_looked_at_is_in_progress():
    fresh = body() | {"status": {"observedGeneration": -1}}
    assert kstatus(fresh) == "InProgress"


@pytest.mark.parametrize(("state", "reason"), list(product(State, sorted(KNOWN_REASONS | {""}))))
def test_whatever_the_pass_says_the_shape_holds(state: State, reason: str):
    for fields, paused in product((AT_REST, IN_PHASE, TOO_LATE, PREPARING), (False, True)):
        made = found(fields | {"state": state.value}, reason, paused=paused)
        assert not {"Reconciling", "Stalled"} <= made.keys()
        assert made["Ready"].status in {"True", "False", "Unknown"}
        for one in made.values():
            assert one.reason in KNOWN_REASONS
            assert re.fullmatch(r"[A-Z][A-Za-z]*", one.reason)
            assert len(one.message) <= 1024
            assert one.observed_generation == GENERATION
            assert one.last_transition_time == NOW
        for absent_rather_than_false in {"Reconciling", "Stalled", "Paused"} & made.keys():
            assert made[absent_rather_than_false].status == "True"


def past(name: str, status: str, reason: str = "Healthy") -> Condition:
    return Condition(type=name, status=status, reason=reason, last_transition_time=EARLIER)


def test_the_time_moves_only_when_the_status_flips():
    kept = found(AT_REST, "Healthy", (past("Ready", "True"),))
    assert kept["Ready"].last_transition_time == EARLIER
    flipped = found(IN_PHASE, "WaitingForHold", (past("Ready", "True"),))
    assert flipped["Ready"].last_transition_time == NOW
    same = found(IN_PHASE, "WaitingForGates", (past("Ready", "Unknown", "WaitingForHold"),))
    assert same["Ready"].last_transition_time == EARLIER
    assert same["Ready"].reason == "WaitingForGates"


def test_a_pass_without_news_keeps_the_reason():
    previous = (past("Ready", "Unknown", "WaitingForGates"),)
    assert found(IN_PHASE, "", previous)["Ready"].reason == "WaitingForGates"
    assert found(IN_PHASE, "ActionRefused", previous)["Ready"].reason == "WaitingForGates"


def test_a_reason_is_not_kept_over_a_flip():
    assert found(IN_PHASE, "", (past("Ready", "True"),))["Ready"].reason == "PhaseStarted"


def test_a_long_message_is_cut_to_what_the_crd_takes():
    made = found(REVERTED | {"message": "x" * 1024}, "Reverted")
    assert len(made["Stalled"].message) == 1024


class TestTrafficConverged:
    @pytest.mark.parametrize("reason", ["WaitingForTraffic", "WaitingForIdle", "Settling"])
    def test_false_while_proxies_are_waited_for(self, reason: str):
        made = found(IN_PHASE, reason)["TrafficConverged"]
        assert (made.status, made.reason) == ("False", reason)

    def test_false_until_the_clock_of_the_phase_starts(self):
        waiting = IN_PHASE | {"phase": {"index": 1, "name": "half", "enteredAt": ago(1)}}
        made = found(waiting, "WaitingForPods")["TrafficConverged"]
        assert (made.status, made.reason) == ("False", "WaitingForTraffic")

    def test_false_while_old_pods_drain_though_all_is_healthy(self):
        draining = AT_REST | {"draining": [{"revision": "old1", "since": ago(3)}]}
        made = found(draining, "Healthy")
        assert made["TrafficConverged"].status == "False"
        assert "old1" in made["TrafficConverged"].message
        assert flux(made) == "Current"

    def test_true_otherwise(self):
        assert found(IN_PHASE, "WaitingForHold")["TrafficConverged"].status == "True"

    def test_a_pass_without_news_keeps_it(self):
        previous = (past("TrafficConverged", "False", "WaitingForIdle"),)
        made = found(AT_REST, "", previous)["TrafficConverged"]
        assert (made.status, made.reason) == ("False", "WaitingForIdle")
        assert made.last_transition_time == EARLIER

    def test_absent_until_routes_were_seen(self):
        assert "TrafficConverged" not in found(INITIALIZING, "WaitingForPods")


def guarded(verdict: str, **fields: Any) -> dict[str, Any]:
    check = IN_PHASE["checks"][0] | {"verdict": verdict} | fields
    return IN_PHASE | {"checks": [check]}


class TestMetricsAvailable:
    def test_true_while_guards_see(self):
        assert found(guarded("pass"))["MetricsAvailable"].status == "True"
        assert found(guarded("fail"))["MetricsAvailable"].status == "True"

    def test_an_error_is_told_with_its_detail(self):
        made = found(guarded("error", detail="connection refused"))["MetricsAvailable"]
        assert (made.status, made.reason) == ("False", "MetricsBlind")
        assert made.message == "Guard error-rate cannot be measured: connection refused"

    def test_no_data_under_traffic_is_blindness(self):
        fields = guarded("nodata", detail="no series") | {"blindSince": ago(5)}
        made = found(fields)["MetricsAvailable"]
        assert made.status == "False"
        assert made.message == "Guard error-rate has no data: no series"

    def test_no_data_before_the_first_traffic_is_not_known(self):
        made = found(guarded("nodata"))["MetricsAvailable"]
        assert (made.status, made.reason) == ("Unknown", "WaitingForMetrics")

    def test_a_gate_without_data_is_not_blindness(self):
        assert found(guarded("nodata", kind="gate")).keys().isdisjoint({"MetricsAvailable"})

    def test_absent_at_rest_though_the_last_evidence_stays(self):
        assert "MetricsAvailable" not in found(AT_REST | {"checks": IN_PHASE["checks"]})


class TestPaused:
    def test_names_who_and_why(self):
        pause = {"by": "anna", "reason": "handover", "at": ago(9)}
        made = found(IN_PHASE | {"state": "Paused", "pause": pause}, "Paused")["Paused"]
        assert made.message == "Paused by anna: handover"

    def test_spec_paused_shows_at_rest_and_stays_current(self):
        made = found(AT_REST, "Healthy", paused=True)
        assert "spec.paused" in made["Paused"].message
        assert flux(made) == "Current"


def test_a_spec_that_cannot_be_parsed_is_stalled():
    message = "spec.phases[0].weight: must be at most 100"
    made = unreadable(status_of({}), 9, message, NOW)
    assert {one.type: one.status for one in made} == {"Ready": "False", "Stalled": "True"}
    assert {one.observed_generation for one in made} == {9}
    assert flux({one.type: one for one in made}) == "Failed"


def test_shares_that_are_not_as_asked_are_a_condition_while_a_run_is_on():
    traffic = IN_PHASE["traffic"] | {"mismatchSince": ago(5)}
    made = found(IN_PHASE | {"traffic": traffic})["SampleRatioMismatch"]
    assert made.status == "True"
    assert f"the {traffic['weight']} % of the requests" in made.message
    assert "SampleRatioMismatch" not in found(IN_PHASE)
    assert "SampleRatioMismatch" not in found(AT_REST | {"traffic": traffic})


@pytest.mark.parametrize(
    ("drift", "words"),
    [("PuttingBack", "put back to 0 once"), ("PutBack", None), ("LeftAlone", "is left alone")],
)
def test_a_deployment_that_got_pods_again_is_a_condition_until_it_is_put_back(drift, words):
    taken = {"name": "web", "stage": "TakenOver", "replicas": 4, "drift": drift}
    made = found(AT_REST | {"workload": taken}, "Healthy").get("WorkloadDrift")
    assert (made is None) is (words is None)
    assert made is None or words in made.message
