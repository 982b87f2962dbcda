"""Before the first pod: what a run waits for, what goes on, and what ends it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.core.scenes import NOW, Case, ago, asked, at_rest, pods, read, spec
from tests.core.test_freezing import FREEZE
from tidegate.api.actions import Action, Verb
from tidegate.api.approvals import Approval
from tidegate.api.checks import Gate, Metric
from tidegate.api.hook_status import HookResult
from tidegate.api.hooks import Hook, RunHook
from tidegate.api.preflight import Preflight
from tidegate.api.rollout import FastTrack
from tidegate.api.status import PauseStatus, Stage
from tidegate.core import reasons
from tidegate.core.decide import decide
from tidegate.core.decision import CreateReplicaSet, Decision, ScaleReplicaSet, StartHook, StopHook
from tidegate.core.hook_places import view_key
from tidegate.core.observation import HookSight, HookView
from tidegate.core.storing import intent_changed

CPU = Gate(metric="cpu", max=0.7)
MEMORY = Gate(metric="memory", max=0.8)
BACKUP = Hook(name="backup", cron_job="backup")
GO = Approval(required=2)
FULL = Preflight(gates=(CPU, MEMORY), hooks=(BACKUP,), approval=GO)
GATES = Preflight(gates=(CPU,))
METRICS = (
    Metric(name="errors", template="istio-error-rate"),
    Metric(name="cpu", query="cluster:cpu:ratio"),
    Metric(name="memory", query="cluster:memory:ratio"),
)
COOL = {"gate/preflight/0": (read(1, 0.5),), "gate/preflight/1": (read(1, 0.5),)}
HOT = COOL | {"gate/preflight/0": (read(1, 0.75),)}


def new_template(preflight: Preflight | None = GATES, **fields: object) -> Case:
    """A at rest, and a template B that is not tried yet."""
    return at_rest(target="B", spec=spec(preflight=preflight, metrics=METRICS), **fields)


def begun(preflight: Preflight = GATES, **fields: object) -> Case:
    """In the pre-flight of the run to B."""
    case = new_template(preflight)
    return case.with_(status=case.decided().status).with_(**fields)


def backed_up(case: Case, sight: HookSight = HookSight.SUCCEEDED) -> Decision:
    """What is decided once the Job of its first hook has ended."""
    case = case.with_(status=case.decided().status)
    views = {view_key(case.status.hooks[0]): HookView(sight, "disk full", since=ago(1))}
    return decide(case.rollout, case.status, replace(case.observed, hooks=views), NOW)


def go(by: str, verb: Verb = Verb.APPROVE, uid: str = "u1") -> Action:
    """Somebody says go, or no-go."""
    action = asked(verb, uid=uid, revision="B", phase="preflight", seconds_ago=0)
    return replace(action, spec=action.spec.model_copy(update={"requested_by": by}))


# ---------------------------------------------------------------- waiting


def test_a_run_begins_in_its_preflight_and_says_so():
    decision = new_template().decided()
    assert decision.effect is None
    assert decision.status.run.stage is Stage.PREFLIGHT
    assert decision.status.phase.name == "preflight"
    assert decision.notes[0].message.endswith("; the pre-flight comes before its first pod")


def test_without_one_a_run_begins_with_its_pods():
    decision = new_template(None).decided()
    assert decision.status.run.stage is Stage.PREPARING
    assert decision.status.phase.name == "ten"


def test_gates_that_fail_are_waited_for_and_nothing_is_made():
    decision = begun(readings=HOT).decided()
    assert (decision.effect, decision.reason) == (None, reasons.WAITING_FOR_GATES)
    assert decision.status.message == "the pre-flight waits: gate cpu is fail, must pass"
    assert (decision.status.state, decision.status.gates_summary) == ("Progressing", "0/1")
    assert decision.status.checks[0].value == 0.75
    assert {ask.check_id for ask in begun().decided().asks} == {"gate/preflight/0"}


def test_what_was_not_measured_passes_no_gate():
    assert begun().decided().effect is None
    silent = begun(readings={"gate/preflight/0": (read(1, None),)}).decided()
    assert silent.status.message == "the pre-flight waits: gate cpu is nodata, must pass"


def test_all_gates_have_to_pass_at_once():
    case = begun(Preflight(gates=(CPU, MEMORY)), readings=HOT)
    assert case.decided().status.run.stage is Stage.PREFLIGHT
    assert case.with_(readings=COOL).decided().status.run.stage is Stage.PREPARING


def test_once_it_passed_that_is_stored_before_the_first_pod_is_made():
    case = begun(readings=COOL)
    passed = case.decided()
    assert passed.effect is None
    assert intent_changed(case.status, passed.status)
    assert [note.reason for note in passed.notes] == [reasons.PREFLIGHT_PASSED]
    assert passed.status.phase.name == "ten"
    made = case.with_(status=passed.status).decided()
    assert made.effect == CreateReplicaSet("B", 1)


def test_its_hooks_run_first_whatever_gates_say_and_each_try_is_stored_before_it_is_made():
    case = begun(FULL, readings=HOT)
    first = case.decided()
    assert first.effect is None
    assert [one.result for one in first.status.hooks] == [HookResult.RUNNING]
    second = case.with_(status=first.status).decided()
    assert isinstance(second.effect, StartHook)
    assert second.status.message.startswith("the pre-flight waits for hook backup (Job shop-1-pref")


def test_after_hooks_and_gates_people_are_asked():
    asked_for = backed_up(begun(FULL, readings=COOL))
    assert asked_for.status.state == "AwaitingApproval"
    assert asked_for.status.message == (
        "the pre-flight waits for approval, 0 of 2 approvals given; whoever has the right "
        "rollouts/approve may give one: tidegate approve shop -n shop --phase preflight"
    )
    case = begun(FULL, readings=COOL).with_(status=asked_for.status)
    for by in ("ann", "ben"):
        assert case.decided().status.run.stage is Stage.PREFLIGHT
        case = case.with_(status=case.with_(actions=(go(by),)).decided().status)
        assert case.status.last_action.result == "Done"
        case = case.status_with(last_action=None)
    assert case.decided().status.run.stage is Stage.PREPARING


def test_a_gate_that_fails_after_the_go_still_holds():
    case = begun(Preflight(gates=(CPU,), approval=Approval()), readings=COOL)
    case = case.with_(status=case.with_(actions=(go("ann"),)).decided().status)
    assert case.with_(readings=HOT).decided().status.run.stage is Stage.PREFLIGHT
    assert case.decided().status.run.stage is Stage.PREPARING


def test_an_approval_of_the_preflight_is_none_of_a_phase():
    case = begun(Preflight(approval=Approval()))
    case = case.with_(status=case.with_(actions=(go("ann"),)).decided().status)
    given = case.decided().status.run.approvals.given
    assert [one.phase for one in given] == ["preflight"]
    after = case.with_(status=case.decided().status).with_(actions=(go("ben", uid="u2"),))
    assert "nothing to approve" in after.decided().status.last_action.message


@pytest.mark.parametrize(
    "fields", [{"policies": (FREEZE,)}, {"pause": PauseStatus(by="ben", at=ago(1))}]
)
def test_in_a_freeze_or_a_pause_no_hook_begins_and_no_pod_is_made(fields):
    case = begun(FULL, readings=COOL)
    pause = fields.pop("pause", None)
    decision = case.status_with(pause=pause).with_(**fields).decided()
    assert decision.effect is None
    assert decision.status.hooks == ()
    assert decision.status.run.stage is Stage.PREFLIGHT


def test_in_mode_observe_gates_only_tell_and_people_still_decide():
    observing = spec(
        preflight=Preflight(gates=(CPU,), approval=Approval()), metrics=METRICS, mode="observe"
    )
    case = begun(Preflight(gates=(CPU,), approval=Approval()), readings=HOT)
    told = case.with_(spec=observing).decided()
    assert [note.reason for note in told.notes] == [reasons.WOULD_HOLD]
    assert told.notes[0].message.startswith("the pre-flight would have waited: gate cpu is fail")
    after = case.with_(spec=observing, status=told.status).decided()
    assert after.status.state == "AwaitingApproval"


def test_guards_and_the_progress_deadline_begin_with_the_pods():
    bad = {"guard/0": (read(1, 0.9),)}
    late = begun(readings=HOT | bad).status_with(waiting_since=ago(10_000))
    decision = late.decided()
    assert decision.status.run is not None
    assert decision.status.run.stage is Stage.PREFLIGHT
    assert decision.status.waiting_since is None
    assert [check.id for check in decision.status.checks] == ["gate/preflight/0"]


def test_requests_are_not_counted_while_nothing_can_depend_on_them():
    assert None not in {ask.check_id for ask in begun(readings=HOT).decided().asks}


def test_a_weight_that_somebody_sets_meanwhile_is_put_back():
    decision = begun(readings=HOT, weights=(30,)).decided()
    assert decision.effect is not None
    assert decision.effect.weight == 0


def test_stable_still_grows():
    case = begun(readings=HOT, revisions=(pods("A", 4),))
    grown = case.with_(spec=case.spec.model_copy(update={"replicas": 6})).decided()
    assert grown.effect == ScaleReplicaSet("A", "shop-A", "uid-A", 6)


def test_pods_of_an_earlier_try_are_let_go_and_their_replica_set_is_kept():
    old = begun(readings=HOT, revisions=(pods("A", 4), pods("B", 2)))
    marked = old.decided()
    assert [one.revision for one in marked.status.draining] == ["B"]
    long_ago = tuple(one.model_copy(update={"since": ago(3600)}) for one in marked.status.draining)
    gone = old.with_(status=marked.status.model_copy(update={"draining": long_ago})).decided()
    assert gone.effect == ScaleReplicaSet("B", "shop-B", "uid-B", 0)
    none_kept = old.spec.model_copy(update={"revision_history_limit": 0})
    empty = old.with_(spec=none_kept, revisions=(pods("A", 4), pods("B", 0))).decided()
    assert empty.effect is None


# ---------------------------------------------------------------- its end


def test_an_abort_ends_the_run_at_once_and_its_job():
    case = begun(FULL, readings=COOL)
    case = case.with_(status=case.decided().status, actions=(asked(Verb.ABORT),))
    ended = case.decided()
    assert (ended.status.run, ended.status.reverted_revision) == (None, "B")
    assert ended.status.last_run.reason == reasons.ABORTED
    stopped = case.with_(status=ended.status, actions=()).decided()
    assert isinstance(stopped.effect, StopHook)
    rest = case.with_(status=stopped.status, actions=()).decided()
    assert (rest.effect, rest.status.state) == (None, "Reverted")


def test_a_no_go_ends_the_run():
    case = begun(Preflight(approval=GO), actions=(go("eve", Verb.REJECT),))
    last = case.decided().status.last_run
    assert (last.outcome, last.reason) == ("Reverted", reasons.REJECTED)
    assert last.message == "the pre-flight rejected by eve"


def test_a_newer_template_supersedes_it_and_begins_a_preflight_of_its_own():
    case = begun(readings=HOT, target="C")
    superseded = case.decided().status
    assert superseded.last_run.outcome == "Superseded"
    again = case.with_(status=superseded).decided().status
    assert (again.run.stage, again.run.to_revision) == (Stage.PREFLIGHT, "C")
    back = begun(readings=HOT, target="A").decided().status
    assert back.last_run.reason == reasons.TARGET_IS_STABLE


def test_a_hook_that_failed_holds_until_it_is_run_again_or_left_out():
    held = backed_up(begun(FULL, readings=COOL), HookSight.FAILED)
    assert held.reason == reasons.HOOK_FAILED
    assert held.status.message == (
        "hook backup of the pre-flight failed: disk full. Ask retry to run it again, skip to leave "
        "the pre-flight out, or abort"
    )
    case = begun(FULL, readings=COOL).with_(status=held.status)
    again = case.with_(actions=(asked(Verb.RETRY),)).decided().status
    assert [(one.result, one.attempt) for one in again.hooks] == [(HookResult.RUNNING, 2)]


def test_a_hook_that_failed_and_reverts_ends_the_run():
    hook = BACKUP.model_copy(update={"on_failure": "revert"})
    ended = backed_up(begun(FULL.model_copy(update={"hooks": (hook,)})), HookSight.FAILED).status
    assert (ended.run, ended.last_run.reason) == (None, reasons.HOOK_FAILED)
    assert ended.last_run.message == "hook backup of the pre-flight failed: disk full"


def test_after_a_revert_only_the_hooks_of_the_run_have_something_to_clear():
    ten = (
        spec()
        .phases[0]
        .model_copy(update={"hooks": (Hook(name="clear", cron_job="clear", when="revert"),)})
    )
    case = begun(readings=HOT, actions=(asked(Verb.ABORT),))
    tidy = RunHook(name="tidy", cron_job="tidy", when="revert")
    ended = case.with_(
        spec=case.spec.model_copy(update={"phases": (ten,), "hooks": (tidy,)})
    ).decided()
    assert [one.name for one in ended.status.hooks] == ["tidy"]


@pytest.mark.parametrize(
    ("then", "what"),
    [
        ("revert", ("Reverted", None, False)),
        ("pause", (None, Stage.PREFLIGHT, True)),
        ("hold", (None, Stage.PREFLIGHT, False)),
    ],
)
def test_after_its_deadline_is_done_what_it_says(then, what):
    late = Preflight(gates=(CPU,), deadline_s=600.0, on_timeout=then)
    case = begun(late, readings=HOT)
    entered = case.status.phase.model_copy(update={"entered_at": ago(700)})
    case = case.status_with(phase=entered, deadline_since=ago(601))
    status = case.decided().status
    outcome = status.last_run.outcome if status.last_run else None
    stage = status.run.stage if status.run else None
    assert (outcome, stage, status.pause is not None) == what
    assert "the pre-flight did not pass within its deadline of 10m" in (
        status.last_run.message if status.last_run else status.run.history[-1].message
    )


def test_its_deadline_does_not_count_while_people_alone_are_waited_for():
    terms = Preflight(gates=(CPU,), approval=GO, deadline_s=600.0, on_timeout="revert")
    case = begun(terms, readings=COOL)
    waits = case.with_(status=case.decided().status)
    assert waits.decided().status.deadline_since is None
    assert waits.with_(readings=HOT).decided().status.deadline_since == NOW


def test_skip_leaves_its_gates_and_hooks_out_but_no_approval():
    case = begun(FULL, readings=HOT, actions=(asked(Verb.SKIP),))
    refused = case.decided().status
    assert refused.last_action.result == "Refused"
    assert "waits for approval" in refused.last_action.message
    free = begun(Preflight(gates=(CPU,), hooks=(BACKUP,)), readings=HOT)
    free = free.status_with(pause=PauseStatus(by="ben", at=ago(1)))
    left_out = free.with_(actions=(asked(Verb.SKIP),)).decided().status
    assert (left_out.run.stage, left_out.pause) == (Stage.PREPARING, None)
    assert left_out.run.history[-2].reason == reasons.PHASE_SKIPPED
    named = free.with_(actions=(asked(Verb.SKIP, phase="half"),)).decided().status
    assert "ask skip without a phase" in named.last_action.message


def test_promote_is_refused_until_it_is_over():
    status = begun(readings=COOL, actions=(asked(Verb.PROMOTE),)).decided().status
    assert status.last_action.message.startswith("the pre-flight is not over; skip leaves it out")


def test_what_was_stable_before_and_takes_the_fast_track_leaves_it_out():
    fast = spec(preflight=GATES, metrics=METRICS, fast_track=FastTrack(revisions=1))
    case = new_template().with_(spec=fast).status_with(proven_revisions=("B",))
    assert case.decided().status.run.stage is Stage.PREPARING


def test_one_that_is_taken_out_of_the_spec_is_waited_for_no_more():
    case = begun(readings=HOT)
    free = case.with_(spec=case.spec.model_copy(update={"preflight": None})).decided()
    assert (free.effect, free.status.run.stage) == (None, Stage.PREPARING)
    assert free.notes[0].message.startswith("the pre-flight is gone from spec")


def test_a_status_that_lost_its_phase_still_waits():
    assert begun(readings=HOT).status_with(phase=None).decided().status.run.stage is Stage.PREFLIGHT


def test_the_first_deployment_has_none():
    case = new_template(canary="B", stable="B", revisions=())
    first = case.status_with(stable_revision=None, traffic=None).decided()
    assert first.effect == CreateReplicaSet("B", 4)
