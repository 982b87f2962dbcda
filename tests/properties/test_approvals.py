"""Whatever people ask for, in whatever order: nothing begins that has not been approved."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from hypothesis import given
from hypothesis import strategies as st

from tests.properties.loop import Operator
from tests.properties.scenario import (
    DEPLOYED_S,
    LONG_S,
    RELEASE_S,
    examples,
    finish,
    matching,
    phase,
    quiet,
    release,
    rollout_spec,
    settings_of,
    with_bad,
)
from tests.properties.watch import Watch
from tests.properties.world import Setting, World, moment
from tidegate.api.actions import Action, Verb
from tidegate.api.approvals import Approval
from tidegate.api.phases import Phase
from tidegate.api.rollout import RolloutSpec
from tidegate.api.status import RolloutStatus, Stage
from tidegate.core.approving import CLOCKS_APART_S

PERSONS = ("ann", "ben", "eve")
GROUPS = {"ann": ("qa",), "ben": ("qa", "dev"), "eve": ("dev",)}
EXPIRY_S = 60.0


@dataclass
class Ledger:
    """All that was ever asked for, whatever became of it."""

    asked: list[Action] = field(default_factory=list)

    def persons(self, spec_phase: Phase, status: RolloutStatus, now_s: float) -> set[str]:
        """Who had approved that phase by then, as the documentation defines it."""
        run, terms = status.run, spec_phase.approval
        assert run is not None
        assert terms is not None
        found = set()
        for action in self.asked:
            asked, at = action.spec, action.created_at
            assert at is not None
            age_s = (moment(now_s) - at).total_seconds()
            fits = asked.verb is Verb.APPROVE and asked.revision == run.to_revision
            fits = fits and asked.phase in (None, spec_phase.name) and bool(asked.requested_by)
            fits = fits and (at - run.started_at).total_seconds() >= -CLOCKS_APART_S
            if terms.groups:
                fits = fits and bool(set(terms.groups) & set(asked.requested_groups))
            if terms.expiry_s is not None:
                fits = fits and age_s < terms.expiry_s
            if fits and asked.requested_by:
                found.add(asked.requested_by)
        return found


class Witnessed(Operator):
    """An operator whose every stored step is held against what was asked for."""

    def __init__(self, world: World, spec: RolloutSpec) -> None:
        super().__init__(world, spec, watch=Watch())
        self.ledger = Ledger()
        self.begun: list[str] = []

    def says(self, verb: Verb, by: str | None, **more: str | None) -> None:
        """A person asks for something."""
        groups = GROUPS.get(by or "", ()) if verb is Verb.APPROVE else ()
        uid = self.world.ask(verb, by=by, requested_groups=groups, **more)
        self.ledger.asked.append(self.world.actions[uid])

    def _store(self, status: RolloutStatus) -> None:
        for one in _begins(self.rollout.spec, self.stored, status):
            self.begun.append(one.name)
            if one.approval is not None:
                who = self.ledger.persons(one, status, self.world.now_s)
                assert len(who) >= one.approval.required, f"{one.name} began with {who}"
        super()._store(status)


def _place(spec: RolloutSpec, status: RolloutStatus) -> int | None:
    """How many phases of the run have begun or were left out; None without a run of phases."""
    run = status.run
    if run is None or run.undo or run.stage is Stage.BAKING:
        return None
    if run.stage is Stage.PREPARING:
        return 0
    if run.stage is Stage.PROMOTING:
        return len(spec.phases)
    assert status.phase is not None
    return status.phase.index + 1


def _begins(spec: RolloutSpec, before: RolloutStatus, after: RolloutStatus) -> tuple[Phase, ...]:
    """The phases that this step begins, or goes past."""
    if before.run is None or after.run is None or before.run.number != after.run.number:
        return ()
    was, now = _place(spec, before), _place(spec, after)
    return () if was is None or now is None else spec.phases[was:now]


def _installed(setting: Setting, spec: RolloutSpec) -> Witnessed:
    operator = Witnessed(World(setting), matching(setting, spec))
    operator.run(DEPLOYED_S)
    assert operator.status.stable_revision == "A"
    operator.world.failed = 0.0
    return operator


APPROVALS = st.one_of(
    st.none(),
    st.builds(
        Approval,
        required=st.integers(1, 2),
        groups=st.sampled_from([(), ("qa",)]),
        expiry_s=st.sampled_from([None, EXPIRY_S]),
    ),
)
SPECS = st.lists(APPROVALS, min_size=1, max_size=3).map(
    lambda terms: rollout_spec(
        phases=tuple(
            phase(f"p{place}", (0, 10, 50)[place], hold_s=3.0).model_copy(update={"approval": one})
            for place, one in enumerate(terms)
        )
    )
)
WISHES = st.lists(
    st.tuples(
        st.floats(0.0, 150.0),
        st.sampled_from(
            [Verb.APPROVE] * 6 + [Verb.SKIP, Verb.PROMOTE, Verb.PAUSE, Verb.RESUME, Verb.REJECT]
        ),
        st.sampled_from([*PERSONS, *PERSONS, None]),
        st.sampled_from(["B", "B", "B", "C", None]),
        st.sampled_from([None, "p0", "p1", "p2"]),
    ),
    max_size=12,
)


def _plan(
    operator: Witnessed, wishes: list[tuple[float, Verb, str | None, str | None, str | None]]
):
    for after_s, verb, by, revision, name in wishes:
        about = name if verb in (Verb.APPROVE, Verb.REJECT, Verb.SKIP) else None
        more = {"revision": revision if verb is Verb.APPROVE else None, "phase": about}
        operator.at(
            RELEASE_S + after_s,
            lambda op, verb=verb, by=by, more=more: op.says(verb, by, **more),
        )


def _all_say_yes(operator: Witnessed) -> None:
    """From now on everybody approves whatever is asked for, and nobody pauses."""
    for _ in range(12):
        if quiet(operator):
            return
        if operator.status.pause is not None:
            operator.world.ask(Verb.RESUME)
        run = operator.status.run
        if run is not None and operator.status.state == "AwaitingApproval":
            for by in PERSONS:
                operator.says(Verb.APPROVE, by, revision=run.to_revision)
        operator.run(operator.world.now_s + 20)


@examples(32)
@given(
    setting=settings_of(depths=("revision",)),
    spec=SPECS,
    wishes=WISHES,
    crashes=st.frozensets(st.integers(1, 60), max_size=4),
)
def test_no_phase_begins_without_its_approvals_whatever_is_asked(setting, spec, wishes, crashes):
    operator = _installed(setting, spec)
    operator.crash_after = frozenset(operator.writes + place for place in crashes)
    release(operator)
    _plan(operator, wishes)
    operator.run(RELEASE_S + 200)
    assert not operator.world.actions, "everybody has an answer"
    _all_say_yes(operator)
    finish(operator, until_s=operator.world.now_s + LONG_S)
    assert operator.world.failed == 0, operator.world.failures[:3]
    rejected = operator.status.last_run.reason == "Rejected"
    assert operator.status.stable_revision == ("A" if rejected else "B")


@examples(16)
@given(
    setting=settings_of(depths=("revision",)),
    wishes=WISHES,
    goes_bad_s=st.floats(10.0, 100.0),
)
def test_what_turns_bad_goes_back_whoever_is_waited_for(setting, wishes, goes_bad_s):
    spec = rollout_spec(
        phases=(
            phase("p0", 10, hold_s=3.0),
            phase("p1", 50).model_copy(update={"approval": Approval(required=3)}),
        )
    )
    operator = _installed(setting, spec)
    release(operator)
    _plan(operator, [wish for wish in wishes if wish[1] is Verb.APPROVE])

    def turns_bad(op: Operator) -> None:
        op.world.setting = with_bad(op.world.setting, "B")

    operator.at(RELEASE_S + goes_bad_s, turns_bad)
    finish(operator)
    assert operator.status.reverted_revision == "B"
    assert operator.world.failed == 0


def test_an_approval_is_counted_once_wherever_the_process_dies():
    spec = rollout_spec(
        phases=(phase("p0", 10).model_copy(update={"approval": Approval(required=2)}),)
    )
    for dies_after in range(1, 5):
        operator = _installed(Setting(), spec)
        release(operator)
        operator.run(RELEASE_S + 60)
        assert operator.status.state == "AwaitingApproval"
        assert not any(operator.world.routes.weights)
        operator.crash_after = frozenset({operator.writes + dies_after})
        operator.says(Verb.APPROVE, "ann", revision="B")
        operator.run(operator.world.now_s + 20)
        assert operator.status.state == "AwaitingApproval"
        approvals = operator.status.run.approvals
        assert [one.by for one in approvals.given] == ["ann"]
        assert [answer.result for answer in operator.world.answers] == ["Done"]
        operator.says(Verb.APPROVE, "ann", revision="B")
        operator.says(Verb.APPROVE, "ben", revision="B")
        finish(operator)
        assert operator.status.stable_revision == "B"
        assert [a.result for a in operator.world.answers] == ["Done", "Refused", "Done"]


def test_an_approval_of_a_run_that_was_sent_back_is_none_of_the_next():
    spec = rollout_spec(phases=(phase("p0", 10).model_copy(update={"approval": Approval()}),))
    operator = _installed(Setting(), spec)
    release(operator)
    operator.run(RELEASE_S + 60)
    operator.says(Verb.APPROVE, "ann", revision="B")
    operator.world.ask(Verb.ABORT)
    finish(operator)
    operator.world.ask(Verb.RETRY)
    operator.run(operator.world.now_s + 100)
    assert operator.status.state == "AwaitingApproval"
    late = replace(operator.ledger.asked[0], name="late", uid="late")
    operator.world.actions["late"] = late  # a watch that lagged
    operator.run(operator.world.now_s + 20)
    assert operator.world.answers[-1].result == "Refused"
    assert operator.status.state == "AwaitingApproval"
