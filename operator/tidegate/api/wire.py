"""From an object as the API server sends it to a model: strictly for specs, leniently for status.

Bodies go through JSON text: pydantic then takes lists for tuples and strings for enums but nothing
else for anything else (strict), and the model shares no memory with the caller's mutable body.
"""

import json
from collections.abc import Mapping
from typing import Any, Final, TypeVar

from pydantic import ValidationError

from tidegate.api.base import ApiModel
from tidegate.api.problems import FieldProblem, SpecError, from_validation

_MAX_REPAIRS: Final = 64

M = TypeVar("M", bound=ApiModel)


def read_strictly(model: type[M], value: object, path: str) -> M:
    """Parse `value` as `model`; raise SpecError with every problem, paths starting at `path`."""
    try:
        return _validate(model, _dump(value))
    except ValidationError as error:
        raise from_validation(error, path) from error
    except ValueError as error:
        raise SpecError([FieldProblem(path, f"cannot be read: {error}")]) from error


def read_leniently(model: type[M], value: object) -> M:
    """Parse `value` as `model`, whose fields all have defaults; never raises.

    What does not fit is taken out, the smallest part at a time, and falls back to its default:
    a status written by a newer or a broken version costs what cannot be read and no more.
    """
    try:
        # NaN is no JSON, but it is only one bad number: let pydantic name its place.
        data = json.loads(_dump(value, allow_nan=True))
    except ValueError:
        return model()
    for _ in range(_MAX_REPAIRS):
        try:
            return _validate(model, json.dumps(data))
        except ValidationError as error:
            if not isinstance(data, dict):
                break
            bad = {_offender(item["loc"], item["type"]) for item in error.errors()}
            # Last index first, so that taking out one item leaves the others where they were.
            for location in sorted(bad, key=_reverse_order, reverse=True):
                _take_out(data, location)
    return model()


def as_object(value: object) -> Mapping[str, Any]:
    """`value` if it is a JSON object, else an empty one."""
    return value if isinstance(value, Mapping) else {}


def _validate(model: type[M], text: str) -> M:
    return model.model_validate_json(text, strict=True, by_alias=True, by_name=False)


def _dump(value: object, *, allow_nan: bool = False) -> str:
    """JSON text of `value`; ValueError for what JSON cannot say."""
    try:
        return json.dumps(value, default=_plain, allow_nan=allow_nan)
    except (TypeError, RecursionError) as error:
        msg = "it is not plain JSON"
        raise ValueError(msg) from error


def _plain(value: object) -> object:
    if isinstance(value, Mapping):  # kopf hands out read-only views
        return dict(value)
    msg = f"{type(value).__name__} is not JSON"
    raise TypeError(msg)


Location = tuple[int | str, ...]


def _offender(location: Location, kind: str) -> Location:
    """The part to take out: an object that lacks a required field goes as a whole."""
    return location[:-1] if kind == "missing" else location


def _reverse_order(location: Location) -> tuple[tuple[bool, int, str], ...]:
    return tuple(
        (True, part, "") if isinstance(part, int) else (False, 0, part) for part in location
    )


def _take_out(data: Any, location: Location) -> None:
    """Delete what `location` names, or the nearest part of it that exists."""
    *parents, last = location or ("",)
    for part in parents:
        try:
            data = data[part]
        except (KeyError, IndexError, TypeError):
            return
    if isinstance(data, dict):
        data.pop(last, None)
    elif isinstance(data, list) and isinstance(last, int) and last < len(data):
        del data[last]
