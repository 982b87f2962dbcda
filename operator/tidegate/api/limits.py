"""A bound on everything a user can write, each with its unit.

The API server estimates the cost of a CEL rule from these bounds before it accepts the CRD, and
`.status` has to stay far below the 1.5 MiB that etcd takes: no list, text or map goes without.
"""

from typing import Final

# Sizes of a release, in pods and percent of requests
MAX_REPLICAS: Final = 10_000
MAX_WEIGHT_PERCENT: Final = 100
MAX_REVISION_HISTORY: Final = 100

# Time, in seconds
MAX_DURATION_S: Final = 90 * 24 * 3600.0
MIN_INTERVAL_S: Final = 1.0
MIN_COOKIE_AGE_S: Final = 1.0
COOKIE_AGE_S: Final = 7 * 24 * 3600.0
MIN_WINDOW_S: Final = 1.0
MIN_EXPIRY_S: Final = 60.0
"""An approval is dated by the second, and its way here takes a moment."""
MAX_POD_WINDOW_S: Final = 3600.0
"""What befell pods is remembered for so long."""
MIN_THRESHOLD_S: Final = 0.001
MAX_THRESHOLD_S: Final = 600.0
MIN_HOOK_S: Final = 1.0
MIN_JOB_INTERVAL_S: Final = 30.0
"""Between two runs of the Job of a metric: each is a pod that has to be started."""
MAX_CALL_S: Final = 600.0
"""One call of a hook keeps a connection open for so long."""

# Lists, in items
MAX_PHASES: Final = 32
MAX_METRICS: Final = 64
MAX_GUARDS: Final = 32
MAX_PHASE_GUARDS: Final = 16
MAX_GATES: Final = 16
MAX_SCORECARDS: Final = 8
MAX_MEMBERS: Final = 16
MAX_MEMBERS_ASKED: Final = 256
"""Members that guards and gates ask for at once: so many are scored in some tenths of a second."""
MAX_JOB_METRICS: Final = 8
"""Metrics of one Rollout that Jobs bring: so many run at once."""
MAX_HOOKS: Final = 8
MAX_PHASE_HOOKS: Final = 64
"""Hooks of all phases of one Rollout: `.status` has an entry for each."""
MAX_HOOKS_KEPT: Final = 128
"""Hooks in `.status`: those of the run, and what is left to do after the one before."""
MAX_VARIANTS: Final = 4
"""Arms of an experiment beside stable and canary."""
MAX_MEASURES: Final = 4
"""Metrics of one experiment: each more makes all of them ask for more evidence."""
MAX_MATCHES: Final = 8
MAX_HEADERS: Final = 8
MAX_COOKIES: Final = 3
"""They all stand in one header, in any order: three have six orders."""
MAX_SOURCE_LABELS: Final = 8
MAX_APPROVERS: Final = 16
MAX_APPROVALS: Final = 64
"""Approvals kept of one run, for all of its phases."""
MAX_GROUPS: Final = 16
MAX_BREACHES: Final = 100
MAX_RETRIES: Final = 10
MAX_MIN_PODS: Final = 1000
MAX_VIRTUAL_SERVICES: Final = 16
MAX_ROUTES: Final = 32
MAX_SNI_HOSTS: Final = 16
MAX_HTTP_ROUTES: Final = 16
MAX_HTTP_ROUTE_RULES: Final = 16
MAX_CONTENTS: Final = 16
MAX_MANAGED_HOSTS: Final = 16
MAX_MANAGED_GATEWAYS: Final = 16
MAX_SELECTOR_LABELS: Final = 16
MAX_SELECTOR_EXPRESSIONS: Final = 16
MAX_SELECTOR_VALUES: Final = 16
MAX_POLICIES: Final = 8
"""RolloutPolicies that may hold for one Rollout."""
MAX_POLICY_METRICS: Final = 16
MAX_POLICY_GUARDS: Final = 8
MAX_FREEZE_WINDOWS: Final = 16
MAX_DEPENDENCIES: Final = 8
MAX_CHECKS: Final = 640
"""Of a Rollout 32 guards, 16 guards and 16 gates of a phase, and 8 guards of each of 8 policies:
of the canary, and of each of 4 variants."""
MAX_TESTS: Final = 32
"""Statistical tests of one Rollout: each more makes all others ask for more evidence.

A scorecard with a test counts once for each guard and gate that names it.
"""
MAX_POLICY_TESTS: Final = 4
"""Statistical tests of one policy."""
MAX_EVIDENCES: Final = (
    MAX_TESTS
    + MAX_POLICIES * MAX_POLICY_TESTS * (1 + MAX_VARIANTS)
    + 2 * MAX_MEASURES * (1 + MAX_VARIANTS)
)
"""Tests whose evidence `.status` keeps: the Rollout's, those of all policies about each arm, and of
an experiment two for each arm and metric."""
MAX_TEST_VALUES: Final = 40
MAX_HISTORY: Final = 64
MAX_OVERLOOKED: Final = 64
MAX_WARNED: Final = 64
MAX_DRAINING: Final = 16
MAX_PROVEN: Final = 10
MAX_CONDITIONS: Final = 16
MAX_DRIFTS: Final = 8

