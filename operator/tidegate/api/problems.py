"""What is wrong with an object, said for people: a path and a sentence each."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from pydantic import ValidationError

from tidegate.api.scalars import PATTERN_MEANINGS

_MAX_SHOWN_CHARS: Final = 60
_MAX_PROBLEMS: Final = 20


@dataclass(frozen=True, slots=True, order=True)
class FieldProblem:
    """One wrong field: `path` such as `spec.phases[1].weight`, `message` one sentence."""

    path: str
    message: str

    def __str__(self) -> str:
        return f"{self.path}: {self.message}"


class SpecError(Exception):
    """An object cannot be read; `problems` holds at least one sentence."""

    def __init__(self, problems: Sequence[FieldProblem]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(map(str, self.problems)))


def path_of(location: Sequence[int | str], root: str = "") -> str:
    """Join keys and indices: ("phases", 1, "weight") under "spec" is spec.phases[1].weight."""
    path = root
    for part in location:
        if isinstance(part, int):
            path += f"[{part}]"
        else:
            path += f".{part}" if path else part
    return path


def from_validation(error: ValidationError, root: str = "spec") -> SpecError:
    """Turn pydantic's errors into ours, the first 20 of them."""
    details = error.errors(include_url=False)[:_MAX_PROBLEMS]
    return SpecError(
        [FieldProblem(path_of(item["loc"], root), _sentence(dict(item))) for item in details]
    )


def _sentence(item: dict[str, Any]) -> str:
    """What a person should read for one pydantic error."""
    context = item.get("ctx", {})
    match item["type"]:
        case "missing":
            return "is required"
        case "extra_forbidden":
            return "is not a field of this object; check the spelling and the indentation"
        case "value_error":
            return f"{context['error']}, but is {_shown(item['input'])}"
        case "too_long" | "too_short" | "string_too_long" | "string_too_short" as kind:
            return _size_sentence(kind, context)
        case _:
            return f"{_demand(item['type'], context, item['msg'])}, but is {_shown(item['input'])}"


def _size_sentence(kind: str, context: dict[str, Any]) -> str:
    unit = "characters" if kind.startswith("string") else "entries"
    if kind.endswith("long"):
        return f"must have at most {context['max_length']} {unit}"
    return f"must have at least {context['min_length']} {unit}"


_DEMANDS: Final = {
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "finite_number": "must be a finite number",
    "string_type": "must be a text",
    "bool_type": "must be true or false",
    "dict_type": "must be an object",
    "model_type": "must be an object",
    "tuple_type": "must be a list",
    "list_type": "must be a list",
}


def _demand(kind: str, context: dict[str, Any], fallback: str) -> str:
    match kind:
        case "greater_than_equal":
            return f"must be at least {context['ge']:g}"
        case "greater_than":
            return f"must be more than {context['gt']:g}"
        case "less_than_equal":
            return f"must be at most {context['le']:g}"
        case "less_than":
            return f"must be less than {context['lt']:g}"
        case "enum" | "literal_error":
            return f"must be {context['expected']}"
        case "string_pattern_mismatch":
            pattern = context["pattern"]
            return f"must be {PATTERN_MEANINGS.get(pattern, f'of the form {pattern}')}"
        case _:
            return _DEMANDS.get(kind, fallback)


def _shown(value: object) -> str:
    """A value as JSON writes it, cut to what fits in a sentence."""
    match value:
        case None:
            return "empty"
        case bool():
            return str(value).lower()
        case dict():
            return "an object"
        case list() | tuple():
            return "a list"
        case _:
            text = repr(value)
            return text if len(text) <= _MAX_SHOWN_CHARS else f"{text[:_MAX_SHOWN_CHARS]}…"
