"""What stays the same during one rehearsal: the Rollout's routes and metrics, and the scenario."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import inf
from typing import TYPE_CHECKING, Final, Literal

from tidegate.api.checks import Metric
from tidegate.api.constants import KUBERNETES_TEMPLATES, METRIC_TEMPLATES, SHARE_TEMPLATES
from tidegate.api.rollout import RolloutSpec
from tidegate.api.traffic import VirtualServiceRef
from tidegate.core.observation import Answer, RouteWeight
from tidegate.rehearsal.scenario import Change, Scenario
from tidegate.rehearsal.values import COUNT_TEMPLATES, Levels, counted, levels

if TYPE_CHECKING:
    from tidegate.rehearsal.counters import Dice

SCRAPE_S_DEFAULT: Final = 15.0
"""Prometheus' usual `scrape_interval` in a cluster."""
TELEMETRY_WINDOW_S: Final = 60.0
POD_TEMPLATES: Final = frozenset(
    name for name in METRIC_TEMPLATES if name.startswith(("pod-", "container-", "kube-"))
)
RATE_TEMPLATES: Final = frozenset(name for name in METRIC_TEMPLATES if name.endswith("rate")) - (
    SHARE_TEMPLATES
)


@dataclass(frozen=True, slots=True)
class ScriptedMetric:
    """One metric of the spec and the changes of both revisions.

    `share`: values are shares of requests, which chance rounds; `rate`: the value is the rate of
    requests itself; `of_pods`: it is about pods, and `counts` them or what befell them; `sampled`:
    samples are known.
    """

    name: str
    stable: tuple[Change, ...]
    canary: tuple[Change, ...]
    variants: Mapping[str, tuple[Change, ...]] = field(default_factory=dict)
    share: bool = False
    rate: bool = False
    of_pods: bool = False
    counts: bool = False
    sampled: bool = True


@dataclass(frozen=True, slots=True)
class Setting:
    """One rehearsal's terms; times of the scenario are seconds since the release."""

    name: str
    scenario: Scenario
    metrics: Mapping[str, ScriptedMetric]
    routes: tuple[RouteWeight, ...]
    switch: Literal["", "active", "preview"] = ""
    scrape_s: float = SCRAPE_S_DEFAULT
    window_s: float = TELEMETRY_WINDOW_S
    dice: Dice | None = None
    levels: Mapping[str, Levels] = field(default_factory=dict)
    variants: tuple[str, ...] = ()

    @property
    def counted(self) -> bool:
        """Whether anything counts requests per revision: a mesh does, a plain Service does not."""
        return not self.switch

    def values(
        self, at_s: float, weight: float, *, new: bool, variant: str = ""
    ) -> dict[str, float | None]:
        """Of each metric the value that it has for requests to one revision; None is no data.

        A variant has those of the new revision where the scenario says nothing of it.
        """
        found: dict[str, float | None] = {}
        for name, metric in self.metrics.items():
            changes = metric.canary if new else metric.stable
            changes = metric.variants.get(variant, changes)
            on = [change.value for change in changes if change.on(max(0.0, at_s), weight)]
            found[name] = on[-1] if on else None
        return found

    def outage(self, at_s: float) -> Answer | None:
        """What the provider answers instead of values at that second, if it fails."""
        if at_s < 0:
            return None
        failing = [Answer(one.answer) for one in self.scenario.provider if one.on(at_s)]
        return failing[-1] if failing else None

    @staticmethod
    def outage_words(answer: Answer) -> str:
        """What is said of it."""
        return "the provider cannot be reached" if answer is Answer.ERROR else "no series"

    def next_edge_s(self, at_s: float) -> float:
        """When some metric of the scenario changes next, in seconds since the release."""
        every = (
            one
            for metric in self.metrics.values()
            for ones in (metric.stable, metric.canary, *metric.variants.values())
            for one in ones
        )
        return min((one.next_edge_s(at_s) for one in every), default=inf)


def setting_of(
    name: str,
    spec: RolloutSpec,
    scenario: Scenario,
    *,
    scrape_s: float = SCRAPE_S_DEFAULT,
    dice: Dice | None = None,
) -> Setting:
    """The terms of one Rollout in one scenario."""
    found = {metric.name: levels(spec, metric) for metric in spec.metrics}
    switch: Literal["", "active", "preview"] = ""
    if spec.traffic is not None and spec.traffic.service is not None:
        switch = "preview" if spec.traffic.service.preview else "active"
    return Setting(
        name=name,
        scenario=scenario,
        metrics={m.name: _scripted(spec, m, scenario, found[m.name]) for m in spec.metrics},
        routes=_routes(name, spec),
        switch=switch,
        scrape_s=scrape_s,
        window_s=max(TELEMETRY_WINDOW_S, 2 * scrape_s),
        dice=dice,
        levels=found,
        variants=tuple(variant.name for variant in spec.variants),
    )


def approved(spec: RolloutSpec) -> RolloutSpec:
    """The spec without its approvals: a rehearsal shows what machines do, and people take time."""
    phases = tuple(phase.model_copy(update={"approval": None}) for phase in spec.phases)
    first = spec.preflight and spec.preflight.model_copy(update={"approval": None})
    return spec.model_copy(update={"phases": phases, "preflight": first})


def _scripted(
    spec: RolloutSpec, metric: Metric, scenario: Scenario, usual: Levels
) -> ScriptedMetric:
    script = scenario.metrics.get(metric.name)
    good = usual.stable if usual.good is None else usual.good
    stable = script.stable if script else None
    canary = script.canary if script else None
    counts_events = counted(spec, metric.name)
    return ScriptedMetric(
        name=metric.name,
        stable=stable or (Change(value=usual.stable),),
        canary=canary or (Change(value=good),),
        variants=script.variants if script else {},
        share=metric.template in SHARE_TEMPLATES or counts_events,
        rate=metric.template in RATE_TEMPLATES and script is None,
        of_pods=metric.template in POD_TEMPLATES,
        counts=metric.template in COUNT_TEMPLATES & KUBERNETES_TEMPLATES,
        sampled=metric.query is None or metric.samples is not None,
    )


def _routes(name: str, spec: RolloutSpec) -> tuple[RouteWeight, ...]:
    traffic = spec.traffic
    if traffic is None:
        return ()
    if traffic.service is not None:
        return (RouteWeight(traffic.service.active, 0),)
    if traffic.gateway_api is not None:
        refs = traffic.gateway_api.routes_of(name)
        return tuple(RouteWeight(ref.name, 0, kind="HTTPRoute") for ref in refs)
    assert traffic.istio is not None, "the models allow no other router"
    return tuple(RouteWeight(ref.name, 0, http=_http(ref)) for ref in traffic.istio.routes_of(name))


def _http(ref: VirtualServiceRef) -> bool:
    return bool(ref.routes) or not (ref.tls_routes or ref.tcp_routes)
