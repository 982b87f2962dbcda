"""All invariants, each with its name: who is asked when.

I19 (one slow Rollout does not slow the others' aborts) is a measurement, not a predicate over
events; it is taken where load is made, in `bench/`.

Not judged yet: shares in HTTPRoutes, and what a plain Service's switch sends (I1 to I3, I10, I13).
Who writes there, with which epoch and precondition, is (I5, I6, I18).

| number | asked by |
| --- | --- |
| I1 | weights_add_up |
| I2 | pods_before_traffic, its_pods_serve_before_ours_go |
| I3 | pods_stay_while_they_carry, its_pods_go_for_ours |
| I4 | aborts_reach_the_routes |
| I5 | epochs_never_fall |
| I6 | writes_have_preconditions |
| I7 | phases_one_by_one, runs_are_counted |
| I8 | only_passes_promote |
| I9 | unknown_is_no_pass |
| I10 | nothing_speaks_against_a_raise |
| I11 | ended_stays_ended |
| I12 | one_set_a_revision |
| I13 | only_managed_fields |
| I14 | journal_has_each_decision_once, a_phase_follows_its_entry, events_name_their_rollout,
        decisions_are_told |
| I15 | releases_end |
| I16 | rest_is_at_home, and Observer.quiescent, which waits for silence |
| I17 | status_speaks_of_the_present |
| I18 | writes_stay_in_scope, no_secret_comes_out |
| I20 | statuses_stay_small, writes_are_bounded |
| I21 | header_routes_are_copies, a_hold_has_its_header_routes |
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeAlias

from tests.observer.happenings import Change, Write
from tests.observer.invariants import (
    fencing,
    journal,
    liveness,
    managed_fields,
    matching,
    phases,
    raising,
    replica_sets,
    scope,
    statuses,
    verdicts,
    weights,
    workloads,
)
from tests.observer.world import World

OnChange: TypeAlias = Callable[[Change, World], Iterator[str]]
OnWrite: TypeAlias = Callable[[Write, World], Iterator[str]]
AtRest: TypeAlias = Callable[[World], Iterator[str]]

ON_CHANGE: dict[str, tuple[OnChange, ...]] = {
    "I1": (weights.weights_add_up,),
    "I2": (raising.pods_before_traffic, workloads.its_pods_serve_before_ours_go),
    "I3": (replica_sets.pods_stay_while_they_carry, workloads.its_pods_go_for_ours),
    "I4": (liveness.aborts_reach_the_routes,),
    "I7": (phases.phases_one_by_one, phases.runs_are_counted),
    "I8": (verdicts.only_passes_promote,),
    "I9": (verdicts.unknown_is_no_pass,),
    "I10": (raising.nothing_speaks_against_a_raise,),
    "I11": (phases.ended_stays_ended,),
    "I12": (replica_sets.one_set_a_revision,),
    "I13": (managed_fields.only_managed_fields,),
    "I14": (
        journal.journal_has_each_decision_once,
        journal.a_phase_follows_its_entry,
        journal.events_name_their_rollout,
    ),
    "I17": (statuses.status_speaks_of_the_present,),
    "I18": (scope.no_secret_comes_out,),
    "I20": (statuses.statuses_stay_small, statuses.writes_are_bounded),
    "I21": (matching.header_routes_are_copies, matching.a_hold_has_its_header_routes),
}
"""Asked about every change, with the world before it."""

ON_WRITE: dict[str, tuple[OnWrite, ...]] = {
    "I5": (fencing.epochs_never_fall,),
    "I6": (fencing.writes_have_preconditions,),
    "I18": (scope.writes_stay_in_scope,),
}
"""Asked about every request of the audit log, in the order of the versions they made."""

AT_REST: dict[str, tuple[AtRest, ...]] = {
    "I15": (liveness.releases_end,),
    "I16": (liveness.rest_is_at_home,),
}
"""Asked when somebody says that all must have come to rest."""
