"""RolloutRuns: the record of each attempt, kept for audit after the Rollout has moved on.

The Rollout's status is the memory; this is a copy for people. It is written when it differs from
what was last written, so a crash only makes it late. It has the epoch of its writer, so that a
record prepared under an earlier leader meets a newer version and is refused.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from tidegate.adapters.kubernetes.api import MERGE_PATCH, Api
from tidegate.adapters.kubernetes.replica_sets import owner_reference, rollout_label
from tidegate.adapters.kubernetes.resources import ROLLOUT_RUNS, Key, version_of
from tidegate.api.constants import LABEL_ROLLOUT
from tidegate.api.rollout import Rollout
from tidegate.api.runs import RolloutRunSpec, RolloutRunStatus
from tidegate.api.status import LastRun, RolloutStatus, RunStatus
from tidegate.api.wire import read_leniently
from tidegate.ports.cluster import ApiRefused, Conflict, Gone

RUNS_KEPT = 20
"""Runs kept per Rollout; the oldest goes when a new one begins."""


@dataclass(frozen=True, slots=True)
class Written:
    """What was written last of one Rollout's newest run, and the version that it got."""

    number: int
    status: RolloutRunStatus
    version: str


def run_of(
    status: RolloutStatus, epoch: int
) -> tuple[RunStatus | LastRun, RolloutRunStatus] | None:
    """The run that is on, or the last one, with the status its RolloutRun must have."""
    run, last = status.run, status.last_run
    if run is not None:
        return run, RolloutRunStatus(epoch=epoch, outcome="Running", history=run.history)
    if last is None:
        return None
    return last, RolloutRunStatus(
        epoch=epoch,
        outcome=last.outcome,
        reason=last.reason,
        message=last.message,
        finished_at=last.finished_at,
        history=last.history,
    )


def _same(written: RolloutRunStatus, wanted: RolloutRunStatus) -> bool:
    """Whether nothing is left to write; the record of a run that is over keeps its epoch."""
    if wanted.outcome == "Running":
        return written == wanted
    return written.model_copy(update={"epoch": wanted.epoch}) == wanted


class RunJournal:
    """Writes RolloutRuns; remembers what it wrote last for each Rollout."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._written: dict[Key, Written] = {}

    def forget(self, key: Key) -> None:
        """A Rollout is gone."""
        self._written.pop(key, None)

    async def write(self, rollout: Rollout, status: RolloutStatus) -> None:
        """Bring the RolloutRun of the current or last run up to date."""
        key = (rollout.namespace, rollout.name)
        found = run_of(status, self._api.epoch)
        if found is None:
            return
        run, wanted = found
        name = f"{rollout.name}-{run.number}"
        known = self._written.get(key) or await self._found(rollout, name, run.number)
        if known is not None and known.number == run.number and _same(known.status, wanted):
            self._written[key] = known
            return
        version = known.version if known is not None and known.number == run.number else None
        if version is None:
            version = await self._create(rollout, run, name)
        self._written.pop(key, None)  # whatever goes wrong now, it is read anew next time
        try:
            version = await self._patch(rollout, name, version, wanted)
        except Gone:
            version = await self._create(rollout, run, name)
            version = await self._patch(rollout, name, version, wanted)
        self._written[key] = Written(run.number, wanted, version)

    async def _found(self, rollout: Rollout, name: str, number: int) -> Written | None:
        """What an earlier process, or an earlier leader, wrote of the run."""
        try:
            body = await self._api.request("GET", ROLLOUT_RUNS.path(rollout.namespace, name))
        except Gone:
            return None
        status = read_leniently(RolloutRunStatus, body.get("status") or {})
        return Written(number, status, version_of(body))

    async def _patch(
        self, rollout: Rollout, name: str, version: str, wanted: RolloutRunStatus
    ) -> str:
        body = {
            "metadata": {"resourceVersion": version},
            "status": wanted.model_dump(mode="json", by_alias=True, exclude_none=True),
        }
        path = ROLLOUT_RUNS.path(rollout.namespace, name, "status")
        answer = await self._api.request("PATCH", path, body=body, media_type=MERGE_PATCH)
        return version_of(answer)

    async def _create(self, rollout: Rollout, run: RunStatus | LastRun, name: str) -> str:
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
            path = ROLLOUT_RUNS.path(rollout.namespace)
            made = await self._api.request("POST", path, body=body)
        except Conflict:
            found = await self._found(rollout, name, run.number)
            if found is None:
                raise
            return found.version  # it was made before a crash
        with suppress(ApiRefused):  # an old record that stays harms nobody
            await self._drop_old(rollout, run.number - RUNS_KEPT)
        return version_of(made)

    async def _drop_old(self, rollout: Rollout, number: int) -> None:
        if number < 1:
            return
        try:
            path = ROLLOUT_RUNS.path(rollout.namespace, f"{rollout.name}-{number}")
            await self._api.request("DELETE", path)
        except Gone:
            return
