"""The part of `.metadata` that Tidegate reads."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tidegate.api.problems import FieldProblem, SpecError
from tidegate.api.scalars import parse_timestamp
from tidegate.api.wire import as_object


@dataclass(frozen=True, slots=True, kw_only=True)
class Meta:
    """Who an object is; what a manifest on disk lacks (uid, version) is empty."""

    name: str
    namespace: str
    uid: str
    resource_version: str
    generation: int
    deleting: bool
    created_at: datetime | None
    deleted_at: datetime | None = None
    finalizers: tuple[str, ...] = ()

    @classmethod
    def parse(cls, body: Mapping[str, Any]) -> "Meta":
        """Read the metadata of any object's body; raise SpecError when it has no name."""
        found = as_object(as_object(body).get("metadata"))
        name = _text(found, "name")
        if not name:
            raise SpecError([FieldProblem("metadata.name", "is required")])
        generation = found.get("generation")
        return cls(
            name=name,
            namespace=_text(found, "namespace") or "default",
            uid=_text(found, "uid"),
            resource_version=_text(found, "resourceVersion"),
            generation=generation if type(generation) is int else 0,
            deleting=bool(found.get("deletionTimestamp")),
            created_at=_moment(_text(found, "creationTimestamp")),
            deleted_at=_moment(_text(found, "deletionTimestamp")),
            finalizers=tuple(str(name) for name in found.get("finalizers") or ()),
        )


def _text(found: Mapping[str, Any], key: str) -> str:
    value = found.get(key)
    return value if isinstance(value, str) else ""


def _moment(text: str) -> datetime | None:
    try:
        return parse_timestamp(text) if text else None
    except ValueError:
        return None
