"""What a run does about its hooks at one moment: begin, wait, go on, hold, send back."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from tests.core.scenes import NOW, Case, ago, asked, at_rest, in_phase, pods, read, spec
from tests.core.test_freezing import FREEZE
from tidegate.api.actions import Verb
from tidegate.api.checks import Gate
from tidegate.api.hook_status import HookResult, HookStatus
from tidegate.api.hooks import Hook, RunHook
from tidegate.api.phases import Phase
from tidegate.api.status import PhaseStatus, RolloutStatus, Stage
from tidegate.core import reasons
from tidegate.core.decide import decide
from tidegate.core.decision import Decision, SetWeight, StartHook, StopHook
from tidegate.core.hook_places import job_name, view_key
from tidegate.core.observation import HookSight, HookView
from tidegate.core.scene import Scene
from tidegate.core.storing import intent_changed

WARM = Hook(name="warm", cron_job="preload", retries=1)
CHECK = Hook(name="check", cron_job="check", when="after")
TIDY = RunHook(name="tidy", cron_job="tidy", when="revert")


def phases(*hooks: Hook) -> tuple[Phase, ...]:
    """Ten and half; the hooks that run after a phase are of ten, all others of half."""
    return (
        Phase(
            name="ten", weight=10, hold_s=60.0, hooks=tuple(h for h in hooks if h.when == "after")
        ),
        Phase(
            name="half",
            weight=50,
            gates=(Gate(metric="errors", max=0.005),),
            hooks=tuple(h for h in hooks if h.when != "after"),
        ),
    )


def hooked(*hooks: Hook, **fields: object) -> Case:
    """In phase ten, which has passed but for its hooks."""
    return in_phase(spec=spec(phases=phases(*hooks), hooks=(TIDY,), **fields))


def entry(hook: Hook = WARM, **fields: object) -> HookStatus:
    """A first try that is under way."""
    phase = "ten" if hook.when == "after" else "half"
    usual: dict[str, object] = {
        "id": f"3/phase/{phase}/{hook.when}/{hook.name}",
        "run": 3,
        "name": hook.name,
        "phase": phase,
        "when": hook.when,
        "result": HookResult.RUNNING,
        "attempt": 1,
        "tries": 1 + hook.retries,
        "job": "shop-3-phase-half-before-warm-1-0123456789",
        "started_at": ago(5),
        "sent_at": ago(4),
    }
    return HookStatus(**(usual | fields))


def seen(case: Case, known: HookStatus, view: HookView | None) -> Decision:
    """What is decided with that entry in the status and that view of it."""
    case = case.status_with(hooks=(known,))
    views = {view_key(known): view} if view is not None else {}
    return decide(case.rollout, case.status, replace(case.observed, hooks=views), NOW)


def test_the_next_phase_waits_for_its_hook_and_says_so():
    decision = hooked(WARM).decided()
    assert decision.effect is None
    assert decision.status.phase is not None
    assert decision.status.phase.name == "ten"
    assert decision.reason == reasons.WAITING_FOR_HOOK
    assert decision.status.message.startswith(
        "phase half waits for hook warm (Job shop-3-half-before"
    )
    assert decision.status.message.endswith("try 1 of 2)")


def test_a_try_is_an_intent_that_is_stored_before_anything_is_made():
    case = hooked(WARM)
    first = case.decided()
    assert first.effect is None
    assert [one.result for one in first.status.hooks] == [HookResult.RUNNING]
    assert intent_changed(case.status, first.status)
    second = replace(case, status=first.status).decided()
    assert isinstance(second.effect, StartHook)
    assert second.effect.entry.job == first.status.hooks[0].job


@pytest.mark.parametrize("weight", [0, 10])
def test_who_skipped_past_the_door_gets_nothing_before_the_hook(weight):
    skipped_to = Phase(name="ten", weight=weight, hooks=(WARM,))
    case = in_phase(spec=spec(phases=(skipped_to,)), weights=(0,))
    entered = PhaseStatus(index=0, name="ten", entered_at=ago(1))
    decision = case.status_with(phase=entered).decided()
    assert decision.effect is None
    assert [one.name for one in decision.status.hooks] == ["warm"]
    assert decision.status.phase is not None
    assert decision.status.phase.started_at is None


def test_a_hook_that_passed_lets_the_phase_in_and_is_told_once():
    decision = seen(hooked(WARM), entry(), HookView(HookSight.SUCCEEDED, "warm", 0))
    assert decision.status.phase is not None
    assert decision.status.phase.name == "half"
    assert [n.reason for n in decision.notes].count(reasons.HOOK_SUCCEEDED) == 1
    assert decision.status.run is not None
    assert reasons.HOOK_SUCCEEDED in [one.reason for one in decision.status.run.history]


def test_a_failed_try_is_followed_by_the_next_in_one_step():
    decision = seen(hooked(WARM), entry(), HookView(HookSight.FAILED, "cold", 3))
    known = decision.status.hooks[0]
    assert (known.result, known.attempt, known.exit_code) == (HookResult.RUNNING, 2, None)
    told = [note.reason for note in decision.notes]
    assert told.count(reasons.HOOK_FAILED) == told.count(reasons.HOOK_STARTED) == 1


def test_without_a_try_left_it_holds_and_says_what_to_do():
    decision = seen(hooked(WARM), entry(attempt=2), HookView(HookSight.FAILED, "cold", 3))
    assert decision.reason == reasons.HOOK_FAILED
    assert decision.status.run is not None
    assert decision.status.message == (
        "hook warm of phase half failed: cold. Ask retry to run it again, skip to leave the phase "
        "out, or abort"
    )


def test_retry_runs_the_hook_that_holds_with_all_its_tries():
    failed = entry(attempt=2, result=HookResult.FAILED)
    decision = seen(hooked(WARM).with_(actions=(asked(Verb.RETRY),)), failed, None)
    known = decision.status.hooks[0]
    assert (known.result, known.attempt, known.tries) == (HookResult.RUNNING, 3, 4)
    assert decision.status.last_action is not None
    assert decision.status.last_action.result == "Done"


@pytest.mark.parametrize(("then", "phase"), [("ignore", "half"), ("revert", None)])
def test_on_failure_says_what_follows(then, phase):
    hook = WARM.model_copy(update={"on_failure": then})
    decision = seen(hooked(hook), entry(hook, attempt=2), HookView(HookSight.FAILED, "cold", 3))
    assert (decision.status.phase.name if decision.status.phase else None) == phase
    if then == "revert":
        assert isinstance(decision.effect, SetWeight)
        assert decision.effect.weight == 0
        assert decision.status.reverted_revision == "B"


@pytest.mark.parametrize("held_up", ["by a freeze", "by a pause", "by a gate"])
def test_traffic_goes_back_for_a_hook_whatever_else_is_waited_for(held_up):
    ten, half = phases(_reverting())
    if held_up == "by a gate":
        ten = ten.model_copy(update={"gates": (Gate(metric="errors", max=0.005),)})
    case = in_phase(
        spec=spec(phases=(ten, half), paused=held_up == "by a pause"),
        policies=(FREEZE,) if held_up == "by a freeze" else (),
    )
    failed = entry(_reverting(), result=HookResult.FAILED, attempt=2, message="no data")
    decision = seen(case, failed, None)
    assert decision.status.run is None
    assert decision.effect == SetWeight("shop", 0)
    assert "hook warm of phase half failed: no data" in decision.status.message


def _reverting() -> Hook:
    return WARM.model_copy(update={"on_failure": "revert"})


def test_who_asked_to_leave_the_phases_out_begins_no_hook_while_it_cannot():
    skipped_to = Phase(name="ten", weight=10, hooks=(WARM,))
    case = in_phase(spec=spec(phases=(skipped_to,)), weights=(0,), policies=(FREEZE,))
    entered = PhaseStatus(index=0, name="ten", entered_at=ago(1))
    run = case.status.run
    assert run is not None
    status = case.status_with(
        phase=entered, run=run.model_copy(update={"skip_to_end": True})
    ).decided()
    assert status.status.hooks == ()


@pytest.mark.parametrize(("view", "sent"), [(None, False), (HookView(HookSight.RUNNING), True)])
def test_only_a_try_that_was_seen_can_be_missed(view, sent):
    made = seen(hooked(WARM), entry(sent_at=None), view)
    assert [one.sent_at is not None for one in made.status.hooks] == [sent]
    assert isinstance(made.effect, StartHook) is not sent


def test_in_mode_observe_a_failed_hook_holds_nothing():
    decision = seen(
        hooked(WARM, mode="observe"), entry(attempt=2), HookView(HookSight.FAILED, "cold", 3)
    )
    assert decision.status.phase is not None
    assert decision.status.phase.name == "half"


def test_hooks_of_one_moment_run_one_after_another():
    second = Hook(name="second", cron_job="second")
    decision = seen(hooked(WARM, second), entry(), HookView(HookSight.RUNNING))
    assert [one.name for one in decision.status.hooks] == ["warm"]


def test_what_runs_after_a_phase_waits_for_its_gates():
    gated = phases(CHECK)[0].model_copy(update={"gates": (Gate(metric="errors", max=0.005),)})
    case = in_phase(spec=spec(phases=(gated,)))
    for value, names in ((0.008, []), (0.001, ["check"])):
        reading = {"guard/0": (read(1, 0.001),), "gate/0/0": (read(1, value),)}
        decision = case.with_(readings=reading).decided()
        assert [one.name for one in decision.status.hooks] == names


def test_a_job_that_nobody_ends_is_deleted_and_counts_as_failed():
    since = NOW - timedelta(seconds=WARM.timeout_s + 31)
    decision = seen(hooked(WARM), entry(), HookView(HookSight.RUNNING, since=since))
    assert isinstance(decision.effect, StopHook)
    assert decision.status.hooks[0].result is HookResult.FAILED


@pytest.mark.parametrize("place", [Stage.PREPARING, Stage.PHASE, Stage.PROMOTING])
def test_an_abort_sends_back_at_once_whatever_hook_runs(place):
    case = in_phase(stage=place, spec=spec(phases=phases(WARM), hooks=(TIDY,)))
    case = case.with_(actions=(asked(Verb.ABORT),))
    decision = seen(case, entry(), HookView(HookSight.RUNNING))
    assert decision.status.run is None
    assert isinstance(decision.effect, SetWeight)
    assert decision.effect.weight == 0
    assert [(one.name, one.result) for one in decision.status.hooks if one.when == "revert"] == [
        ("tidy", HookResult.WAITING)
    ]


def _sent_back(**fields: object) -> Case:
    """At rest after run 3 was sent back."""
    status = RolloutStatus(
        stable_revision="A", reverted_revision="B", last_run_number=3, hooks=(entry(),)
    )
    usual = at_rest(
        spec=spec(phases=phases(WARM), hooks=(TIDY,)), target="B", revisions=(pods("A", 4),)
    )
    traffic = usual.status.traffic
    return usual.with_(status=status.model_copy(update={"traffic": traffic}), held=False, **fields)


def test_the_job_of_a_run_that_was_sent_back_is_deleted():
    decision = seen(_sent_back(), entry(), HookView(HookSight.RUNNING))
    effects = []
    case = _sent_back()
    for _ in range(4):
        effects.append(decision.effect)
        if isinstance(decision.effect, StopHook):
            break
        decision = decide(case.rollout, decision.status, case.observed, NOW)
    assert isinstance(effects[-1], StopHook)
    assert decision.status.hooks[0].result is HookResult.CANCELLED


def _left(**fields: object) -> HookStatus:
    usual: dict[str, object] = {
        "id": "3/run/revert/tidy",
        "run": 3,
        "name": "tidy",
        "when": "revert",
        "result": HookResult.WAITING,
        "tries": 1,
    }
    return HookStatus(**(usual | fields))


def test_a_clean_up_waits_until_the_traffic_is_back():
    away = in_phase(spec=spec(hooks=(TIDY,))).status_with(run=None, phase=None, hooks=(_left(),))
    away = away.with_(revisions=(pods("A", 4, 0), pods("B", 1)), held=True)
    assert away.decided().status.hooks[0].result is HookResult.WAITING
    back = at_rest(spec=spec(hooks=(TIDY,)), held=False).status_with(hooks=(_left(),))
    assert back.decided().status.hooks[0].result is HookResult.RUNNING


def test_a_new_run_waits_for_what_the_last_one_left_to_do():
    running = _left(result=HookResult.RUNNING, attempt=1, job="j", sent_at=ago(3))
    case = at_rest(spec=spec(hooks=(TIDY,)), target="C", held=True)
    decision = seen(case, running, HookView(HookSight.RUNNING))
    assert decision.status.run is None
    assert decision.status.message == "revision C waits for hook tidy of run 3 to end"
    ended = seen(case, running, HookView(HookSight.FAILED))
    assert ended.status.run is not None


def test_a_promotion_leaves_its_hooks_to_do():
    tell = RunHook(name="tell", service="chat", when="promoted")
    case = in_phase(
        stage=Stage.PROMOTING, spec=spec(hooks=(tell, TIDY)), stable="B", weights=(100,)
    )
    decision = case.decided()
    assert decision.status.stable_revision == "B"
    assert [(one.name, one.revision) for one in decision.status.hooks] == [("tell", "B")]


def test_names_of_jobs_fit_and_differ_where_their_parts_run_together():
    scene = Scene(hooked().rollout, hooked().status, hooked().observed, NOW)
    long = "x" * 60
    names = {
        job_name(scene, name, attempt)
        for name in ("3/phase/a-b/before/c", "3/phase/a/before/b-c", f"3/phase/{long}/after/{long}")
        for attempt in (1, 11)
    }
    assert len(names) == 6
    assert all(len(name) <= 63 and name[-1] != "-" for name in names)
