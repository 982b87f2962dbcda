import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.api.samples import SPEC, changed, parsed
from tidegate.api.support import NOT_BUILT, unsupported
from tidegate.api.validation import problems

REF = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}
COMPARE = {"to": "stable", "maxIncreasePercent": 10}

MEMBER = {"metric": "error-rate", "weight": 25, "max": 0.05}
CARD = {"name": "health", "pass": 95, "members": [MEMBER]}
CARDS = [
    (
        ("guards.0", {"scorecard": "health"}),
        "spec.guards[0].scorecard",
        "no scorecard is named 'health'; spec.scorecards is empty",
    ),
    (
        ("scorecards", [CARD, CARD]),
        "spec.scorecards[1].name",
        "'health' is already taken above",
    ),
    (
        ("scorecards", [{**CARD, "name": "latency"}]),
        "spec.scorecards[0].name",
        "is the name of a metric, too",
    ),
    (
        ("scorecards", [{**CARD, "marginal": 96}]),
        "spec.scorecards[0].marginal",
        "must not be more than pass",
    ),
    (
        ("scorecards", [{**CARD, "members": [{**MEMBER, "metric": "x"}]}]),
        "spec.scorecards[0].members[0].metric",
        "no metric is named 'x'; defined are error-rate, latency",
    ),
    (
        ("scorecards", [{**CARD, "members": [MEMBER, MEMBER]}]),
        "spec.scorecards[0].members[1].metric",
        "is a member already",
    ),
    (
        ("scorecards", [{**CARD, "members": [{**MEMBER, "min": 1}]}]),
        "spec.scorecards[0].members[0].min",
        "must not be more than max",
    ),
    (
        ("scorecards", [{**CARD, "members": [{"metric": "latency", "weight": 1}]}]),
        "spec.scorecards[0].members[0]",
        "at least one of min, max and compare",
    ),
    (
        ("guards.0", {"scorecard": "health", "max": 1}),
        "spec.guards[0].scorecard",
        "set min, max, compare and minSamples in its members",
    ),
]
WRONG = [
    (
        ("guards.0.metric", "errors"),
        "spec.guards[0].metric",
        "no metric is named 'errors'; defined",
    ),
    (("phases.0.gates.0.metric", "x"), "spec.phases[0].gates[0].metric", "are error-rate, latency"),
    (
        ("traffic.istio.virtualServices.0.tlsRoutes", [{"port": 443}, {}]),
        "spec.traffic.istio.virtualServices[0].tlsRoutes",
        "each of several tlsRoutes must name a port or sniHosts",
    ),
    (
        ("traffic.istio.virtualServices.0.tcpRoutes", [{}, {"port": 443}]),
        "spec.traffic.istio.virtualServices[0].tcpRoutes",
        "each of several tcpRoutes must name a port",
    ),
    (("metrics", []), "spec.guards[0].metric", "spec.metrics is empty"),
    (
        ("metrics.0.template", "istio-errors"),
        "spec.metrics[0].template",
        "there are container-cpu, ",
    ),
    (("metrics.0.quantile", 0.5), "spec.metrics[0].quantile", "only for envoy-latency, histogram-"),
    (("metrics.0.threshold", "1s"), "spec.metrics[0].threshold", "only for envoy-slow-share, "),
    (("metrics.0.template", "istio-slow-share"), "spec.metrics[0].threshold", "is required by"),
    (("metrics.0.template", "counter-ratio"), "spec.metrics[0]", "counters goes with template"),
    (("metrics.0.histogram", "x_seconds"), "spec.metrics[0]", "histogram goes with template"),
    (
        (
            "metrics.0",
            {"name": "error-rate", "template": "histogram-quantile", "histogram": "x_bucket"},
        ),
        "spec.metrics[0].histogram",
        "must be named without _bucket",
    ),
    (
        ("metrics.0", {"name": "error-rate", "template": "istio-slow-share", "threshold": "11m"}),
        "spec.metrics[0].threshold",
        "must be 1ms to 10m",
    ),
    (
        ("metrics.0", {"name": "error-rate", "template": "istio-slow-share", "threshold": "0.5ms"}),
        "spec.metrics[0].threshold",
        "must be 1ms to 10m",
    ),
    (
        ("metrics.0", {"name": "error-rate", "query": "up", "provider": "kubernetes"}),
        "spec.metrics[0].provider",
        "kubernetes is the API server, which answers kube-crash-loops, ",
    ),
    (
        ("metrics.0", {"name": "error-rate", "template": "kube-restarts", "provider": "far"}),
        "spec.metrics[0].provider",
        "kube-restarts is answered by the API server; leave provider out",
    ),
    (
        ("metrics.0", {"name": "error-rate", "template": "kube-restarts", "window": "2h"}),
        "spec.metrics[0].window",
        "at most 1h for kube-restarts",
    ),
    (
        ("guards.0.minPods", 2),
        "spec.guards[0].minPods",
        "only for templates that see single pods, and metric 'error-rate' has none of kube-crash",
    ),
    (
        ("phases.0.guards", [{"metric": "latency", "max": 1, "minPods": 2}]),
        "spec.phases[0].guards[0].minPods",
        "only for templates that see single pods",
    ),
    (("metrics.0.query", "up"), "spec.metrics[0]", "set exactly one of template"),
    (("metrics.0.template", None), "spec.metrics[0]", "set exactly one of template"),
    (("metrics.0.window", "500ms"), "spec.metrics[0].window", "at least 1s"),
    (("metrics.1.name", "error-rate"), "spec.metrics[1].name", "'error-rate' is already taken"),
    (("guards.0.interval", "0s"), "spec.guards[0].interval", "at least 1s"),
    (("guards.0.max", None), "spec.guards[0]", "at least one of min, max and compare"),
    (("guards.0.min", 1), "spec.guards[0].min", "must not be more than max"),
    (("guards.0.compare", {"to": "stable"}), "spec.guards[0].compare", "increases and decreases"),
    (
        ("phases.1.gates", [{"metric": "latency", "compare": COMPARE}]),
        "spec.phases[1].gates[0].compare",
        "stable gets no requests",
    ),
    (("guards.0.breaches", 2), "spec.guards[0].breaches", "must not be more than of"),
    (
        ("guards.0", {"metric": "error-rate", "max": 1, "failures": 2, "of": 3}),
        "spec.guards[0].failures",
        "set one of the two",
    ),
    (("guards.0.warnMax", 0.5), "spec.guards[0].warnMax", "must be less than max"),
    (("guards.0.window", "500ms"), "spec.guards[0].window", "at least 1s"),
    (("phases.1.name", "canary-10"), "spec.phases[1].name", "'canary-10' is already taken"),
    (("template", None), "spec", "exactly one of template and workloadRef"),
    (("workloadRef", {**REF, "kind": "StatefulSet"}), "spec.workloadRef", "only a Deployment"),
    (("workloadRef", {**REF, "apiVersion": "apps/v2"}), "spec.workloadRef", "only a Deployment"),
    (("template.metadata", None), "spec.template.metadata.labels", "must match spec.selector"),
    (("template.metadata.labels", ["app"]), "spec.template.metadata.labels", "must match"),
    (("selector.matchLabels", {}), "spec.selector", "at least one label"),
    (
        ("selector.matchExpressions", [{"key": "app", "operator": "In"}]),
        "spec.selector.matchExpressions[0]",
        "need at least one value",
    ),
    (
        ("selector.matchExpressions", [{"key": "app", "operator": "DoesNotExist"}]),
        "spec.template.metadata.labels",
        "must match",
    ),
    (("traffic", None), "spec.traffic", "is required"),
    (("traffic.istio", None), "spec.traffic", "exactly one of istio"),
    (("traffic.service", {"active": "web"}), "spec.traffic", "exactly one of istio"),
    (
        ("traffic.istio.services", {"stable": "a", "canary": "b"}),
        "spec.traffic.istio",
        "exactly one of destinationRule",
    ),
    (
        ("traffic.istio.destinationRule.canarySubset", "stable"),
        "spec.traffic.istio.destinationRule.canarySubset",
        "two different subsets",
    ),
    (("guards.0.metric", None), "spec.guards[0]", "exactly one of metric and scorecard"),
    (("guards.0.scorecard", "health"), "spec.guards[0]", "exactly one of metric and scorecard"),
    *CARDS,
    (("phases.0.deadline", "30s"), "spec.phases[0].deadline", "must be longer than hold"),
    (("phases.0.onTimeout", "revert"), "spec.phases[0].onTimeout", "set deadline, too"),
    (("capacity", {"headroom": "5%"}), "spec.capacity.headroom", "only for mode shift"),
    (("drain", {"min": "1h"}), "spec.drain.min", "must not be longer than max"),
]


