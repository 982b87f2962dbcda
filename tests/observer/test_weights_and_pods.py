"""I1, I2, I3 and I10 object to what they forbid, and to nothing else."""

from __future__ import annotations

import pytest

from tests.observer.tales import (
    NEW,
    OLD,
    Object,
    Tale,
    pod,
    replica_set,
    rollout,
    routes,
    rule,
    run,
    thing,
)

RUNNING = rollout(state="Progressing", run=run())


def _canary(weight: int = 0, pods: int = 4) -> Tale:
    return Tale().shop(weight=weight, canary=NEW, pods=pods).operator(RUNNING)


# ---------------------------------------------------------------- I1


@pytest.mark.parametrize(("canary", "stable"), [(10, 80), (10, 100), (120, -20)])
def test_weights_that_do_not_add_up_are_objected_to(canary: int, stable: int):
    assert "I1" in _canary().operator(routes(canary, stable)).names()


def test_weights_that_add_up_are_fine():
    assert _canary().operator(routes(10)).said() == []


MADE = rollout(state="Progressing", run=run())
MADE["spec"]["traffic"] = {"istio": {"managed": {"hosts": ["shop"]}}}


def _anew(canary: int, pods: int) -> Tale:
    """The operator makes its own route again."""
    tale = Tale().shop(canary=NEW, pods=pods).stands(MADE)
    return tale.gone(routes(0)).later(1.0).operator(routes(canary))


def test_a_route_that_is_made_with_a_share_needs_pods_for_it():
    assert "I2" in _anew(50, pods=0).names()
    assert _anew(50, pods=4).said() == []


def test_a_route_that_is_made_adds_up():
    tale = Tale().shop(canary=NEW).stands(MADE).gone(routes(0)).later(1.0)
    assert "I1" in tale.operator(routes(10, 80)).names()


def _made_while_its_rule_goes(lag_s: float) -> Tale:
    tale = Tale().shop(canary=NEW).stands(MADE).gone(routes(0)).later(5.0)
    return tale.gone(rule(canary=NEW)).later(lag_s).operator(routes(10))


def test_a_route_that_is_made_while_somebody_takes_its_rule_away_is_fine():
    assert "I1" not in _made_while_its_rule_goes(0.1).names()


def test_a_route_that_is_made_long_after_its_rule_went_is_objected_to():
    assert "I1" in _made_while_its_rule_goes(2.0).names()


def test_what_others_write_is_no_fault_of_the_operator():
    assert _canary().stands(routes(10, 70)).said() == []


def test_the_mark_of_a_takeover_says_nothing_of_the_weights_it_found():
    tale = _canary().stands(routes(10, 70))
    marked = routes(10, 70)
    marked["metadata"]["annotations"] = {"tidegate.io/epoch": "2"}
    assert tale.operator(marked).said() == []


def test_a_route_without_the_stable_destination_is_objected_to():
    lost = routes(100)
    del lost["spec"]["http"][1]["route"][0]
    assert "I1" in _canary().operator(lost).names()


def test_a_write_that_was_on_its_way_when_its_rollout_went_is_fine():
    assert _canary().gone(RUNNING).later(0.1).operator(routes(10)).said() == []


def test_a_write_long_after_its_rollout_went_is_objected_to():
    assert "I13" in _canary().gone(RUNNING).later(10).operator(routes(10)).names()


def _among_others(canary: int, stable: int, foreign: int) -> Object:
    body = routes(canary, stable)
    other = {"destination": {"host": "other"}, "weight": foreign}
    body["spec"]["http"][1]["route"].append(other)
    return body


def test_what_others_leave_may_be_shared_out():
    tale = _canary().stands(_among_others(0, 80, 20))
    assert tale.operator(_among_others(8, 72, 20)).said() == []


def test_more_than_others_leave_is_objected_to():
    tale = _canary().stands(_among_others(0, 80, 20))
    assert "I1" in tale.operator(_among_others(10, 90, 20)).names()


def test_where_others_left_nothing_traffic_may_still_go_back():
    tale = _canary(50).stands(_among_others(50, 50, 100))
    assert tale.operator(_among_others(0, 100, 100)).said() == []


