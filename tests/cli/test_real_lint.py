"""Queries of a manifest, tried on a real Prometheus."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from typer.testing import CliRunner

from tests.adapters.prometheus.real import ON_A_REAL_PROMETHEUS, prometheus
from tests.rehearsal.rollouts import ERRORS, manifest
from tidegate.api.constants import METRIC_TEMPLATES
from tidegate.cli.main import app

pytestmark = ON_A_REAL_PROMETHEUS


@pytest.fixture(scope="module")
def url(tmp_path_factory) -> Iterator[str]:
    with prometheus(tmp_path_factory.mktemp("prometheus"), {}) as found:
        yield found


def linted(url: str, tmp_path, text: str):
    file = tmp_path / "shop.yaml"
    file.write_text(text)
    return CliRunner().invoke(app, ["lint", str(file), "--prometheus", url])


@pytest.mark.parametrize("query", ["sum(", "rate(x{a=1}[1m])", "x[5m]", "nosuchfunction(x)"])
def test_a_query_that_is_no_promql_is_refused_in_the_servers_words(url, tmp_path, query):
    text = manifest(metrics=[ERRORS | {"template": None, "query": query}])
    done = linted(url, tmp_path, text)
    assert done.exit_code == 1, done.stdout + done.stderr
    assert ": error: spec.metrics[0].query: " in done.stdout


def test_every_template_and_a_good_query_pass(url, tmp_path):
    templates = [
        {"name": name, "template": name, "window": "30s"}
        | ({"threshold": "250ms"} if name.endswith("slow-share") else {})
        for name in METRIC_TEMPLATES
    ]
    own = {"name": "own", "query": 'sum(rate(x{r="{{revision}}"}[{{window}}]))'}
    done = linted(url, tmp_path, manifest(metrics=[ERRORS, own, *templates]))
    assert done.exit_code == 0, done.stdout + done.stderr