@pytest.mark.parametrize(
    ("change", "path", "words"), WRONG, ids=[f"{case[0][0]}: {case[2]}" for case in WRONG]
)
def test_what_does_not_hold_together_is_named(change, path, words):
    found = problems(parsed(changed(change)))
    assert any(problem.path == path and words in problem.message for problem in found)


@pytest.mark.parametrize(
    ("how", "mode", "wrong"),
    [
        ("required", "shift", True),
        ("required", "surge", False),
        ("preferred", "shift", False),
        (None, "shift", False),
    ],
)
def test_stable_that_needs_its_pods_back_is_not_kept_off_the_nodes_of_the_canary(how, mode, wrong):
    found = problems(parsed(changed(("antiAffinity", how), ("capacity", {"mode": mode}))))
    assert [problem.path for problem in found] == ["spec.antiAffinity"] * wrong


@pytest.mark.parametrize(
    ("operator", "values", "selects"),
    [
        ("In", ["web", "api"], True),
        ("In", ["api"], False),
        ("NotIn", ["api"], True),
        ("NotIn", ["web"], False),
        ("Exists", [], True),
        ("DoesNotExist", [], False),
    ],
)
def test_expressions_of_the_selector_must_match_the_template(operator, values, selects):
    expression = {"key": "app", "operator": operator, "values": values}
    found = problems(parsed(changed(("selector.matchExpressions", [expression]))))
    assert (found == ()) is selects


