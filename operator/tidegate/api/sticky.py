"""Users who stay where they are: a cookie that keeps a random id, not an arm."""

from typing import ClassVar

from pydantic import Field

from tidegate.api import limits
from tidegate.api.base import ApiModel, Rule
from tidegate.api.scalars import CookieName, DurationS


class Sticky(ApiModel):
    """While a phase has a weight between 0 and 100, each user stays on one revision."""

    RULES: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel="!has(self.maxAge) || duration(self.maxAge) >= duration('1s')",
            message="maxAge must be at least 1s, or browsers would throw the cookie away",
            holds=lambda sticky: sticky.max_age_s >= limits.MIN_COOKIE_AGE_S,
            field=".maxAge",
        ),
    )

    cookie: CookieName = Field(
        description="Name of the cookie that Tidegate sets; nobody else may use it."
    )
    max_age_s: DurationS = Field(
        limits.COOKIE_AGE_S,
        description="Time the cookie lives from when it was set (default 168h, a week); let it be "
        "longer than a release.",
    )
