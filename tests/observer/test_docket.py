"""What is told in any order is judged in one, and whose a change is comes from the audit log."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.observer.audit import AuditTail, request_of
from tests.observer.docket import Docket
from tests.observer.happenings import OPERATOR
from tests.observer.tales import (
    NEW,
    OLD,
    Tale,
    kind_of,
    pod,
    replica_set,
    rollout,
    routes,
    run,
    thing,
)
from tests.observer.watches import Told


def _told(body: dict[str, object], version: int, at_s: float = 1.0) -> Told:
    meta = {**body["metadata"], "resourceVersion": str(version)}  # type: ignore[dict-item]  # made up
    return Told("there", kind_of(body), at_s, version, {**body, "metadata": meta})


def test_kinds_are_put_into_the_order_of_their_versions():
    """Pods were ready before the weight rose, though their watch was slower."""
    tale = Tale().shop(canary=NEW, pods=0).operator(rollout(state="Progressing", run=run()))
    tale.said()
    docket, version = tale.docket, tale._version
    tale.log(routes(10), version=version + 2)
    docket.tell(_told(routes(10), version + 2, tale.now_s))
    docket.tell(_told(pod(NEW, 0), version + 1, tale.now_s))
    assert tale.said() == []


def test_what_is_too_young_waits():
    docket = Docket()
    docket.tell(_told(routes(), 5, at_s=100.0))
    docket.judge(99.0, 100.0)
    assert docket.world.get("VirtualService", ("shop", "shop")) is None
    docket.judge(100.0, 102.0)
    assert docket.world.get("VirtualService", ("shop", "shop")) is not None


def test_an_object_that_was_made_anew_unseen_is_not_a_change():
    again = thing("VirtualService", "shop", uid="another", spec={"http": []})
    tale = Tale().shop(canary=NEW).operator(rollout(state="Progressing", run=run()))
    assert tale.operator(again).said() == []


def test_what_a_list_has_no_more_is_gone():
    tale = Tale().shop()
    tale.listed_again(pod(OLD, 0))
    tale.said()
    assert len(tale.docket.world.all("Pod")) == 1
    assert tale.docket.world.ready(rollout(), OLD) == 1


def test_a_gap_is_said_in_the_history():
    tale = Tale().shop().listed_again(pod(OLD, 0))
    tale.said()
    assert "-- gap: pods were listed anew" in tale.docket.history.text()


def test_the_history_says_who_did_what():
    tale = Tale().shop(canary=NEW).operator(rollout(state="Progressing", run=run()))
    tale.operator(routes(10), epoch=3)
    tale.said()
    text = tale.docket.history.text()
    assert "operator(epoch 3) VirtualService shop/shop" in text
    assert "spec.http[1].route[1].weight 0 -> 10" in text


def test_a_refused_write_is_in_the_history():
    tale = Tale().shop()
    tale.docket.log(tale.write(replica_set(OLD, 1), code=409, version=0))
    tale.said()
    assert "update replicasets shop/shop-aaaaaaaaaa: HTTP 409" in tale.docket.history.text()


# ---------------------------------------------------------------- the audit log

EVENT = {
    "stage": "ResponseComplete",
    "requestURI": "/apis/apps/v1/namespaces/shop/replicasets/a?fieldManager=x",
    "verb": "patch",
    "user": {"username": OPERATOR},
    "userAgent": "tidegate/0.1.0 epoch/7",
    "objectRef": {
        "resource": "replicasets",
        "apiGroup": "apps",
        "namespace": "shop",
        "name": "a",
    },
    "responseStatus": {"code": 200},
    "requestObject": [{"op": "test", "path": "/metadata/uid", "value": "u"}],
    "responseObject": {"kind": "ReplicaSet", "metadata": {"resourceVersion": "42", "uid": "u"}},
    "stageTimestamp": "2026-01-01T00:00:00.500000Z",
}


def test_a_line_of_the_audit_log_is_read():
    found = request_of(json.dumps(EVENT))
    assert found is not None
    assert (found.epoch, found.version, found.uid, found.by_operator) == (7, 42, "u", True)
    assert found.accepted


@pytest.mark.parametrize(
    "request_body",
    [
        [{"op": "test", "path": "/metadata/resourceVersion", "value": "42"}],
        {"metadata": {"resourceVersion": "42"}},
    ],
    ids=["patch", "update"],
)
def test_a_write_that_is_answered_with_the_version_it_asked_for_made_none(request_body: object):
    """Such as one that takes the last finalizer: the version is of whoever wrote before."""
    found = request_of(json.dumps({**EVENT, "requestObject": request_body}))
    assert found is not None
    assert (found.accepted, found.version) == (True, 0)


def test_whoever_is_impersonated_counts():
    found = request_of(
        json.dumps(
            {**EVENT, "user": {"username": "admin"}, "impersonatedUser": {"username": OPERATOR}}
        )
    )
    assert found is not None
    assert found.by_operator


@pytest.mark.parametrize(
    ("changes", "accepted"),
    [
        ({"requestURI": "/apis/x?dryRun=All"}, False),
        ({"responseStatus": {"code": 409}}, False),
        ({"verb": "get"}, False),
        ({"verb": "deletecollection"}, True),
    ],
    ids=str,
)
def test_only_what_changes_something_is_accepted(changes: dict[str, object], accepted: bool):
    found = request_of(json.dumps({**EVENT, **changes}))
    assert found is not None
    assert found.accepted is accepted


@pytest.mark.parametrize(
    "line", ["", "{", '{"stage": "ResponseStarted"}', '{"stage": "ResponseComplete"}']
)
def test_what_is_no_request_for_a_resource_is_left_out(line: str):
    assert request_of(line) is None


def test_the_tail_reads_what_is_new_also_when_a_line_comes_in_two_parts(tmp_path: Path):
    file, line = tmp_path / "audit.log", json.dumps(EVENT) + "\n"
    file.write_text(line)
    tail = AuditTail(file)
    assert list(tail.read()) == []
    with file.open("a") as out:
        out.write(line + line[:50])
        out.flush()
        assert len(list(tail.read())) == 1
        out.write(line[50:])
        out.flush()
        assert len(list(tail.read())) == 1


def test_a_log_that_was_begun_anew_is_read_from_its_start(tmp_path: Path):
    file, line = tmp_path / "audit.log", json.dumps(EVENT) + "\n"
    file.write_text(line * 3)
    tail = AuditTail(file)
    file.write_text(line)
    assert len(list(tail.read())) == 1


def test_a_mark_tells_how_far_the_log_has_come(tmp_path: Path):
    file = tmp_path / "audit.log"
    file.write_text("")
    tail = AuditTail(file)
    tail.expect("needle")
    list(tail.read())
    assert not tail.passed("needle")
    file.write_text('{"requestURI": "/version?mark=needle"}\n')
    list(tail.read())
    assert tail.passed("needle")
