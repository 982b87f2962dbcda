"""Whether the API server would take a template, asked by a dry run before it is used."""

from __future__ import annotations

import asyncio
import time

from tidegate.adapters.kubernetes.api import Api
from tidegate.adapters.kubernetes.replica_sets import replica_set_body
from tidegate.adapters.kubernetes.resources import REPLICA_SETS, Key
from tidegate.api.rollout import Rollout
from tidegate.core.observation import Problem
from tidegate.core.reasons import TEMPLATE_REFUSED
from tidegate.ports.cluster import ApiRefused, ApiUnavailable, Conflict, Gone

TRIAL_S = 2.0
"""A dry run that takes longer (a webhook that hangs) is given up: the pass has other work."""
TRY_AGAIN_S = 30.0
"""What was refused, or could not be asked, is asked again after that: quotas and webhooks mend."""


class TemplateTrials:
    """The verdict on each Rollout's latest template, and when it was given."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._known: dict[Key, tuple[str, Problem | None, float]] = {}

    def forget(self, key: Key) -> None:
        """A Rollout is gone."""
        self._known.pop(key, None)

    def refused(self, rollout: Rollout, revision: str, words: str) -> None:
        """Remember that the ReplicaSet itself was refused, though its dry run was not."""
        problem = Problem(TEMPLATE_REFUSED, f"spec.template is refused: {words}")
        self._known[(rollout.namespace, rollout.name)] = (revision, problem, time.monotonic())

    async def problems(self, rollout: Rollout, revision: str) -> list[Problem]:
        """What the API server has against the template; nothing when it could not be asked.

        Then the ReplicaSet itself will tell, before any traffic moves.
        """
        key = (rollout.namespace, rollout.name)
        known = self._known.get(key)
        if known is not None and known[0] == revision:
            passed = known[1] is None
            if passed or time.monotonic() - known[2] < TRY_AGAIN_S:
                return [] if known[1] is None else [known[1]]
        try:
            problem = await self._try(rollout, revision)
        except (ApiUnavailable, TimeoutError):
            return []
        self._known[key] = (revision, problem, time.monotonic())
        return [] if problem is None else [problem]

    async def _try(self, rollout: Rollout, revision: str) -> Problem | None:
        body = replica_set_body(rollout, revision, 0)
        request = self._api.request(
            "POST", REPLICA_SETS.path(rollout.namespace), query={"dryRun": "All"}, body=body
        )
        try:
            await asyncio.wait_for(request, TRIAL_S)
        except ApiRefused as error:
            return Problem(TEMPLATE_REFUSED, f"spec.template is refused: {error}")
        except (Conflict, Gone):  # it is there already, or its namespace goes away
            return None
        return None
