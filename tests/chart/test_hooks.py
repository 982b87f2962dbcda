"""What the chart makes of the values about hooks: a key mounted, and ports that may be called."""

from pathlib import Path
from typing import Any

import helm_python
import pytest
import yaml

from tests.chart.rendering import pick, render
from tidegate.adapters.hooks.config import HookConfig
from tidegate.controller.settings import parse


def _read(hooks: dict[str, Any]) -> HookConfig:
    rendered = pick(render({"hooks": hooks}), "ConfigMap")
    return parse(yaml.safe_load(rendered["data"]["config.yaml"])).hooks


def test_without_a_key_calls_are_not_signed_and_nothing_is_mounted():
    assert _read({}) == HookConfig()
    pod = pick(render(), "Deployment")["spec"]["template"]["spec"]
    assert "hooks" not in [volume["name"] for volume in pod["volumes"]]


def test_a_key_of_the_secret_is_read_where_it_is_mounted():
    values = {"secretName": "tidegate-hooks", "signingKeyFile": "key"}
    assert _read(values) == HookConfig(Path("/var/run/tidegate/hooks/key"))
    pod = pick(render({"hooks": values}), "Deployment")["spec"]["template"]["spec"]
    mounts = {one["name"]: one for one in pod["containers"][0]["volumeMounts"]}
    assert mounts["hooks"]["mountPath"] == "/var/run/tidegate/hooks"
    assert mounts["hooks"]["readOnly"] is True
    (volume,) = (one for one in pod["volumes"] if one["name"] == "hooks")
    assert volume["secret"]["secretName"] == "tidegate-hooks"
    assert volume["secret"]["optional"] is True


def test_an_absolute_path_needs_no_secret_and_a_key_without_one_is_refused():
    assert _read({"signingKeyFile": "/keys/one"}) == HookConfig(Path("/keys/one"))
    with pytest.raises(helm_python.HelmError, match="secretName is empty"):
        render({"hooks": {"signingKeyFile": "key"}})


def test_keys_of_single_namespaces_stand_beside_the_one_for_all_others():
    values = {
        "secretName": "tidegate-hooks",
        "signingKeyFile": "rest",
        "signingKeyFiles": {"shop": "shop-key", "123": "/keys/123"},
    }
    own = {"shop": Path("/var/run/tidegate/hooks/shop-key"), "123": Path("/keys/123")}
    assert _read(values) == HookConfig(Path("/var/run/tidegate/hooks/rest"), own)
    alone = {"signingKeyFiles": {"shop": "/keys/shop"}}
    assert _read(alone) == HookConfig(None, {"shop": Path("/keys/shop")})
    with pytest.raises(helm_python.HelmError, match=r"signingKeyFiles\.shop is"):
        render({"hooks": {"signingKeyFiles": {"shop": "shop-key"}}})


def test_ports_that_hooks_call_are_opened_with_the_rest():
    values = {"networkPolicy": {"enabled": True, "hookPorts": [8080]}}
    policy = pick(render(values), "NetworkPolicy")
    ports = [port["port"] for rule in policy["spec"]["egress"] for port in rule["ports"]]
    assert 8080 in ports
