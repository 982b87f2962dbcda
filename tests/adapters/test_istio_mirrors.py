"""Copies in a VirtualService: a route above the managed one that answers as that one does."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.adapters.test_header_routes import (
    PROPERTY,
    REQUESTS,
    destination,
    found,
    managed,
    read,
    routed,
    service,
    virtual_services,
    written,
)
from tests.adapters.test_istio_cohorts import BETA
from tidegate.adapters.header_routes import is_header_route
from tidegate.core.picks import Mirrored

FIFTY, TEN = (Mirrored(50),), (Mirrored(10),)
ASKED = (FIFTY, TEN, (BETA, *TEN), (BETA,))
CANARY = {"host": "web", "subset": "canary"}


def test_the_route_that_copies_answers_as_the_managed_one_and_stands_above_it():
    body = service(managed("r0", {"port": 80}, timeout="7s"))
    above, below = written(body, 0, FIFTY, "r0", phases=ASKED)["spec"]["http"]
    assert below == body["spec"]["http"][0]
    assert above == {
        **below,
        "name": "tidegate.web.0",
        "mirror": CANARY,
        "mirrorPercentage": {"value": 50},
    }


def test_those_who_match_are_not_copied_but_answered():
    body = written(service(managed("r0")), 0, (BETA, *TEN), "r0", phases=ASKED)
    http = body["spec"]["http"]
    assert ["mirror" in route for route in http] == [False, True, False]
    assert [entry["destination"] for entry in http[0]["route"]] == [CANARY]
    assert (http[1]["mirror"], http[1]["mirrorPercentage"]) == (CANARY, {"value": 10})
    assert http[1]["route"] == http[2]["route"]


def test_what_others_have_in_the_route_they_keep():
    old = {"destination": {"host": "old"}, "weight": 60}
    raw = {"name": "r0", "route": [destination("stable", 30), old, destination("canary", 10)]}
    above, below = written(service(raw), 0, FIFTY, "r0", phases=ASKED)["spec"]["http"]
    assert above["route"] == below["route"]
    assert [entry["weight"] for entry in above["route"]] == [40, 60, 0]


@pytest.mark.parametrize(
    "theirs",
    [
        {"mirror": {"host": "shadow"}},
        {"mirrors": [{"destination": {"host": "shadow"}}]},
        {"mirrorPercentage": {"value": 5}},
        {"mirror_percent": 5},
    ],
)
def test_a_route_that_copies_already_gets_no_second_place_to_copy_to(theirs):
    body = service(managed("r0", **theirs))
    (name,) = theirs
    told = [problem.message for problem in read(body, "r0", phases=[FIFTY])[2]]
    assert [f"it has a {name} of its own" in message for message in told] == [True]
    assert "leave mirror out of the phase" in told[0]
    matched = written(body, 0, (BETA,), "r0", phases=((BETA,),))["spec"]["http"]
    assert all(route[name] == theirs[name] for route in matched)


@PROPERTY
@given(virtual_services(), REQUESTS)
def test_every_request_is_answered_as_before(made, request_):
    body, names = made
    if any("mirrors" in raw for raw in body["spec"]["http"] if raw["name"] in names):
        return
    before = routed(body, request_)
    after = routed(written(body, 0, FIFTY, *names, phases=ASKED), request_)
    if before is None or before["name"] not in names:
        assert after == before
        return
    assert is_header_route(after, "web")
    extra = {"name", "mirror", "mirrorPercentage"}
    plain = {field: value for field, value in after.items() if field not in extra}
    managed_now = routed(written(body, 0, (), *names), request_)
    assert plain == {field: value for field, value in managed_now.items() if field != "name"}


PICKS = st.sampled_from([(), *ASKED])


@PROPERTY
@given(virtual_services(), st.lists(PICKS, min_size=1, max_size=5))
def test_after_any_copies_one_patch_leaves_the_object_as_git_holds_it(made, writes):
    body, names = made
    if any("mirrors" in raw for raw in body["spec"]["http"] if raw["name"] in names):
        return
    home = written(body, 0, (), *names)
    current = home
    for picks in writes:
        current = written(current, 0, picks, *names, phases=ASKED)
        assert found(current, *names, phases=ASKED) == picks
    assert json.dumps(written(current, 0, (), *names, phases=ASKED)) == json.dumps(home)


@pytest.mark.parametrize(
    "edit",
    [
        {"mirrorPercentage": {"value": 100}},
        {"mirror": {"host": "elsewhere"}},
        {"route": [destination("canary", 100)]},
        {"timeout": "1s"},
    ],
)
def test_one_that_somebody_changed_is_no_phases_and_is_put_right(edit):
    body = written(service(managed("r0")), 0, FIFTY, "r0", phases=ASKED)
    right = json.dumps(body)
    body["spec"]["http"][0].update(edit)
    assert found(body, "r0", phases=ASKED) is None
    assert json.dumps(written(body, 0, FIFTY, "r0", phases=ASKED)) == right
