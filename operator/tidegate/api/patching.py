"""A strategic merge patch of a pod template: maps are merged, named lists item by item.

The keys are those of the Kubernetes API reference (`patch merge key` of PodSpec and Container); a
list without one is replaced whole, and null takes a field away. What only a client computes
(`$patch` and other directives) is refused by `variant_checks`.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

MERGE_KEYS: Final = {
    "containers": "name",
    "initContainers": "name",
    "volumes": "name",
    "imagePullSecrets": "name",
    "env": "name",
    "claims": "name",
    "ports": "containerPort",
    "volumeMounts": "mountPath",
    "volumeDevices": "devicePath",
    "hostAliases": "ip",
    "topologySpreadConstraints": "topologyKey",
}
"""By the name of a list, the field that tells its items apart."""


def patched(template: Mapping[str, Any], patch: Mapping[str, Any]) -> dict[str, Any]:
    """The template with the patch; neither of the two is changed."""
    merged = dict(template)
    for name, value in patch.items():
        if value is None:
            merged.pop(name, None)
        else:
            merged[name] = _merged(name, merged.get(name), value)
    return merged


def _merged(name: str, present: object, value: object) -> object:
    if isinstance(value, Mapping):
        return patched(present if isinstance(present, Mapping) else {}, value)
    key = MERGE_KEYS.get(name)
    if key is None or not isinstance(value, list):
        return value
    items = present if isinstance(present, list) else []
    keyed = all(isinstance(item, Mapping) and key in item for item in (*items, *value))
    return _merged_items(items, value, key) if keyed else value


def _merged_items(
    present: Sequence[Mapping[str, Any]], changes: Sequence[Mapping[str, Any]], key: str
) -> list[dict[str, Any]]:
    """The items as they stood, each with its change, and new ones after them."""
    merged = {item[key]: dict(item) for item in present}
    for change in changes:
        merged[change[key]] = patched(merged.get(change[key], {}), change)
    return list(merged.values())


def directives(patch: object) -> Iterator[str]:
    """The names in a patch that begin with `$`, at any depth."""
    if isinstance(patch, Mapping):
        for name, value in patch.items():
            if str(name).startswith("$"):
                yield str(name)
            yield from directives(value)
    elif isinstance(patch, list):
        for item in patch:
            yield from directives(item)
