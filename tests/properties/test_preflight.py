"""Before the first pod in virtual time: none comes early, no try twice, and no end waits."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.properties.loop import Operator
from tests.properties.measured import OF_CLUSTER
from tests.properties.scenario import (
    LONG_S,
    RELEASE_S,
    deployed,
    examples,
    finish,
    phase,
    release,
    rollout_spec,
    some_of,
)
from tests.properties.watch import Watch
from tests.properties.world import Setting, World
from tidegate.api.actions import Verb
from tidegate.api.approvals import Approval
from tidegate.api.checks import Gate, Metric
from tidegate.api.hook_status import HookResult
from tidegate.api.hooks import Hook
from tidegate.api.preflight import Preflight
from tidegate.api.rollout import Rollout, RolloutSpec
from tidegate.api.status import Stage
from tidegate.core.decision import CreateReplicaSet, Decision, ScaleReplicaSet

CLUSTER = Metric(name=OF_CLUSTER, query="cluster:errors:ratio")
FULL = Preflight(
    gates=(Gate(metric=OF_CLUSTER, max=0.01, interval_s=2.0, for_s=4.0),),
    hooks=(
        Hook(name="backup", cron_job="backup", retries=1),
        Hook(name="roles", service="checker", retries=1, on_failure="revert"),
    ),
    approval=Approval(required=2),
)
PERSONS = ("ann", "ben", "eve")


def _spec(preflight: Preflight = FULL) -> RolloutSpec:
    spec = rollout_spec(phases=(phase("ten", 10, hold_s=3.0), phase("half", 50, hold_s=3.0)))
    return spec.model_copy(update={"metrics": (*spec.metrics, CLUSTER), "preflight": preflight})


@dataclass
class Looks(Watch):
    """Besides what is watched of any run: what stood when the first pod was asked for."""

    pods_made: int = 0

    def effect(self, world: World, rollout: Rollout, decision: Decision) -> None:
        """No pod of the new revision before its pre-flight is over."""
        super().effect(world, rollout, decision)
        run, effect = decision.status.run, decision.effect
        if run is None or run.undo or not isinstance(effect, CreateReplicaSet | ScaleReplicaSet):
            return
        if effect.revision != run.to_revision or not effect.replicas:
            return
        self.pods_made += 1
        assert run.stage is not Stage.PREFLIGHT, effect
        left_out = any(one.reason == "PhaseSkipped" for one in run.history)
        reasons = [one.reason for one in run.history]
        assert left_out or "PreflightPassed" in reasons, reasons
        if rollout.spec.preflight is None or left_out:
            return
        ended = {one.name: one.result for one in decision.status.hooks if one.phase == "preflight"}
        for hook in rollout.spec.preflight.hooks:
            assert ended.get(hook.name) is HookResult.SUCCEEDED, f"{hook.name}: {ended}"


def _ready(spec: RolloutSpec | None = None, setting: Setting | None = None) -> Operator:
    """Served by A; before the release A is asked about, so the cluster is seen through it."""
    operator = deployed(setting or Setting(), spec or _spec())
    operator.watch = Looks()
    operator.watch.tried.add("A")
    return operator


def _says_go(operator: Operator) -> None:
    run = operator.status.run
    if run is None:
        return
    for by in PERSONS[:2]:
        operator.world.ask(Verb.APPROVE, by=by, revision=run.to_revision, phase="preflight")


def _tries(operator: Operator) -> list[tuple[str, int]]:
    return [(one.name, one.attempt) for one in operator.world.hooks.made]


def test_a_good_release_waits_for_all_of_it_once_and_then_goes_on():
    operator = _ready()
    release(operator)
    operator.run(RELEASE_S + 60)
    assert operator.status.state == "AwaitingApproval"
    assert operator.world.ready("B") == 0
    assert _tries(operator) == [("backup", 1), ("roles", 1)]
    _says_go(operator)
    finish(operator)
    assert operator.status.stable_revision == "B"
    assert operator.world.failed == 0
    reasons = [note.reason for note in operator.notes]
    assert reasons.count("AwaitingApproval") == reasons.count("PreflightPassed") == 1


@pytest.mark.parametrize("fails", [set(), {"backup"}, {"backup", "roles"}])
def test_a_crash_after_any_write_makes_no_pod_early_and_no_job_twice(fails):
    def lived(crash: frozenset[int]) -> Operator:
        operator = _ready()
        operator.crash_after = crash
        operator.world.hooks.fails = lambda one: one.name in fails and one.attempt == 1
        release(operator)
        operator.run(RELEASE_S + 60)
        _says_go(operator)
        finish(operator)
        return operator

    whole = lived(frozenset())
    assert whole.status.stable_revision == "B"
    jobs = [one for one in whole.world.hooks.made if one.job]
    for write in some_of(range(deployed(Setting(), _spec()).writes + 1, whole.writes + 1)):
        crashed = lived(frozenset({write}))
        assert crashed.status.stable_revision == "B", f"crash after write {write}"
        again = [one for one in crashed.world.hooks.made if one.job]
        assert [(one.id, one.attempt) for one in again] == [(one.id, one.attempt) for one in jobs]
        assert crashed.world.failed == 0, f"crash after write {write}"


WISHES = st.lists(
    st.tuples(
        st.floats(0.0, 100.0),
        st.sampled_from([Verb.APPROVE] * 4 + [Verb.SKIP, Verb.PAUSE, Verb.RESUME, Verb.RETRY]),
        st.sampled_from(PERSONS),
    ),
    max_size=10,
)


@examples(40)
@given(
    wishes=WISHES,
    failing=st.sets(st.sampled_from(["backup", "roles"])),
    down=st.one_of(st.none(), st.tuples(st.floats(0.0, 60.0), st.floats(1.0, 60.0))),
    crashes=st.frozensets(st.integers(1, 60), max_size=4),
)
def test_no_pod_comes_before_all_of_it_passed_whatever_is_asked_fails_and_crashes(
    wishes, failing, down, crashes
):
    spans = ((RELEASE_S + down[0], RELEASE_S + down[0] + down[1]),) if down else ()
    operator = _ready(setting=Setting(provider_down=spans))
    operator.crash_after = frozenset(operator.writes + place for place in crashes)
    operator.world.hooks.fails = lambda one: one.name in failing and one.attempt == 1
    release(operator)
    for after_s, verb, by in wishes:
        more = {"revision": "B", "phase": "preflight"} if verb is Verb.APPROVE else {}
        operator.at(
            RELEASE_S + after_s,
            lambda on, verb=verb, by=by, more=more: on.world.ask(verb, by=by, **more) and None,
        )
    operator.run(RELEASE_S + 150)
    for _ in range(3):  # whoever paused resumes, and enough people say go
        if operator.status.pause is not None:
            operator.world.ask(Verb.RESUME)
        _says_go(operator)
        operator.run(operator.world.now_s + 20)
    finish(operator, until_s=operator.world.now_s + LONG_S)
    assert operator.status.stable_revision == "B", operator.status.message
    assert operator.world.failed == 0, operator.world.failures[:3]


@examples(40)
@given(
    after_s=st.floats(0.0, 40.0),
    verb=st.sampled_from([Verb.ABORT, Verb.REJECT]),
    hangs=st.booleans(),
    blind=st.booleans(),
)
def test_a_no_ends_it_at_once_whatever_is_waited_for(after_s, verb, hangs, blind):
    spans = ((RELEASE_S, RELEASE_S + LONG_S),) if blind else ()
    operator = _ready(setting=Setting(provider_down=spans))
    operator.world.hooks.hangs = lambda _entry: hangs
    release(operator)
    operator.run(RELEASE_S + after_s)
    if operator.status.run is None:
        return  # the release has not been seen yet
    asked_s = operator.world.now_s
    operator.world.ask(verb)
    operator.run(asked_s + 1.0)
    assert operator.status.run is None
    assert operator.status.reverted_revision == "B"
    operator.run(asked_s + 100.0)
    assert operator.status.state == "Reverted"
    assert operator.watch.pods_made == 0
    assert not [one for one in operator.status.hooks if one.result is HookResult.RUNNING]
