"""The Lease by which operators agree on who leads: read, made and updated under compare-and-set.

`leaseTransitions` is the epoch: every leadership has a higher one than all before it. Times in the
Lease are for people; nobody decides by another machine's clock (see `controller.leading`).
The official client's `leaderelection` is not used: it reads the wall clock, counts no transitions
and lets go of nothing (`kubernetes` 37, `aio/leaderelection/leaderelection.py`).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tidegate.adapters.kubernetes.api import Api
from tidegate.adapters.kubernetes.resources import LEASES, Body, version_of
from tidegate.api.constants import GROUP
from tidegate.ports.cluster import Gone

LEASE_TIMEOUT_S = 3.0
"""Time-out of one request: several must fit into the time after which a leader gives up."""


@dataclass(frozen=True, slots=True)
class LeaseRecord:
    """A Lease as it was read or written; `holder` is "" when nobody has it."""

    holder: str
    epoch: int
    duration_s: float
    body: Body

    @property
    def mark(self) -> tuple[str, str]:
        """What changes with every renewal, and with the object itself."""
        return str(self.body["metadata"].get("uid", "")), version_of(self.body)


def record_of(body: Body) -> LeaseRecord:
    """Read a Lease leniently: whatever is missing counts as free."""
    spec = body.get("spec") or {}
    return LeaseRecord(
        holder=str(spec.get("holderIdentity") or ""),
        epoch=int(spec.get("leaseTransitions") or 0),
        duration_s=float(spec.get("leaseDurationSeconds") or 0),
        body=body,
    )


class LeaseLock:
    """One Lease, as one process writes it."""

    def __init__(self, api: Api, namespace: str, name: str, identity: str) -> None:
        self._api = api.unfenced()
        self._namespace = namespace
        self._name = name
        self.identity = identity

    def __str__(self) -> str:
        return f"Lease {self._namespace}/{self._name}"

    async def read(self) -> LeaseRecord | None:
        """The Lease, or None when there is none. Raises ApiUnavailable or ApiRefused."""
        path = LEASES.path(self._namespace, self._name)
        try:
            return record_of(await self._api.request("GET", path, timeout_s=LEASE_TIMEOUT_S))
        except Gone:
            return None

    async def create(self, epoch: int, duration_s: float, now: datetime) -> LeaseRecord:
        """Make the Lease with us as holder. Raises Conflict when somebody else was faster."""
        spec = self._spec(self.identity, epoch, duration_s, now) | {"acquireTime": _micro(now)}
        body = {
            "apiVersion": LEASES.api_version,
            "kind": LEASES.kind,
            "metadata": {"name": self._name, "labels": {"app.kubernetes.io/managed-by": GROUP}},
            "spec": spec,
        }
        return await self._send("POST", LEASES.path(self._namespace), body)

    async def take(
        self, known: LeaseRecord, epoch: int, duration_s: float, now: datetime
    ) -> LeaseRecord:
        """Become the holder with that epoch. Raises Conflict when the Lease changed meanwhile."""
        spec = self._spec(self.identity, epoch, duration_s, now) | {"acquireTime": _micro(now)}
        return await self._update(known, spec)

    async def renew(self, known: LeaseRecord, now: datetime) -> LeaseRecord:
        """Stay the holder. Raises Conflict when the Lease changed, Gone when it was deleted."""
        spec = {**known.body["spec"], "renewTime": _micro(now)}
        return await self._update(known, spec)

    async def release(self, known: LeaseRecord, now: datetime) -> None:
        """Leave the Lease to whoever is next; the epoch stays, so that theirs is higher."""
        await self._update(known, self._spec("", known.epoch, 1, now))

    async def _update(self, known: LeaseRecord, spec: dict[str, Any]) -> LeaseRecord:
        body = {**known.body, "spec": spec}
        return await self._send("PUT", LEASES.path(self._namespace, self._name), body)

    async def _send(self, method: str, path: str, body: Body) -> LeaseRecord:
        answer = await self._api.request(method, path, body=body, timeout_s=LEASE_TIMEOUT_S)
        return record_of(answer)

    @staticmethod
    def _spec(holder: str, epoch: int, duration_s: float, now: datetime) -> dict[str, Any]:
        return {
            "holderIdentity": holder,
            "leaseDurationSeconds": max(1, round(duration_s)),
            "leaseTransitions": epoch,
            "renewTime": _micro(now),
        }


def _micro(now: datetime) -> str:
    """A MicroTime: six digits, always."""
    return now.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
