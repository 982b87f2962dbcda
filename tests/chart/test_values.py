"""What a person may write into the values, and what they are told otherwise."""

import json
import re
from typing import Any

import helm_python
import pytest
import yaml

from tests.chart.rendering import CHART, notes, pick, render


def keys(value: Any, path: str = "") -> list[str]:
    if not isinstance(value, dict) or not value:
        return [path]
    return [
        key for name, inner in value.items() for key in keys(inner, f"{path}.{name}".strip("."))
    ]


def test_helm_finds_nothing_wrong():
    report = helm_python.lint(str(CHART), strict=True, kube_version="v1.30.0")
    assert report["errors"] == []
    # 1 is advice; a chart without a picture gets some.
    assert [it for it in report["messages"] if it["severity"] > 1] == []


@pytest.mark.parametrize(
    ("values", "word"),
    [
        ({"watchNamespace": ["shop"]}, "watchNamespace"),
        ({"image": {"taag": "v1"}}, "taag"),
        ({"providers": {"default": {"address": "http://p:9090"}}}, "address"),
        ({"providers": {"default": {"url": "prometheus:9090"}}}, "url"),
        ({"providers": {"default": {"url": "http://user@prometheus:9090"}}}, "url"),
        ({"providers": {"default": {"timeout": "5 seconds"}}}, "timeout"),
        ({"providers": {"default": {"tls": {"insecureSkipVerify": True}}}}, "insecureSkipVerify"),
        ({"providers": {"default": {"basicAuth": {"password": "x"}}}}, "password"),
        ({"providers": {"default": {"headers": {"X-Scope-OrgID": 1}}}}, "X-Scope-OrgID"),
        ({"providers": {"default": {"tokenFile": "../token"}}}, "tokenFile"),
        ({"providers": {"a" * 54: {"url": "http://p"}}}, "a" * 54),
        ({"telemetry": {"window": 60}}, "window"),
        ({"watchNamespaces": ["Shop"]}, "watchNamespaces"),
        ({"networkPolicy": {"enabled": "yes"}}, "enabled"),
        ({"crds": {"keep": "false"}}, "keep"),
        ({"replicas": 0}, "replicas"),
    ],
    ids=lambda it: json.dumps(it) if isinstance(it, dict) else "",
)
def test_a_mistake_is_refused_by_name(values: dict[str, Any], word: str):
    with pytest.raises(helm_python.HelmValuesError, match=word):
        render(values)


def test_the_chart_can_be_a_part_of_another():
    assert render({"global": {"domain": "example.com"}})


def test_every_value_has_a_comment():
    lines = (CHART / "values.yaml").read_text().splitlines()
    values = yaml.safe_load("\n".join(lines))
    commented = sum(line.strip().startswith("# -- ") for line in lines)
    assert commented == len(keys(values))


def test_every_value_is_in_the_readme():
    values = yaml.safe_load((CHART / "values.yaml").read_text())
    told = set(re.findall(r"^\| `([^`]+)` \|", (CHART / "README.md").read_text(), re.MULTILINE))
    assert told == set(keys(values))


def test_the_operator_gets_its_settings_as_one_file():
    values = {
        "providers": {"eu": {"url": "https://eu:9090/prom", "timeout": "2s", "tokenFile": "/t"}},
        "telemetry": {"revisionQuery": 'sum by (x) (rate(a{b="c"}[1m]))'},
        "watchNamespaces": ["shop", "pay"],
    }
    settings = yaml.safe_load(pick(render(values), "ConfigMap")["data"]["config.yaml"])
    assert settings == {
        "providers": {
            "default": {
                "url": "http://prometheus.monitoring.svc:9090",
                "timeout": "5s",
            },
            "eu": values["providers"]["eu"],
        },
        "telemetry": {
            "window": "1m",
            "interval": "5s",
            "revisionQuery": values["telemetry"]["revisionQuery"],
            "subsetQuery": "",
        },
        "namespaces": ["shop", "pay"],
    }


def test_new_settings_start_a_new_pod():
    def template(values: dict[str, Any]) -> dict[str, Any]:
        return pick(render(values), "Deployment")["spec"]["template"]["metadata"]["annotations"]

    assert template({}) != template({"telemetry": {"window": "2m"}})
    assert template({}) == template({"networkPolicy": {"enabled": True}})


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        ({}, "tidegate:0.1.0"),
        ({"repository": "example.com/t", "tag": "v2"}, "example.com/t:v2"),
        ({"tag": "v2", "digest": "sha256:" + "a" * 64}, "tidegate@sha256:" + "a" * 64),
    ],
)
def test_the_image_is_named_by_digest_tag_or_version(image: dict[str, str], expected: str):
    pod = pick(render({"image": image}), "Deployment")["spec"]["template"]["spec"]
    assert pod["containers"][0]["image"] == expected


def test_the_notes_say_what_is_served_and_what_to_type_next():
    assert "serves the whole cluster" in notes()
    assert "serves the namespaces shop, pay." in notes({"watchNamespaces": ["shop", "pay"]})
    assert notes().count("  kubectl ") == 3
