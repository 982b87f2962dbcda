"""Every reason that appears in events, conditions and runs, in one place; docs tables list them."""

from __future__ import annotations

# Life of a run
RUN_STARTED = "RunStarted"
PREFLIGHT_PASSED = "PreflightPassed"
PHASE_STARTED = "PhaseStarted"
PHASE_PASSED = "PhasePassed"
PHASE_SKIPPED = "PhaseSkipped"
TRAFFIC_SHIFTED = "TrafficShifted"
PROMOTING = "Promoting"
PROMOTED = "Promoted"
BAKING = "Baking"
BAKE_PASSED = "BakePassed"
UNDONE = "Undone"
REVERTED = "Reverted"
SUPERSEDED = "Superseded"
TARGET_IS_STABLE = "TemplateIsStable"
DEPLOYED = "Deployed"

# Why a run was sent back
GUARD_BREACHED = "GuardBreached"
METRICS_BLIND = "MetricsBlind"
PROGRESS_DEADLINE_EXCEEDED = "ProgressDeadlineExceeded"
PHASE_DEADLINE_EXCEEDED = "PhaseDeadlineExceeded"
ABORTED = "Aborted"
REJECTED = "Rejected"
DELETED = "Deleted"

# What would have been done to a run, had mode been enforce
WOULD_REVERT = "WouldRevert"
WOULD_PAUSE = "WouldPause"
WOULD_HOLD = "WouldHold"

# What a run waits for
WAITING_FOR_PODS = "WaitingForPods"
WAITING_FOR_TRAFFIC = "WaitingForTraffic"
WAITING_FOR_IDLE = "WaitingForIdle"
WAITING_FOR_HOLD = "WaitingForHold"
WAITING_FOR_GATES = "WaitingForGates"
WAITING_FOR_METRICS = "WaitingForMetrics"
WAITING_FOR_HOOK = "WaitingForHook"
WAITING_FOR_WINNER = "WaitingForWinner"
SETTLING = "Settling"
AWAITING_APPROVAL = "AwaitingApproval"
APPROVED = "Approved"
PAUSED = "Paused"
RESUMED = "Resumed"
METRIC_WARNING = "MetricWarning"

# What an experiment has found
EXPERIMENT_DECIDED = "ExperimentDecided"
EXPERIMENT_UNDECIDED = "ExperimentUndecided"

# Jobs and calls around phases and runs
HOOK_STARTED = "HookStarted"
HOOK_SUCCEEDED = "HookSucceeded"
HOOK_FAILED = "HookFailed"

# A Deployment that is taken over
TAKEOVER_STARTED = "TakeoverStarted"
TAKEN_OVER = "TakenOver"
WORKLOAD_DRIFT = "WorkloadDrift"
WORKLOAD_NOT_FOUND = "WorkloadNotFound"
WORKLOAD_LARGER = "WorkloadLarger"
WORKLOAD_CHANGED = "WorkloadChanged"
GIVING_BACK = "GivingBack"
GIVEN_BACK = "GivenBack"

# ConfigMaps and Secrets that are part of the revision
CONTENT_NOT_FOUND = "ContentNotFound"
CONTENT_UNREADABLE = "ContentUnreadable"

# At rest
HEALTHY = "Healthy"
INITIALIZING = "Initializing"
SCALING = "Scaling"
STABLE_SHRUNK = "StableShrunk"

# Lost
STABLE_LOST = "StableLost"

# Routes of the Rollout's own
ROUTE_MADE = "RouteMade"
ROUTE_ALIGNED = "RouteAligned"
ROUTE_NOT_OURS = "RouteNotOurs"

# Clean-up
OLD_PODS_REMOVED = "OldPodsRemoved"
DRAIN_TIMED_OUT = "DrainTimedOut"

# RolloutPolicies
POLICY_APPLIED = "PolicyApplied"
POLICY_INVALID = "PolicyInvalid"
POLICY_GONE = "PolicyGone"
FROZEN = "Frozen"
WAITING_FOR_TURN = "WaitingForTurn"
WAITING_FOR_DEPENDENCY = "WaitingForDependency"

# What a person must mend
INVALID_SPEC = "InvalidSpec"
NOT_BUILT_YET = "NotBuiltYet"
TEMPLATE_REFUSED = "TemplateRefused"
ROUTER_NOT_INSTALLED = "RouterNotInstalled"
HTTP_ROUTE_NOT_FOUND = "HTTPRouteNotFound"
VIRTUAL_SERVICE_NOT_FOUND = "VirtualServiceNotFound"
ROUTE_NOT_FOUND = "RouteNotFound"
DESTINATION_NOT_FOUND = "DestinationNotFound"
HEADER_ROUTE_NOT_POSSIBLE = "HeaderRouteNotPossible"
VARIANT_NOT_DISTINCT = "VariantNotDistinct"
FOREIGN_WEIGHT = "ForeignDestinationHasWeight"
DESTINATION_RULE_NOT_FOUND = "DestinationRuleNotFound"
SUBSET_NOT_FOUND = "SubsetNotFound"
SERVICE_NOT_FOUND = "ServiceNotFound"
CONFLICT = "Conflict"
QUERY_REFUSED = "QueryRefused"
WRITE_REFUSED = "WriteRefused"
WRITE_FAILING = "WriteFailing"
INTERNAL_ERROR = "InternalError"

# Actions of people
ACTION_DONE = "ActionDone"
ACTION_REFUSED = "ActionRefused"

# Drift
TRAFFIC_DRIFT = "TrafficDrift"

# Shares that are not as asked
SAMPLE_RATIO_MISMATCH = "SampleRatioMismatch"
