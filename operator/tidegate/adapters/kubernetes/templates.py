"""Whether the API server would take a template, and how it would spell it: asked by a dry run.

A template may come back spelled otherwise: `"1"` for `1`, a default written out. What the API
server makes the same pods of is the revision that is there already, and no release.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from dataclasses import dataclass

from tidegate.adapters.kubernetes.api import Api
from tidegate.adapters.kubernetes.replica_sets import (
    replica_set_body,
    revision_of_set,
    spelling_of_set,
)
from tidegate.adapters.kubernetes.resources import REPLICA_SETS, Body, Key
from tidegate.api.rollout import Rollout
from tidegate.core.observation import Problem
from tidegate.core.reasons import TEMPLATE_REFUSED
from tidegate.ports.cluster import ApiRefused, ApiUnavailable, Conflict, Gone

TRIAL_S = 2.0
"""A dry run that takes longer (a webhook that hangs) is given up: the pass has other work."""
TRY_AGAIN_S = 30.0
"""What was refused, or could not be asked, is asked again after that: quotas and webhooks mend."""


@dataclass(frozen=True, slots=True)
class Trial:
    """What a dry run told of one revision, and when (seconds of this process).

    `spelling` is "" where the API server did not say how it would store the template.
    """

    revision: str
    problem: Problem | None
    at_s: float
    spelling: str = ""


class TemplateTrials:
    """The last trial of each Rollout's latest template."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._known: dict[Key, Trial] = {}

    def forget(self, key: Key) -> None:
        """A Rollout is gone."""
        self._known.pop(key, None)

    def refused(self, rollout: Rollout, revision: str, words: str) -> None:
        """Remember that the ReplicaSet itself was refused, though its dry run was not."""
        problem = Problem(TEMPLATE_REFUSED, f"{_field(rollout)} is refused: {words}")
        self._known[(rollout.namespace, rollout.name)] = Trial(revision, problem, time.monotonic())

    async def problems(self, rollout: Rollout, revision: str) -> list[Problem]:
        """What the API server has against the template; nothing when it could not be asked.

        Then the ReplicaSet itself will tell, before any traffic moves.
        """
        known = self._of(rollout, revision)
        if known is None or (known.problem and time.monotonic() - known.at_s >= TRY_AGAIN_S):
            try:
                known = await self._try(rollout, revision)
            except (ApiUnavailable, TimeoutError):
                return []
            self._known[(rollout.namespace, rollout.name)] = known
        return [] if known.problem is None else [known.problem]

    def twin(self, rollout: Rollout, revision: str, sets: Iterable[Body]) -> str | None:
        """The newest of these revisions whose ReplicaSet holds that very template, or None.

        None also as long as nothing is known of how the API server spells the revision's.
        """
        known = self._of(rollout, revision)
        if known is None or not known.spelling:
            return None
        same = [body for body in sets if spelling_of_set(body) == known.spelling]
        newest = max(same, key=lambda b: str(b["metadata"]["creationTimestamp"]), default=None)
        return revision_of_set(newest) if newest is not None else None

    def _of(self, rollout: Rollout, revision: str) -> Trial | None:
        known = self._known.get((rollout.namespace, rollout.name))
        return known if known is not None and known.revision == revision else None

    async def _try(self, rollout: Rollout, revision: str) -> Trial:
        body = replica_set_body(rollout, revision, 0)
        path = REPLICA_SETS.path(rollout.namespace)
        spelling, problem = "", None
        try:
            async with asyncio.timeout(TRIAL_S):
                answer = await self._api.request("POST", path, query={"dryRun": "All"}, body=body)
            spelling = spelling_of_set(answer)
        except ApiRefused as error:
            problem = Problem(TEMPLATE_REFUSED, f"{_field(rollout)} is refused: {error}")
        except (Conflict, Gone):  # it is there already, or its namespace goes away
            pass
        return Trial(revision, problem, time.monotonic(), spelling)


def _field(rollout: Rollout) -> str:
    """Where people find the template."""
    ref = rollout.spec.workload_ref
    return f"spec.template of {ref.kind} {ref.name}" if ref else "spec.template"
