"""Pods of two revisions on different nodes: the term that `spec.antiAffinity` adds to a template.

It stands only in the ReplicaSet, and only in one that is made while the field is set. A revision's
name is taken from the template without it, so that to set the field, or to change it, releases
nothing and restarts no pod.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal

from tidegate.api.constants import LABEL_REVISION, LABEL_ROLLOUT

NODE: Final = "kubernetes.io/hostname"
REQUIRED: Final = "requiredDuringSchedulingIgnoredDuringExecution"
PREFERRED: Final = "preferredDuringSchedulingIgnoredDuringExecution"
PREFERENCE_WEIGHT: Final = 100
"""The most that the scheduler knows, of 1 to 100: this is the only thing that was asked for."""

AntiAffinity = Literal["preferred", "required"]
Object = dict[str, Any]


def spread(template: Mapping[str, Any], how: AntiAffinity | None) -> Object:
    """The template, which has our labels already, with the term beside the user's own ones.

    What is no affinity at all stays as it is: the API server refuses it in its own words.
    """
    pod = template.get("spec")
    if how is None or not isinstance(pod, dict):
        return dict(template)
    name = REQUIRED if how == "required" else PREFERRED
    affinity = pod.get("affinity") or {}
    anti = _part(affinity, "podAntiAffinity", {})
    terms = _part(anti, name, [])
    if not isinstance(terms, list):
        return dict(template)
    anti = {**anti, name: [*terms, _ours(template)[name]]}
    return {**template, "spec": {**pod, "affinity": {**affinity, "podAntiAffinity": anti}}}


def _part(of: Any, name: str, empty: Any) -> Any:
    """What is there, `empty` where there is nothing, and None in what cannot have parts."""
    return of.get(name) or empty if isinstance(of, dict) else None


def unspread(template: Mapping[str, Any]) -> Object:
    """A ReplicaSet's template without that term, and without affinities that say nothing."""
    pod = template.get("spec")
    if not isinstance(pod, dict) or not isinstance(pod.get("affinity"), dict):
        return dict(template)
    affinity, ours = pod["affinity"], _ours(template)
    anti = affinity.get("podAntiAffinity")
    if isinstance(anti, dict):
        kept = {name: _without(terms, ours.get(name)) for name, terms in anti.items()}
        affinity = {**affinity, "podAntiAffinity": _telling(kept)}
    rest = {name: value for name, value in pod.items() if name != "affinity"}
    told = _telling(affinity)
    return {**template, "spec": {**rest, **({"affinity": told} if told else {})}}


def _ours(template: Mapping[str, Any]) -> Object:
    """The term in both its forms, for pods with the labels of this template."""
    labels = (template.get("metadata") or {}).get("labels") or {}
    others = {"key": LABEL_REVISION, "operator": "NotIn", "values": [labels.get(LABEL_REVISION)]}
    term = {
        "labelSelector": {
            "matchLabels": {LABEL_ROLLOUT: labels.get(LABEL_ROLLOUT)},
            "matchExpressions": [others],
        },
        "topologyKey": NODE,
    }
    return {REQUIRED: term, PREFERRED: {"weight": PREFERENCE_WEIGHT, "podAffinityTerm": term}}


def _without(terms: Any, ours: Any) -> Any:
    return [term for term in terms if term != ours] if isinstance(terms, list) else terms


def _telling(parts: Mapping[str, Any]) -> Object:
    """Those that hold anything."""
    return {name: value for name, value in parts.items() if value not in (None, [], {})}
