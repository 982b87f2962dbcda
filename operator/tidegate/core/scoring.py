"""Scorecards: from the readings of several metrics to the readings of one score.

A card's members are asked together, each as a question of its own, under `<check id>:<metric>`:
no check's id has a colon. Their readings are put together in rounds, and each round is one reading
of the card: its value is the score, its time that of the oldest member in it, its verdict the
card's. From there on a score is what any metric is: `breaches`, `of` and `for` count rounds. A
member that a test judges says what its evidence says, and is missing until that is decided.

The score is that of Kayenta's canary judge (Spinnaker, "Canary judge", ScoreJudge): 100 times the
weight of what passes over the weight of what was measured.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cache, lru_cache, partial
from hashlib import sha256
from typing import Final, TypeVar

from tidegate.api.check_status import Verdict
from tidegate.api.checks import Bound, Gate
from tidegate.api.scorecards import Scorecard
from tidegate.core.comparing import against
from tidegate.core.observation import Answer, Reading
from tidegate.core.testing import tested
from tidegate.core.verdicts import bound_text, judge

OF_MEMBER: Final = ":"
"""Between the id of a check and the metric of a member in the member's id."""
FULL: Final = 100.0
"""The score of a card whose members all pass; a coverage of everything, in percent."""
ABOUT_CHARS: Final = 16
"""Hexadecimal digits of the digest: enough to tell one Rollout's cards apart."""
CARDS_KEPT: Final = 1024
"""Cards that are kept made up: as many checks as some hundred Rollouts have."""
SCORES_KEPT: Final = 256
"""Scores that are kept: those of all checks of a large Rollout, for as long as one look takes."""

_WORST: Final = (Verdict.ERROR, Verdict.NODATA, Verdict.UNDECIDED)
"""What a member that was not measured says, the worst first."""
_MEASURED: Final = (Verdict.PASS, Verdict.FAIL)
_WORDS: Final = {
    Verdict.PASS: "passes",
    Verdict.FAIL: "fails",
    Verdict.UNDECIDED: "is undecided",
    Verdict.NODATA: "has no data",
    Verdict.ERROR: "cannot be measured",
}
_ORDER: Final = (Verdict.FAIL, *_WORST, Verdict.PASS)
"""The order in which members are told: what is cut off at the end is the least."""

Says = Callable[[tuple[Verdict, ...]], tuple[Verdict, float | None]]
"""What a card says, and its score, when its parts say that."""
AnyBound = TypeVar("AnyBound", bound=Bound)


@dataclass(frozen=True, slots=True)
class Part:
    """A member as it is asked and judged: the id of its readings, its bound, and its weight."""

    id: str
    bound: Bound
    weight: int
    critical: bool


@dataclass(frozen=True, slots=True)
class Card:
    """A scorecard as one check uses it. Marks are scores, `coverage` is in percent of the weight.

    `gate` says who asks: a gate passes at `pass_mark`, a guard at `marginal` already. `about` is a
    digest of all of it: a score of other members is another score.
    """

    pass_mark: float
    marginal: float
    coverage: int
    interval_s: float
    gate: bool
    parts: tuple[Part, ...]
    about: str

    @property
    def mark(self) -> float:
        """The score at which its verdict is PASS."""
        return self.pass_mark if self.gate else self.marginal

    @property
    def alone(self) -> Card | None:
        """What is left of it where nobody can be compared with; None if nothing is."""
        if all(part.bound.compare is None for part in self.parts):
            return self
        plain = tuple(
            replace(part, bound=part.bound.model_copy(update={"compare": None}))
            for part in self.parts
            if (part.bound.min, part.bound.max) != (None, None)
        )
        return replace(self, parts=plain) if plain else None


