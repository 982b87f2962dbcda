"""A shadow phase: the canary is tried with copies of requests, whose answers nobody gets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pydantic import Field

from tidegate.api import limits
from tidegate.api.base import ApiModel, Rule
from tidegate.api.traffic import HAS_HTTP

if TYPE_CHECKING:
    from tidegate.api.rollout import RolloutSpec


class Mirror(ApiModel):
    """Copies of requests for the canary; each request itself is answered by stable."""

    percent: int = Field(
        ge=1,
        le=limits.MAX_WEIGHT_PERCENT,
        description="Share of the requests that are copied, in percent.",
    )


def _mirrors(spec: RolloutSpec) -> bool:
    return any(phase.mirror for phase in spec.phases)


MIRROR_RULES: Final[tuple[Rule, ...]] = (
    Rule(
        cel="!has(self.traffic) || has(self.traffic.istio) || !has(self.phases) || "
        "self.phases.all(p, !has(p.mirror))",
        message="only Istio's HTTP routes are copied from; leave mirror out, or route by "
        "spec.traffic.istio",
        holds=lambda spec: (
            spec.traffic is None or spec.traffic.istio is not None or not _mirrors(spec)
        ),
        field=".phases",
    ),
    Rule(
        cel="!has(self.traffic) || !has(self.traffic.istio) || !has(self.phases) || "
        "self.phases.all(p, !has(p.mirror)) || "
        f"{HAS_HTTP.replace('self.', 'self.traffic.')}",
        message="TLS and TCP routes have no requests to copy; name an HTTP route too, or leave "
        "mirror out",
        holds=lambda spec: (
            spec.traffic is None
            or spec.traffic.istio is None
            or not _mirrors(spec)
            or spec.traffic.istio.has_http
        ),
        field=".phases",
    ),
)
"""Rules of a Rollout's spec: where copies can be made at all."""
