"""What an approval must say besides the verb: the revision that is meant, and the user's groups."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tidegate.api.limits import MAX_GROUPS
from tidegate.api.preflight import PREFLIGHT
from tidegate.api.wire import as_object
from tidegate.cli.errors import UsageError


def completed(
    spec: Mapping[str, Any], rollout: Mapping[str, Any] | None, groups: Sequence[str]
) -> dict[str, Any]:
    """The spec of an approve with its revision and, of the user's groups, those that may matter.

    `rollout` is None where the user may not read it. Raises UsageError when no revision is named
    and none is being tried.
    """
    found = dict(spec)
    if "revision" not in found:
        found["revision"] = _revision(rollout)
    wanted = _groups_asked_for(rollout, found.get("phase"))
    mine = sorted(set(groups) & wanted)[:MAX_GROUPS]
    return found | ({"requestedGroups": mine} if mine else {})


def _revision(rollout: Mapping[str, Any] | None) -> str:
    if rollout is None:
        raise UsageError("you may not read the Rollout; say what you approve with --revision")
    revision = as_object(rollout.get("status")).get("canaryRevision")
    if not isinstance(revision, str) or not revision:
        raise UsageError("no revision is being tried, so there is nothing to approve")
    return revision


def _groups_asked_for(rollout: Mapping[str, Any] | None, phase: str | None) -> set[str]:
    """The groups that the phase names, or that any phase does where none is named.

    The pre-flight counts as one.
    """
    spec = as_object(as_object(rollout).get("spec"))
    phases = ({**as_object(spec.get("preflight")), "name": PREFLIGHT}, *(spec.get("phases") or ()))
    named = (one for one in phases if phase in (None, as_object(one).get("name")))
    approvals = (as_object(as_object(one).get("approval")) for one in named)
    return {str(group) for approval in approvals for group in approval.get("groups") or ()}
