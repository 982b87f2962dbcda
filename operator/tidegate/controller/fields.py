"""Reading fields of the operator's configuration; a mistake is told with the field's path."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tidegate.api.scalars import parse_duration


class SettingsError(Exception):
    """The configuration file cannot be used; the message names the field and the remedy."""


def object_at(value: Any, path: str, known: tuple[str, ...] = ()) -> dict[str, Any]:
    """The object; raises SettingsError for what is none, or has fields that are not `known`."""
    if not isinstance(value, dict):
        raise SettingsError(f"{path} must be an object")
    unknown = sorted(map(str, set(value) - set(known))) if known else []
    if unknown:
        raise SettingsError(f"{path} has no field {unknown[0]!r} (has: {', '.join(known)})")
    return value


def text_at(value: Any, path: str) -> str:
    """The text, "" for one that is left out; raises SettingsError for anything else."""
    if value is None:
        return ""
    if not isinstance(value, str):
        raise SettingsError(f"{path} must be a text; put it into quotes")
    return value


def file_at(value: Any, path: str) -> Path | None:
    """The file, None for one that is left out; raises SettingsError for a path not absolute."""
    text = text_at(value, path)
    if not text:
        return None
    if not text.startswith("/"):
        raise SettingsError(f"{path} must be an absolute path such as /var/run/secrets/x")
    return Path(text)


def files_at(value: Any, path: str, content: str) -> dict[str, Path]:
    """Files by name, none left out; raises SettingsError, saying what `content` should be there."""
    files: dict[str, Path] = {}
    for name, text in object_at(value or {}, path).items():
        file = file_at(text, f"{path}.{name}")
        if file is None:
            raise SettingsError(f"{path}.{name} is empty; name the file with the {content}")
        files[str(name)] = file
    return files


def seconds_at(value: Any, path: str) -> float:
    """A duration in seconds; raises SettingsError for what is none."""
    try:
        return float(parse_duration(str(value)))
    except ValueError as error:
        raise SettingsError(f"{path} must be a duration such as 5s or 1m, not {value!r}") from error
