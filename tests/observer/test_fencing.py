"""I5, I6, I12, I13 and I18 object to what they forbid, and to nothing else."""

from __future__ import annotations

from typing import Any

import pytest

from tests.observer.tales import NEW, OLD, Tale, replica_set, rollout, routes, rule, run, thing

RUNNING = rollout(state="Progressing", run=run())
POINTER = "/metadata/resourceVersion"


def _shop() -> Tale:
    return Tale().shop(canary=NEW).operator(RUNNING)


# ---------------------------------------------------------------- I5


def test_an_old_leader_after_a_new_one_is_objected_to():
    tale = _shop().operator(routes(10), epoch=2).operator(routes(20), epoch=1)
    assert "I5" in tale.names()


def test_epochs_that_rise_are_fine():
    assert _shop().operator(routes(10)).operator(routes(20), epoch=2).said() == []


def test_an_old_leader_may_still_write_what_the_new_one_has_not_touched():
    assert _shop().operator(routes(10), epoch=2).operator(RUNNING, epoch=1).said() == []


def test_an_old_leader_that_is_refused_wrote_nothing():
    tale = _shop().operator(routes(10), epoch=2)
    tale.docket.log(tale.write(routes(), epoch=1, code=409, version=0))
    assert tale.said() == []


# ---------------------------------------------------------------- I6


@pytest.mark.parametrize(
    ("verb", "request_body"),
    [
        ("patch", {"spec": {}}),
        ("patch", [{"op": "replace", "path": "/spec/replicas", "value": 1}]),
        ("patch", [{"op": "test", "path": "/spec/replicas", "value": 1}]),
        ("update", {"metadata": {"name": "shop"}}),
        ("delete", {"propagationPolicy": "Background"}),
        ("delete", None),
    ],
)
def test_a_write_without_a_precondition_is_objected_to(verb: str, request_body: Any):
    tale = _shop()
    tale.docket.log(tale.write(replica_set(OLD, 1), verb=verb, request=request_body))
    assert "I6" in tale.names()


@pytest.mark.parametrize(
    ("verb", "request_body"),
    [
        ("patch", [{"op": "test", "path": POINTER, "value": "7"}]),
        ("patch", {"metadata": {"resourceVersion": "7"}}),
        ("patch", {"metadata": {"uid": "u"}}),
        ("update", {"metadata": {"resourceVersion": "7"}}),
        ("delete", {"preconditions": {"uid": "u"}}),
        ("create", {"metadata": {"name": "shop"}}),
    ],
)
def test_a_write_with_a_precondition_is_fine(verb: str, request_body: Any):
    tale = _shop()
    tale.docket.log(tale.write(replica_set(OLD, 1), verb=verb, request=request_body))
    assert tale.said() == []


@pytest.mark.parametrize("changes", [{"dry_run": True}, {"code": 422}, {"user": "admin"}])
def test_what_stores_nothing_or_is_not_ours_needs_none(changes: dict[str, Any]):
    tale = _shop()
    tale.docket.log(tale.write(replica_set(OLD, 1), verb="patch", request={}, **changes))
    assert tale.said() == []


# ---------------------------------------------------------------- I12


def test_a_second_replica_set_of_a_revision_is_objected_to():
    assert "I12" in _shop().operator(replica_set(NEW, 1, "twin")).names()


def test_a_replica_set_that_nobody_owns_is_objected_to():
    assert "I12" in _shop().operator(replica_set("c" * 10, 1, ownerReferences=[])).names()


def test_more_replica_sets_than_the_history_has_are_objected_to():
    small = rollout(state="Progressing", run=run())
    small["spec"]["revisionHistoryLimit"] = 0
    tale = Tale().shop(canary=NEW).stands(small)
    assert tale.operator(replica_set("c" * 10, 1)).said() == []
    assert "I12" in tale.operator(replica_set("d" * 10, 1)).names()


def test_one_that_is_being_deleted_is_no_twin():
    tale = _shop().stands(replica_set(NEW, 0, deletionTimestamp="2026-01-01T00:00:00Z"))
    assert tale.operator(replica_set(NEW, 1, "again")).said() == []


# ---------------------------------------------------------------- I13


def test_lost_retries_are_objected_to():
    changed = routes(10)
    del changed["spec"]["http"][1]["retries"]
    assert "I13" in _shop().operator(changed).names()


