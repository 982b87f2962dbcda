"""Rollouts to rehearse, as the text of a manifest."""

from __future__ import annotations

from typing import Any

import yaml

from tidegate.api.rollout import Rollout

ERRORS = {"name": "errors", "template": "istio-error-rate", "window": "30s"}
GUARD = {"metric": "errors", "max": 0.05, "interval": "15s"}
GATE = {"metric": "errors", "max": 0.02, "interval": "15s", "minSamples": 10}


def body(**spec: Any) -> dict[str, Any]:
    """A Rollout without any doubt about it; `spec` replaces fields."""
    return {
        "apiVersion": "tidegate.io/v1alpha1",
        "kind": "Rollout",
        "metadata": {"name": "shop", "namespace": "town"},
        "spec": {
            "replicas": 4,
            "selector": {"matchLabels": {"app": "shop"}},
            "template": {"metadata": {"labels": {"app": "shop"}}},
            "traffic": {
                "istio": {
                    "virtualServices": [{"name": "shop"}],
                    "destinationRule": {"name": "shop"},
                }
            },
            "metrics": [ERRORS],
            "guards": [GUARD],
            "phases": [{"name": "half", "weight": 50, "hold": "1m", "gates": [GATE]}],
        }
        | spec,
    }


def manifest(**spec: Any) -> str:
    """The same as a file holds it."""
    return yaml.safe_dump(body(**spec), sort_keys=False)


def rollout(**spec: Any) -> Rollout:
    """The same as the operator reads it."""
    return Rollout.parse(body(**spec))
