"""Routes that Tidegate makes: what a spec may say of them, and which objects they stand for."""

from __future__ import annotations

import pytest

from tests.api.samples import SPEC, changed, complaints, parsed
from tidegate.api.crds import KINDS
from tidegate.api.validation import problems

ISTIO = {"managed": {}}
GATEWAY = {
    "managed": {"parentRefs": [{"name": "public"}], "port": 80},
    "services": {"stable": "web", "canary": "web-canary"},
}
PAIR = {"stable": "web-stable", "canary": "web-canary"}


def istio(**fields):
    """The sample with these fields in place of its VirtualServices."""
    return changed(("traffic", {"istio": {**ISTIO, **fields}}))


def gateway(**fields):
    """The sample behind the Gateway API."""
    return changed(("traffic", {"gatewayApi": {**GATEWAY, **fields}}))


GOOD = [
    istio(),
    istio(managed={"hosts": ["shop.example", "*.shop.example"], "gateways": ["edge/public"]}),
    istio(managed={"service": "shop", "gateways": [], "port": 8080}),
    istio(managed={"hosts": ["shop"]}, services=PAIR),
    gateway(),
    gateway(managed={**GATEWAY["managed"], "hostnames": ["shop.example"]}),
]


@pytest.mark.parametrize("spec", GOOD)
def test_the_shapes_that_are_made_have_no_problem_and_come_back_over_the_wire(spec):
    read = parsed(spec)
    assert problems(read) == ()
    assert parsed(read.as_dict()) == read


WRONG = [
    (istio(virtualServices=[{"name": "web"}]), "spec.traffic.istio", "exactly one of virtualServ"),
    (
        changed(("traffic.istio.virtualServices", [])),
        "spec.traffic.istio",
        "exactly one of virtualServices (your own) and managed",
    ),
    (
        istio(destinationRule={"name": "web"}),
        "spec.traffic.istio.destinationRule",
        "makes a DestinationRule, too",
    ),
    (istio(services=PAIR), "spec.traffic.istio.managed", "name managed.hosts"),
    (
        istio(managed={"service": "web", "hosts": ["web"]}, services=PAIR),
        "spec.traffic.istio.managed",
        "one Service for both revisions",
    ),
    (
        istio(managed={"gateways": ["public"]}),
        "spec.traffic.istio.managed.hosts",
        "name hosts too",
    ),
    (
        gateway(httpRoutes=[{"name": "web"}]),
        "spec.traffic.gatewayApi",
        "exactly one of httpRoutes (your own) and managed",
    ),
    (
        gateway(managed={**GATEWAY["managed"], "hostnames": ["*"]}),
        "spec.traffic.gatewayApi.managed.hostnames",
        "no hostname of the Gateway API",
    ),
    (
        changed(
            ("traffic", {"istio": ISTIO}),
            ("template", None),
            ("workloadRef", {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}),
        ),
        "spec.traffic",
        "goes with the Rollout",
    ),
]


@pytest.mark.parametrize(("spec", "path", "sentence"), WRONG, ids=[case[2] for case in WRONG])
def test_a_shape_that_cannot_be_made_is_named_with_the_reason(spec, path, sentence):
    found = problems(parsed(spec))
    assert any(p.path == path and sentence in p.message for p in found), found


@pytest.mark.parametrize("field", ["parentRefs", "port"])
def test_an_http_route_cannot_be_made_without_a_gateway_and_a_port(field):
    managed = {k: v for k, v in GATEWAY["managed"].items() if k != field}
    found = complaints(parsed, gateway(managed=managed))
    assert [str(p) for p in found] == [f"spec.traffic.gatewayApi.managed.{field}: is required"]


def test_what_is_made_has_the_rollouts_name():
    traffic = parsed(istio()).traffic
    assert traffic.managed
    assert [(ref.name, ref.routes) for ref in traffic.istio.routes_of("web")] == [
        ("web", ("primary",))
    ]
    assert traffic.istio.rule_of("web").name == "web"
    assert [ref.name for ref in parsed(gateway()).traffic.gateway_api.routes_of("web")] == ["web"]


def test_two_services_need_no_destination_rule():
    traffic = parsed(istio(managed={"hosts": ["shop"]}, services=PAIR)).traffic
    assert traffic.istio.rule_of("web") is None


def test_routes_of_ones_own_stay_what_they_are():
    traffic = parsed(SPEC).traffic
    assert not traffic.managed
    assert traffic.istio.routes_of("web") == traffic.istio.virtual_services
    assert traffic.istio.rule_of("web") == traffic.istio.destination_rule


def test_phases_with_match_need_no_named_route_where_one_is_made():
    match = [{"headers": {"x-group": {"exact": "beta"}}}]
    assert problems(parsed(changed(("phases.0.match", match), base=istio()))) == ()


def test_in_a_run_the_hosts_may_change_and_the_kind_of_router_may_not():
    [rollout] = [kind for kind in KINDS if kind.name == "Rollout"]
    stay = next(rule.cel for rule in rollout.rules if "cannot change while" in rule.message)
    assert "has(self.spec.traffic.istio.managed) == has(oldSelf.spec.traffic.istio.managed)" in stay
    assert "managed.hosts" not in stay