def test_a_weight_of_a_foreign_route_is_objected_to():
    changed = routes(10)
    changed["spec"]["http"][0]["route"][0]["weight"] = 100
    assert "I13" in _shop().operator(changed).names()


def test_an_added_label_is_objected_to():
    changed = routes(10)
    changed["metadata"]["labels"] = {"app": "shop"}
    assert "I13" in _shop().operator(changed).names()


def test_a_rule_may_change_the_labels_of_its_two_subsets():
    assert "I13" not in _shop().operator(rule(canary=OLD)).names()


def test_a_rule_may_change_nothing_else():
    changed = rule(canary=OLD)
    changed["spec"]["trafficPolicy"] = {"tls": {"mode": "DISABLE"}}
    assert "I13" in _shop().operator(changed).names()


def test_the_mark_of_an_epoch_comes_and_goes():
    marked = routes()
    marked["metadata"]["annotations"] = {"tidegate.io/epoch": "2"}
    assert _shop().operator(marked).operator(routes()).said() == []


def test_a_changed_spec_of_the_rollout_is_objected_to():
    changed = rollout(state="Progressing", run=run())
    changed["spec"]["replicas"] = 5
    assert "I13" in _shop().operator(changed).names()


def test_a_changed_pod_is_objected_to():
    tale = _shop().stands(thing("Pod", "p"))
    assert "I13" in tale.operator(thing("Pod", "p", spec={"nodeName": "n"})).names()


@pytest.mark.parametrize(
    ("finalizer", "named"), [("tidegate.io/traffic", set()), ("example.com/other", {"I13"})]
)
def test_the_operators_own_finalizer_is_no_foreign_field(finalizer: str, named: set[str]):
    held = rollout()
    held["metadata"]["finalizers"] = [finalizer]
    assert _shop().operator(held).names() & {"I13"} == named


def test_versions_that_were_missed_are_not_blamed_on_one_write():
    changed = routes(10)
    del changed["spec"]["http"][1]["retries"]
    tale = _shop()
    tale.log(changed, version=tale._version + 1)
    assert tale.listed_again(changed).said() == []


# ---------------------------------------------------------------- I18


def test_a_write_where_no_rollout_is_is_objected_to():
    tale = _shop()
    tale.docket.log(tale.write(routes(), verb="create", namespace="elsewhere"))
    assert "I18" in tale.names()


def test_a_kind_that_is_not_its_business_is_objected_to():
    tale = _shop()
    tale.docket.log(tale.write(thing("Pod", "p"), verb="create"))
    assert "I18" in tale.names()


def test_of_a_policy_the_status_may_be_written_and_nothing_else():
    for subresource, objected in (("status", False), ("", True)):
        tale = _shop()
        policy = {"plural": "rolloutpolicies", "namespace": "", "subresource": subresource}
        tale.docket.log(tale.write(thing("Pod", "house"), verb="patch", **policy))
        assert ("I18" in tale.names()) == objected


def test_asking_for_a_secret_is_objected_to_also_when_it_is_refused():
    tale = _shop()
    tale.docket.log(tale.write(thing("Secret", "s"), verb="get", code=403))
    assert "I18" in tale.names()


def test_a_secret_that_a_rollout_names_may_be_read_and_no_other_and_none_listed():
    for verb, name, objected in (("get", "s", False), ("get", "t", True), ("list", "s", True)):
        named = rollout()
        named["spec"]["contentOf"] = {"secrets": ["s"]}
        tale = Tale().stands(named).operator(named)
        tale.docket.log(tale.write(thing("Secret", name), verb=verb))
        assert ("I18" in tale.names()) == objected


def test_a_secret_in_a_status_is_objected_to():
    secret = thing("Secret", "s", data={"token": "Y29ycmVjdC1ob3JzZS1iYXR0ZXJ5"})
    told = rollout(state="Progressing", run=run(), message="got correct-horse-battery")
    assert "I18" in _shop().stands(secret).operator(told).names()


def test_its_own_lease_is_its_business():
    tale = _shop()
    tale.docket.log(
        tale.write(
            thing("Lease", "tidegate"),
            namespace="tidegate-system",
            request={"metadata": {"resourceVersion": "1"}},
        )
    )
    assert tale.said() == []
