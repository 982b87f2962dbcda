"""A bench whose cluster holds one Rollout of `tests.core.scenes`."""

from __future__ import annotations

from typing import Any

from tests.controller.fakes import KEY, Bench, bench
from tests.core.scenes import Case
from tidegate.api.constants import FINALIZER


def body_of(case: Case, *, version: str = "10", uid: str = "u", **meta: Any) -> dict[str, Any]:
    """The Rollout of a case as the API server holds it."""
    return {
        "metadata": {
            "name": KEY[1],
            "namespace": KEY[0],
            "uid": uid,
            "resourceVersion": version,
            "generation": 7,
            "finalizers": [FINALIZER] if case.is_held else [],
            **meta,
        },
        "spec": case.spec.model_dump(mode="json", by_alias=True, exclude_none=True),
        "status": case.status.model_dump(mode="json", by_alias=True, exclude_none=True),
    }


def bench_of(case: Case) -> Bench:
    """A bench around it."""
    made = bench(case.observed)
    made.cluster.rollouts[KEY] = body_of(case)
    return made


def edited(bench: Bench, **changes: Any) -> None:
    """Somebody writes the Rollout: top-level fields and a newer version."""
    body = bench.cluster.rollouts[KEY]
    newer = str(int(body["metadata"]["resourceVersion"]) + 100)
    meta = {**body["metadata"], "resourceVersion": newer, "generation": 8}
    bench.cluster.rollouts[KEY] = {**body, **changes, "metadata": meta}
