"""What a scorecard must say, worked out anew from the last answer of each member."""

from __future__ import annotations

from collections.abc import Mapping

from tidegate.api.scorecards import Scorecard
from tidegate.core.observation import Reading


def passes(card: Scorecard, answers: Mapping[str, Reading], *, gate: bool) -> bool:
    """Whether it passes; `answers` are the last ones, by metric. Only for members with a `max`.

    What a test says is held against its evidence elsewhere, so here it is taken as passed.
    """
    values = {
        member.metric: answers[member.metric].value
        for member in card.members
        if member.metric in answers
    }
    measured = [member for member in card.members if values.get(member.metric) is not None]
    good = [
        member
        for member in measured
        if (member.compare is not None and member.compare.test is not None)
        or (values[member.metric] or 0) <= (member.max or 0)
    ]
    if any(member.critical and member not in good for member in card.members):
        return False
    weight = sum(member.weight for member in measured)
    if not weight or weight < card.coverage / 100 * sum(member.weight for member in card.members):
        return False
    mark = card.pass_mark if gate or card.marginal is None else card.marginal
    return sum(member.weight for member in good) / weight >= mark / 100
