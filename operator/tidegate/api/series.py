"""Series that a Rollout names: a metric and fixed matchers of labels, never a query.

The grammar is a part of PromQL's in which every text is one series selector: values in double
quotes hold neither quotes nor backslashes nor braces, so nothing can end them early.
"""

from typing import Annotated, Final

from pydantic import Field

from tidegate.api import limits
from tidegate.api.base import ApiModel

_MATCHER: Final = r'[a-zA-Z_][a-zA-Z0-9_]*(=~|!~|!=|=)"[^"\\{}\x00-\x1f\x7f]*"'
SERIES_PATTERN: Final = (
    r"^[a-zA-Z_:][a-zA-Z0-9_:]*(\{(" + _MATCHER + r"(, ?" + _MATCHER + r")*)?\})?$"
)

Series = Annotated[
    str, Field(pattern=SERIES_PATTERN, min_length=1, max_length=limits.MAX_SERIES_CHARS)
]
"""A metric's name, with matchers if need be: `jobs_total` or `jobs_total{queue="mail"}`."""


class Counters(ApiModel):
    """Two counters that pods export: what went wrong, and all of it."""

    bad: Series = Field(
        description='Counter of what went wrong, such as http_requests_total{code=~"5.."}.'
    )
    total: Series = Field(
        description="Counter of everything, what went wrong included, such as http_requests_total."
    )