@pytest.mark.parametrize(
    ("kind", "field", "wish"),
    [("tls", "tlsRoutes", {"sniHosts": ["a"]}), ("tcp", "tcpRoutes", {"port": 1})],
)
def test_tls_and_tcp_routes_are_judged_alike(kind: str, field: str, wish: Object):
    def body(canary: int, stable: int) -> Object:
        found = routes(canary, stable)
        route = found["spec"]["http"].pop(1)
        found["spec"][kind] = [{"match": [wish], "route": route["route"]}]
        return found

    named = rollout(state="Progressing", run=run())
    named["spec"]["traffic"]["istio"]["virtualServices"] = [{"name": "shop", field: [wish]}]
    tale = Tale().shop(canary=NEW).stands(named, body(0, 100))
    assert tale.operator(body(10, 90)).said() == []
    assert tale.operator(body(10, 95)).names() == {"I1"}


# ---------------------------------------------------------------- I2


@pytest.mark.parametrize(("weight", "pods"), [(10, 0), (50, 1), (100, 3)])
def test_a_share_without_the_pods_for_it_is_objected_to(weight: int, pods: int):
    assert "I2" in _canary(pods=pods).operator(routes(weight)).names()


@pytest.mark.parametrize(("weight", "pods"), [(10, 1), (50, 2), (100, 4)])
def test_a_share_with_the_pods_for_it_is_fine(weight: int, pods: int):
    assert _canary(pods=pods).operator(routes(weight)).said() == []


def test_a_phase_may_declare_fewer_pods():
    declared = rollout(state="Progressing", run=run(), phase={"name": "half", "index": 1})
    declared["spec"]["phases"][1]["replicas"] = 1
    tale = Tale().shop(canary=NEW, pods=1).operator(declared)
    assert "I2" not in tale.operator(routes(50)).names()


def test_a_pod_that_was_ready_a_moment_ago_counts():
    tale = _canary(pods=1).stands(pod(NEW, 0, ready=False)).later(0.5)
    assert tale.operator(routes(10)).said() == []


def test_a_pod_that_was_ready_long_ago_does_not_count():
    tale = _canary(pods=1).stands(pod(NEW, 0, ready=False)).later(10)
    assert "I2" in tale.operator(routes(10)).names()


def test_traffic_back_to_a_stable_without_pods_is_objected_to():
    tale = _canary(50).gone(*(pod(OLD, number) for number in range(4))).later(10)
    assert "I2" in tale.operator(routes(0)).names()


def test_half_of_the_stable_pods_may_take_all_traffic_back():
    tale = _canary(50).gone(pod(OLD, 0), pod(OLD, 1)).later(10)
    assert tale.operator(routes(0)).said() == []


def test_stable_is_the_refuge_when_nobody_has_a_ready_pod():
    tale = _canary(50, pods=1).gone(pod(NEW, 0), *(pod(OLD, n) for n in range(4))).later(10)
    assert tale.operator(routes(0)).said() == []


# ---------------------------------------------------------------- I10


def _raised_after_it_grew(lag_s: float, size: int = 8) -> Tale:
    grown = rollout(state="Progressing", run=run())
    grown["spec"]["replicas"] = size
    return _canary(pods=2).stands(grown).later(lag_s).operator(routes(50))


def test_a_raise_that_crosses_with_a_wish_for_more_pods_is_fine():
    assert _raised_after_it_grew(0.1).said() == []


def test_a_raise_long_after_more_pods_were_wanted_is_objected_to():
    assert "I2" in _raised_after_it_grew(2.0).names()


def test_a_raise_in_a_pause_is_objected_to():
    paused = rollout(state="Paused", run=run(), pause={"by": "ann"})
    tale = _canary().operator(paused).later(10)
    assert "I10" in tale.operator(routes(10)).names()


def test_a_raise_that_met_a_pause_on_its_way_is_fine():
    paused = rollout(state="Paused", run=run(), pause={"by": "ann"})
    assert "I10" not in _canary().operator(paused).later(0.1).operator(routes(10)).names()


def test_a_raise_without_a_run_is_objected_to():
    assert "I10" in Tale().shop(canary=NEW).operator(routes(10)).names()


def test_a_raise_of_another_revision_is_objected_to():
    other = rollout(state="Progressing", run=run(to="cccccccccc"))
    tale = Tale().shop(canary=NEW).operator(other)
    assert "I10" in tale.operator(routes(10)).names()


@pytest.mark.parametrize("verdict", ["fail", "error"])
def test_a_raise_under_a_failing_guard_is_objected_to(verdict: str):
    checks = [{"id": "guard/0", "kind": "guard", "metric": "errors", "verdict": verdict}]
    failing = rollout(state="Progressing", run=run(), checks=checks)
    assert "I10" in Tale().shop(canary=NEW).operator(failing, routes(10)).names()


