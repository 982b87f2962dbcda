"""Variants of an experiment as the observer reads them: ours, and nobody else's."""

from __future__ import annotations

from tests.observer.routes import claim_of, shares

ROLLOUT = {
    "metadata": {"namespace": "shop", "name": "web"},
    "spec": {
        "variants": [{"name": "a"}, {"name": "b", "subset": "blue"}],
        "traffic": {
            "istio": {
                "virtualServices": [{"name": "web", "routes": ["primary"]}],
                "destinationRule": {"name": "web"},
            }
        },
    },
}
RULE = {"spec": {"host": "web"}}


def routes(**weights):
    """A VirtualService with those weights by subset."""
    ways = [
        {"destination": {"host": "web", "subset": subset}, "weight": weight}
        for subset, weight in weights.items()
    ]
    return {
        "metadata": {"namespace": "shop", "name": "web"},
        "spec": {"http": [{"name": "primary", "route": ways}]},
    }


def test_the_subsets_of_variants_are_the_rollouts_own():
    claim = claim_of(ROLLOUT)
    assert claim is not None
    assert claim.subsets == ("stable", "canary", "a", "blue")


def test_weights_of_variants_are_ours_and_those_of_others_are_not():
    claim = claim_of(ROLLOUT)
    assert claim is not None
    (route,) = shares(claim, routes(stable=50, canary=0, a=25, blue=25), RULE)
    assert (sum(route.ours), route.shared, route.share("stable")) == (100, False, 50)
    (route,) = shares(claim, routes(stable=50, canary=0, a=25, red=25), RULE)
    assert (sum(route.ours), route.shared) == (75, True)
