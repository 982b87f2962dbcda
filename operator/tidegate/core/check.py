"""A guard or gate as the rules see it: what it asks, and what it is called."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from tidegate.api.check_status import Verdict
from tidegate.api.checks import Bound, Guard
from tidegate.api.evidence import CheckEvidence
from tidegate.api.policy import policy_of_id
from tidegate.core.observation import Answer, Reading
from tidegate.core.scoring import Card
from tidegate.core.testing import tested
from tidegate.core.weighing import trouble_of


@dataclass(frozen=True, slots=True)
class Check:
    """A guard or gate with the id its readings and its status are kept under.

    With a scorecard the readings are those of its parts. `asked_with` are the ids of what is asked
    at the same time, its own among them; empty where it is asked by itself. `variant` is the arm
    of an experiment that it is about, "" for the revision of the run.
    """

    id: str
    bound: Bound
    card: Card | None = None
    asked_with: tuple[str, ...] = ()
    variant: str = ""

    @property
    def probes(self) -> tuple[Check, ...]:
        """What is really asked: itself, or each part of its scorecard."""
        if self.card is None:
            return (self,)
        ids = tuple(part.id for part in self.card.parts)
        return tuple(
            Check(part.id, part.bound, asked_with=ids, variant=self.variant)
            for part in self.card.parts
        )

    @property
    def name(self) -> str:
        """The metric as people know it: a policy's with the policy's name before it."""
        name = "/".join(filter(None, (policy_of_id(self.id), self.bound.metric)))
        return f"{name} of variant {self.variant}" if self.variant else name


def id_for(check_id: str, variant: str) -> str:
    """The id of the same check about a variant; "" stands for the revision of the run."""
    return f"{check_id}@{variant}" if variant else check_id


def without_comparison(
    guards: tuple[tuple[Check, Guard], ...],
) -> tuple[tuple[Check, Guard], ...]:
    """What is left of the guards where nobody can be compared with: their min and max."""
    left = []
    for check, guard in guards:
        if check.card is not None:
            card = check.card.alone
            left += [(replace(check, card=card), guard)] if card is not None else []
        elif guard.compare is None:
            left.append((check, guard))
        elif (guard.min, guard.max) != (None, None):
            plain = guard.model_copy(update={"compare": None})
            left.append((replace(check, bound=plain), plain))
    return tuple(left)


def with_evidence(
    probe: Check, readings: tuple[Reading, ...], evidence: Sequence[CheckEvidence]
) -> tuple[Reading, ...]:
    """A member's readings with what its test says, each since the test says so.

    What it said before that is not known any more: a reading of then is not decided. A window
    without a request takes no evidence away, so it says the same.
    """
    if not tested(probe.bound):
        return readings
    entry = next((one for one in evidence if one.id == probe.id), None)
    return tuple(_judged(probe.bound, one, entry) for one in readings)


def _judged(bound: Bound, reading: Reading, entry: CheckEvidence | None) -> Reading:
    if reading.answer not in (Answer.OK, Answer.NODATA):
        return reading
    if entry is None or entry.since is None or reading.at < entry.since:
        odd = trouble_of(bound, reading)
        return replace(reading, verdict=Verdict.ERROR, detail=odd) if odd else reading
    return replace(reading, answer=Answer.OK, verdict=entry.verdict, detail=entry.said)