def test_a_guard_without_data_is_no_obstacle():
    checks = [{"id": "guard/0", "kind": "guard", "metric": "errors", "verdict": "nodata"}]
    dark = rollout(state="Progressing", run=run(), checks=checks)
    assert Tale().shop(canary=NEW).operator(dark, routes(10)).said() == []


def test_a_raise_under_an_abort_without_answer_is_objected_to():
    abort = thing("RolloutAction", "a", spec={"rollout": "shop", "verb": "abort"})
    tale = _canary().stands(abort).later(10)
    assert "I10" in tale.operator(routes(10)).names()


def test_lowering_asks_for_no_permission():
    paused = rollout(state="Paused", run=run(), pause={"by": "ann"})
    assert _canary(50).operator(paused).later(10).operator(routes(10)).said() == []


def _unlabelled() -> Object:
    body = rule(canary=NEW)
    del body["spec"]["subsets"][1]["labels"]
    return body


def test_a_raise_that_crosses_with_an_edit_of_its_destination_is_fine():
    tale = _canary().stands(_unlabelled()).later(0.1)
    assert tale.operator(routes(10)).said() == []


def test_a_raise_long_after_its_destination_was_edited_is_objected_to():
    tale = _canary().stands(_unlabelled()).later(2)
    assert {"I2", "I10"} <= tale.operator(routes(10)).names()


def test_a_raise_right_after_the_operator_itself_changed_its_destination_is_objected_to():
    tale = _canary().stands(_unlabelled()).operator(rule(canary=OLD)).later(0.1)
    assert "I10" in tale.operator(routes(10)).names()


# ---------------------------------------------------------------- I3


def test_pods_that_carry_traffic_are_not_taken_away():
    assert "I3" in _canary(50).operator(replica_set(OLD, 1)).names()


def test_a_replica_set_that_carries_traffic_is_not_deleted():
    assert "I3" in _canary(50).operator_deletes(replica_set(OLD, 4)).names()


def test_pods_beyond_what_the_share_needs_may_go():
    assert _canary(50).operator(replica_set(OLD, 2)).said() == []


def test_pods_stay_for_the_drain_after_their_last_traffic():
    tale = _canary(50).operator(routes(0)).later(1)
    assert "I3" in tale.operator(replica_set(NEW, 0)).names()


def test_after_the_drain_pods_may_go():
    tale = _canary(50).operator(routes(0)).later(3)
    assert tale.operator(replica_set(NEW, 0)).said() == []


def test_pods_that_are_not_ready_drain_nothing():
    tale = _canary(50).operator(routes(0)).gone(*(pod(NEW, n) for n in range(4)))
    assert tale.operator(replica_set(NEW, 0)).said() == []


def test_a_repointed_subset_lets_its_revision_go_too():
    tale = _canary(100).operator(rule(stable=NEW, canary=NEW)).later(3)
    assert tale.operator(replica_set(OLD, 0)).said() == []


def test_what_others_scale_is_no_fault_of_the_operator():
    assert _canary(50).stands(replica_set(OLD, 0)).said() == []


# ---------------------------------------------------------------- a bake, and the way back

BAKING = rollout(state="Baking", stableRevision=NEW, run=run(stage="Baking"))


def _bake(*, pods: int = 4) -> Tale:
    """NEW is promoted, and the canary destination selects OLD again."""
    tale = Tale().shop(canary=NEW).stands(rule(stable=NEW, canary=OLD))
    tale.gone(*(pod(OLD, number) for number in range(pods, 4)))
    return tale.later(10).operator(BAKING)


def test_a_way_back_leads_in_a_bake_whatever_is_stored_of_its_guards():
    failing = [{"kind": "guard", "metric": "errors", "verdict": "fail"}]
    checked = rollout(state="Baking", stableRevision=NEW, run=run(stage="Baking"), checks=failing)
    assert _bake().operator(checked).operator(routes(100)).said() == []


def test_half_of_the_old_pods_may_take_all_traffic_back():
    assert _bake(pods=2).operator(routes(100)).said() == []
    assert "I2" in _bake(pods=1).operator(routes(100)).names()


def test_a_raise_in_a_bake_to_the_new_revision_is_objected_to():
    tale = Tale().shop(canary=NEW).stands(rule(stable=NEW, canary=NEW)).later(10).operator(BAKING)
    assert "I10" in tale.operator(routes(10)).names()


def test_old_pods_that_go_in_a_bake_are_objected_to():
    assert "I3" in _bake().operator(replica_set(OLD, 0)).names()
    assert "I3" in _bake().operator(replica_set(OLD, 3)).names()
