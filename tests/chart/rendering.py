"""The chart as Helm renders it: the real Helm 4, as a library, and no cluster."""

from collections.abc import Iterator, Mapping
from typing import Any

import helm_python
import yaml

from tests.house.tree import ROOT

CHART = ROOT / "charts" / "tidegate"
RELEASE = "tidegate"
NAMESPACE = "tidegate-system"


def render(
    values: Mapping[str, Any] | None = None, *, name: str = RELEASE, namespace: str = NAMESPACE
) -> list[dict[str, Any]]:
    """Every object the chart makes from these values, without the notes."""
    with helm_python.Chart.load(str(CHART)) as chart:
        rendered = chart.render(dict(values or {}), name=name, namespace=namespace)
    return [
        document
        for path in sorted(rendered)
        if path.endswith(".yaml")
        for document in yaml.load_all(rendered[path], Loader=yaml.CSafeLoader)
        if document
    ]


def notes(values: Mapping[str, Any] | None = None) -> str:
    """What Helm prints after an installation."""
    with helm_python.Chart.load(str(CHART)) as chart:
        rendered = chart.render(dict(values or {}), name=RELEASE, namespace=NAMESPACE)
    return "".join(text for path, text in rendered.items() if path.endswith("NOTES.txt"))


def pick(objects: list[dict[str, Any]], kind: str, name: str = RELEASE) -> dict[str, Any]:
    """The one object of this kind and name."""
    found = [it for it in objects if it["kind"] == kind and it["metadata"]["name"] == name]
    assert len(found) == 1, f"{len(found)} of {kind} {name}"
    return found[0]


def kinds(objects: list[dict[str, Any]]) -> set[str]:
    """The kinds that are there."""
    return {it["kind"] for it in objects}


def rights(role: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    """Each right of a role as (group, resource, verb)."""
    for rule in role["rules"]:
        assert set(rule) == {"apiGroups", "resources", "verbs"}
        for group in rule["apiGroups"]:
            for resource in rule["resources"]:
                for verb in rule["verbs"]:
                    yield group, resource, verb
