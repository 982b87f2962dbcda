"""Variants: more arms of an experiment beside stable and canary, and their shares in a phase."""

from collections.abc import Iterable
from typing import Annotated, Any, Final, TypeAlias

from pydantic import Field

from tidegate.api import limits
from tidegate.api.base import ApiModel, Rule
from tidegate.api.scalars import DnsLabel, Percent, Revision, ShortText, Timestamp

Shares: TypeAlias = tuple[tuple[str, int], ...]
"""Percent of the requests of each variant, by name; one that gets none is left out."""

ShareOfAll = Annotated[int, Field(ge=1, lt=limits.MAX_WEIGHT_PERCENT)]


class Variant(ApiModel):
    """One more arm of an experiment: the pods of the template with a patch, and their subset."""

    name: DnsLabel = Field(description="Name of the variant, unique in the Rollout.")
    subset: DnsLabel | None = Field(
        None,
        description="Subset of the DestinationRule whose labels select the variant; left out, the "
        "one of its name.",
    )
    patch: dict[str, Any] = Field(
        min_length=1,
        description="Strategic merge patch of the pod template, such as another image or "
        "environment variable.",
        json_schema_extra={"x-kubernetes-preserve-unknown-fields": True},
    )

    @property
    def subset_name(self) -> str:
        """The subset that selects it."""
        return self.subset or self.name


class VariantWeight(ApiModel):
    """What a variant gets of the requests while a phase is on."""

    name: DnsLabel = Field(description="Name of a variant of spec.variants.")
    weight: ShareOfAll = Field(description="Share of all requests it gets, in percent.")


class VariantStatus(ApiModel):
    """An arm of an experiment that is in use, or on its way home to the stable pods."""

    name: ShortText = Field(description="Name of the variant.")
    weight: Percent = Field(0, description="Share of requests routed to it, in percent.")
    revision: Revision | None = Field(None, description="Revision that its subset selects.")
    since: Timestamp | None = Field(None, description="Since when its subset selects it, in UTC.")
    ready_since: Timestamp | None = Field(
        None,
        description="Since when it has had a ready pod, in UTC: proxies get traffic.settle to know "
        "it before they send to it.",
    )


ENDS: Final = ("stable", "canary")
"""The arms that every run has."""
DESTINATION: Final = "variant/"
"""Before a variant's name in the name of its destination, so that none is called `canary`."""


def destination_of(name: str) -> str:
    """The name of a variant's destination, beside `stable` and `canary`."""
    return f"{DESTINATION}{name}"


def shares_text(shares: Shares) -> str:
    """Such as `a 25 %, b 25 %`; "" for none."""
    return ", ".join(f"{name} {weight} %" for name, weight in shares)


def sum_of(shares: Shares) -> int:
    """What variants get together, in percent."""
    return sum(weight for _, weight in shares)


def and_variants(shares: Shares) -> str:
    """The end of a sentence about the canary's weight; "" without variants."""
    return f", variants {shares_text(shares)}" if shares else ""


def shares_of(weights: Iterable[VariantWeight]) -> Shares:
    """The shares of a phase, by name."""
    return tuple(sorted((one.name, one.weight) for one in weights))


def _subsets(spec: Any) -> list[str]:
    """Every subset that the Rollout writes to."""
    rule = spec.traffic.istio.destination_rule if _at_subsets(spec) else None
    ends = [rule.stable_subset, rule.canary_subset] if rule is not None else []
    return ends + [variant.subset_name for variant in spec.variants]


def _at_subsets(spec: Any) -> bool:
    istio = spec.traffic.istio if spec.traffic is not None else None
    return istio is not None and istio.destination_rule is not None


def _has_other_routes(spec: Any) -> bool:
    return _at_subsets(spec) and any(
        ref.tls_routes or ref.tcp_routes for ref in spec.traffic.istio.virtual_services
    )


_NONE: Final = "!has(self.variants) || self.variants.size() == 0 || "
_SUBSET: Final = "(has({0}.subset) ? {0}.subset : {0}.name)"
_RULE: Final = "self.traffic.istio.destinationRule"

VARIANT_RULES: Final = (
    Rule(
        cel=f"{_NONE}has(self.traffic) && has(self.traffic.istio) && has({_RULE})",
        message="variants need subsets of a DestinationRule of your own: name "
        "traffic.istio.destinationRule",
        holds=lambda spec: not spec.variants or _at_subsets(spec),
        field=".variants",
    ),
    Rule(
        cel=f"{_NONE}!has(self.traffic) || !has(self.traffic.istio) || "
        "!has(self.traffic.istio.virtualServices) || self.traffic.istio.virtualServices.all(r, "
        "(!has(r.tlsRoutes) || r.tlsRoutes.size() == 0) && "
        "(!has(r.tcpRoutes) || r.tcpRoutes.size() == 0))",
        message="variants are for HTTP routes; leave tlsRoutes and tcpRoutes out",
        holds=lambda spec: not spec.variants or not _has_other_routes(spec),
        field=".variants",
    ),
    Rule(
        cel=f"{_NONE}!has(self.workloadRef)",
        message="variants are patches of spec.template; a Deployment that is taken over has none",
        holds=lambda spec: not spec.variants or spec.workload_ref is None,
        field=".variants",
    ),
    Rule(
        cel=f"{_NONE}self.variants.all(v, self.variants.exists_one(o, "
        f"{_SUBSET.format('o')} == {_SUBSET.format('v')})) && (!has(self.traffic) || "
        f"!has(self.traffic.istio) || !has({_RULE}) || self.variants.all(v, "
        f"!({_SUBSET.format('v')} in [{_RULE}.stableSubset, {_RULE}.canarySubset])))",
        message="each variant must have a subset of its own, which is neither stable's nor the "
        "canary's",
        holds=lambda spec: len(set(_subsets(spec))) == len(_subsets(spec)),
        field=".variants",
    ),
    Rule(
        cel=f"{_NONE}self.variants.all(v, !(v.name in ['stable', 'canary']))",
        message="no variant may be named stable or canary; call it something else",
        holds=lambda spec: not {one.name for one in spec.variants} & set(ENDS),
        field=".variants",
    ),
    # `variant_checks` says the same with the name that is wrong and those there are.
    Rule(
        cel="!has(self.phases) || self.phases.all(p, !has(p.variants) || p.variants.all(w, "
        "has(self.variants) && self.variants.exists(v, v.name == w.name)))",
        message="every variant of a phase must be one of spec.variants",
        field=".phases",
    ),
)
"""What a spec must keep to have variants; added to the rules of the spec."""
