"""ConfigMaps and Secrets whose content is part of the revision, on a real API server."""

from __future__ import annotations

from base64 import b64encode
from typing import Any

import pytest

from demo.manifests import App, Object, Shop
from demo.operator_process import ACCOUNT, NAMESPACE
from demo.stage import Stage
from tests.cluster.looks import revisions, weights
from tests.cluster.places import condition, history_ended, opened, quick_shop

pytestmark = pytest.mark.api

HELD = ({"name": "ten", "weight": 10, "hold": "1h"},)
NAMES: dict[str, Any] = {"contentOf": {"configMaps": ["flags"], "secrets": ["key"]}}


RBAC = "rbac.authorization.k8s.io"


def _grant(stage: Stage, shop: Shop) -> None:
    """Let the operator get that one Secret, as an administrator would."""
    meta = {"name": "reads-its-key", "namespace": shop.namespace}
    rule = {"apiGroups": [""], "resources": ["secrets"], "resourceNames": ["key"], "verbs": ["get"]}
    who = {"kind": "ServiceAccount", "name": ACCOUNT, "namespace": NAMESPACE}
    role = {"apiGroup": RBAC, "kind": "Role", "name": meta["name"]}
    kind = {"apiVersion": f"{RBAC}/v1", "metadata": meta}
    stage.cluster.apply({**kind, "kind": "Role", "rules": [rule]})
    stage.cluster.apply({**kind, "kind": "RoleBinding", "roleRef": role, "subjects": [who]})


def _objects(
    shop: Shop, *, dark: str = "off", pin: str = "7f3a9c1e55d2", **meta: Any
) -> tuple[Object, ...]:
    config = {"kind": "ConfigMap", "data": {"dark": dark}}
    secret = {"kind": "Secret", "data": {"pin": b64encode(pin.encode()).decode()}}
    named = ((config, "flags"), (secret, "key"))
    return tuple(
        {
            "apiVersion": "v1",
            **body,
            "metadata": {"name": name, "namespace": shop.namespace, **meta},
        }
        for body, name in named
    )


def _apply(stage: Stage, shop: Shop, **content: Any) -> None:
    for body in _objects(shop, **content):
        stage.cluster.apply(body)


def _shop(stage: Stage, **changes: Any) -> Shop:
    """A shop whose ConfigMap and Secret are there before it."""
    shop = quick_shop(extra=NAMES, **changes)
    for body in (shop.base()[0], *_objects(shop)):
        stage.cluster.apply(body)
    _grant(stage, shop)
    return shop


@pytest.mark.parametrize("change", [{"dark": "on"}, {"pin": "b04e8d7716aa"}])
def test_a_change_of_what_they_hold_is_released_and_a_label_is_not(
    stage: Stage, change: dict[str, str]
) -> None:
    with opened(stage, _shop(stage)) as shop:
        first = stage.status(shop)["stableRevision"]
        _apply(stage, shop, labels={"team": "b"})
        _apply(stage, shop, **change)
        status = stage.await_status(shop, "promoted", history_ended(1, "Promoted"), deadline_s=90)
        assert revisions(stage, shop) == {first, status["stableRevision"]}
        assert "7f3a9c1e55d2" not in str(stage.cluster.get("replicasets", "-n", shop.namespace))


def test_the_old_content_in_the_middle_of_a_run_is_stable_again(stage: Stage) -> None:
    with opened(stage, _shop(stage, phases=HELD)) as shop:
        first = stage.status(shop)["stableRevision"]
        _apply(stage, shop, dark="on")
        stage.await_status(shop, "10 %", lambda s: s.get("weight") == 10, deadline_s=40)
        _apply(stage, shop)
        ended = history_ended(1, "Reverted")
        status = stage.await_status(shop, "Healthy", ended, deadline_s=60)
        assert (status["state"], status["stableRevision"]) == ("Healthy", first)
        assert weights(stage, shop) == [100, 0]


@pytest.mark.parametrize("gone", ["configmap/flags", "secret/key"])
def test_one_that_vanishes_holds_the_run_where_it_is_and_releases_nothing(
    stage: Stage, gone: str
) -> None:
    with opened(stage, _shop(stage, phases=HELD)) as shop:
        stage.release(shop, App("v2"))
        stage.await_status(shop, "10 %", lambda s: s.get("weight") == 10, deadline_s=40)
        known = revisions(stage, shop)
        stage.cluster.kubectl("delete", gone, "-n", shop.namespace)
        status = stage.await_state(shop, "Invalid", deadline_s=60)
        assert condition(status, "Ready")["reason"] == "ContentNotFound"
        assert f"{shop.namespace}/{gone.split('/')[1]} not found" in status["message"]
        assert weights(stage, shop) == [90, 10]
        stage.operator.kill()
        stage.operator.start()
        _apply(stage, shop)
        stage.await_state(shop, "Progressing", deadline_s=40)
        stage.act(shop, "promote", "all is there again")
        stage.await_status(shop, "promoted", history_ended(1, "Promoted"), deadline_s=90)
        assert revisions(stage, shop) == known
