"""Who goes to the canary whatever the weight says: by headers, cookies, buckets and callers."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from tidegate.api import limits
from tidegate.api.base import ApiModel, Rule
from tidegate.api.scalars import LabelValue, Percent

MatchText = Annotated[str, Field(min_length=1, max_length=limits.MAX_HEADER_CHARS)]
"""Not empty: Istio reads an empty one as "whatever the value is"."""


class StringMatch(ApiModel):
    """How the value of a header or cookie is compared, in exactly one way."""

    RULES: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel="[has(self.exact), has(self.prefix), has(self.regex)].exists_one(x, x)",
            message="set exactly one of exact, prefix and regex",
            holds=lambda m: [m.exact, m.prefix, m.regex].count(None) == 2,  # noqa: PLR2004 — two of three
        ),
    )

    exact: MatchText | None = Field(None, description="The whole value.")
    prefix: MatchText | None = Field(None, description="What the value starts with.")
    regex: MatchText | None = Field(None, description="RE2 expression for the whole value.")


class Buckets(ApiModel):
    """A fixed share of the users, told by the last digits of an id that each of them keeps.

    Those of `percent: 10` are among those of `percent: 50`, so that a share can grow and nobody
    falls out of it.
    """

    RULES: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel="has(self.header) != has(self.cookie)",
            message="set exactly one of header and cookie: where the id stands",
            holds=lambda b: (b.header is None) != (b.cookie is None),
        ),
        Rule(
            cel="!has(self.after) || self.after + self.percent <= 100",
            message="after and percent together must be at most 100",
            holds=lambda b: b.after + b.percent <= limits.MAX_WEIGHT_PERCENT,
            field=".percent",
        ),
    )

    header: MatchText | None = Field(
        None, description="Header whose value ends with the id's digits, in lower case."
    )
    cookie: MatchText | None = Field(
        None, description="Cookie whose value ends with the id's digits."
    )
    percent: int = Field(
        ge=1,
        le=limits.MAX_WEIGHT_PERCENT,
        description="Share of the ids, in percent.",
    )
    after: Percent = Field(
        0, description="Share of the ids before these, which others have, in percent (default 0)."
    )
    encoding: Literal["hex", "decimal"] = Field(
        description="How the id's last digits are written: hex (the last three, as of a UUID; "
        "within 0.02 points) or decimal (the last two, as of a number; exact).",
    )


class HttpMatch(ApiModel):
    """Requests that go to the canary whatever the weight says; all that is named must match."""

    RULES: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel="has(self.buckets) || has(self.headers) && self.headers.size() > 0 || "
            "has(self.cookies) && self.cookies.size() > 0 || "
            "has(self.sourceLabels) && self.sourceLabels.size() > 0",
            message="name at least one of headers, cookies, buckets and sourceLabels, or all "
            "requests would match",
            holds=lambda m: bool(m.buckets or m.headers or m.cookies or m.source_labels),
        ),
    )

    headers: dict[str, StringMatch] = Field(
        default_factory=dict,
        max_length=limits.MAX_HEADERS,
        description="Headers that all must match, by lower-case header name.",
    )
    cookies: dict[str, StringMatch] = Field(
        default_factory=dict,
        max_length=limits.MAX_COOKIES,
        description="Cookies that all must match, by name.",
    )
    buckets: Buckets | None = Field(
        None, description="A fixed share of the users, by the last digits of their id."
    )
    source_labels: dict[str, LabelValue] = Field(
        default_factory=dict,
        max_length=limits.MAX_SOURCE_LABELS,
        description="Labels of the pods that send the request; only Istio knows them.",
    )
