"""Calling a Service of a Rollout's namespace for a hook."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from tidegate.core.observation import HookView


@dataclass(frozen=True, slots=True)
class HookCall:
    """One try of a call. `told` is its content; `call_id` is the same for every delivery of it.

    `address` is the Service's own cluster IP: what a name leads to may change on the way.
    """

    namespace: str
    service: str
    port: int
    path: str
    timeout_s: float
    call_id: str
    told: Mapping[str, str | int]
    address: str


class Caller(Protocol):
    """Sends calls; never raises for what a Service answers or fails to answer."""

    async def call(self, call: HookCall) -> HookView:
        """What came of it, within its timeout."""
        ...

    async def close(self) -> None:
        """Give back connections."""
        ...
