"""Every object and field of a parsed spec, each with the path by which its author knows it."""

from collections.abc import Iterator
from dataclasses import dataclass

from tidegate.api.base import ApiModel


@dataclass(frozen=True, slots=True)
class Place:
    """A value and where it stands: `path` has indices (phases[1]), `pattern` none (phases[])."""

    path: str
    pattern: str
    value: object


def walk(model: ApiModel, path: str, pattern: str | None = None) -> Iterator[Place]:
    """Yield `model` itself, then each of its fields and all that is below, in written order."""
    pattern = path if pattern is None else pattern
    yield Place(path, pattern, model)
    for attribute, field in type(model).model_fields.items():
        name = field.serialization_alias or attribute
        value = getattr(model, attribute)
        yield from _walk_value(value, f"{path}.{name}", f"{pattern}.{name}")


def _walk_value(value: object, path: str, pattern: str) -> Iterator[Place]:
    match value:
        case ApiModel():
            yield from walk(value, path, pattern)
        case tuple():
            yield Place(path, pattern, value)
            for index, item in enumerate(value):
                yield from _walk_value(item, f"{path}[{index}]", f"{pattern}[]")
        case dict() if value and all(isinstance(item, ApiModel) for item in value.values()):
            yield Place(path, pattern, value)
            for key, item in value.items():
                yield from _walk_value(item, f"{path}.{key}", f"{pattern}.*")
        case _:
            yield Place(path, pattern, value)
