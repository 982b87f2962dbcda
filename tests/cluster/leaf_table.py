"""Mutations of every leaf of a Rollout's spec: what is changed, and what has to be there for it.

The values come from the schema; here stand only the exceptions and the parts around a leaf that
a plain Rollout does not have. A new leaf of the API without a place here fails `mutations`.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from tests.cluster.leaf_schema import Leaf, Values, Way, leaves, steps, values, way_to

Spec = dict[str, Any]
Edit = tuple[str, object]

ABSENT: Final = object()
"""In place of a value: the field is taken out (None is the null that JSON knows)."""

WAYS = ("minIncrease", "maxIncrease", "minDecrease", "maxDecrease")
COMPARE = {
    "to": "stable",
    "variant": "blue",
    **{f"{way}{by}": 1 for way in WAYS for by in ("", "Percent")},
    "test": "sequential",
    "margin": 1.2,
    "confidence": 0.95,
}
BOUND = {
    "metric": "errors",
    "min": 0,
    "max": 1,
    "interval": "1s",
    "minSamples": 1,
    "warnMin": 0.1,
    "warnMax": 0.9,
    "window": "10s",
    "delay": "1s",
}
PLAIN_GUARD = BOUND | {
    "then": "hold",
    "severity": "info",
    "onNoData": "blind",
    "onError": "blind",
    "blind": {"after": "1m", "then": "hold"},
}
GUARD = PLAIN_GUARD | {"breaches": 1, "of": 2}
ROW_GUARD = PLAIN_GUARD | {"failures": 2}
METRIC = {
    "name": "errors",
    "template": "envoy-error-rate",
    "window": "10s",
    "unit": "share",
    "provider": "default",
    "samples": "vector(1)",
}
IDS = {"header": "x-user", "percent": 10, "after": 0, "encoding": "decimal"}
METRICS: Edit = ("metrics", [METRIC])
MEMBER = {k: v for k, v in BOUND.items() if k != "interval"} | {"weight": 1, "critical": True}
CARD = {"name": "health", "pass": 95, "marginal": 75, "coverage": 80, "members": [MEMBER]}
CARDS: Edit = ("scorecards", [CARD])
SCORED = {"scorecard": "health", "interval": "1s"}
POD_METRICS: Edit = ("metrics", [METRIC | {"template": "kube-crash-loops"}])
POD_GUARD = {"metric": "errors", "max": 0, "minPods": 2}
WORK = {"name": "warm-up", "timeout": "1m", "retries": 1}
HOOK = WORK | {"cronJob": "preload", "when": "before", "onFailure": "hold"}
CALL = WORK | {"service": "shop", "port": 80, "path": "/", "when": "before", "onFailure": "hold"}
RUN_HOOK = WORK | {"cronJob": "preload", "when": "promoted"}
RUN_CALL = WORK | {"service": "shop", "port": 80, "path": "/", "when": "promoted"}
PREFLIGHT = {
    "gates": [BOUND | {"for": "1s"}],
    "hooks": [HOOK],
    "approval": {"required": 1, "groups": ["release-managers"], "expiry": "1h"},
    "deadline": "3h",
    "onTimeout": "hold",
}
PAIR = {"stable": "shop-stable", "canary": "shop-canary"}

VARIANTS: Edit = (
    "variants",
    [{"name": "a", "subset": "blue", "patch": {"metadata": {"annotations": {"text": "a"}}}}],
)
MEASURE = {"metric": "errors", "better": "lower", "interval": "1s"}
EXPERIMENT = {
    "decide": "winner",
    "metrics": [MEASURE],
    "margin": 1.2,
    "confidence": 0.95,
    "stopEarly": True,
}

BEARERS: dict[str, tuple[Edit, ...]] = {
    "spec.selector.matchExpressions": (
        ("selector.matchExpressions", [{"key": "app", "operator": "In", "values": ["shop"]}]),
    ),
    "spec.workloadRef": (
        ("template", ABSENT),
        ("workloadRef", {"apiVersion": "apps/v1", "kind": "Deployment", "name": "shop"}),
    ),
    "spec.traffic.istio.virtualServices[].tlsRoutes": (
        (
            "traffic.istio.virtualServices",
            [
                {
                    "name": "shop",
                    "routes": ["primary"],
                    "tlsRoutes": [{"port": 443, "sniHosts": ["a"]}],
                }
            ],
        ),
    ),
    "spec.traffic.istio.virtualServices[].tcpRoutes": (
        (
            "traffic.istio.virtualServices",
            [{"name": "shop", "routes": ["primary"], "tcpRoutes": [{"port": 443}]}],
        ),
    ),
    "spec.traffic.istio.services": (
        ("traffic.istio.destinationRule", ABSENT),
        ("traffic.istio.services", PAIR),
    ),
    "spec.traffic.istio.managed": (
        (
            "traffic.istio",
            {"managed": {"service": "shop", "hosts": ["shop"], "gateways": ["mesh"], "port": 80}},
        ),
    ),
    "spec.traffic.gatewayApi.managed": (
        ("traffic.istio", ABSENT),
        (
            "traffic.gatewayApi",
            {
                "managed": {
                    "hostnames": ["shop.example"],
                    "parentRefs": [{"name": "public", "namespace": "edge", "sectionName": "http"}],
                    "port": 80,
                },
                "services": PAIR,
            },
        ),
    ),
    "spec.traffic.service": (
        ("traffic.istio", ABSENT),
        ("traffic.service", {"active": "shop", "preview": "shop-canary"}),
    ),
    "spec.traffic.gatewayApi": (
        ("traffic.istio", ABSENT),
        (
            "traffic.gatewayApi",
            {"httpRoutes": [{"name": "shop", "rules": ["main"]}], "services": PAIR},
        ),
    ),
    "spec.metrics": (METRICS,),
    "spec.metrics[].quantile": (
        ("metrics", [METRIC | {"template": "envoy-latency", "quantile": 0.5}]),
    ),
    "spec.metrics[].threshold": (
        ("metrics", [METRIC | {"template": "envoy-slow-share", "threshold": "250ms"}]),
    ),
    "spec.metrics[].counters": (
        (
            "metrics",
            [METRIC | {"template": "counter-ratio", "counters": {"bad": "b_total", "total": "t"}}],
        ),
    ),
    "spec.metrics[].histogram": (
        ("metrics", [METRIC | {"template": "histogram-quantile", "histogram": "t_seconds"}]),
    ),
    "spec.metrics[].query": (
        (
            "metrics",
            [{k: v for k, v in METRIC.items() if k != "template"} | {"query": "vector(0)"}],
        ),
    ),
    "spec.metrics[].job": (
        ("metrics", [{"name": "errors", "job": {"cronJob": "survey", "timeout": "30s"}}]),
    ),
    "spec.scorecards": (METRICS, CARDS),
    "spec.scorecards[].members[].compare": (
        METRICS,
        ("scorecards", [CARD | {"members": [MEMBER | {"compare": COMPARE}]}]),
    ),
    "spec.guards[].scorecard": (METRICS, CARDS, ("guards", [SCORED])),
    "spec.phases[].guards[].scorecard": (METRICS, CARDS, ("phases.0.guards", [SCORED])),
    "spec.phases[].gates[].scorecard": (METRICS, CARDS, ("phases.0.gates", [SCORED])),
    "spec.guards": (METRICS, ("guards", [GUARD])),
    "spec.guards[].compare": (METRICS, ("guards", [GUARD | {"compare": COMPARE}])),
    "spec.guards[].failures": (METRICS, ("guards", [ROW_GUARD])),
    "spec.guards[].minPods": (POD_METRICS, ("guards", [POD_GUARD])),
    "spec.phases[].replicas": (("phases.0.replicas", 1),),
    "spec.phases[].deadline": (("phases.0.deadline", "3h"),),
    "spec.phases[].onTimeout": (("phases.0.deadline", "3h"), ("phases.0.onTimeout", "hold")),
    "spec.phases[].gates": (METRICS, ("phases.0.gates", [BOUND | {"for": "1s"}])),
    "spec.phases[].gates[].compare": (
        METRICS,
        ("phases.0.gates", [BOUND | {"compare": COMPARE}]),
    ),
    "spec.phases[].guards": (METRICS, ("phases.0.guards", [GUARD])),
    "spec.phases[].guards[].failures": (METRICS, ("phases.0.guards", [ROW_GUARD])),
    "spec.phases[].guards[].compare": (
        METRICS,
        ("phases.0.guards", [GUARD | {"compare": COMPARE}]),
    ),
    "spec.phases[].guards[].minPods": (POD_METRICS, ("phases.0.guards", [POD_GUARD])),
    **{
        f"spec.phases[].match[].headers.*.{way}": (
            ("phases.0.match", [{"headers": {"x-group": {way: "beta"}}}]),
        )
        for way in ("exact", "prefix", "regex")
    },
    **{
        f"spec.phases[].match[].cookies.*.{way}": (
            ("phases.0.match", [{"cookies": {"group": {way: "beta"}}}]),
        )
        for way in ("exact", "prefix", "regex")
    },
    "spec.phases[].match[].buckets": (("phases.0.match", [{"buckets": IDS}]),),
    "spec.phases[].match[].buckets.cookie": (
        ("phases.0.match", [{"buckets": {"cookie": "uid", "percent": 10, "encoding": "hex"}}]),
    ),
    "spec.phases[].match[].sourceLabels": (("phases.0.match", [{"sourceLabels": {"app": "web"}}]),),
    "spec.phases[].mirror": (("phases.0.weight", 0), ("phases.0.mirror", {"percent": 50})),
    "spec.traffic.sticky": (("traffic.sticky", {"cookie": "shop-user", "maxAge": "1h"}),),
    "spec.variants": (VARIANTS,),
    "spec.phases[].variants": (VARIANTS, ("phases.0.variants", [{"name": "a", "weight": 25}])),
    "spec.phases[].experiment": (METRICS, ("phases.0.experiment", EXPERIMENT)),
    "spec.phases[].approval": (
        ("phases.0.approval", {"required": 1, "groups": ["release-managers"], "expiry": "1h"}),
    ),
    "spec.phases[].hooks": (("phases.0.hooks", [HOOK]),),
    **{
        f"spec.phases[].hooks[].{field}": (("phases.0.hooks", [CALL]),)
        for field in ("service", "port", "path")
    },
    "spec.preflight": (METRICS, ("preflight", PREFLIGHT)),
    **{
        f"spec.preflight.hooks[].{field}": (("preflight", {"hooks": [CALL]}),)
        for field in ("service", "port", "path")
    },
    "spec.preflight.gates[].compare": (
        METRICS,
        ("preflight", {"gates": [BOUND | {"compare": COMPARE}]}),
    ),
    "spec.preflight.gates[].scorecard": (METRICS, CARDS, ("preflight", {"gates": [SCORED]})),
    "spec.hooks": (("hooks", [RUN_HOOK]),),
    **{f"spec.hooks[].{field}": (("hooks", [RUN_CALL]),) for field in ("service", "port", "path")},
    "spec.contentOf.configMaps": (("contentOf", {"configMaps": ["kube-root-ca.crt"]}),),
    "spec.contentOf.secrets": (("contentOf", {"secrets": ["shop-key"]}),),
    "spec.antiAffinity": (("antiAffinity", "preferred"),),
    "spec.capacity": (("capacity", {"mode": "shift", "headroom": "10%"}),),
    "spec.bake": (("bake", {"duration": "1m"}),),
    "spec.fastTrack": (("fastTrack", {"revisions": 1}),),
    "spec.blind": (("blind", {"after": "1m", "then": "hold"}),),
}
"""What has to be in a spec so that the leaves below a path are there; the longest path counts."""

LONG_CHARS = 100_000
"""A text in a pod template, as long as the API server still takes with room to spare."""

NAMES = {
    "spec.selector.matchLabels": "app",
    "spec.phases[].match[].headers": "x-group",
    "spec.phases[].match[].cookies": "group",
    "spec.phases[].match[].sourceLabels": "app",
}

VALUES: dict[str, Values] = {
    "spec.replicas": {"other": 3, "odd": -1},
    "spec.selector.matchLabels.*": {"other": "shop-2"},
    "spec.metrics[].template": {"other": "envoy-request-rate"},
    "spec.metrics[].counters.bad": {"other": 'b_total{kind="x"}', "odd": "b_total{"},
    "spec.metrics[].counters.total": {"other": "all_total", "odd": "sum(t)"},
    "spec.metrics[].histogram": {"other": "u_seconds", "odd": "u_seconds_bucket"},
    "spec.metrics[].query": {"other": "vector(1)", "odd": "sum by ("},
    "spec.traffic.istio.virtualServices[].name": {"other": "nowhere"},
    "spec.traffic.istio.virtualServices[].routes[]": {"other": "legacy"},
    "spec.phases[].name": {"other": "twenty"},
    "spec.phases[].weight": {"other": 20, "odd": 33},
    "spec.phases[].replicas": {"other": 2},
    "spec.phases[].hold": {"other": "2h"},
    "spec.capacity.headroom": {"other": "20%", "least": "0%", "most": "100%", "beyond": "101%"},
    "spec.traffic.settle": {"other": "100ms"},
    "spec.variants[].patch": {
        "other": {"metadata": {"annotations": {"text": "b"}}},
        "least": {},
        "odd": {"$patch": "replace"},
        "no-labels": {"metadata": {"labels": None}},
    },
    "spec.drain.min": {"other": "400ms"},
    "spec.guards[].of": {"other": 3},
    "spec.phases[].guards[].of": {"other": 3},
    "spec.contentOf.configMaps[]": {"other": "kube-root-ca.crt"},
    "spec.workloadRef.kind": {"other": "StatefulSet"},
    "spec.phases[].match[].headers.*.regex": {"odd": "(("},
    "spec.phases[].match[].cookies.*.regex": {"odd": "a;b"},
    "spec.phases[].match[].buckets.header": {"other": "x-other", "odd": "X-User"},
    "spec.phases[].match[].buckets.cookie": {"other": "other", "odd": "a b"},
}
"""Where a value from the schema alone would say too little."""

DRY: dict[tuple[str, str], str] = {
    ("spec.replicas", "most"): "ten thousand simulated pods are too many for one machine",
    ("spec.phases[].replicas", "most"): "ten thousand pods are too many for one machine",
}
"""Mutations of which only the API server's own opinion is asked, and why."""


