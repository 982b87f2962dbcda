"""The older Rollout keeps what both want, and every observer says the same."""

from __future__ import annotations

import itertools

import pytest

from tests.adapters.kubernetes.objects import rollout_body
from tidegate.adapters.kubernetes.claims import claim_of, conflicts
from tidegate.core.reasons import CONFLICT

EARLY, LATE = "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"


def istio(*, routes=("primary",), rule="web", name="web", services=None):
    ref = {"name": name, **({"routes": list(routes)} if routes else {})}
    target = {"services": services} if services else {"destinationRule": {"name": rule}}
    return {"istio": {"virtualServices": [ref], **target}}


_numbers = itertools.count()


def refs(**named):
    """A VirtualService with these routes, and a DestinationRule that nobody else names."""
    traffic = istio(rule=f"rule-{next(_numbers)}")
    traffic["istio"]["virtualServices"] = [{"name": "web", **named}]
    return traffic


def naming(name, deployment, created, **spec):
    body = rollout_body(name, uid=name, created=created, traffic={"service": {"active": name}})
    del body["spec"]["template"]
    ref = {"apiVersion": "apps/v1", "kind": "Deployment", "name": deployment}
    body["spec"].update({"workloadRef": ref, "selector": {"matchLabels": {"app": name}}} | spec)
    return claim_of(body)


def test_a_deployment_is_taken_over_by_the_older_of_two_rollouts():
    older, younger = naming("a", "web", EARLY), naming("b", "web", LATE)
    assert conflicts(older, [younger]) == ()
    (problem,) = conflicts(younger, [older])
    assert "Deployment web is already moved by Rollout a" in problem.message


def test_the_selector_stands_for_the_labels_of_a_deployments_pods():
    same = {"selector": {"matchLabels": {"app": "x"}}}
    older, younger = naming("a", "one", EARLY, **same), naming("b", "two", LATE, **same)
    (problem,) = conflicts(younger, [older])
    assert "spec.selector matches the pods of Rollout a" in problem.message


def tls(port, *hosts):
    want = {"port": port} if port else {}
    return refs(tlsRoutes=[{**want, **({"sniHosts": list(hosts)} if hosts else {})}])


def tcp(port):
    return refs(tcpRoutes=[{"port": port}])


def gateway(*rules, name="web", services=("a", "b")):
    ref = {"name": name, **({"rules": list(rules)} if rules else {})}
    pair = dict(zip(("stable", "canary"), services, strict=True))
    return {"gatewayApi": {"httpRoutes": [ref], "services": pair}}


def claim(name, traffic, *, created=EARLY, uid=None, app=None):
    labels = {"app": app or name}
    return claim_of(
        rollout_body(
            name,
            uid=uid or name,
            created=created,
            selector={"matchLabels": labels},
            template={"metadata": {"labels": labels}},
            traffic=traffic,
        )
    )


def told(mine, *others):
    problems = conflicts(mine, others)
    assert {problem.reason for problem in problems} <= {CONFLICT}
    return [problem.message for problem in problems]


def test_the_older_claim_stands():
    older = claim("old", istio())
    younger = claim("new", istio(), created=LATE)
    assert told(older, younger) == []
    messages = told(younger, older)
    assert len(messages) == 1
    assert "is already moved by Rollout old" in messages[0]


def test_of_two_claims_of_one_moment_the_uid_decides():
    one, two = claim("one", istio(), uid="a"), claim("two", istio(), uid="b")
    assert told(one, two) == []
    assert len(told(two, one)) == 1


def test_a_claim_does_not_conflict_with_itself():
    mine = claim("web", istio())
    assert told(mine, mine) == []


@pytest.mark.parametrize(
    ("mine", "theirs", "thing"),
    [
        (istio(rule="a"), istio(rule="b"), "VirtualService web route primary"),
        (istio(routes=(), rule="a"), istio(rule="b"), "VirtualService web route primary"),
        (istio(rule="a"), istio(routes=(), rule="b"), "VirtualService web route primary"),
        (istio(routes=(), rule="a"), istio(routes=(), rule="b"), "VirtualService web"),
        (istio(name="a"), istio(name="b"), "DestinationRule web subset canary"),
        (
            istio(name="a", services={"stable": "s", "canary": "c"}),
            istio(name="b", services={"stable": "c", "canary": "d"}),
            "Service c",
        ),
        (istio(routes=("x",), rule="a"), istio(routes=("y",), rule="b"), None),
        (tls(443), tls(443, "a.example"), "VirtualService web TLS route 443 a.example"),
        (tls(443, "b", "a"), tls(443, "a", "b"), "VirtualService web TLS route 443 a b"),
        (tls(443, "a"), tls(443, "b"), None),
        (tls(443), tls(8443), None),
        (tls(None), tls(8443), "VirtualService web TLS route 8443"),
        (tls(443), istio(rule="b"), None),
        (tls(443), istio(routes=(), rule="b"), "VirtualService web TLS route 443"),
        (tcp(5432), tcp(5432), "VirtualService web TCP route 5432"),
        (tcp(5432), tcp(6379), None),
        (gateway(), gateway(services=("c", "d")), "HTTPRoute web"),
        (gateway("x"), gateway(services=("c", "d")), "HTTPRoute web rule x"),
        (gateway("x"), gateway("y", services=("c", "d")), None),
        (gateway("x"), gateway("x", name="other"), "Service a"),
        (
            gateway(),
            istio(name="x", services={"stable": "a", "canary": "z"}),
            "Service a",
        ),
        (istio(routes=(), name="web", rule="a"), istio(name="web2", rule="b"), None),
        (istio(name="a", rule="a"), istio(name="b", rule="b"), None),
    ],
)
def test_the_same_route_subset_or_service_is_a_conflict(mine, theirs, thing):
    found = told(claim("new", mine, created=LATE), claim("old", theirs))
    assert [message.split(" is already")[0] for message in found] == ([thing] if thing else [])


def test_the_same_pods_are_a_conflict():
    mine = claim("new", istio(name="a", rule="a"), created=LATE, app="same")
    theirs = claim("old", istio(name="b", rule="b"), app="same")
    messages = told(mine, theirs)
    assert len(messages) == 1
    assert "spec.selector matches the pods of Rollout old" in messages[0]


def test_a_wider_selector_of_either_is_seen_from_both_sides():
    narrow = {"app": "web", "part": "api"}
    wide = claim("old", istio(name="a", rule="a"), app="web")
    body = rollout_body("new", uid="n", created=LATE, traffic=istio(name="b", rule="b"))
    body["spec"]["selector"] = {"matchLabels": narrow}
    body["spec"]["template"] = {"metadata": {"labels": narrow}}
    assert len(told(claim_of(body), wide)) == 1


@pytest.mark.parametrize("spec", [None, {}, {"traffic": 5}, {"traffic": {"istio": []}}])
def test_a_broken_rollout_still_has_claims(spec):
    body = {**rollout_body(), "spec": spec}
    assert claim_of(body).rollout == "web"
