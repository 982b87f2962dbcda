"""Experiments on a real API server: arms side by side, all gone at once, and what CRDs refuse."""

from __future__ import annotations

import json
from typing import Any

import pytest

from demo.manifests import App, Shop
from demo.stage import Stage
from sandbox import SandboxError
from tests.cluster.places import opened, quick_shop, routes_of

pytestmark = pytest.mark.api

NAMES = ("a", "b")
VARIANTS = [
    {"name": name, "patch": {"metadata": {"annotations": {"text": name}}}} for name in NAMES
]
SHARES = [{"name": name, "weight": 25} for name in NAMES]
ASKS = {
    "metrics": [{"metric": "error-rate", "better": "lower", "interval": "1s"}],
    "decide": "winner",
}
TESTED = {"name": "test", "weight": 0, "hold": "1h", "variants": SHARES}
LAST = {"name": "all", "weight": 100, "hold": "500ms"}


class ArmsShop(Shop):
    """A shop whose DestinationRule and route know both variants, as Git would hold them."""

    def _subsets(self) -> dict[str, Any]:
        usual = super()._subsets()
        return {**usual, "subsets": [*usual["subsets"], *({"name": name} for name in NAMES)]}

    def _routes(self) -> dict[str, Any]:
        spec = super()._routes()
        more = [{"destination": {"host": self.name, "subset": n}, "weight": 0} for n in NAMES]
        *others, primary = spec["http"]
        return {**spec, "http": [*others, {**primary, "route": [*primary["route"], *more]}]}


def _shop(**changes: Any) -> ArmsShop:
    usual = quick_shop(phases=(TESTED, LAST), extra={"variants": VARIANTS, **changes})
    return ArmsShop(**{name: getattr(usual, name) for name in usual.__dataclass_fields__})


def _holding(status: dict[str, Any]) -> bool:
    phase = status.get("phase") or {}
    return phase.get("name") == "test" and bool(phase.get("startedAt"))


def _home(status: dict[str, Any]) -> bool:
    return status.get("state") in ("Reverted", "Healthy") and not status.get("variants")


def _weights(spec: dict[str, Any]) -> dict[str, int]:
    (primary,) = (one for one in spec["http"] if one["name"] == "primary")
    return {way["destination"]["subset"]: way["weight"] for way in primary["route"]}


def _selected(stage: Stage, shop: Shop) -> dict[str, str]:
    rule = stage.cluster.get("destinationrule", shop.name, "-n", shop.namespace)
    found = rule["spec"]["subsets"]
    return {one["name"]: one["labels"]["tidegate.io/revision"] for one in found}


def test_arms_get_their_shares_and_an_abort_takes_all_of_them_away(stage: Stage) -> None:
    """Also while the operator dies and comes back; every byte of the route is as before."""
    shop = _shop()
    with opened(stage, shop):
        before = routes_of(stage, shop)
        stage.release(shop, App("v2"))
        status = stage.await_status(shop, "in the experiment", _holding, deadline_s=90)
        assert _weights(routes_of(stage, shop)) == {"stable": 50, "canary": 0, "a": 25, "b": 25}
        arms = {one["name"]: one["revision"] for one in status["variants"]}
        selected = _selected(stage, shop)
        assert {name: selected[name] for name in NAMES} == arms
        assert len({*selected.values()}) == 4
        stage.operator.kill()
        stage.operator.start()
        stage.act(shop, "abort", "enough")
        stage.await_status(shop, "sent back, and all arms home", _home, deadline_s=90)
        assert json.dumps(routes_of(stage, shop)) == json.dumps(before)
        assert len({*_selected(stage, shop).values()}) == 1


def test_arms_leave_with_their_phase(stage: Stage) -> None:
    """And the run goes on to its promotion."""
    shop = _shop()
    with opened(stage, shop):
        stage.release(shop, App("v2"))
        stage.await_status(shop, "in the experiment", _holding, deadline_s=90)
        stage.act(shop, "skip", "seen enough")
        status = stage.await_status(shop, "promoted, and all arms home", _home, deadline_s=90)
        assert status["lastRun"]["outcome"] == "Promoted"
        assert {*_selected(stage, shop).values()} == {status["stableRevision"]}


def test_names_of_variants_stay_while_one_is_in_use(stage: Stage) -> None:
    """What an arm that nobody names any more has of the traffic would be nobody's."""
    shop = _shop()
    with opened(stage, shop):
        stage.release(shop, App("v2"))
        stage.await_status(shop, "in the experiment", _holding, deadline_s=90)
        less = shop.with_(extra={**shop.extra, "variants": VARIANTS[:1]})
        less = less.with_(phases=({**TESTED, "variants": SHARES[:1]}, LAST))
        with pytest.raises(SandboxError, match="cannot change while a run is on"):
            stage.release(less, App("v2"))


@pytest.mark.parametrize(
    ("changes", "phase", "words"),
    [
        ({"variants": [{**VARIANTS[0], "name": "canary"}]}, LAST, "named stable or canary"),
        ({"variants": [VARIANTS[0]]}, TESTED, "must be one of spec.variants"),
        ({}, {**TESTED, "weight": 50}, "leave 1 % or more to stable"),
        ({}, {**LAST, "experiment": ASKS}, "compares arms with stable"),
        (
            {"variants": [VARIANTS[0], {**VARIANTS[1], "subset": "stable"}]},
            LAST,
            "a subset of its own",
        ),
        ({}, {**TESTED, "experiment": {**ASKS, "margin": 0.5}}, "greater than or equal to 1"),
    ],
)
def test_what_cannot_be_an_experiment_is_refused_by_the_api_server(
    stage: Stage, changes: dict[str, Any], phase: dict[str, Any], words: str
) -> None:
    """By the CRD's own rules, in one sentence."""
    body = _shop(**changes).rollout(App("v1"))
    body["metadata"]["namespace"] = "default"
    body["spec"]["phases"] = [phase]
    with pytest.raises(SandboxError, match=words):
        stage.cluster.apply(body)
