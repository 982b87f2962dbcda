"""The older Rollout keeps what both want, and every observer says the same."""

from __future__ import annotations

import pytest

from tests.adapters.kubernetes.objects import rollout_body
from tidegate.adapters.kubernetes.claims import claim_of, conflicts
from tidegate.core.reasons import CONFLICT

EARLY, LATE = "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"


def istio(*, routes=("primary",), rule="web", name="web", services=None):
    ref = {"name": name, **({"routes": list(routes)} if routes else {})}
    target = {"services": services} if services else {"destinationRule": {"name": rule}}
    return {"istio": {"virtualServices": [ref], **target}}


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
    (message,) = told(younger, older)
    assert "is already moved by Rollout old" in message


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
        (istio(routes=(), rule="a"), istio(routes=(), rule="b"), "VirtualService web route *"),
        (istio(name="a"), istio(name="b"), "DestinationRule web subset canary"),
        (
            istio(name="a", services={"stable": "s", "canary": "c"}),
            istio(name="b", services={"stable": "c", "canary": "d"}),
            "Service c",
        ),
        (istio(routes=("x",), rule="a"), istio(routes=("y",), rule="b"), None),
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
    (message,) = told(mine, theirs)
    assert "spec.selector matches the pods of Rollout old" in message


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
