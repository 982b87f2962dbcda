"""What the chart makes of the providers' values: one file of settings, and Secrets mounted."""

from pathlib import Path
from typing import Any

import helm_python
import pytest
import yaml

from tests.chart.rendering import pick, render
from tidegate.adapters.prometheus import Access, BasicAuth, ProviderConfig, Tls
from tidegate.controller.settings import parse

FOLDER = Path("/var/run/tidegate/providers/mimir")
MIMIR = {
    "url": "https://mimir.example.com/prometheus",
    "timeout": "2s",
    "secretName": "mimir-client",
    "basicAuth": {"username": "yes", "passwordFile": "password"},
    "tls": {
        "caFile": "/etc/ssl/ours.pem",
        "certFile": "tls.crt",
        "keyFile": "tls.key",
        "serverName": "mimir.internal",
    },
    "headers": {"X-Scope-OrgID": 'team-a|"{{ .Values }}": #'},
    "headerFiles": {"X-Api-Key": "api-key"},
}


def providers(values: dict[str, Any]) -> dict[str, ProviderConfig]:
    """What the operator reads from the rendered file."""
    rendered = pick(render({"providers": values}), "ConfigMap")
    return parse(yaml.safe_load(rendered["data"]["config.yaml"])).providers


def pod(values: dict[str, Any]) -> dict[str, Any]:
    return pick(render({"providers": values}), "Deployment")["spec"]["template"]["spec"]


def test_the_operator_reads_what_the_values_say():
    assert providers({"mimir": MIMIR})["mimir"] == ProviderConfig(
        url="https://mimir.example.com/prometheus",
        timeout_s=2,
        access=Access(
            basic_auth=BasicAuth(FOLDER / "password", "yes"),
            tls=Tls(
                Path("/etc/ssl/ours.pem"),
                FOLDER / "tls.crt",
                FOLDER / "tls.key",
                "mimir.internal",
            ),
            headers=MIMIR["headers"],
            header_files={"X-Api-Key": FOLDER / "api-key"},
        ),
    )


def test_user_name_and_token_can_be_keys_of_the_secret():
    auth = {"usernameFile": "user", "passwordFile": "password", "username": ""}
    read = providers(
        {
            "mimir": {"url": "http://m", "secretName": "s", "basicAuth": auth},
            "thanos": {"url": "http://t", "secretName": "s", "tokenFile": "token"},
        }
    )
    told = BasicAuth(FOLDER / "password", username_file=FOLDER / "user")
    assert read["mimir"].access.basic_auth == told
    assert read["thanos"].access.token_file == FOLDER.parent / "thanos" / "token"


def test_a_provider_without_credentials_gets_none():
    assert providers({})["default"].access == Access()


def test_the_secret_is_mounted_for_reading_and_its_absence_stops_nobody():
    spec = pod({"mimir": MIMIR})
    (container,) = spec["containers"]
    assert {
        "name": "provider-mimir",
        "mountPath": str(FOLDER),
        "readOnly": True,
    } in container["volumeMounts"]
    assert {
        "name": "provider-mimir",
        "secret": {"secretName": "mimir-client", "defaultMode": 0o440, "optional": True},
    } in spec["volumes"]


def test_the_longest_name_of_a_provider_names_a_volume():
    name = "a" * 53
    volumes = pod({name: {"url": "http://m", "secretName": "s"}})["volumes"]
    assert max(len(volume["name"]) for volume in volumes) <= 63


def test_no_secret_is_mounted_that_nobody_named():
    assert not [volume for volume in pod({})["volumes"] if "secret" in volume]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("tokenFile", {"tokenFile": "token"}),
        ("basicAuth.passwordFile", {"basicAuth": {"username": "me", "passwordFile": "token"}}),
        ("tls.caFile", {"tls": {"caFile": "token"}}),
        ("headerFiles.X-A", {"headerFiles": {"X-A": "token"}}),
    ],
)
def test_a_key_of_no_secret_is_refused_by_its_field(field, value):
    words = f'providers.eu.{field} is "token", a key of a Secret, but providers.eu.secretName'
    with pytest.raises(helm_python.HelmError, match=words):
        render({"providers": {"eu": {"url": "http://eu", **value}}})
