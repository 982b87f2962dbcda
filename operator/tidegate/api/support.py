"""What the API has words for but this version does not do yet.

One line each: when a feature is built, its line goes and nothing else changes.
"""

from collections.abc import Callable
from typing import Final

from tidegate.api.base import ApiModel
from tidegate.api.problems import FieldProblem
from tidegate.api.walk import walk

MEMBERS: Final = "spec.scorecards[].members[]"


def _is_set(value: object) -> bool:
    return value not in (None, (), {}, "")


def _not_stable(value: object) -> bool:
    return value != "stable"


def _comparison_parts() -> dict[str, tuple[Callable[[object], bool], str]]:
    """What a comparison cannot do yet, wherever there may be one."""
    parts = {
        "to": (_not_stable, "only stable can be compared with yet; others are not built yet"),
        "variant": (_is_set, "variants are not built yet; leave variant out"),
    }
    places = ("spec.guards[]", "spec.phases[].gates[]", "spec.phases[].guards[]", MEMBERS)
    return {f"{place}.compare.{field}": part for place in places for field, part in parts.items()}


NOT_BUILT: Final[dict[str, tuple[Callable[[object], bool], str]]] = {
    **_comparison_parts(),
}
"""Path without indices: whether a value asks for the feature, and what to say then."""


def unsupported(spec: ApiModel) -> tuple[FieldProblem, ...]:
    """Each field of `spec` that asks for something not built yet, in written order."""
    found = []
    for place in walk(spec, "spec"):
        asks, sentence = NOT_BUILT.get(place.pattern, (None, ""))
        if asks and asks(place.value):
            found.append(FieldProblem(place.path, sentence))
    return tuple(found)
