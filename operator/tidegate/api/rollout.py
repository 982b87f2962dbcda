"""Rollout: the object users write, and its parsed form."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, ClassVar, Final, Literal

from pydantic import Field

from tidegate.api import limits
from tidegate.api.base import ATOMIC, ApiModel, Rule, keyed_by
from tidegate.api.blind import Blind
from tidegate.api.checks import Guard, Metric
from tidegate.api.constants import FINALIZER
from tidegate.api.content import ContentOf
from tidegate.api.hooks import HOOK_RULES, RunHook
from tidegate.api.meta import Meta
from tidegate.api.mirroring import MIRROR_RULES
from tidegate.api.phases import Phase
from tidegate.api.policy import Policy, policy_of_id
from tidegate.api.preflight import PREFLIGHT_RULES, Preflight
from tidegate.api.problems import FieldProblem, SpecError
from tidegate.api.scalars import DurationS, PercentText
from tidegate.api.scorecards import CARD_RULES, Scorecard
from tidegate.api.selector import LabelSelector
from tidegate.api.takeover import WorkloadRef
from tidegate.api.traffic import HAS_HTTP, Traffic
from tidegate.api.variants import VARIANT_RULES, Variant
from tidegate.api.wire import as_object, read_strictly

HEADROOM_PERCENT: Final = 10
"""What stable keeps above its share with `mode: shift`, where `headroom` says nothing."""
Replicas = Annotated[int, Field(ge=0, le=limits.MAX_REPLICAS)]


class Drain(ApiModel):
    """How long old pods stay after traffic has left them."""

    RULES: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel="!has(self.min) || duration(self.min) <= duration(self.max)",
            message="min must not be longer than max",
            holds=lambda drain: drain.min_s is None or drain.min_s <= drain.max_s,
            field=".min",
        ),
    )

    min_s: DurationS | None = Field(
        None,
        description="Time old pods stay at least after traffic has left; left out, 10s where "
        "requests are counted per revision and 30s where nothing counts them.",
    )
    max_s: DurationS = Field(
        600.0, description="Time after which old pods go even if requests are seen (default 10m)."
    )


class Capacity(ApiModel):
    """How many pods the stable revision keeps while a release is on."""

    RULES: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel="!has(self.headroom) || self.mode == 'shift'",
            message="headroom is only for mode shift; with surge stable keeps all its pods",
            holds=lambda capacity: capacity.headroom is None or capacity.mode == "shift",
            field=".headroom",
        ),
    )

    mode: Literal["surge", "shift"] = Field(
        "surge",
        description="surge: stable keeps all its pods; shift: it keeps what its share of the "
        "traffic needs (default surge).",
    )
    headroom: PercentText | None = Field(
        None,
        description="With shift: pods stable keeps above what its share needs, in percent of "
        "those; left out, 10%.",
    )

    @property
    def headroom_percent(self) -> int:
        """The headroom as a number, in percent."""
        return int(self.headroom.rstrip("%")) if self.headroom else HEADROOM_PERCENT


class Bake(ApiModel):
    """Watching after promotion, with the old pods kept warm."""

    duration_s: DurationS = Field(description="Time guards stay on and old pods stay, such as 1h.")


class FastTrack(ApiModel):
    """Which revisions need no phases, because they were stable not long ago."""

    revisions: int = Field(
        0,
        ge=0,
        le=limits.MAX_PROVEN,
        description="Number of proven revisions before stable, newest first, that are released "
        "without phases; guards stay on (default 0: none).",
    )


def _matches(spec: "RolloutSpec") -> bool:
    return any(phase.match for phase in spec.phases)


class RolloutSpec(ApiModel):
    """What the user wants: pods, routes, metrics, and the phases of a release."""

    RULES: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel="has(self.template) != has(self.workloadRef)",
            message="set exactly one of template and workloadRef",
            holds=lambda spec: (spec.template is None) != (spec.workload_ref is None),
        ),
        Rule(
            cel="!has(self.traffic) || !has(self.traffic.service) || !has(self.phases) || "
            "self.phases.all(p, p.weight == 0 || p.weight == 100)",
            message="without a mesh a Service sends all requests one way: weights are 0 or 100",
            holds=lambda spec: (
                spec.traffic is None
                or spec.traffic.service is None
                or all(phase.weight in (0, 100) for phase in spec.phases)
            ),
            field=".phases",
        ),
        Rule(
            cel="!has(self.capacity) || self.capacity.mode != 'shift' || !has(self.traffic) || "
            "!has(self.traffic.service)",
            message="a plain Service sends all requests one way, so stable keeps all its pods: "
            "leave mode out or use surge",
            holds=lambda spec: (
                spec.capacity.mode != "shift"
                or spec.traffic is None
                or spec.traffic.service is None
            ),
            field=".capacity.mode",
        ),
        Rule(
            cel="!has(self.antiAffinity) || self.antiAffinity != 'required' || "
            "!has(self.capacity) || self.capacity.mode != 'shift'",
            message="with capacity.mode shift stable needs its pods back while the canary's are "
            "still on their nodes: use preferred",
            holds=lambda spec: spec.anti_affinity != "required" or spec.capacity.mode != "shift",
            field=".antiAffinity",
        ),
        Rule(
            cel="!has(self.traffic) || !has(self.traffic.service) || !has(self.phases) || "
            "self.phases.all(p, !has(p.match) || p.match.size() == 0)",
            message="a plain Service sees no headers; leave match out",
            holds=lambda spec: (
                spec.traffic is None or spec.traffic.service is None or not _matches(spec)
            ),
            field=".phases",
        ),
        Rule(
            cel="!has(self.traffic) || !has(self.traffic.istio) || !has(self.phases) || "
            "self.phases.all(p, !has(p.match) || p.match.size() == 0) || "
            f"{HAS_HTTP.replace('self.', 'self.traffic.')}",
            message="TLS and TCP routes have no headers; name an HTTP route too, or leave match "
            "out",
            holds=lambda spec: (
                spec.traffic is None
                or spec.traffic.istio is None
                or not _matches(spec)
                or spec.traffic.istio.has_http
            ),
            field=".phases",
        ),
        Rule(
            cel="!has(self.traffic) || !has(self.traffic.gatewayApi) || !has(self.phases) || "
            "self.phases.all(p, !has(p.match) || p.match.all(m, !has(m.sourceLabels) || "
            "m.sourceLabels.size() == 0))",
            message="the Gateway API does not know who sends a request; leave sourceLabels out",
            holds=lambda spec: (
                spec.traffic is None
                or spec.traffic.gateway_api is None
                or not any(one.source_labels for phase in spec.phases for one in phase.match)
            ),
            field=".phases",
        ),
        Rule(
            cel="!has(self.workloadRef) || !has(self.traffic) || "
            "(!has(self.traffic.istio) || !has(self.traffic.istio.managed)) && "
            "(!has(self.traffic.gatewayApi) || !has(self.traffic.gatewayApi.managed))",
            message="a managed route goes with the Rollout, while the Deployment that is given "
            "back still serves; name routes of your own",
            holds=lambda spec: (
                spec.workload_ref is None or spec.traffic is None or not spec.traffic.managed
            ),
            field=".traffic",
        ),
        # `validation.problems` says the same with the name that is wrong and those there are.
        Rule(
            cel="!has(self.guards) || self.guards.all(g, "
            "!has(g.metric) || g.metric.contains('/') || has(self.metrics) && "
            "self.metrics.exists(m, m.name == g.metric))",
            message="every guard must name a metric of spec.metrics",
            field=".guards",
        ),
        Rule(
            cel="!has(self.phases) || self.phases.all(p, !has(p.gates) || p.gates.all(g, "
            "!has(g.metric) || g.metric.contains('/') || has(self.metrics) && "
            "self.metrics.exists(m, m.name == g.metric)))",
            message="every gate must name a metric of spec.metrics",
            field=".phases",
        ),
        Rule(
            cel="!has(self.phases) || self.phases.all(p, !has(p.guards) || p.guards.all(g, "
            "!has(g.metric) || g.metric.contains('/') || has(self.metrics) && "
            "self.metrics.exists(m, m.name == g.metric)))",
            message="every guard of a phase must name a metric of spec.metrics",
            field=".phases",
        ),
        *CARD_RULES,
        *HOOK_RULES,
        *MIRROR_RULES,
        *PREFLIGHT_RULES,
        *VARIANT_RULES,
    )

    replicas: Replicas = Field(1, description="Pods wanted when no release is on (default 1).")
    selector: LabelSelector = Field(
        description="Which pods belong to the Rollout; must match the template's labels, "
        "cannot be changed.",
        json_schema_extra={
            "x-kubernetes-validations": [
                Rule(
                    cel="self == oldSelf",
                    message="selector cannot be changed; make a new Rollout instead",
                    reason="FieldValueForbidden",
                ).as_schema()
            ]
        },
    )
    template: dict[str, Any] | None = Field(
        None,
        description="Pod template, as in a Deployment; a change of it starts a release.",
        json_schema_extra={"x-kubernetes-preserve-unknown-fields": True},
    )
    workload_ref: WorkloadRef | None = Field(
        None,
        description="Deployment to take over, instead of template: its pod template is released, "
        "its own pods go once ours serve, and a deletion of the Rollout gives it back.",
    )
    content_of: ContentOf | None = Field(
        None,
        description="ConfigMaps and Secrets whose content is part of the revision: a change of it "
        "starts a release, as a change of the template does.",
    )
    progress_deadline_s: DurationS = Field(
        600.0,
        description="Time in which new pods must become ready; each that does begins it anew "
        "(default 10m).",
    )
    revision_history_limit: int = Field(
        5,
        ge=0,
        le=limits.MAX_REVISION_HISTORY,
        description="Number of old ReplicaSets kept for undo (default 5).",
    )
    paused: bool = Field(
        default=False, description="Whether a release stands still; guards stay on (default false)."
    )
    mode: Literal["enforce", "observe"] = Field(
        "enforce",
        description="enforce, or observe: decide and report but never hold or revert "
        "(default enforce).",
    )
    traffic: Traffic | None = Field(None, description="How requests are routed to the revisions.")
    capacity: Capacity = Field(
        default_factory=lambda: Capacity(),  # noqa: PLW0108 — mypy wants the call, not the class
        description="How many pods stable keeps while a release is on (default all).",
    )
    anti_affinity: Literal["preferred", "required"] | None = Field(
        None,
        description="Whether pods of two revisions prefer, or are required, to run on different "
        "nodes; for ReplicaSets made from then on.",
    )
    drain: Drain = Field(
        default_factory=lambda: Drain(),  # noqa: PLW0108 — mypy wants the call, not the class
        description="How long old pods stay once traffic has left them (default at most 10m).",
    )
    metrics: tuple[Metric, ...] = Field(
        (),
        max_length=limits.MAX_METRICS,
        description="Numbers that guards and gates refer to.",
        json_schema_extra=keyed_by("name"),
    )
    scorecards: tuple[Scorecard, ...] = Field(
        (),
        max_length=limits.MAX_SCORECARDS,
        description="Metrics weighed into scores, that guards and gates refer to.",
        json_schema_extra=keyed_by("name"),
    )
    guards: tuple[Guard, ...] = Field(
        (),
        max_length=limits.MAX_GUARDS,
        description="Checks that must never fail while a release is on.",
        json_schema_extra=ATOMIC,
    )
    preflight: Preflight | None = Field(
        None, description="What must be true before a release makes its first pod."
    )
    phases: tuple[Phase, ...] = Field(
        (),
        max_length=limits.MAX_PHASES,
        description="The release, phase by phase; after the last one it is promoted.",
        json_schema_extra=keyed_by("name"),
    )
    hooks: tuple[RunHook, ...] = Field(
        (),
        max_length=limits.MAX_HOOKS,
        description="Jobs and calls after a promotion, or after a revert of any phase.",
        json_schema_extra=keyed_by("name"),
    )
    variants: tuple[Variant, ...] = Field(
        (),
        max_length=limits.MAX_VARIANTS,
        description="Arms of experiments beside stable and canary; a phase says what each gets.",
        json_schema_extra=keyed_by("name"),
    )
    bake: Bake | None = Field(None, description="Watching after promotion.")
    fast_track: FastTrack | None = Field(
        None, description="Release of revisions that were stable before, without phases."
    )
    blind: Blind = Field(
        default_factory=lambda: Blind(),  # noqa: PLW0108 — mypy wants the call, not the class
        description="What to do when metrics cannot be read (default hold after 5m).",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Rollout:
    """A Rollout as the controller reads it.

    `held` says that our finalizer is on it: the API server keeps it until we let go. `policies` are
    those that match it, by name, the ones that are not understood included.
    """

    name: str
    namespace: str
    uid: str
    resource_version: str
    generation: int
    deleting: bool
    spec: RolloutSpec
    deleted_at: datetime | None = None
    held: bool = False
    policies: tuple[Policy, ...] = ()

    def policy(self, name: str) -> Policy | None:
        """The policy of that name among those that match; None if there is none."""
        return next((policy for policy in self.policies if policy.name == name), None)

    def metric(self, check_id: str, ref: str | None) -> Metric | None:
        """The metric that a check means: a policy's guards their own, others also a policy's."""
        owner, _, name = (ref or "").rpartition("/")
        owner = owner or policy_of_id(check_id)
        policy = self.policy(owner)
        theirs = policy.metrics if policy is not None else ()
        metrics = theirs if owner else self.spec.metrics
        return next((metric for metric in metrics if metric.name == name), None)

    @classmethod
    def parse(cls, body: Mapping[str, Any]) -> "Rollout":
        """Read a Rollout's body; raise SpecError naming every field that cannot be read."""
        meta = Meta.parse(body)
        if len(meta.name) > limits.MAX_ROLLOUT_NAME_CHARS:
            sentence = f"must have at most {limits.MAX_ROLLOUT_NAME_CHARS} characters"
            raise SpecError([FieldProblem("metadata.name", sentence)])
        spec = read_strictly(RolloutSpec, as_object(body).get("spec"), "spec")
        return cls(
            name=meta.name,
            namespace=meta.namespace,
            uid=meta.uid,
            resource_version=meta.resource_version,
            generation=meta.generation,
            deleting=meta.deleting,
            spec=spec,
            deleted_at=meta.deleted_at,
            held=FINALIZER in meta.finalizers,
        )