def scored(
    cards: Sequence[Scorecard], check_id: str, bound: AnyBound
) -> tuple[AnyBound, Card | None]:
    """A guard or gate as the rules see it, and its card; one on a metric is left as it is.

    To the rules a score is a metric of the card's name that must reach the card's mark; a guard
    warns below `pass`.
    """
    if bound.scorecard is None:
        return bound, None
    named = next((one for one in cards if one.name == bound.scorecard), None)
    if named is None:  # refused by validation; nothing is asked, so it never says anything
        return bound.model_copy(update={"metric": bound.scorecard}), None
    card = _card(named, check_id, bound.interval_s, gate=isinstance(bound, Gate))
    told = None if card.gate or card.marginal == card.pass_mark else card.pass_mark
    seen = {"metric": named.name, "min": card.mark, "warn_min": told}
    return bound.model_copy(update=seen), card


@lru_cache(maxsize=CARDS_KEPT)
def _card(named: Scorecard, check_id: str, interval_s: float, *, gate: bool) -> Card:
    kind = Gate if gate else Bound  # a gate's tests have to show another thing
    parts = tuple(
        Part(
            id=f"{check_id}{OF_MEMBER}{member.metric}",
            bound=kind(
                metric=member.metric,
                min=member.min,
                max=member.max,
                min_samples=member.min_samples,
                compare=member.compare,
                interval_s=interval_s,
            ),
            weight=member.weight,
            critical=member.critical,
        )
        for member in named.members
    )
    return Card(
        pass_mark=named.pass_mark,
        marginal=named.marginal_mark,
        coverage=named.coverage,
        interval_s=interval_s,
        gate=gate,
        parts=parts,
        about=sha256(named.model_dump_json().encode()).hexdigest()[:ABOUT_CHARS],
    )


def scores(card: Card, readings: Sequence[Sequence[Reading]]) -> tuple[Reading, ...]:
    """The readings of the card, oldest first, from those of its parts, in the parts' order.

    Only the newest tells of its parts in words: nobody reads the others'.
    """
    return _scores(_Asked(card, tuple(map(tuple, readings))))


@dataclass(frozen=True, slots=True)
class _Asked:
    """What scores are made of: several rules ask for the same in one pass.

    Two that are alike hold the same readings, which are compared by identity first; to hash all
    of them would take as long as to judge them.
    """

    card: Card
    readings: tuple[tuple[Reading, ...], ...]

    def __hash__(self) -> int:
        newest = tuple(of_part[-1].at for of_part in self.readings if of_part)
        return hash((self.card.about, self.card.parts[0].id, newest))


@lru_cache(maxsize=SCORES_KEPT)
def _scores(asked: _Asked) -> tuple[Reading, ...]:
    card, rounds = asked.card, tuple(_rounds(asked.card, asked.readings))
    say = cache(partial(judged, card))  # most rounds say what the one before them said
    return tuple(_score(card, one, say, last=one is rounds[-1]) for one in rounds)


def _rounds(card: Card, readings: Sequence[Sequence[Reading]]) -> Iterator[dict[int, Reading]]:
    """Readings that belong together, by part: one of each part, less than an interval apart.

    The last round is told only once it is whole, or once a critical part of it fails: until then
    the one before it still holds.
    """
    known = ((one.at, i, one) for i, of_part in enumerate(readings) for one in _in_time(of_part))
    first: datetime | None = None
    round_: dict[int, Reading] = {}
    for at, i, reading in sorted(known, key=lambda item: item[:2]):
        far = first is not None and at - first >= timedelta(seconds=card.interval_s)
        if round_ and (i in round_ or far):
            yield round_
            round_ = {}
        if not round_:
            first = at
        round_[i] = reading
    if len(round_) == len(card.parts) or (round_ and _critical(card, _verdicts(card, round_))):
        yield round_


def _in_time(readings: Sequence[Reading]) -> list[Reading]:
    """The readings in the order of time, the newest first.

    One that lies after what was answered later is from before the clock was set back: it would
    come up again as the newest once that time has come.
    """
    kept: list[Reading] = []
    for reading in reversed(readings):
        if not kept or reading.at <= kept[-1].at:
            kept.append(reading)
    return kept


