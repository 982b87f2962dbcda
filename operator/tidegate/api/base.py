"""The base of every model, the rules that tie fields together, and the list markers.

A `Rule` says one thing twice: in CEL, for the API server to refuse the write, and in Python, for
objects stored before the rule existed and for checks without a cluster. Side by side, with one
sentence for both, they cannot drift apart unseen.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, GetJsonSchemaHandler
from pydantic.alias_generators import to_camel
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema


@dataclass(frozen=True, slots=True)
class Rule:
    """What must hold between the fields of one object.

    `cel` sees the object as `self`; `holds` gets the parsed model. Both are True when all is well.
    `field` is the CEL path (such as `.max`) of the field to blame, or "" for the whole object.
    A rule without `holds` compares with the stored object, which only the API server can do, or is
    said in more detail by `validation.problems`.
    """

    cel: str
    message: str
    holds: Callable[[Any], bool] | None = None
    field: str = ""
    reason: str = "FieldValueInvalid"

    def as_schema(self) -> dict[str, Any]:
        """One entry of `x-kubernetes-validations`."""
        entry = {"rule": self.cel, "message": self.message, "reason": self.reason}
        return entry | ({"fieldPath": self.field} if self.field else {})


def yaml_name(attribute: str) -> str:
    """The YAML name of an attribute: camelCase, and `hold_s` (seconds) is plain `hold`."""
    return to_camel(attribute.removesuffix("_s"))


class ApiModel(BaseModel):
    """A frozen object of the API; unknown fields are refused, None stands for "left out"."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        populate_by_name=True,
        alias_generator=yaml_name,
        allow_inf_nan=False,
    )

    RULES: ClassVar[tuple[Rule, ...]] = ()

    @classmethod
    @cache
    def all_rules(cls) -> tuple[Rule, ...]:
        """Collect the rules of this class and of its bases, the bases' first."""
        own = [vars(base).get("RULES", ()) for base in reversed(cls.__mro__)]
        return tuple(rule for rules in own for rule in rules)

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """Add the rules to the object's schema."""
        schema = handler.resolve_ref_schema(handler(core_schema))
        if rules := cls.all_rules():
            schema["x-kubernetes-validations"] = [rule.as_schema() for rule in rules]
        return schema

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """Copy with changed attributes, which are checked and cut as on creation.

        pydantic's own takes them unseen: a message too long would then fail only at the server.
        """
        if deep or not update:
            return super().model_copy(update=update, deep=deep)
        return type(self)(**{**self.__dict__, **update})

    def as_dict(self) -> dict[str, Any]:
        """The object as it goes over the wire: YAML names, JSON types, no nulls."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)


ATOMIC: dict[str, Any] = {"x-kubernetes-list-type": "atomic"}
"""Marks a list that server-side apply replaces whole."""

SET: dict[str, Any] = {"x-kubernetes-list-type": "set"}
"""Marks a list of different scalars that server-side apply merges."""


def keyed_by(*keys: str) -> dict[str, Any]:
    """Mark a list whose items are told apart by `keys`; server-side apply merges item by item."""
    return {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": list(keys)}
