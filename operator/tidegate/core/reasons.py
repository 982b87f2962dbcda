"""Every reason that appears in events, conditions and runs, in one place; docs tables list them."""

from __future__ import annotations

# Life of a run
RUN_STARTED = "RunStarted"
PHASE_STARTED = "PhaseStarted"
PHASE_PASSED = "PhasePassed"
TRAFFIC_SHIFTED = "TrafficShifted"
PROMOTING = "Promoting"
PROMOTED = "Promoted"
REVERTED = "Reverted"
SUPERSEDED = "Superseded"
TARGET_IS_STABLE = "TemplateIsStable"
DEPLOYED = "Deployed"

# Why a run was sent back
GUARD_BREACHED = "GuardBreached"
METRICS_BLIND = "MetricsBlind"
PROGRESS_DEADLINE_EXCEEDED = "ProgressDeadlineExceeded"
ABORTED = "Aborted"

# What a run waits for
WAITING_FOR_PODS = "WaitingForPods"
WAITING_FOR_TRAFFIC = "WaitingForTraffic"
WAITING_FOR_IDLE = "WaitingForIdle"
WAITING_FOR_HOLD = "WaitingForHold"
WAITING_FOR_GATES = "WaitingForGates"
WAITING_FOR_METRICS = "WaitingForMetrics"
SETTLING = "Settling"
PAUSED = "Paused"
RESUMED = "Resumed"

# At rest
HEALTHY = "Healthy"
INITIALIZING = "Initializing"
SCALING = "Scaling"

# Clean-up
OLD_PODS_REMOVED = "OldPodsRemoved"
DRAIN_TIMED_OUT = "DrainTimedOut"

# What a person must mend
INVALID_SPEC = "InvalidSpec"
NOT_BUILT_YET = "NotBuiltYet"
TEMPLATE_REFUSED = "TemplateRefused"
VIRTUAL_SERVICE_NOT_FOUND = "VirtualServiceNotFound"
ROUTE_NOT_FOUND = "RouteNotFound"
DESTINATION_NOT_FOUND = "DestinationNotFound"
FOREIGN_WEIGHT = "ForeignDestinationHasWeight"
DESTINATION_RULE_NOT_FOUND = "DestinationRuleNotFound"
SUBSET_NOT_FOUND = "SubsetNotFound"
SERVICE_NOT_FOUND = "ServiceNotFound"
CONFLICT = "Conflict"
QUERY_REFUSED = "QueryRefused"
WRITE_REFUSED = "WriteRefused"

# Actions of people
ACTION_DONE = "ActionDone"
ACTION_REFUSED = "ActionRefused"

# Drift
TRAFFIC_DRIFT = "TrafficDrift"
