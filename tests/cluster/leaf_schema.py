"""Every leaf of the Rollout's spec, walked out of the generated CRD, and values for each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

CRD = Path(__file__).resolve().parents[2] / "crds" / "tidegate.io_rollouts.yaml"

Schema = dict[str, Any]
Values = dict[str, object]
Way = tuple[str | int, ...]


@dataclass(frozen=True)
class Leaf:
    """A field that holds no further fields: `path` such as spec.phases[].weight, and its schema."""

    path: str
    schema: Schema


def leaves() -> tuple[Leaf, ...]:
    """The leaves in the schema's order."""
    crd = yaml.safe_load(CRD.read_text())
    spec = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]
    return tuple(_walk(spec, "spec"))


def _walk(node: Schema, path: str) -> Iterator[Leaf]:
    if "properties" in node:
        for name, below in node["properties"].items():
            yield from _walk(below, f"{path}.{name}")
    elif node.get("type") == "array":
        yield from _walk(node["items"], f"{path}[]")
    elif isinstance(node.get("additionalProperties"), dict):
        yield from _walk(node["additionalProperties"], f"{path}.*")
    else:
        yield Leaf(path, node)


def values(leaf: Leaf) -> Values:
    """Values by way of mutation, from the schema alone: what each type can be asked.

    `other` is a plain change; `least` and `most` are the ends of what is allowed; `beyond` is one
    step over the end; `odd` is nonsense that the type lets through; `type` is the wrong one.
    """
    schema = leaf.schema
    kind = schema.get("type")
    if schema.get("x-kubernetes-int-or-string"):
        return _ranged(schema, 3) | {"odd": "0%", "beyond": "101%", "type": True}
    if "enum" in schema:
        return _enumerated(schema["enum"])
    if kind == "string":
        return _text(schema)
    if kind == "boolean":
        return {"other": True, "least": False, "most": True, "odd": None, "type": "perhaps"}
    if kind in ("integer", "number"):
        return _ranged(schema, 1 if kind == "integer" else 0.5) | {"type": "a few"}
    return {"type": "no object"}


def _enumerated(words: list[str]) -> Values:
    odd = words[0].upper()
    return {
        "other": words[-1],
        "least": words[0],
        "most": words[len(words) // 2],
        "beyond": "",
        "odd": odd,
        "type": 7,
    }


def _ranged(schema: Schema, other: float) -> Values:
    least, most = schema["minimum"], schema["maximum"]
    step = 1 if schema.get("type") == "integer" else 0.001
    return {
        "other": other,
        "least": least,
        "most": most,
        "beyond": most + step,
        "odd": None,
    }


def _text(schema: Schema) -> Values:
    length = schema["maxLength"]
    if "(ms|s|m|h)" in schema.get("pattern", ""):
        return {
            "other": "2s",
            "least": "0s",
            "most": "2160h",
            "beyond": "2160h1s",
            "odd": "0.000000001ms",
            "type": 5,
        }
    odd = "a--b" if "pattern" in schema else "\u202e \t{{ $x }}"
    return {
        "other": "other",
        "least": "a" if schema.get("minLength") else "",
        "most": "a" * length,
        "beyond": "a" * (length + 1),
        "odd": odd,
        "type": {"an": "object"},
    }


def steps(place: str) -> Way:
    """A dotted place such as phases.0.weight as keys and indices."""
    return tuple(int(part) if part.isdigit() else part for part in place.split("."))


def way_to(path: str, names: Mapping[str, str]) -> Way:
    """The way to a leaf from the spec: `[]` is the first item, `.*` the key that `names` gives."""
    for map_path, key in names.items():
        path = path.replace(f"{map_path}.*", f"{map_path}.{key}")
    return steps(path.removeprefix("spec.").replace("[]", ".0"))


def written(place: Way) -> str:
    """The same way as messages write it: spec.phases[0].weight."""
    return "spec" + "".join(f"[{p}]" if isinstance(p, int) else f".{p}" for p in place)
