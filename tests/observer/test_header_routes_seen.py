"""Header routes are judged: when they may come, what they are, and that none is left behind."""

from __future__ import annotations

import copy

import pytest

from tests.observer.invariants.liveness import rest_is_at_home
from tests.observer.tales import (
    NEW,
    OLD,
    Object,
    Tale,
    entry,
    replica_set,
    rollout,
    routes,
    rule,
    run,
    thing,
)

BETA = [{"headers": {"x-group": {"exact": "beta"}}}]
ENTERED = "2026-01-01T00:00:20Z"


def _rollout(phase: str = "ten", *, started: bool = False, **status: object) -> Object:
    history = [entry(phase, "PhaseStarted")]
    on = {"index": 0 if phase == "ten" else 1, "name": phase, "enteredAt": ENTERED}
    clock = {"startedAt": "2026-01-01T00:00:25Z"} if started else {}
    usual = {"state": "Progressing", "run": run(history=history), "phase": {**on, **clock}}
    body = rollout(**{**usual, **status})
    body["spec"]["phases"][0].update({"weight": 0, "match": BETA})
    return body


def _matched(weight: int = 0, **more: object) -> Object:
    body = routes(weight)
    managed = body["spec"]["http"][1]
    canary = {**managed["route"][1], "weight": 100}
    ours = {"retries": managed["retries"], "match": BETA, "route": [canary], **more}
    body["spec"]["http"].insert(1, {"name": "tidegate.shop.0", **ours})
    return body


def _tale(pods: int = 4, **status: object) -> Tale:
    tale = Tale().shop(canary=NEW, pods=pods)
    return tale.stands(_rollout(**status)).later(10)


def test_header_routes_of_the_phase_that_is_on_are_fine():
    assert _tale().operator(_matched(), _rollout(started=True)).said() == []


def test_a_weight_beside_them_is_judged_as_ever():
    tale = _tale().operator(_matched())
    assert "I1" in tale.operator(_matched(10) | {"spec": _uneven()}).names()


def _uneven() -> Object:
    spec: Object = copy.deepcopy(_matched(10)["spec"])
    spec["http"][2]["route"][0]["weight"] = 80
    return spec


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"retries": {"attempts": 9}}, "is not as primary"),
        ({"timeout": "1s"}, "is not as primary"),
        ({"match": [{"headers": {"x-other": {"exact": "1"}}}]}, "without the headers"),
        ({"match": []}, "has 0 conditions, 1 are asked for"),
        ({"route": routes()["spec"]["http"][1]["route"]}, "not send to the canary alone"),
    ],
)
def test_a_header_route_that_is_no_copy_is_objected_to(change: Object, words: str):
    said = [text for text in _tale().operator(_matched(**change)).said() if text.startswith("I21")]
    assert any(words in text for text in said), said


def _copying(percent: int = 50, **more: object) -> tuple[Object, Object]:
    """A phase that asks for copies of half of the requests, and routes that make some."""
    body = routes(0)
    managed = body["spec"]["http"][1]
    ours = {
        **managed,
        "name": "tidegate.shop.0",
        "mirror": managed["route"][1]["destination"],
        "mirrorPercentage": {"value": percent},
        **more,
    }
    body["spec"]["http"].insert(1, ours)
    asking = _rollout(started=True)
    del asking["spec"]["phases"][0]["match"]
    asking["spec"]["phases"][0]["mirror"] = {"percent": 50}
    return body, asking


def test_copies_that_the_phase_asks_for_are_fine():
    body, asking = _copying()
    tale = Tale().shop(canary=NEW, pods=4).stands(asking).later(10)
    assert tale.operator(body, asking).said() == []


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"percent": 60}, "does not copy 50 %"),
        ({"mirror": {"host": "elsewhere"}}, "does not copy 50 %"),
        ({"timeout": "1s"}, "is not as primary"),
        ({"route": [{"destination": {"host": "shop", "subset": "canary"}}]}, "is not as primary"),
    ],
)
def test_copies_that_are_other_ones_are_objected_to(change: Object, words: str):
    body, asking = _copying(**change)
    tale = Tale().shop(canary=NEW, pods=4).stands(asking).later(10)
    assert any("I21" in text and words in text for text in tale.operator(body).said())


def test_copies_that_no_phase_asks_for_are_objected_to():
    body, _ = _copying()
    assert "I21" in _tale().operator(body).names()


def test_one_that_stands_elsewhere_is_objected_to():
    body = _matched()
    body["spec"]["http"].reverse()
    assert "I21" in _tale().operator(body).names()


@pytest.mark.parametrize(
    "status", [{"phase": "half"}, {"run": None, "state": "Reverted", "phase": "ten"}]
)
def test_header_routes_that_no_phase_asks_for_may_go_and_may_not_come(status: Object):
    assert "I21" in _tale(**status).operator(_matched()).names()
    there = Tale().shop(canary=NEW).stands(_rollout(**status), _matched()).later(10)
    assert there.operator(routes()).said() == []


def test_none_comes_onto_pods_that_are_not_ready():
    assert "I2" in _tale(pods=0).operator(_matched()).names()


def test_none_comes_in_a_pause():
    paused = {"by": "ann", "reason": "", "at": ENTERED}
    assert "I10" in _tale(pause=paused, state="Paused").operator(_matched()).names()


