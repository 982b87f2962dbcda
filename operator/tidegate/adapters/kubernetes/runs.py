"""RolloutRuns: the record of each attempt, kept for audit after the Rollout has moved on.

The Rollout's status is the memory; this is a copy for people. It is written when it differs from
what was last written, so a crash only makes it late.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from tidegate.adapters.kubernetes.api import MERGE_PATCH, Api
from tidegate.adapters.kubernetes.replica_sets import owner_reference, rollout_label
from tidegate.adapters.kubernetes.resources import ROLLOUT_RUNS, Key
from tidegate.api.constants import LABEL_ROLLOUT
from tidegate.api.rollout import Rollout
from tidegate.api.runs import RolloutRunSpec, RolloutRunStatus
from tidegate.api.status import LastRun, RolloutStatus, RunStatus
from tidegate.ports.cluster import ApiRefused, Conflict, Gone

RUNS_KEPT = 20
"""Runs kept per Rollout; the oldest goes when a new one begins."""


def run_of(status: RolloutStatus) -> tuple[RunStatus | LastRun, RolloutRunStatus] | None:
    """The run that is on, or the last one, with the status its RolloutRun must have."""
    run, last = status.run, status.last_run
    if run is not None:
        return run, RolloutRunStatus(outcome="Running", history=run.history)
    if last is None:
        return None
    return last, RolloutRunStatus(
        outcome=last.outcome,
        reason=last.reason,
        message=last.message,
        finished_at=last.finished_at,
        history=last.history,
    )


class RunJournal:
    """Writes RolloutRuns; remembers what it wrote last for each Rollout."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._written: dict[Key, tuple[int, RolloutRunStatus]] = {}

    def forget(self, key: Key) -> None:
        """A Rollout is gone."""
        self._written.pop(key, None)

    async def write(self, rollout: Rollout, status: RolloutStatus) -> None:
        """Bring the RolloutRun of the current or last run up to date."""
        key = (rollout.namespace, rollout.name)
        found = run_of(status)
        if found is None or self._written.get(key) == (found[0].number, found[1]):
            return
        run, wanted = found
        name = f"{rollout.name}-{run.number}"
        patch = {"status": wanted.model_dump(mode="json", by_alias=True, exclude_none=True)}
        path = ROLLOUT_RUNS.path(rollout.namespace, name, "status")
        known = self._written.get(key)
        if known is None or known[0] != run.number:
            await self._create(rollout, run, name)
        try:
            await self._api.request("PATCH", path, body=patch, content_type=MERGE_PATCH)
        except Gone:
            await self._create(rollout, run, name)
            await self._api.request("PATCH", path, body=patch, content_type=MERGE_PATCH)
        self._written[key] = (run.number, wanted)

    async def _create(self, rollout: Rollout, run: RunStatus | LastRun, name: str) -> None:
        spec = RolloutRunSpec(
            rollout=rollout.name,
            number=run.number,
            from_revision=run.from_revision,
            to_revision=run.to_revision,
            started_at=run.started_at,
        )
        body: dict[str, Any] = {
            "apiVersion": ROLLOUT_RUNS.api_version,
            "kind": ROLLOUT_RUNS.kind,
            "metadata": {
                "name": name,
                "namespace": rollout.namespace,
                "labels": {LABEL_ROLLOUT: rollout_label(rollout)},
                "ownerReferences": [owner_reference(rollout)],
            },
            "spec": spec.model_dump(mode="json", by_alias=True, exclude_none=True),
        }
        try:
            await self._api.request("POST", ROLLOUT_RUNS.path(rollout.namespace), body=body)
        except Conflict:
            return  # it was made before a crash
        with suppress(ApiRefused):  # an old record that stays harms nobody
            await self._drop_old(rollout, run.number - RUNS_KEPT)

    async def _drop_old(self, rollout: Rollout, number: int) -> None:
        if number < 1:
            return
        try:
            path = ROLLOUT_RUNS.path(rollout.namespace, f"{rollout.name}-{number}")
            await self._api.request("DELETE", path)
        except Gone:
            return