# Text, in characters
MAX_DURATION_CHARS: Final = 32
MAX_PERCENT_CHARS: Final = 4
MAX_TIMESTAMP_CHARS: Final = 40
MAX_LABEL_CHARS: Final = 63
MAX_NAME_CHARS: Final = 253
MAX_GATEWAY_CHARS: Final = 317
MAX_LABEL_KEY_CHARS: Final = 317
MAX_QUERY_CHARS: Final = 4096
MAX_SERIES_CHARS: Final = 512
MAX_UNIT_CHARS: Final = 32
MAX_HEADER_CHARS: Final = 256
MAX_COOKIE_CHARS: Final = 63
"""The name of a cookie."""
MAX_REGEX_BYTES: Final = 1024
"""Istio's validation refuses a longer expression, and with it the whole write of the routes."""
MAX_USER_CHARS: Final = 256
MAX_REASON_CHARS: Final = 128
MAX_ACTION_REASON_CHARS: Final = 512
MAX_FREEZE_REASON_CHARS: Final = 256
MAX_ZONE_CHARS: Final = 64
MAX_MESSAGE_CHARS: Final = 1024
MAX_DETAIL_CHARS: Final = 512
MAX_SELECTOR_CHARS: Final = 4096
MAX_SHORT_CHARS: Final = 64
MAX_CHECK_ID_CHARS: Final = 256
MAX_POLICY_NAME_CHARS: Final = 63
"""The name goes into the ids of its checks."""
MAX_METRIC_REF_CHARS: Final = MAX_POLICY_NAME_CHARS + 1 + MAX_LABEL_CHARS
MAX_HOOK_PATH_CHARS: Final = 256
MAX_ROLLOUT_NAME_CHARS: Final = 63
"""The name goes into a label of every pod."""

# Numbers
MAX_PORT: Final = 65_535
MAX_VALUE: Final = 1e15
"""Bounds of metrics, in the metric's unit, lie between minus this and this."""
MAX_PERCENT_CHANGE: Final = 100_000.0
MAX_MARGIN: Final = 1_000_000.0
MAX_SCORE: Final = 100.0
MAX_COVERAGE_PERCENT: Final = 100
MAX_MEMBER_WEIGHT: Final = 1_000
MIN_TEST_MARGIN: Final = 1.0
MAX_TEST_MARGIN: Final = 100.0
MIN_CONFIDENCE: Final = 0.75
MAX_CONFIDENCE: Final = 0.9999
"""Between these the tests are proven; more would want evidence that no release brings."""
MAX_EVIDENCE: Final = 1e18
"""Sums of a test, in requests or as logarithms, lie between minus this and this."""
MAX_REGEX_INSTRUCTIONS: Final = 32_768
"""Of RE2's program: `re2.max_program_size.error_level`, as Istio sets it for its proxies."""
MAX_SAMPLES: Final = 1_000_000_000
MAX_COUNT: Final = 2**31 - 1
"""The largest int32, for counters such as the number of a run."""
MAX_GENERATION: Final = 2**53 - 1
"""The largest whole number that JSON readers keep exact."""