def test_a_good_spec_has_no_problems():
    assert problems(parsed(SPEC)) == ()
    assert unsupported(parsed(SPEC)) == ()


COMPARED = [
    ("guards.0.compare", lambda compare: compare, "guards[0]"),
    ("phases.0.gates.0.compare", lambda compare: compare, "phases[0].gates[0]"),
    (
        "phases.1.guards",
        lambda compare: [{"metric": "error-rate", "compare": compare}],
        "phases[1].guards[0]",
    ),
]
UNBUILT_PARTS = {
    "to": "baseline",
    "variant": "blue",
}
NOT_YET = [
    *(
        (
            (
                "scorecards",
                [{**CARD, "members": [{**MEMBER, "compare": {**COMPARE, field: value}}]}],
            ),
            ("scorecards[0].members[0].compare." + field, None),
        )
        for field, value in UNBUILT_PARTS.items()
    ),
    *(
        ((where, what(COMPARE | {field: value})), (f"{path}.compare.{field}", None))
        for where, what, path in COMPARED
        for field, value in UNBUILT_PARTS.items()
    ),
]


@pytest.mark.parametrize(("change", "place"), NOT_YET, ids=[case[1][0] for case in NOT_YET])
def test_a_field_that_is_not_built_is_named_with_its_path(change, place):
    found = unsupported(parsed(changed(change)))
    assert [problem.path for problem in found] == [f"spec.{place[0]}"]
    assert "not built yet" in found[0].message


@pytest.mark.parametrize(
    ("query", "samples", "wrong"),
    [
        ("up", None, True),
        ('up{v="{{revision}}"}', None, False),
        ('up{v="{{ revision }}"}', "up", True),
    ],
)
def test_a_query_that_means_both_revisions_cannot_compare_them(query, samples, wrong):
    metric = {"name": "error-rate", "query": query} | ({"samples": samples} if samples else {})
    spec = changed(("metrics.0", metric), ("guards.0.compare", COMPARE))
    found = [problem.path for problem in problems(parsed(spec))]
    assert found == ["spec.guards[0].compare"] * wrong


@pytest.mark.parametrize(("where", "what", "path"), COMPARED, ids=[case[2] for case in COMPARED])
def test_a_plain_comparison_with_stable_is_built(where, what, path):
    spec = parsed(changed((where, what(COMPARE))))
    assert (problems(spec), unsupported(spec)) == ((), ())


def test_every_line_of_the_table_of_unbuilt_things_is_tried():
    tried = {"spec." + place[0].replace("[0]", "[]").replace("[1]", "[]") for _, place in NOT_YET}
    assert tried == set(NOT_BUILT)


@given(st.lists(st.sampled_from([case[0] for case in WRONG]), max_size=4))
def test_problems_are_found_in_any_mixture_without_failing(changes):
    ordered = sorted(changes, key=lambda change: change[0].count("."), reverse=True)
    assert isinstance(problems(parsed(changed(*ordered))), tuple)


@pytest.mark.parametrize("marginal", [None, 0, 95])
def test_a_scorecard_that_a_guard_and_a_gate_name_has_no_problems(marginal):
    card = CARD if marginal is None else CARD | {"marginal": marginal}
    named = {"scorecard": "health"}
    spec = parsed(changed(("scorecards", [card]), ("guards.0", named), ("phases.1.gates", [named])))
    assert (problems(spec), unsupported(spec)) == ((), ())


def test_no_gate_waits_for_a_score_that_compares_with_a_stable_without_requests():
    card = CARD | {"members": [MEMBER, {"metric": "latency", "weight": 1, "compare": COMPARE}]}
    spec = changed(("scorecards", [card]), ("phases.1.gates", [{"scorecard": "health"}]))
    (found,) = problems(parsed(spec))
    assert found.path == "spec.phases[1].gates[0].scorecard"
    assert "stable, which gets no requests in a phase of weight 100" in found.message


def test_a_query_that_means_both_revisions_is_no_member_that_compares():
    card = CARD | {"members": [MEMBER | {"compare": COMPARE}]}
    spec = changed(("metrics.0", {"name": "error-rate", "query": "up"}), ("scorecards", [card]))
    assert [found.path for found in problems(parsed(spec))] == [
        "spec.scorecards[0].members[0].compare"
    ]
