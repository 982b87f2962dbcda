"""Who may move what: two Rollouts on one route, destination or set of pods would fight for ever.

The older claim stands (creation time, then uid, so that every observer says the same); the younger
Rollout is told whose it is and moves nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from tidegate.adapters.kubernetes.resources import Body, uid_of
from tidegate.core.observation import Problem
from tidegate.core.reasons import CONFLICT


@dataclass(frozen=True, slots=True)
class Claim:
    """What one Rollout moves, as text people recognise, and the seniority of the claim."""

    rollout: str
    age: tuple[str, str]
    things: frozenset[str]
    selector: tuple[tuple[str, str], ...]
    pod_labels: tuple[tuple[str, str], ...]


def claim_of(body: Body) -> Claim:
    """The claims of a Rollout's body, read leniently: a broken Rollout still holds its claims."""
    meta, spec = body["metadata"], _mapping(body.get("spec"))
    istio = _mapping(_mapping(spec.get("traffic")).get("istio"))
    things: set[str] = set()
    for ref in _list(istio.get("virtualServices")):
        names = _list(_mapping(ref).get("routes")) or ["*"]
        things |= {f"VirtualService {_mapping(ref).get('name')} route {name}" for name in names}
    rule = _mapping(istio.get("destinationRule"))
    for subset in ("stable", "canary"):
        if rule.get("name"):
            name = rule.get(f"{subset}Subset", subset)
            things.add(f"DestinationRule {rule['name']} subset {name}")
    services = _mapping(istio.get("services"))
    things |= {f"Service {services[role]}" for role in ("stable", "canary") if services.get(role)}
    labels = _mapping(_mapping(_mapping(spec.get("template")).get("metadata")).get("labels"))
    return Claim(
        rollout=str(meta["name"]),
        age=(str(meta.get("creationTimestamp", "")), uid_of(body)),
        things=frozenset(things),
        selector=_pairs(_mapping(_mapping(spec.get("selector")).get("matchLabels"))),
        pod_labels=_pairs(labels),
    )


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _pairs(labels: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    return tuple(sorted((str(k), str(v)) for k, v in labels.items()))


def conflicts(mine: Claim, others: Iterable[Claim]) -> tuple[Problem, ...]:
    """What an older Rollout of the same namespace already moves."""
    found = []
    for other in others:
        if other.age >= mine.age:
            continue
        shared = sorted(_overlap(mine.things, other.things))
        if shared:
            message = (
                f"{shared[0]} is already moved by Rollout {other.rollout}; "
                "give this Rollout its own, or delete the other one"
            )
            found.append(Problem(CONFLICT, message))
        elif _same_pods(mine, other):
            message = (
                f"spec.selector matches the pods of Rollout {other.rollout} (or the other way "
                "round); give the pods of each a label of their own"
            )
            found.append(Problem(CONFLICT, message))
    return tuple(found)


def _overlap(mine: frozenset[str], theirs: frozenset[str]) -> set[str]:
    """Things in both; a VirtualService without named routes is claimed as a whole."""
    shared = set(mine & theirs)
    for ours, other in ((mine, theirs), (theirs, mine)):
        for whole in (thing for thing in ours if thing.endswith(" route *")):
            prefix = whole.removesuffix("*")
            shared |= {thing for thing in other if thing.startswith(prefix)}
    return shared


def _same_pods(mine: Claim, other: Claim) -> bool:
    return _matches(mine.selector, other.pod_labels) or _matches(other.selector, mine.pod_labels)


def _matches(selector: tuple[tuple[str, str], ...], labels: tuple[tuple[str, str], ...]) -> bool:
    return bool(selector) and set(selector) <= set(labels)
