"""What a phase may pass by, checked against all that the operator was told."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from tests.properties import experiments
from tests.properties.cards import passes
from tidegate.api.check_status import Verdict
from tidegate.api.checks import Bound
from tidegate.api.rollout import Rollout
from tidegate.api.scorecards import Member
from tidegate.api.status import RolloutStatus, Stage
from tidegate.core.observation import Answer, Reading
from tidegate.core.verdicts import judge, stale_after_s


@dataclass
class Passing:
    """The last answers to each check, and the phases that ended."""

    last_answers: dict[str, Reading] = field(default_factory=dict)
    phases_seen: list[tuple[int, str]] = field(default_factory=list)

    def decision(self, rollout: Rollout, before: RolloutStatus, after: RolloutStatus) -> None:
        """Check what a step to the next phase rests on."""
        old, new = before.run, after.run
        if old is None or new is None or old.number != new.number or new.skip_to_end:
            return
        left = before.phase if old.stage is Stage.PHASE else None
        if left is None or (after.phase is not None and after.phase.name == left.name):
            return
        self.phases_seen.append((old.number, left.name))
        if any(e.what == left.name and e.reason == "PhaseSkipped" for e in new.history):
            return  # a person took the blame
        phase = next(p for p in rollout.spec.phases if p.name == left.name)
        place = rollout.spec.phases.index(phase)
        now = after.phase.entered_at if after.phase else new.history[-1].at
        assert left.started_at is not None
        assert now - left.started_at >= timedelta(seconds=phase.hold_s), "hold cut short"
        assert left.started_at >= left.entered_at, "hold began before the phase"
        if rollout.spec.mode == "observe":
            return  # metrics only tell
        for check_id, bound in experiments.checks_of_variants(rollout, phase):
            self._passed(rollout, check_id, bound, now, dark=False)
        dark = phase.weight == 0 and not phase.match
        own = {(guard.metric, guard.scorecard) for guard in phase.guards}
        for i, guard in enumerate(rollout.spec.guards):
            if (guard.metric, guard.scorecard) not in own:
                self._passed(rollout, f"guard/{i}", guard, now, dark=dark)
                self._shown(rollout, after, f"guard/{i}", guard, dark=dark)
        for i, guard in enumerate(phase.guards):
            self._passed(rollout, f"guard/{place}/{i}", guard, now, dark=dark)
            self._shown(rollout, after, f"guard/{place}/{i}", guard, dark=dark)
        for i, gate in enumerate(phase.gates) if phase.weight or not phase.shares else ():
            self._passed(rollout, f"gate/{place}/{i}", gate, now, dark=False)
            self._shown(rollout, after, f"gate/{place}/{i}", gate, dark=False)
            for answer in self._answers(f"gate/{place}/{i}").values():
                assert answer.at >= left.entered_at

    def _answers(self, check_id: str) -> dict[str, Reading]:
        """The last answers to a check by metric, where it is a scorecard's; else its own by ""."""
        return {
            asked.removeprefix(check_id).removeprefix(":"): reading
            for asked, reading in self.last_answers.items()
            if asked == check_id or asked.startswith(f"{check_id}:")
        }

    def _scored(
        self, rollout: Rollout, check_id: str, bound: Bound, now: datetime, *, dark: bool
    ) -> None:
        """A scorecard passed by answers that were all fresh."""
        answers = self._answers(check_id)
        if dark and all(answer.answer is not Answer.OK for answer in answers.values()):
            return
        card = next(one for one in rollout.spec.scorecards if one.name == bound.scorecard)
        for answer in answers.values():
            assert now - answer.at <= timedelta(seconds=stale_after_s(bound))
        gate = check_id.startswith("gate")
        assert passes(card, answers, gate=gate), f"{check_id} did not pass: {answers}"

    def _passed(
        self, rollout: Rollout, check_id: str, bound: Bound, now: datetime, *, dark: bool
    ) -> None:
        if bound.scorecard is not None:
            self._scored(rollout, check_id, bound, now, dark=dark)
            return
        last = self.last_answers.get(check_id)
        if dark and (last is None or last.answer is not Answer.OK):
            return
        assert last is not None, f"{check_id} was never read"
        assert now - last.at <= timedelta(seconds=stale_after_s(bound))
        if bound.compare is None or bound.compare.test is None:
            assert judge(bound, last) is Verdict.PASS, f"{check_id} did not pass: {last}"

    def _shown(
        self, rollout: Rollout, status: RolloutStatus, check_id: str, bound: Bound, *, dark: bool
    ) -> None:
        """A gate's evidence is as strong as its part of alpha asks, a guard's is not."""
        for member in _tested(rollout, bound):  # of a card without any slack: all must pass
            asked = bound.model_copy(update={"compare": member.compare})
            self._evident(rollout, status, f"{check_id}:{member.metric}", asked)
        if bound.compare is not None and bound.compare.test is not None and not dark:
            self._evident(rollout, status, check_id, bound)

    def _evident(
        self, rollout: Rollout, status: RolloutStatus, check_id: str, bound: Bound
    ) -> None:
        assert bound.compare is not None, "asked only of tests"
        phases = rollout.spec.phases
        checks = [*rollout.spec.guards, *(check for p in phases for check in (*p.guards, *p.gates))]
        tests = sum(1 for check in checks if check.compare and check.compare.test)
        tests += sum(len(_tested(rollout, check)) for check in checks)
        alpha = (1 - (bound.compare.confidence or 0.95)) / tests
        (entry,) = (one for one in status.evidence if one.id == check_id)
        begun = entry.until - timedelta(seconds=bound.interval_s)
        since = status.traffic.weight_since if status.traffic else None
        assert since is None or begun >= since, f"{check_id} passed by another weight's windows"
        least_p = entry.look.p_not_worse if entry.look else entry.totals[3]
        strong = least_p <= alpha
        assert strong is check_id.startswith("gate"), f"{check_id} passed with p {least_p}"


def _tested(rollout: Rollout, bound: Bound) -> tuple[Member, ...]:
    """The members of the scorecard that a guard or gate asks for which a test judges."""
    cards = (card for card in rollout.spec.scorecards if card.name == bound.scorecard)
    members = next((card.members for card in cards), ())
    return tuple(one for one in members if one.compare is not None and one.compare.test)
