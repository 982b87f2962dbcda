"""Envoy itself takes the expressions that are let through, with the limit that Istio gives it."""

from __future__ import annotations

import json
import subprocess

import pytest

from sandbox import binaries
from tidegate.api import limits
from tidegate.api.expressions import ending_in, with_cookies
from tidegate.api.header_checks import regex_problem

CONNECTION_MANAGER = "envoy.filters.network.http_connection_manager"
ROUTER = "envoy.filters.http.router"
TYPES = "type.googleapis.com/envoy.extensions.filters"
DEADLINE_S = 120.0
IDS = ending_in("hex", 45, 87)


def _routes(regexes):
    return [
        {
            "match": {
                "prefix": "/",
                "headers": [{"name": "x", "string_match": {"safe_regex": {"regex": regex}}}],
            },
            "direct_response": {"status": 200},
        }
        for regex in regexes
    ]


def _config(regexes):
    manager = {
        "@type": f"{TYPES}.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "x",
        "route_config": {
            "virtual_hosts": [{"name": "x", "domains": ["*"], "routes": _routes(regexes)}]
        },
        "http_filters": [
            {"name": ROUTER, "typed_config": {"@type": f"{TYPES}.http.router.v3.Router"}}
        ],
    }
    listener = {
        "name": "x",
        "address": {"socket_address": {"address": "127.0.0.1", "port_value": 0}},
        "filter_chains": [{"filters": [{"name": CONNECTION_MANAGER, "typed_config": manager}]}],
    }
    level = {"re2.max_program_size.error_level": limits.MAX_REGEX_INSTRUCTIONS}
    layers = [{"name": "as Istio sets it", "static_layer": level}]
    return {"static_resources": {"listeners": [listener]}, "layered_runtime": {"layers": layers}}


def _refused(tmp_path, *regexes):
    """What Envoy says against that table of routes; "" if it takes it. No server is started."""
    file = tmp_path / "envoy.json"
    file.write_text(json.dumps(_config(regexes)))
    command = [str(binaries.envoy()), "--mode", "validate", "--config-path", str(file)]
    done = subprocess.run(
        [*command, "--log-level", "error"], capture_output=True, timeout=DEADLINE_S, check=False
    )
    return "" if done.returncode == 0 else done.stderr.decode() + done.stdout.decode()


def test_envoy_takes_what_is_let_through(tmp_path):
    fine = [
        IDS,
        with_cookies([("shop", IDS), ("group", "beta")]),
        ".{1000}.{1000}",
        "(?:[^;]{100}){10}",
        r"(?i)beta|[\w.-]{1,200}@example\.com",
        "\u00e9{1000}",
    ]
    assert [regex_problem(regex) for regex in fine] == [""] * len(fine)
    assert _refused(tmp_path, *fine) == ""


@pytest.mark.parametrize(
    ("regex", "words"),
    [
        ("a{1001}", "invalid repetition size"),
        (r"\u003b", "invalid escape"),
        ("(?=a)b", "invalid perl operator"),
        (".{1000}" * 20, "max program size"),
    ],
)
def test_one_that_is_refused_here_would_cost_envoy_all_routes_beside_it(tmp_path, regex, words):
    assert regex_problem(regex) != ""
    assert words in _refused(tmp_path, "beta", regex)
