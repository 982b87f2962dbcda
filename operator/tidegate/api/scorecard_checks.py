"""Scorecards that name what is not there, or could never have a score."""

from collections.abc import Iterator, Sequence

from tidegate.api.checks import Bound
from tidegate.api.compare_checks import tells_revisions_apart
from tidegate.api.limits import MAX_MEMBERS_ASKED, MAX_WEIGHT_PERCENT
from tidegate.api.problems import FieldProblem
from tidegate.api.rollout import RolloutSpec
from tidegate.api.scorecards import Scorecard
from tidegate.api.walk import walk


def scorecard_problems(spec: RolloutSpec) -> Iterator[FieldProblem]:
    """Everything that is wrong with scorecards and with what names them."""
    for index, card in enumerate(spec.scorecards):
        yield from _name_problems(spec, index, card)
        yield from _member_problems(spec, index, card)
    yield from _undefined(spec)
    yield from _without_stable(spec)
    yield from _too_much_at_once(spec)


def _name_problems(spec: RolloutSpec, index: int, card: Scorecard) -> Iterator[FieldProblem]:
    path = f"spec.scorecards[{index}].name"
    if card.name in [other.name for other in spec.scorecards[:index]]:
        yield FieldProblem(path, f"{card.name!r} is already taken above")
    if card.name in [metric.name for metric in spec.metrics]:
        yield FieldProblem(
            path, f"{card.name!r} is the name of a metric, too; the two must be told apart"
        )


def _member_problems(spec: RolloutSpec, index: int, card: Scorecard) -> Iterator[FieldProblem]:
    metrics = {metric.name: metric for metric in spec.metrics}
    names = [member.metric for member in card.members]
    for place, member in enumerate(card.members):
        path = f"spec.scorecards[{index}].members[{place}]"
        metric = metrics.get(member.metric)
        if member.metric in names[:place]:
            yield FieldProblem(
                f"{path}.metric", f"{member.metric!r} is a member already; set its bounds there"
            )
        if metric is None:
            known = _known("metrics", list(metrics))
            yield FieldProblem(f"{path}.metric", f"no metric is named {member.metric!r}; {known}")
        elif member.compare is not None and not tells_revisions_apart(metric):
            yield FieldProblem(
                f"{path}.compare",
                f"the query of metric {metric.name!r} is the same for both revisions; "
                "use {{revision}} in a label of it",
            )


def _undefined(spec: RolloutSpec) -> Iterator[FieldProblem]:
    defined = [card.name for card in spec.scorecards]
    for place in walk(spec, "spec"):
        name = place.value.scorecard if isinstance(place.value, Bound) else None
        if name is not None and name not in defined:
            known = _known("scorecards", defined)
            yield FieldProblem(
                f"{place.path}.scorecard", f"no scorecard is named {name!r}; {known}"
            )


def _known(field: str, defined: Sequence[str]) -> str:
    return f"defined are {', '.join(defined)}" if defined else f"spec.{field} is empty"


def _without_stable(spec: RolloutSpec) -> Iterator[FieldProblem]:
    """Gates that wait for a comparison with a stable without traffic."""
    comparing = {card.name for card in spec.scorecards if any(one.compare for one in card.members)}
    for i, phase in enumerate(spec.phases):
        for j, gate in enumerate(phase.gates if phase.weight == MAX_WEIGHT_PERCENT else ()):
            if gate.scorecard in comparing:
                yield FieldProblem(
                    f"spec.phases[{i}].gates[{j}].scorecard",
                    f"{gate.scorecard} compares with stable, which gets no requests in a phase of "
                    "weight 100; use a scorecard without compare, or an earlier phase",
                )


def _too_much_at_once(spec: RolloutSpec) -> Iterator[FieldProblem]:
    """Scores that would take so long to make that other Rollouts had to wait for them."""
    members = {card.name: len(card.members) for card in spec.scorecards}

    def asked(bounds: Sequence[Bound]) -> int:
        return sum(members.get(bound.scorecard or "", 0) for bound in bounds)

    always, advice = asked(spec.guards), "name scorecards in fewer of them, or make them smaller"
    if always > MAX_MEMBERS_ASKED:
        message = f"ask for {always} members of scorecards at once, {MAX_MEMBERS_ASKED} may be"
        yield FieldProblem("spec.guards", f"{message}; {advice}")
        return
    for i, phase in enumerate(spec.phases):
        together = always + asked((*phase.guards, *phase.gates))
        if together > MAX_MEMBERS_ASKED:
            message = (
                f"its guards and gates, with spec.guards, ask for {together} members of "
                f"scorecards at once, {MAX_MEMBERS_ASKED} may be"
            )
            yield FieldProblem(f"spec.phases[{i}]", f"{message}; {advice}")