def test_none_comes_while_the_destination_selects_another_revision():
    tale = _tale().stands(rule(canary=OLD)).later(10)
    assert "I10" in tale.operator(_matched()).names()


def test_a_clock_that_begins_without_them_is_objected_to():
    assert "I21" in _tale().operator(_rollout(started=True)).names()


def test_one_that_begins_with_those_of_another_phase_is_objected_to():
    tale = Tale().shop(canary=NEW).stands(_rollout("half"), _matched()).later(10)
    assert "I21" in tale.operator(_rollout("half", started=True)).names()


def test_pods_stay_while_header_routes_send_to_them():
    tale = _tale().operator(_matched())
    assert "I3" in tale.operator(replica_set(NEW, 0)).names()


def test_an_abort_is_answered_only_when_they_are_gone():
    spec = {"rollout": "shop", "verb": "abort"}
    asked = thing("RolloutAction", "stop", spec=spec)
    done = thing("RolloutAction", "stop", spec=spec, status={"result": "Done"})
    there = _tale().operator(_matched()).stands(asked)
    assert "I4" in there.operator(done).names()
    gone = _tale().operator(_matched()).stands(asked).operator(routes())
    assert "I4" not in gone.operator(done).names()


def test_one_that_is_left_over_at_rest_is_objected_to():
    tale = Tale().shop(canary=OLD).stands(_matched())
    assert tale.said() == []
    assert any("still has header routes" in text for text in rest_is_at_home(tale.docket.world))


def test_the_only_route_is_still_the_only_one_beside_its_header_route():
    def bare(body: Object) -> Object:
        del body["spec"]["http"][0]
        return body

    def unnamed(body: Object) -> Object:
        body["spec"]["traffic"]["istio"]["virtualServices"] = [{"name": "shop"}]
        return body

    tale = Tale().shop(canary=NEW).stands(unnamed(_rollout()), bare(routes())).later(10)
    assert tale.operator(bare(_matched())).said() == []
    wrong = bare(_matched(10))
    wrong["spec"]["http"][1]["route"][0]["weight"] = 80
    assert "I1" in tale.operator(wrong).names()


def test_header_rules_of_an_http_route_are_judged_alike():
    def gateway(body: Object) -> Object:
        body["spec"]["traffic"] = {
            "gatewayApi": {
                "httpRoutes": [{"name": "shop"}],
                "services": {"stable": "web", "canary": "web-canary"},
            }
        }
        return body

    def http_route(*ours: Object) -> Object:
        refs = [{"name": "web", "weight": 100}, {"name": "web-canary", "weight": 0}]
        return thing("HTTPRoute", "shop", spec={"rules": [*ours, {"backendRefs": refs}]})

    def header_rule(header: str) -> Object:
        headers = [{"type": "Exact", "name": header, "value": "beta"}]
        match = {"path": {"type": "PathPrefix", "value": "/"}, "headers": headers}
        refs = [{"name": "web-canary", "weight": 100}]
        return {"name": "tidegate.shop.0", "matches": [match], "backendRefs": refs}

    services = [
        thing("Service", name, spec={"selector": {"tidegate.io/revision": revision}})
        for name, revision in (("web", OLD), ("web-canary", NEW))
    ]
    tale = Tale().shop(canary=NEW).stands(gateway(_rollout()), http_route(), *services).later(10)
    assert tale.operator(http_route(header_rule("x-group"))).said() == []
    assert "I21" in tale.operator(http_route(header_rule("x-other"))).names()


def _sharing(
    weight: int = 10, *, arms: tuple[int, ...] = (1, 0, 1, 0), mark: bool = True
) -> Object:
    """Users who stay, by their cookie and by the id of the request."""
    body = routes(weight)
    managed = body["spec"]["http"][1]
    by_cookie = {"cookie": {"regex": r"(?:.*;)?\s*(?:shop=[^;]+)\s*(?:;.*)?"}}
    by_id = {"x-request-id": {"regex": "[^;]+"}}
    marking = {"response": {"add": {"set-cookie": "shop=%REQ(X-REQUEST-ID)%"}}}
    for number, arm in enumerate(arms):
        known = number < len(arms) // 2
        body["spec"]["http"].insert(
            1 + number,
            {
                **managed,
                "name": f"tidegate.shop.{number}",
                "match": [{"headers": by_cookie if known else by_id}],
                "route": [{**managed["route"][arm], "weight": 100}],
                **({} if known or not mark else {"headers": marking}),
            },
        )
    return body


def _keeping(**status: object) -> Tale:
    body = _rollout(**status)
    body["spec"]["phases"][0] = {"name": "ten", "weight": 10}
    body["spec"]["traffic"]["sticky"] = {"cookie": "shop"}
    return Tale().shop(canary=NEW, pods=4).stands(body).later(10)


def test_users_who_stay_may_be_sent_to_either_side():
    assert _keeping().operator(_sharing()).said() == []


def test_routes_for_users_who_stay_are_copies_too():
    wrong = _sharing(mark=False)
    wrong["spec"]["http"][3]["headers"] = {"response": {"add": {"set-cookie": "other=1"}}}
    assert "I21" in _keeping().operator(wrong).names()
    assert "I21" in _tale().operator(_sharing()).names(), "no phase asks for it"
