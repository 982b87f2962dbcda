"""The CustomResourceDefinitions of the group, built from the models."""

from dataclasses import dataclass, field
from typing import Any, Final

from tidegate.api import limits
from tidegate.api.actions import RolloutActionSpec, RolloutActionStatus
from tidegate.api.base import ApiModel, Rule
from tidegate.api.constants import CATEGORY, GROUP, VERSION
from tidegate.api.policy import RolloutPolicySpec, RolloutPolicyStatus
from tidegate.api.rollout import RolloutSpec
from tidegate.api.runs import RolloutRunSpec, RolloutRunStatus
from tidegate.api.schema import Schema, structural
from tidegate.api.status import RolloutStatus


@dataclass(frozen=True, slots=True)
class Column:
    """One column of `kubectl get`; wide ones show with `-o wide` only."""

    name: str
    path: str
    type: str = "string"
    wide: bool = False

    def as_dict(self) -> dict[str, Any]:
        """The column as a CRD holds it."""
        found = {"name": self.name, "type": self.type, "jsonPath": self.path}
        return found | ({"priority": 1} if self.wide else {})


AGE: Final = Column("AGE", ".metadata.creationTimestamp", "date")


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One kind of the group."""

    name: str
    plural: str
    short_name: str
    description: str
    spec: type[ApiModel]
    status: type[ApiModel]
    columns: tuple[Column, ...]
    max_name_chars: int = limits.MAX_NAME_CHARS
    scale: bool = False
    namespaced: bool = True
    status_default: dict[str, Any] = field(default_factory=dict)
    rules: tuple[Rule, ...] = ()


def _same(*path: str) -> str:
    """CEL: `spec.traffic` has that field exactly as it was before, or neither had it."""
    new, old = (".".join((root, "spec.traffic", *path)) for root in ("self", "oldSelf"))
    return f"has({new}) == has({old}) && (!has({new}) || {new} == {old})"


def _same_but_managed(router: str, *fields: str) -> str:
    """CEL: the same, field by field; of a route that is made, only that it is one."""
    new, old = f"self.spec.traffic.{router}", f"oldSelf.spec.traffic.{router}"
    within = [_same(router, field) for field in fields]
    within.append(f"has({new}.managed) == has({old}.managed)")
    return f"has({new}) == has({old}) && (!has({new}) || ({' && '.join(within)}))"


SAME_ROUTES: Final = (
    _same_but_managed("istio", "virtualServices", "destinationRule", "services"),
    _same_but_managed("gatewayApi", "httpRoutes", "services"),
    _same("service"),
)

ROUTES_STAY: Final = Rule(
    # The operator knows only the routes that the spec names now: traffic left on others is lost.
    cel="!has(oldSelf.status) || !has(oldSelf.status.run) || "
    "(has(self.spec.traffic) == has(oldSelf.spec.traffic) && (!has(self.spec.traffic) || "
    f"({' && '.join(SAME_ROUTES)})))",
    message="the routes in spec.traffic cannot change while a run is on; abort it, or wait until "
    "it has ended",
    field=".spec.traffic",
)


_SAME_VARIANTS: Final = (
    "self.spec.variants.size() == oldSelf.spec.variants.size() && self.spec.variants.all(v, "
    "oldSelf.spec.variants.exists(o, o.name == v.name && has(o.subset) == has(v.subset) && "
    "(!has(v.subset) || o.subset == v.subset)))"
)

VARIANTS_STAY: Final = Rule(
    # As with routes: what an arm that is no longer named has of the traffic would be nobody's. One
    # that has nothing and selects nothing may be mended: its subset may be misspelt.
    cel="!has(oldSelf.status) || (!has(oldSelf.status.run) && (!has(oldSelf.status.variants) || "
    "!oldSelf.status.variants.exists(v, has(v.revision) || (has(v.weight) && v.weight > 0)))) || "
    "has(self.spec.variants) == has(oldSelf.spec.variants) && (!has(self.spec.variants) || "
    f"{_SAME_VARIANTS})",
    message="names and subsets of spec.variants cannot change while a run is on or one of them is "
    "on its way home; abort it, or wait until status.variants is empty",
    field=".spec.variants",
)


WORKLOAD_STAYS: Final = Rule(
    # A Deployment that is no longer named would stay at no pods, and nobody would give it back.
    cel="!has(oldSelf.status) || !has(oldSelf.status.workload) || "
    "(has(self.spec.workloadRef) && "
    "self.spec.workloadRef.name == oldSelf.status.workload.name)",
    message="the Deployment of workloadRef is taken over and must stay named; delete the Rollout, "
    "which gives it back",
    field=".spec",
)

KINDS: Final = (
    Kind(
        name="Rollout",
        plural="rollouts",
        short_name="tgr",
        description="A workload whose new revisions are released phase by phase, under guards.",
        spec=RolloutSpec,
        status=RolloutStatus,
        columns=(
            Column("STATE", ".status.state"),
            Column("PHASE", ".status.phase.name"),
            Column("WEIGHT", ".status.weight", "integer"),
            Column("GATES", ".status.gatesSummary"),
            Column("READY", ".status.ready"),
            Column("STABLE", ".status.stableRevision", wide=True),
            Column("CANARY", ".status.canaryRevision", wide=True),
            Column("MESSAGE", ".status.message", wide=True),
            AGE,
        ),
        max_name_chars=limits.MAX_ROLLOUT_NAME_CHARS,
        scale=True,
        # kstatus (Flux, kubectl) takes an object without it for ready before it was ever seen.
        status_default={"observedGeneration": -1},
        rules=(ROUTES_STAY, VARIANTS_STAY, WORKLOAD_STAYS),
    ),
    Kind(
        name="RolloutRun",
        plural="rolloutruns",
        short_name="tgrun",
        description="The record of one attempt to go from one revision of a Rollout to another.",
        spec=RolloutRunSpec,
        status=RolloutRunStatus,
        columns=(
            Column("ROLLOUT", ".spec.rollout"),
            Column("FROM", ".spec.from"),
            Column("TO", ".spec.to"),
            Column("OUTCOME", ".status.outcome"),
            Column("REASON", ".status.reason"),
            AGE,
        ),
    ),
    Kind(
        name="RolloutAction",
        plural="rolloutactions",
        short_name="tga",
        description="What a person asks a Rollout to do, once.",
        spec=RolloutActionSpec,
        status=RolloutActionStatus,
        columns=(
            Column("ROLLOUT", ".spec.rollout"),
            Column("VERB", ".spec.verb"),
            Column("BY", ".spec.requestedBy"),
            Column("RESULT", ".status.result"),
            Column("MESSAGE", ".status.message", wide=True),
            AGE,
        ),
    ),
    Kind(
        name="RolloutPolicy",
        plural="rolloutpolicies",
        short_name="tgp",
        description="Metrics and guards that hold for all Rollouts it matches, in all namespaces.",
        spec=RolloutPolicySpec,
        status=RolloutPolicyStatus,
        columns=(
            Column("MODE", ".spec.mode"),
            Column("ROLLOUTS", ".status.rollouts", "integer"),
            Column("ACCEPTED", ".status.conditions[?(@.type=='Accepted')].status"),
            Column("MESSAGE", ".status.conditions[?(@.type=='Accepted')].message", wide=True),
            AGE,
        ),
        max_name_chars=limits.MAX_POLICY_NAME_CHARS,
        namespaced=False,
    ),
)


def crd(kind: Kind) -> dict[str, Any]:
    """The CustomResourceDefinition of one kind."""
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{kind.plural}.{GROUP}"},
        "spec": {
            "group": GROUP,
            "scope": "Namespaced" if kind.namespaced else "Cluster",
            "names": {
                "kind": kind.name,
                "listKind": f"{kind.name}List",
                "plural": kind.plural,
                "singular": kind.name.lower(),
                "shortNames": [kind.short_name],
                "categories": [CATEGORY],
            },
            "versions": [_version(kind)],
        },
    }


def _version(kind: Kind) -> dict[str, Any]:
    return {
        "name": VERSION,
        "served": True,
        "storage": True,
        "subresources": _subresources(kind),
        "additionalPrinterColumns": [column.as_dict() for column in kind.columns],
        "schema": {"openAPIV3Schema": object_schema(kind)},
    }


def _subresources(kind: Kind) -> dict[str, Any]:
    if not kind.scale:
        return {"status": {}}
    return {
        "status": {},
        "scale": {
            "specReplicasPath": ".spec.replicas",
            "statusReplicasPath": ".status.replicas",
            "labelSelectorPath": ".status.selector",
        },
    }


def object_schema(kind: Kind) -> Schema:
    """The structural schema of a whole object of one kind."""
    status = structural(kind.status, defaults=False)
    if kind.status_default:
        status["default"] = kind.status_default
    name = {"type": "string", "maxLength": kind.max_name_chars}
    rules = [rule.as_schema() for rule in kind.rules]
    return ({"x-kubernetes-validations": rules} if rules else {}) | {
        "description": kind.description,
        "type": "object",
        "required": ["spec"],
        "properties": {
            "apiVersion": {"type": "string", "description": f"Always {GROUP}/{VERSION}."},
            "kind": {"type": "string", "description": f"Always {kind.name}."},
            "metadata": {"type": "object", "properties": {"name": name}},
            "spec": structural(kind.spec, defaults=True),
            "status": status,
        },
    }
