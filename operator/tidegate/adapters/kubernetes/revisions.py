"""What the next ReplicaSet is made from, and the name of the revision that it will be."""

from __future__ import annotations

from collections.abc import Sequence

from tidegate.adapters.kubernetes.content import Content, with_content
from tidegate.adapters.kubernetes.replica_sets import revision_of, revision_of_set
from tidegate.adapters.kubernetes.resources import Body
from tidegate.adapters.kubernetes.workloads import Workload, same_pods, target_of, with_template
from tidegate.api.rollout import Rollout


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
