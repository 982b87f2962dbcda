"""I2, I3 and I13 object to what takes a Deployment's pods too soon, and to nothing else."""

from __future__ import annotations

import pytest

from tests.observer.tales import NEW, Object, Tale, rollout, rule, thing


def _adopting(*, deleting: bool = False) -> Object:
    body = rollout(state="Initializing")
    del body["spec"]["template"]
    body["spec"]["workloadRef"] = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "shop"}
    if deleting:
        body["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    return body


def _deployment(replicas: int, image: str = "v1", *, ready: int | None = None) -> Object:
    spec = {"replicas": replicas, "template": {"image": image}}
    status = {"readyReplicas": replicas if ready is None else ready}
    return thing("Deployment", "shop", spec=spec, status=status)


def _back(label: str = "5d4f8c7b9") -> Object:
    body = rule()
    for subset in body["spec"]["subsets"]:
        subset["labels"] = {"pod-template-hash": label}
    return body


def _tale(pods: int = 4, *, deleting: bool = False) -> Tale:
    tale = Tale().shop().stands(_deployment(pods), _adopting())
    return tale.stands(_adopting(deleting=True)) if deleting else tale


def test_its_pods_may_go_once_ours_are_selected_and_ready():
    assert _tale().operator(_deployment(0, ready=4)).said() == []


def test_its_pods_may_not_go_while_something_else_is_selected():
    assert "I3" in _tale().operator(rule(stable=NEW), _deployment(0, ready=4)).names()


def test_its_pods_may_not_go_while_it_is_given_back():
    assert "I3" in _tale(deleting=True).operator(_deployment(0, ready=4)).names()


def test_it_may_get_pods_again():
    assert _tale(0, deleting=True).operator(_deployment(4, ready=0)).said() == []


@pytest.mark.parametrize(("ready", "objected"), [(4, False), (0, True)])
def test_its_pods_are_selected_only_when_some_are_ready(ready: int, objected: bool):
    tale = _tale(deleting=True).stands(_deployment(4, ready=ready))
    assert ("I2" in tale.operator(_back()).names()) is objected


def test_its_template_is_nobodys_business_but_its_owners():
    assert "I13" in _tale().operator(_deployment(4, "v2")).names()


def test_a_deployment_that_no_rollout_names_is_left_alone():
    tale = Tale().shop().stands(_deployment(4))
    assert "I13" in tale.operator(_deployment(0, ready=4)).names()
