"""How many examples: few and always the same by default, many and new ones on request.

`TIDEGATE_EXAMPLES=2000 pytest tests/properties` looks for new failures and prints what to repeat.
"""

import os

from hypothesis import HealthCheck, settings

SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]

settings.register_profile(
    "steady", derandomize=True, deadline=None, suppress_health_check=SLOW, database=None
)
settings.register_profile(
    "search",
    deadline=None,
    suppress_health_check=SLOW,
    print_blob=True,
    database=None,
)
settings.load_profile("search" if "TIDEGATE_EXAMPLES" in os.environ else "steady")
