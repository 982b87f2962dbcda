"""On a real API server the observer sees what somebody does in the operator's name, and objects."""

from __future__ import annotations

import json
import signal
import ssl
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from demo.manifests import App, Shop
from sandbox import Cluster, Sandbox
from sandbox.waiting import wait_until
from tests.observer.happenings import OPERATOR
from tests.observer.observer import Observer, watching

pytestmark = pytest.mark.api

SHOP = Shop(name="judged", namespace="judged", extra={"metrics": [], "guards": []})
TIMEOUT_S = 10
BACK_S = 150.0
"""Until all that watches an API server is at work again: client-go asks after up to 60 s."""
WEIGHTS = "/apis/networking.istio.io/v1/namespaces/judged/virtualservices/judged"


class Impostor:
    """Sends requests as the operator, as an administrator may."""

    def __init__(self, cluster: Cluster) -> None:
        found = yaml.safe_load(cluster.kubeconfig.read_text())
        self._server = found["clusters"][0]["cluster"]["server"]
        ca_file = found["clusters"][0]["cluster"]["certificate-authority"]
        self._context = ssl.create_default_context(cafile=ca_file)
        self._token = found["users"][0]["user"]["token"]

    def patch(self, path: str, body: Any, *, epoch: int = 1) -> None:
        """One patch: a list is a JSON Patch, an object a merge patch."""
        kind = "json-patch" if isinstance(body, list) else "merge-patch"
        headers = {
            "Authorization": f"Bearer {self._token}",
            "Impersonate-User": OPERATOR,
            "Impersonate-Group": "system:masters",
            "User-Agent": f"tidegate/0.1.0 epoch/{epoch}",
            "Content-Type": f"application/{kind}+json",
        }
        request = urllib.request.Request(
            self._server + path, json.dumps(body).encode(), headers, method="PATCH"
        )
        with urllib.request.urlopen(request, timeout=TIMEOUT_S, context=self._context):
            return

    def version(self, cluster: Cluster) -> dict[str, Any]:
        """The operation that tests the version which the routes have now."""
        found = cluster.get("virtualservice", SHOP.name, "-n", SHOP.namespace)
        version = found["metadata"]["resourceVersion"]
        return {"op": "test", "path": "/metadata/resourceVersion", "value": version}


@pytest.fixture(scope="module")
def judged(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Observer]:
    """A shop without an operator, and an observer of its cluster."""
    assert isinstance(cluster, Sandbox)
    for body in (*SHOP.base(), SHOP.rollout(App("v1"))):
        cluster.apply(body)
    with watching(cluster, tmp_path_factory.mktemp("judged")) as observer:
        yield observer
    cluster.kubectl("delete", "namespace", SHOP.namespace, "--wait=false")


def _set(place: int, weight: int) -> dict[str, Any]:
    return {"op": "add", "path": f"/spec/http/1/route/{place}/weight", "value": weight}


def _objections(observer: Observer) -> tuple[set[str], str]:
    with pytest.raises(AssertionError) as raised:
        observer.check("a check that must fail")
    return {objection.invariant for objection in observer.objections}, str(raised.value)


def test_weights_that_do_not_add_up_are_seen_and_the_history_shows_them(
    cluster: Cluster, judged: Observer
) -> None:
    impostor = Impostor(cluster)
    impostor.patch(WEIGHTS, [impostor.version(cluster), _set(0, 70)])
    names, text = _objections(judged)
    assert names == {"I1"}
    assert "operator(epoch 1) VirtualService judged/judged" in text
    assert "spec.http[1].route[0].weight 100 -> 70" in text
    history = Path(text.rsplit("the whole history: ", 1)[1].strip())
    assert "!! I1: route primary: [70, 0] add up to 70" in history.read_text()
    impostor.patch(WEIGHTS, [impostor.version(cluster), _set(0, 100)])
    judged.check()


def test_a_blind_write_of_a_field_that_is_not_ours_is_seen_twice(
    cluster: Cluster, judged: Observer
) -> None:
    before = len(judged.objections)
    Impostor(cluster).patch(WEIGHTS, {"metadata": {"labels": {"stomped": "yes"}}})
    _objections(judged)
    assert {o.invariant for o in judged.objections[before:]} == {"I6", "I13"}


def test_a_raise_onto_no_pod_without_a_run_is_seen(cluster: Cluster, judged: Observer) -> None:
    before, impostor = len(judged.objections), Impostor(cluster)
    impostor.patch(WEIGHTS, [impostor.version(cluster), _set(0, 90), _set(1, 10)])
    _objections(judged)
    assert {o.invariant for o in judged.objections[before:]} == {"I2", "I10"}


def test_an_old_leader_is_seen(cluster: Cluster, judged: Observer) -> None:
    before, impostor = len(judged.objections), Impostor(cluster)
    impostor.patch(WEIGHTS, [impostor.version(cluster), _set(1, 0), _set(0, 100)], epoch=7)
    judged.check()
    annotation = {"op": "add", "path": "/metadata/annotations", "value": {"tidegate.io/epoch": "6"}}
    impostor.patch(WEIGHTS, [impostor.version(cluster), annotation], epoch=6)
    _objections(judged)
    assert [o.invariant for o in judged.objections[before:]] == ["I5"]


def test_what_people_do_is_their_business(cluster: Cluster, judged: Observer) -> None:
    weights = json.dumps([_set(0, 10), _set(1, 40)])
    place = ("virtualservice", SHOP.name, "-n", SHOP.namespace)
    cluster.kubectl("patch", *place, "--type=json", "-p", weights)
    judged.check()


def test_silence_is_awaited_and_a_release_that_never_ends_is_told(judged: Observer) -> None:
    with pytest.raises(AssertionError, match="I15: Rollout judged/judged is no state"):
        judged.quiescent(1.0, quiet_s=0.5)


def test_the_api_server_and_etcd_may_be_killed_meanwhile(
    cluster: Cluster, judged: Observer
) -> None:
    """What happens right after they are back is seen, whoever had to begin anew."""
    assert isinstance(cluster, Sandbox)
    for server in ("kube-apiserver", "etcd"):
        before = len(judged.objections)
        cluster.signal(server, signal.SIGKILL)
        cluster.stop_server(server)
        cluster.start_server(server)
        wait_until(lambda: _ready(cluster), 60, "an API server")
        impostor = Impostor(cluster)
        impostor.patch(WEIGHTS, [impostor.version(cluster), _set(0, 100), _set(1, 7)], epoch=7)
        _objections(judged)
        assert "I1" in {o.invariant for o in judged.objections[before:]}
        impostor.patch(WEIGHTS, [impostor.version(cluster), _set(0, 100), _set(1, 0)], epoch=7)
        judged.check()
    _await_controllers(cluster)


def _ready(cluster: Cluster) -> bool:
    """Whether the API server says so; while etcd is away it answers with an error."""
    return "ok" in cluster.kubectl("get", "--raw", "/readyz", check=False)


def _await_controllers(cluster: Cluster) -> None:
    """Wait until pods are made and get ready again: other tests share the cluster."""
    labels = {"app": "awake"}
    template = {
        "metadata": {"labels": labels},
        "spec": {"containers": [{"name": "app", "image": "any"}]},
    }
    cluster.apply(
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": "awake", "namespace": SHOP.namespace},
            "spec": {"replicas": 1, "selector": {"matchLabels": labels}, "template": template},
        }
    )
    place = ("deployment/awake", "-n", SHOP.namespace, f"--timeout={BACK_S:g}s")
    cluster.kubectl("wait", "--for=condition=Available", *place, timeout_s=BACK_S + TIMEOUT_S)
