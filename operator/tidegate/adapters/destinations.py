"""What the two destinations select: subsets of a DestinationRule, or Services, as JSON Patches.

Only the labels of the two named subsets, or one label of a Service's selector, are ever written.
"""

from __future__ import annotations

from collections.abc import Mapping

from tidegate.adapters.weights import Body, Patch, version_test
from tidegate.api.constants import LABEL_POD_TEMPLATE_HASH, LABEL_REVISION

OURS = (LABEL_REVISION, LABEL_POD_TEMPLATE_HASH)
"""Labels by which a destination selects one revision, or the pods of a Deployment."""


def service_host(name: str, namespace: str) -> str:
    """The fully qualified host of a Service."""
    return f"{name}.{namespace}.svc.cluster.local"


def subset_index(body: Body, name: str) -> int | None:
    """Where the DestinationRule has that subset, or None."""
    subsets = body.get("spec", {}).get("subsets") or []
    return next((i for i, subset in enumerate(subsets) if subset.get("name") == name), None)


def selected_by_subset(body: Body, name: str, pod_labels: Mapping[str, str]) -> str | None:
    """The revision that a subset selects, or None while its labels are not ours.

    Labels that every pod of the Rollout carries may stand beside ours: they change nothing. The
    pods of a Deployment that is given back are told by their pod-template-hash.
    """
    index = subset_index(body, name)
    if index is None:
        return None
    labels = body["spec"]["subsets"][index].get("labels") or {}
    foreign = {k for k, v in labels.items() if k not in OURS and pod_labels.get(k) != v}
    return None if foreign else _selected(labels)


def _selected(labels: Mapping[str, str]) -> str | None:
    """The one label of ours; both together select nothing."""
    found = [str(labels[key]) for key in OURS if labels.get(key)]
    return found[0] if len(found) == 1 else None


def subset_patch(body: Body, name: str, revision: str, pod_labels: Mapping[str, str]) -> Patch:
    """The JSON Patch that makes a subset select exactly the pods of one revision."""
    index = subset_index(body, name)
    base = f"/spec/subsets/{index}"
    labels = (body["spec"]["subsets"][index].get("labels") or {}) if index is not None else {}
    kept = {k: v for k, v in labels.items() if pod_labels.get(k) == v}
    return [
        version_test(body),
        {"op": "test", "path": f"{base}/name", "value": name},
        {"op": "add", "path": f"{base}/labels", "value": {**kept, LABEL_REVISION: revision}},
    ]


def selected_by_service(body: Body) -> str | None:
    """The revision that a Service selects, or None while its selector names none."""
    return _selected(body.get("spec", {}).get("selector") or {})


def selector_patch(body: Body, revision: str) -> Patch:
    """The JSON Patch that adds the revision to a Service's own selector."""
    return _selector_with(body, LABEL_REVISION, revision)


def selector_back(body: Body, pods_label: str) -> Patch:
    """The JSON Patch that makes a Service select a Deployment's pods, or ("") as before us."""
    return _selector_with(body, LABEL_POD_TEMPLATE_HASH, pods_label)


def subset_back(body: Body, name: str, pods_label: str, pod_labels: Mapping[str, str]) -> Patch:
    """The JSON Patch that makes a subset select a Deployment's pods, or ("") all of its host's.

    Labels that every pod carries stay; a subset without any has none.
    """
    index = subset_index(body, name)
    base = f"/spec/subsets/{index}"
    labels = (body["spec"]["subsets"][index].get("labels") or {}) if index is not None else {}
    kept = {k: v for k, v in labels.items() if k not in OURS and pod_labels.get(k) == v}
    wanted = {**kept, **({LABEL_POD_TEMPLATE_HASH: pods_label} if pods_label else {})}
    change = (
        {"op": "add", "path": f"{base}/labels", "value": wanted}
        if wanted
        else {"op": "remove", "path": f"{base}/labels"}
    )
    return [version_test(body), {"op": "test", "path": f"{base}/name", "value": name}, change]


def _selector_with(body: Body, label: str, value: str) -> Patch:
    """The selector with that label ("" for without it) and none of ours beside it."""
    selector = body.get("spec", {}).get("selector") or {}
    patch = [version_test(body)]
    for key in OURS:
        path = f"/spec/selector/{key.replace('/', '~1')}"
        if key == label and value:
            patch.append({"op": "add", "path": path, "value": value})
        elif key in selector:
            patch.append({"op": "remove", "path": path})
    return patch
