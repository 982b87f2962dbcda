"""Hooks in virtual time: once a try whatever crashes, before any weight, in no revert's way."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.properties.loop import Operator
from tests.properties.scenario import (
    LONG_S,
    RELEASE_S,
    deployed,
    examples,
    finish,
    phase,
    quiet,
    release,
    rollout_spec,
    some_of,
)
from tests.properties.watch import Watch
from tests.properties.world import Setting, World, moment
from tidegate.api.actions import Verb
from tidegate.api.hook_status import HookResult, HookStatus
from tidegate.api.hooks import Hook, RunHook
from tidegate.api.phases import Phase
from tidegate.api.rollout import Rollout, RolloutSpec
from tidegate.core.decision import Decision, SetWeight
from tidegate.core.hook_places import entry_of, of_phase

SETTING = Setting()
AFTER = (RunHook(name="tell", service="chat", when="promoted"),)
TIDY = (RunHook(name="tidy", cron_job="tidy", when="revert"),)


def _hooked(name: str, weight: int, *hooks: Hook) -> Phase:
    return phase(name, weight).model_copy(update={"hooks": hooks})


def _spec(**fields: object) -> RolloutSpec:
    """Two phases with hooks of every kind."""
    phases = (
        _hooked(
            "ten",
            10,
            Hook(name="warm", cron_job="preload", retries=1),
            Hook(name="check", service="checker", when="after", retries=1),
            Hook(name="clear", cron_job="clear", when="revert"),
        ),
        _hooked(
            "half",
            50,
            Hook(name="load", service="loader"),
            Hook(name="verify", cron_job="verify", when="after", on_failure="revert"),
        ),
    )
    return rollout_spec(phases=phases).model_copy(update={"hooks": AFTER + TIDY} | fields)


SPEC = _spec()


@dataclass
class Looks(Watch):
    """Besides what is watched of any run: what hooks had done when a weight rose."""

    weights: list[int] = field(default_factory=list)

    def effect(self, world: World, rollout: Rollout, decision: Decision) -> None:
        """No phase gets its weight before its hooks have passed."""
        super().effect(world, rollout, decision)
        status, effect = decision.status, decision.effect
        run, on = status.run, status.phase
        if not isinstance(effect, SetWeight) or run is None or on is None:
            return
        if run.undo or run.skip_to_end or effect.weight <= max(world.routes.weights):
            return
        tried = next(one for one in rollout.spec.phases if one.name == on.name)
        for place in of_phase(tried, "before"):
            entry = entry_of(status, place.id_in(run.number))
            assert entry is not None, f"{place.title} was not run before {effect}"
            assert entry.result in (HookResult.SUCCEEDED, HookResult.FAILED)
            ignored = isinstance(place.hook, Hook) and place.hook.on_failure == "ignore"
            assert ignored or entry.result is HookResult.SUCCEEDED, f"{place.title} had failed"


def _ready(spec: RolloutSpec = SPEC) -> Operator:
    operator = deployed(SETTING, spec)
    operator.watch = Looks()
    operator.watch.tried.add("A")
    return operator


def _tries_are_in_order(operator: Operator) -> None:
    """Each hook is tried from 1 on, nothing twice, and nothing after a success."""
    hooks = operator.world.hooks
    seen: dict[str, int] = {}
    for entry in hooks.made:
        again = not entry.job and hooks.sent[f"{entry.id}/{entry.attempt}"] > 1
        before = seen.get(entry.id, 0)
        assert entry.attempt == before + 1 or (again and entry.attempt == before), entry
        assert entry.attempt <= entry.tries
        if entry.attempt > before:
            earlier = [one for one in hooks.made if one.id == entry.id and one.attempt == before]
            assert all(hooks.fails(one) for one in earlier), f"{entry.id} again after a success"
        seen[entry.id] = entry.attempt


def _through(operator: Operator) -> None:
    finish(operator)
    operator.run(operator.world.now_s + 120.0)  # what runs after the run
    _tries_are_in_order(operator)


def _names(operator: Operator) -> list[str]:
    return [entry.name for entry in operator.world.hooks.made]


def test_every_hook_of_a_good_release_runs_once_and_in_its_place():
    operator = _ready()
    release(operator)
    _through(operator)
    assert operator.status.stable_revision == "B"
    assert _names(operator) == ["warm", "check", "load", "verify", "tell"]


def test_after_a_revert_its_clean_up_runs_once_traffic_is_back():
    operator = _ready()
    operator.world.hooks.fails = lambda entry: entry.name == "verify"
    release(operator)
    _through(operator)
    assert operator.status.reverted_revision == "B"
    assert _names(operator) == ["warm", "check", "load", "verify", "clear", "tidy"]
    assert operator.world.failed == 0


def test_a_new_release_waits_for_the_clean_up_of_the_last():
    operator = _ready()
    operator.world.hooks.fails = lambda entry: entry.name == "verify" and entry.revision == "B"
    release(operator)
    operator.run(LONG_S, stop=lambda op: op.status.reverted_revision == "B")
    release(operator, "C", at_s=operator.world.now_s + 0.1)
    _through(operator)
    assert operator.status.stable_revision == "C"
    names = _names(operator)
    assert names.index("tidy") < len(names) - 1 - names[::-1].index("warm")


def test_a_hook_that_failed_for_good_holds_until_somebody_asks_retry():
    operator = _ready()
    operator.world.hooks.fails = lambda entry: entry.name == "warm" and entry.attempt <= 2
    release(operator)
    operator.run(RELEASE_S + 200)
    assert max(operator.world.routes.weights) == 0
    assert "Ask retry" in operator.status.message
    operator.world.ask(Verb.RETRY)
    _through(operator)
    assert operator.status.stable_revision == "B"
    assert _names(operator)[:3] == ["warm", "warm", "warm"]


def test_who_skips_to_a_phase_still_gets_its_hooks_before_its_weight():
    operator = _ready()
    release(operator)
    operator.at(RELEASE_S + 30, lambda op: op.world.ask(Verb.SKIP, phase="half") and None)
    _through(operator)
    assert operator.status.stable_revision == "B"
    assert "load" in _names(operator)


def test_a_job_that_nobody_ends_is_deleted_after_its_time_and_counts_as_failed():
    hooks = (Hook(name="warm", cron_job="preload", timeout_s=20.0, on_failure="revert"),)
    operator = _ready(_spec(phases=(_hooked("ten", 10, *hooks),), hooks=()))
    operator.world.hooks.hangs = lambda entry: entry.name == "warm"
    release(operator)
    _through(operator)
    assert operator.status.reverted_revision == "B"
    assert [entry.name for entry in operator.world.hooks.stopped] == ["warm"]


@given(st.floats(0.0, 60.0), st.booleans())
@examples(60)
def test_an_abort_waits_for_no_hook_whatever_hangs(after_s, hangs):
    operator = _ready()
    operator.world.hooks.hangs = lambda _entry: hangs
    release(operator)
    operator.run(RELEASE_S + after_s)
    if operator.status.run is None:
        return
    asked_s = operator.world.now_s
    operator.world.ask(Verb.ABORT)
    operator.run(asked_s + 1.0)
    assert operator.status.run is None
    assert max(operator.world.routes.weights) == 0
    operator.run(asked_s + 200.0)
    running = [one for one in operator.status.hooks if one.result is HookResult.RUNNING]
    assert hangs or not running
    assert all(one.when == "revert" for one in running), "nobody waits for it, and it goes on"


@given(st.data())
@examples(80)
def test_tries_stay_in_order_and_no_weight_comes_early_whatever_fails_and_crashes(data):
    failing = data.draw(st.sets(st.sampled_from(["warm", "check", "load", "verify", "tell"])))
    first_only = data.draw(st.booleans())
    then = data.draw(st.sampled_from([None, "hold", "revert", "ignore"]))
    crashes = data.draw(st.frozensets(st.integers(1, 120), max_size=4))
    phases = tuple(
        one.model_copy(update={"hooks": tuple(_then(hook, then) for hook in one.hooks)})
        for one in SPEC.phases
    )
    operator = _ready(_spec(phases=phases))
    operator.crash_after = frozenset(operator.writes + write for write in crashes)
    operator.world.hooks.fails = lambda entry: (
        entry.name in failing and (not first_only or entry.attempt == 1)
    )
    release(operator)
    operator.run(RELEASE_S + 300, stop=lambda op: op.world.now_s > RELEASE_S + 5 and quiet(op))
    operator.run(operator.world.now_s + 120.0)
    _tries_are_in_order(operator)
    assert operator.world.failed == 0


def _then(hook: Hook, then: str | None) -> Hook:
    return hook if hook.when == "revert" else hook.model_copy(update={"on_failure": then})


def _lived(fails: set[str], crash: frozenset[int] = frozenset()) -> Operator:
    operator = _ready()
    operator.crash_after = crash
    operator.world.hooks.fails = lambda entry: entry.name in fails and entry.attempt == 1
    release(operator)
    _through(operator)
    return operator


def _end(operator: Operator) -> tuple[object, ...]:
    status, hooks = operator.status, operator.world.hooks
    jobs = [(one.name, one.attempt) for one in hooks.made if one.job]
    calls = sorted({(one.name, one.attempt) for one in hooks.made if not one.job})
    told = [(one.id, one.result, one.attempt) for one in status.hooks]
    return status.state, status.stable_revision, jobs, calls, told


@pytest.mark.parametrize("fails", [set(), {"warm", "check"}, {"verify"}])
def test_a_crash_after_any_write_runs_no_job_twice_and_forgets_none(fails):
    whole = _lived(fails)
    before = deployed(SETTING, SPEC).writes
    for write in some_of(range(before + 1, whole.writes + 1)):
        crashed = _lived(fails, frozenset({write}))
        assert _end(crashed) == _end(whole), f"crash after write {write}"
        assert crashed.world.failed == 0, f"crash after write {write}"


def test_events_tell_each_try_once():
    operator = _ready()
    operator.world.hooks.fails = lambda entry: entry.name == "warm" and entry.attempt == 1
    release(operator)
    _through(operator)
    told = [
        (note.reason, note.message.split(":")[0].split("(")[0].strip()) for note in operator.notes
    ]
    hooks = [one for one in told if one[0].startswith("Hook")]
    of_warm = [one for one in hooks if "hook warm" in one[1]]
    assert [reason for reason, _ in of_warm] == [
        "HookStarted",
        "HookFailed",
        "HookStarted",
        "HookSucceeded",
    ]


def test_an_entry_tells_what_a_person_asks_of_it():
    operator = _ready()
    release(operator)
    _through(operator)
    entry: HookStatus = operator.status.hooks[0]
    assert (entry.name, entry.phase, entry.when) == ("warm", "ten", "before")
    assert (entry.revision, entry.stable_revision, entry.exit_code) == ("B", "A", 0)
    assert entry.started_at is not None
    assert entry.finished_at is not None
    assert moment(RELEASE_S) < entry.started_at < entry.finished_at