PLAIN: Spec = {
    "replicas": 2,
    "progressDeadline": "60s",
    "revisionHistoryLimit": 5,
    "paused": False,
    "mode": "enforce",
    "drain": {"min": "500ms", "max": "10m"},
    "metrics": [],
    "guards": [],
    "phases": [{"name": "ten", "weight": 10, "hold": "1h"}],
}
"""What a Rollout of the sweep has beside selector, template and traffic."""


def edited(spec: Spec, edits: Sequence[tuple[str | Way, object]]) -> Spec:
    """A copy of the spec with each edit carried out in order."""
    found = copy.deepcopy(spec)
    for place, value in edits:
        way = steps(place) if isinstance(place, str) else place
        at: Any = found
        for part in way[:-1]:
            at = at.setdefault(part, {}) if isinstance(at, dict) else at[part]
        if value is ABSENT:
            del at[way[-1]]
        else:
            at[way[-1]] = copy.deepcopy(value)
    return found


@dataclass(frozen=True)
class Mutation:
    """One leaf changed in one way, and the edits that bring what has to be around it."""

    leaf: str
    way: str
    around: tuple[Edit, ...]
    place: Way
    value: object

    @property
    def name(self) -> str:
        """For people: the leaf and the way."""
        return f"{self.leaf} {self.way}"

    @property
    def dry(self) -> bool:
        """Whether only the API server is asked."""
        return (self.leaf, self.way) in DRY

    def of(self, spec: Spec) -> Spec:
        """The spec with the mutation in it; `spec` itself stays as it is."""
        return edited(spec, [*self.around, (self.place, self.value)])