def _verdicts(card: Card, round_: dict[int, Reading]) -> tuple[Verdict, ...]:
    return tuple(
        judge(part.bound, round_[i]) if i in round_ else Verdict.NODATA
        for i, part in enumerate(card.parts)
    )


def _critical(card: Card, verdicts: Sequence[Verdict]) -> bool:
    """Whether a critical part fails."""
    pairs = zip(card.parts, verdicts, strict=True)
    return any(part.critical and verdict is Verdict.FAIL for part, verdict in pairs)


def _score(card: Card, round_: dict[int, Reading], say: Says, *, last: bool) -> Reading:
    verdicts = _verdicts(card, round_)
    verdict, score = say(verdicts)
    answer = {Verdict.ERROR: Answer.ERROR, Verdict.NODATA: Answer.NODATA}.get(verdict, Answer.OK)
    if answer is Answer.ERROR and any(r.answer is Answer.REFUSED for r in round_.values()):
        answer = Answer.REFUSED  # a spec that is wrong, which never moves traffic
    return Reading(
        at=min(reading.at for reading in round_.values()),
        answer=answer,
        value=score,
        detail=_told(card, round_, verdicts, score) if last else "",
        verdict=verdict,
    )


def judged(card: Card, verdicts: tuple[Verdict, ...]) -> tuple[Verdict, float | None]:
    """What the card says when its parts say that, and the score; None where there is none.

    Weights are whole numbers, so a score that is exactly the mark reaches it.
    """
    pairs = tuple(zip(card.parts, verdicts, strict=True))
    whole = sum(part.weight for part in card.parts)
    measured = sum(part.weight for part, verdict in pairs if verdict in _MEASURED)
    passing = sum(part.weight for part, verdict in pairs if verdict is Verdict.PASS)
    score = FULL * passing / measured if measured else None
    if _critical(card, verdicts):
        return Verdict.FAIL, score
    missing = [verdict for verdict in verdicts if verdict not in _MEASURED]
    blind = any(part.critical and verdict not in _MEASURED for part, verdict in pairs)
    if missing and (blind or not measured or FULL * measured < card.coverage * whole):
        return next(verdict for verdict in _WORST if verdict in missing), None
    if FULL * passing >= card.mark * measured:
        return Verdict.PASS, score
    failed = FULL * passing < card.marginal * measured
    return (Verdict.FAIL if failed else Verdict.UNDECIDED), score


def _told(
    card: Card, round_: dict[int, Reading], verdicts: Sequence[Verdict], score: float | None
) -> str:
    """Each part in a few words, those that fail first and among them the critical ones."""
    order = sorted(
        range(len(card.parts)),
        key=lambda i: (_ORDER.index(verdicts[i]), not card.parts[i].critical),
    )
    told = [_part(card.parts[i], round_.get(i), verdicts[i]) for i in order]
    if _critical(card, verdicts):
        told.insert(0, "a critical member fails, whatever the score")
    elif card.gate and score is not None and card.marginal <= score < card.pass_mark:
        told.insert(0, f"below the pass mark of {card.pass_mark:g}")
    return "; ".join(told)


def _part(part: Part, reading: Reading | None, verdict: Verdict) -> str:
    """Such as `success 0.93 (must be >= 0.95) fails, weight 25`."""
    about = f"weight {part.weight}{', critical' if part.critical else ''}"
    name, said = part.bound.metric, _WORDS[verdict]
    if reading is not None and verdict in _MEASURED and tested(part.bound):
        return f"{name} (must be {bound_text(part.bound)}) {said}: {reading.detail}, {about}"
    if reading is not None and verdict in _MEASURED:
        value = f"{reading.value:.4g}{against(part.bound, reading)}"
        return f"{name} {value} (must be {bound_text(part.bound)}) {said}, {about}"
    why = f": {reading.detail}" if reading is not None and reading.detail else ""
    return f"{name} {said}{why}, {about}"
