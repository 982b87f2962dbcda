import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import pytest
import yaml
from pydantic import Field

from tests.api.samples import SPEC
from tidegate.api import generate
from tidegate.api.base import ApiModel
from tidegate.api.crds import KINDS, crd, object_schema
from tidegate.api.schema import SchemaError, structural

CRDS = Path(__file__).resolve().parents[2] / "crds"
FORBIDDEN = {"$ref", "$defs", "anyOf", "oneOf", "allOf", "not", "title", "const", "propertyNames"}

each_kind = pytest.mark.parametrize("kind", KINDS, ids=[kind.name for kind in KINDS])
each_part = pytest.mark.parametrize("part", ["spec", "status"])


def nodes(schema: dict[str, Any], path: str) -> Iterator[tuple[str, dict[str, Any]]]:
    yield path, schema
    for name, below in schema.get("properties", {}).items():
        yield from nodes(below, f"{path}.{name}")
    for key in ("items", "additionalProperties"):
        if key in schema:
            yield from nodes(schema[key], f"{path}[]")


def below(kind, part) -> list[tuple[str, dict[str, Any]]]:
    return list(nodes(object_schema(kind)["properties"][part], part))


@each_kind
@each_part
def test_a_schema_is_structural(kind, part):
    wrong = [path for path, node in below(kind, part) if FORBIDDEN & node.keys()]
    assert wrong == []
    typeless = [
        path
        for path, node in below(kind, part)
        if ("type" in node) == ("x-kubernetes-int-or-string" in node)
    ]
    assert typeless == []


@each_kind
@each_part
def test_every_property_is_described(kind, part):
    bare = [
        path
        for path, node in below(kind, part)
        if not path.endswith("[]") and not node.get("description", "").strip().endswith(".")
    ]
    assert bare == []


@each_kind
@each_part
def test_every_list_says_how_it_merges(kind, part):
    lists = [(path, node) for path, node in below(kind, part) if node.get("type") == "array"]
    assert [path for path, node in lists if "x-kubernetes-list-type" not in node] == []
    for path, node in lists:
        for key in node.get("x-kubernetes-list-map-keys", ()):
            assert key in node["items"]["required"], path


@each_kind
@each_part
def test_every_list_text_map_and_number_is_bounded(kind, part):
    bounds = {"array": "maxItems", "string": "maxLength", "integer": "maximum", "number": "maximum"}
    loose = [
        path
        for path, node in below(kind, part)
        if (bound := bounds.get(node.get("type", ""))) and bound not in node
    ]
    loose += [
        path
        for path, node in below(kind, part)
        if "additionalProperties" in node and "maxProperties" not in node
    ]
    assert loose == []


@each_kind
@each_part
def test_defaults_are_scalars_and_belong_to_the_spec(kind, part):
    defaults = {path: node["default"] for path, node in below(kind, part) if "default" in node}
    if part == "status":
        assert defaults in ({}, {"status": {"observedGeneration": -1}})
    else:
        assert all(isinstance(value, str | int | bool) for value in defaults.values())


def test_the_defaults_in_the_schema_are_those_of_the_models():
    spec = object_schema(KINDS[0])["properties"]["spec"]["properties"]
    assert spec["progressDeadline"]["default"] == "10m"
    assert spec["drain"]["properties"]["max"]["default"] == "10m"
    assert spec["paused"]["default"] is False
    assert "default" not in spec["drain"]
    assert "default" not in spec["metrics"]["items"]["properties"]["unit"]


@each_kind
def test_the_files_in_the_repository_are_the_generated_ones(kind):
    name = f"tidegate.io_{kind.plural}.yaml"
    assert (CRDS / name).read_text() == dict(generate.files())[name], "run: make generate"


def test_no_other_file_lies_among_the_generated_ones():
    assert {path.name for path in CRDS.iterdir()} == set(dict(generate.files()))


def test_generating_twice_writes_the_same_bytes(tmp_path):
    generate.main(["--out", str(tmp_path / "one")])
    generate.main(["--out", str(tmp_path / "two")])
    for path in (tmp_path / "one").iterdir():
        assert path.read_bytes() == (tmp_path / "two" / path.name).read_bytes()
        assert path.read_text().startswith("# Generated")
        assert yaml.safe_load(path.read_text())["kind"] == "CustomResourceDefinition"


@each_kind
def test_a_crd_stays_small_enough_for_client_side_apply(kind):
    assert len(json.dumps(crd(kind))) < 120_000  # an annotation takes 262,144


def test_a_model_that_contains_itself_is_refused_at_build_time():
    with pytest.raises(SchemaError, match="contains itself"):
        structural(Loop, defaults=True)


def test_a_union_of_two_types_is_refused_at_build_time():
    with pytest.raises(SchemaError, match="a union of 2 types"):
        structural(Either, defaults=True)


def test_a_keyword_without_a_structural_form_is_refused_at_build_time():
    with pytest.raises(SchemaError, match=r"Odd\.count: \['multipleOf'\] cannot be said"):
        structural(Odd, defaults=True)


def test_an_object_that_does_not_say_what_it_holds_is_refused_at_build_time():
    with pytest.raises(SchemaError, match="must say what it holds"):
        structural(Shapeless, defaults=True)


def test_a_single_choice_is_an_enum_of_one():
    assert structural(Single, defaults=True)["properties"]["kind"]["enum"] == ["one"]


def test_more_than_and_less_than_are_said_the_old_way():
    found = structural(Open, defaults=True)["properties"]["share"]
    assert (found["minimum"], found["exclusiveMinimum"]) == (0, True)
    assert (found["maximum"], found["exclusiveMaximum"]) == (1, True)


def test_the_sample_of_these_tests_names_only_fields_of_the_schema():
    assert SPEC.keys() <= object_schema(KINDS[0])["properties"]["spec"]["properties"].keys()


class Loop(ApiModel):
    inner: "Loop | None" = None


class Either(ApiModel):
    value: int | str = 0


class Odd(ApiModel):
    count: int = Field(multiple_of=2)


class Shapeless(ApiModel):
    anything: dict[str, Any] = Field(default_factory=dict)


class Single(ApiModel):
    kind: Literal["one"]


class Open(ApiModel):
    share: float = Field(gt=0, lt=1)
