"""From pydantic's JSON schema to the structural schema that a CRD may hold.

A structural schema is a subset of OpenAPI 3.0: every node has one type, nothing is shared by
reference, and null is said by leaving a field out. What pydantic emits beyond that is rewritten
here, and what cannot be rewritten is an error when the CRDs are generated, not in the cluster.
"""

from collections.abc import Mapping
from typing import Any, Final

from tidegate.api import limits
from tidegate.api.base import ApiModel
from tidegate.api.scalars import DURATION_PATTERN, format_duration

Schema = dict[str, Any]

_KEPT: Final[tuple[str, ...]] = (
    "description",
    "type",
    "format",
    "enum",
    "default",
    "pattern",
    "minLength",
    "maxLength",
    "minimum",
    "maximum",
    "minItems",
    "maxItems",
    "minProperties",
    "maxProperties",
    "x-kubernetes-int-or-string",
    "x-kubernetes-preserve-unknown-fields",
    "x-kubernetes-list-type",
    "x-kubernetes-list-map-keys",
    "x-kubernetes-validations",
)
_DROPPED: Final = frozenset(
    {"title", "$defs", "propertyNames", "exclusiveMinimum", "exclusiveMaximum", "const"}
)
_REWRITTEN: Final = frozenset(
    {"$ref", "anyOf", "items", "properties", "required", "additionalProperties"}
)


class SchemaError(Exception):
    """A model cannot be said as a structural schema."""


def structural(model: type[ApiModel], *, defaults: bool) -> Schema:
    """The structural schema of a model; scalar defaults are written into it when asked for.

    Defaults in a schema are stored in users' objects, so `.status`, which one program writes
    whole, goes without.
    """
    raw = model.model_json_schema(mode="validation", by_alias=True)
    return _Rewriter(raw.get("$defs", {}), defaults=defaults).node(raw, model.__name__)


class _Rewriter:
    """Rewrites one model's schema; holds its definitions and the references being followed."""

    def __init__(self, definitions: Mapping[str, Schema], *, defaults: bool) -> None:
        self._definitions = definitions
        self._defaults = defaults
        self._open: list[str] = []

    def node(self, raw: Schema, where: str) -> Schema:
        """Rewrite one node; `where` names it in errors."""
        if "$ref" in raw:
            return self._referred(raw, where)
        if "anyOf" in raw:
            return self._optional(raw, where)
        if unknown := raw.keys() - set(_KEPT) - _DROPPED - _REWRITTEN:
            msg = f"{where}: {sorted(unknown)} cannot be said in a structural schema"
            raise SchemaError(msg)
        found: Schema = {key: raw[key] for key in _KEPT if key in raw}
        _exclusive_bounds(raw, found)
        if "const" in raw:
            found["enum"] = [raw["const"]]
        if found.get("x-kubernetes-preserve-unknown-fields"):
            return found
        self._below(raw, found, where)
        self._keep_scalar_default(found)
        return found

    def _referred(self, raw: Schema, where: str) -> Schema:
        name = raw["$ref"].removeprefix("#/$defs/")
        if name in self._open:
            msg = f"{where}: {name} contains itself"
            raise SchemaError(msg)
        self._open.append(name)
        own = {key: value for key, value in raw.items() if key != "$ref"}
        target = dict(self._definitions[name])
        rules = [
            *target.get("x-kubernetes-validations", ()),
            *own.get("x-kubernetes-validations", ()),
        ]
        # What the field says about itself goes before what the class says about all its uses.
        merged = target | own | ({"x-kubernetes-validations": rules} if rules else {})
        found = self.node(merged, where)
        self._open.pop()
        return found

    def _optional(self, raw: Schema, where: str) -> Schema:
        """`X | None` is X that may be left out; no other union has a structural form."""
        choices = [choice for choice in raw["anyOf"] if choice.get("type") != "null"]
        if len(choices) != 1:
            msg = f"{where}: a union of {len(choices)} types cannot be said"
            raise SchemaError(msg)
        own = {key: value for key, value in raw.items() if key not in {"anyOf", "default"}}
        return self.node(choices[0] | own, where)

    def _below(self, raw: Schema, found: Schema, where: str) -> None:
        match raw.get("type"):
            case "object" if "properties" in raw:
                found["properties"] = {
                    name: self.node(prop, f"{where}.{name}")
                    for name, prop in raw["properties"].items()
                }
                if required := raw.get("required"):
                    found["required"] = sorted(required)
            case "object":
                values = raw.get("additionalProperties")
                if not isinstance(values, dict):
                    msg = f"{where}: an object must say what it holds"
                    raise SchemaError(msg)
                found["additionalProperties"] = self.node(values, f"{where}.*")
            case "array":
                found["items"] = self.node(raw["items"], f"{where}[]")
            case "string" if "enum" in found or "const" in raw:
                # Left to itself the server would charge CEL for a text as long as a request.
                found.setdefault("maxLength", limits.MAX_SHORT_CHARS)

    def _keep_scalar_default(self, found: Schema) -> None:
        default = found.get("default")
        if found.get("pattern") == DURATION_PATTERN and isinstance(default, float):
            found["default"] = default = format_duration(default)
        plain = isinstance(default, str | int | float) and default != ""
        if not (self._defaults and plain):
            found.pop("default", None)


def _exclusive_bounds(raw: Schema, found: Schema) -> None:
    """OpenAPI 3.0 says "more than 0" as `minimum: 0` with `exclusiveMinimum: true`."""
    for side in ("Minimum", "Maximum"):
        if f"exclusive{side}" in raw:
            found[side.lower()] = raw[f"exclusive{side}"]
            found[f"exclusive{side}"] = True