def around(path: str) -> tuple[Edit, ...]:
    """The edits that bring the leaf's surroundings; empty when a plain Rollout has it."""
    found = [p for p in BEARERS if path == p or path.startswith((f"{p}.", f"{p}["))]
    return BEARERS[max(found, key=len)] if found else ()


def mutations(plain: Spec) -> tuple[Mutation, ...]:
    """Every mutation of every leaf; LookupError for a leaf that has no place to be mutated in."""
    return tuple(mutation for leaf in leaves() for mutation in _of_leaf(leaf, plain))


def _of_leaf(leaf: Leaf, plain: Spec) -> Iterator[Mutation]:
    place, edits = way_to(leaf.path, NAMES), around(leaf.path)
    at: Any = edited(plain, edits)
    for part in place:
        if not (part in at if isinstance(at, dict) else int(part) < len(at)):
            raise LookupError(f"{leaf.path} is in no Rollout of the sweep: add it to BEARERS")
        at = at[part]
    changes = values(leaf) | VALUES.get(leaf.path, {})
    changes |= _templates(plain["template"]) if leaf.path == "spec.template" else {}
    for way, value in changes.items():
        yield Mutation(leaf.path, way, edits, place, value)
    yield Mutation(leaf.path, "deleted", edits, place, ABSENT)


def _templates(template: Spec) -> Values:
    """A pod template is no scalar: what users get wrong in one."""
    changes: dict[str, Edit] = {
        "other": ("spec.containers.0.env", [{"name": "VERSION", "value": "mutated"}]),
        "most": ("metadata.annotations", {"long": "x" * LONG_CHARS}),
        "odd": ("spec.containers.0.image", ""),
        "unknown": ("spec.nonsense", {"deep": [1]}),
        "other-labels": ("metadata.labels", {"app": "elsewhere"}),
        "no-containers": ("spec.containers", []),
        "text": ("spec", {"containers": "none"}),
    }
    return {"least": {}} | {way: edited(template, [edit]) for way, edit in changes.items()}
