"""The status of each RolloutPolicy: whether it is understood, how many Rollouts it matches."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from datetime import datetime

from tidegate.adapters.kubernetes.api import MERGE_PATCH, Api
from tidegate.adapters.kubernetes.cluster import KubernetesCluster
from tidegate.adapters.kubernetes.resources import ROLLOUT_POLICIES, Body, key_of, version_of
from tidegate.api.policy import Policy, RolloutPolicyStatus
from tidegate.api.wire import as_object, read_leniently
from tidegate.ports.clock import Clock
from tidegate.ports.cluster import ApiRefused, ApiUnavailable, Conflict, Gone
from tidegate.views.policies import policy_status

LOOK_S = 2.0
"""Between two looks at what changed."""

logger = logging.getLogger(__name__)


class PolicyReporter:
    """Writes statuses of policies that say something else than is stored; only a leader has one."""

    def __init__(self, api: Api, cluster: KubernetesCluster, clock: Clock) -> None:
        self._api = api
        self._cluster = cluster
        self._clock = clock
        self._counted: tuple[object, Counter[str]] = (None, Counter())

    async def run(self) -> None:
        """Report until cancelled."""
        while True:
            await asyncio.sleep(LOOK_S)
            counts = self._counts()
            for body, policy in tuple(self._cluster.policies):
                await self._report(body, policy, counts[policy.name], self._clock.now())

    def _counts(self) -> Counter[str]:
        """Rollouts by the names of the policies that match them, counted once for each change."""
        labels = [
            (key, body["metadata"].get("labels")) for key, body in self._cluster.rollouts.items()
        ]
        seen = (self._cluster.policies.version, labels)
        if self._counted[0] != seen:
            self._counted = seen, self._count()
        return self._counted[1]

    def _count(self) -> Counter[str]:
        return Counter(
            policy.name
            for key, body in self._cluster.rollouts.items()
            for policy in self._cluster.policies.matching(
                key[0], body["metadata"].get("labels") or {}
            )
        )

    async def _report(self, body: Body, policy: Policy, rollouts: int, now: datetime) -> None:
        known = read_leniently(RolloutPolicyStatus, as_object(body).get("status") or {})
        status = policy_status(policy, rollouts, known, now)
        if status == known:
            return
        patch = {"metadata": {"resourceVersion": version_of(body)}, "status": status.as_dict()}
        path = ROLLOUT_POLICIES.path(None, key_of(body)[1], "status")
        try:
            await self._api.request("PATCH", path, body=patch, media_type=MERGE_PATCH)
        except (Conflict, Gone):
            return  # the watch brings what it is now
        except (ApiUnavailable, ApiRefused) as error:
            logger.warning("status of RolloutPolicy %s: %s; trying again", policy.name, error)
