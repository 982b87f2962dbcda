"""Lives take long, and are made of many choices: no reason to doubt a property of them.

`TIDEGATE_EXAMPLES=2000 pytest tests/properties` looks for new failures and prints what to repeat.
"""

import os

from hypothesis import HealthCheck, settings

SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]

settings.register_profile(
    "steady lives", derandomize=True, deadline=None, suppress_health_check=SLOW, database=None
)
settings.register_profile(
    "search for lives",
    deadline=None,
    suppress_health_check=SLOW,
    print_blob=True,
    database=None,
)
settings.load_profile("search for lives" if "TIDEGATE_EXAMPLES" in os.environ else "steady lives")
