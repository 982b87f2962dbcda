"""What the next ReplicaSet is made from, and the name of the revision that it will be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from tidegate.adapters.kubernetes.content import Content, with_content
from tidegate.adapters.kubernetes.replica_sets import revision_of, revision_of_set
from tidegate.adapters.kubernetes.resources import Body
from tidegate.adapters.kubernetes.workloads import Workload, same_pods, target_of, with_template
from tidegate.api.patching import patched
from tidegate.api.rollout import Rollout
from tidegate.ports.cluster import Conflict


def written(rollout: Rollout, workload: Workload, content: Content) -> Rollout:
    """The Rollout with the pod template of its next ReplicaSet; None while that is not known."""
    return with_content(with_template(rollout, workload), content)


def target(written: Rollout, content: Content, owned: Sequence[Body], stable: str = "") -> str:
    """The revision of that template; "" while its Deployment or its content cannot be read.

    What cannot be read is no other revision: nothing is released because an object has vanished.
    While a Rollout is deleted the template alone counts: a Deployment that is given back has no
    part in what was released beside it.
    """
    template = written.spec.template
    if template is None:
        return ""
    if written.deleting and stable in {revision_of_set(b) for b in owned if same_pods(template, b)}:
        return stable
    if content.problems:
        return ""
    return target_of(template, owned) if written.spec.workload_ref else revision_of(template)


def of_variants(written: Rollout) -> dict[str, str]:
    """The revision of each variant by its name; none while the template is not known."""
    template = written.spec.template
    if template is None:
        return {}
    return {one.name: revision_of(patched(template, one.patch)) for one in written.spec.variants}


def as_variant(written: Rollout, name: str) -> Rollout:
    """The Rollout with a variant's template; as it is for "". Raises Conflict where it is gone."""
    if not name:
        return written
    patch = next((one.patch for one in written.spec.variants if one.name == name), None)
    if patch is None or written.spec.template is None:
        raise Conflict(f"variant {name} is not in the spec any more")
    template = patched(written.spec.template, patch)
    return replace(written, spec=written.spec.model_copy(update={"template": template}))
