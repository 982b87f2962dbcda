"""All seeded bugs, and which of them a run tries."""

from __future__ import annotations

import os
import random

from tests.mutants import (
    after_promotion,
    approvals,
    bounds,
    cohorts,
    comparisons,
    evidence,
    header_routes,
    hooks,
    job_metrics,
    leadership,
    made_routes,
    mirrors,
    pod_signals,
    policies,
    preflight,
    providers,
    rehearsals,
    scorecards,
    scored_tests,
    stale_views,
    takeovers,
    traffic_order,
    variants,
)
from tests.mutants.mutant import Mutant

MUTANTS: tuple[Mutant, ...] = (
    *traffic_order.MUTANTS,
    *evidence.MUTANTS,
    *stale_views.MUTANTS,
    *leadership.MUTANTS,
    *header_routes.MUTANTS,
    *mirrors.MUTANTS,
    *cohorts.MUTANTS,
    *after_promotion.MUTANTS,
    *takeovers.MUTANTS,
    *approvals.MUTANTS,
    *made_routes.MUTANTS,
    *comparisons.MUTANTS,
    *bounds.MUTANTS,
    *scorecards.MUTANTS,
    *pod_signals.MUTANTS,
    *providers.MUTANTS,
    *rehearsals.MUTANTS,
    *policies.MUTANTS,
    *hooks.MUTANTS,
    *preflight.MUTANTS,
    *variants.MUTANTS,
    *scored_tests.MUTANTS,
    *job_metrics.MUTANTS,
)

SLICE = 4
"""Mutants that a plain run tries, other ones each time: the whole table takes minutes."""
SEED_VARIABLE = "TIDEGATE_SEED"
FAULTS_VARIABLE = "TIDEGATE_FAULTS"


def seed_of_run() -> int:
    """What TIDEGATE_SEED says, or a new one; whoever uses it has to show it."""
    said = os.environ.get(SEED_VARIABLE)
    return int(said) if said else random.SystemRandom().randrange(2**32)


def chosen(seed: int) -> tuple[Mutant, ...]:
    """The mutants to try: all of them with TIDEGATE_FAULTS=all, none of them in a quick check."""
    if os.environ.get(FAULTS_VARIABLE) in ("all", "nightly"):
        return MUTANTS
    if "TIDEGATE_QUICK" in os.environ:
        return ()
    return tuple(random.Random(seed).sample(MUTANTS, SLICE))
