"""Copies are asked for where they can be made, and nobody is answered by the canary meanwhile."""

from __future__ import annotations

import pytest

from tests.api.samples import changed, parsed
from tidegate.api.problems import SpecError
from tidegate.api.validation import problems

MIRROR = (("phases.0.weight", 0), ("phases.0.mirror", {"percent": 20}))
ISTIO = "traffic.istio.virtualServices"
PAIR = {"services": {"stable": "a", "canary": "b"}}


def told(*edits):
    return [(p.path, p.message) for p in problems(parsed(changed(*edits)))]


def test_copies_in_a_phase_without_weight_are_fine():
    assert told(*MIRROR) == []


@pytest.mark.parametrize("weight", [1, 10, 100])
def test_a_weight_beside_them_is_refused(weight):
    found = told(*MIRROR, ("phases.0.weight", weight))
    assert [path for path, _ in found] == ["spec.phases[0].mirror"]
    assert "set weight to 0" in found[0][1]


@pytest.mark.parametrize(
    "router",
    [
        {"service": {"active": "shop"}},
        {"gatewayApi": {"httpRoutes": [{"name": "shop"}], **PAIR}},
    ],
)
def test_only_istio_copies(router):
    found = told(*MIRROR, ("traffic", router))
    assert [m for p, m in found if p == "spec.phases" and "only Istio's" in m]


@pytest.mark.parametrize(
    ("refs", "fine"),
    [
        ([{"name": "web"}], True),
        ([{"name": "web", "tcpRoutes": [{"port": 1}]}, {"name": "other"}], True),
        ([{"name": "web", "tlsRoutes": [{}]}], False),
    ],
)
def test_an_http_route_has_to_be_named(refs, fine):
    found = [m for _, m in told(*MIRROR, (ISTIO, refs)) if "no requests to copy" in m]
    assert (not found) is fine


@pytest.mark.parametrize("percent", [0, 101, 0.5])
def test_a_share_is_1_to_100_whole_percent(percent):
    with pytest.raises(SpecError):
        told(("phases.0.weight", 0), ("phases.0.mirror", {"percent": percent}))
