"""What a schema cannot say about who is matched: names, and expressions that routers take.

A name that a router ignores, or an expression that it reads in another way, would send requests
to the canary that nobody asked for.
"""

import re
import warnings
from collections.abc import Iterator
from typing import Final

from tidegate.api import limits
from tidegate.api.matching import HttpMatch, StringMatch
from tidegate.api.problems import FieldProblem
from tidegate.api.re2_syntax import NotRe2, program_size
from tidegate.api.rollout import RolloutSpec
from tidegate.api.walk import walk

_NAME: Final = re.compile(r"[a-z0-9!#$%&'*+.^_`|~-]+")
_COOKIE: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_IGNORED: Final = frozenset({"uri", "scheme", "method", "authority", "host"})
"""Names that Istio reads as something else than a header."""


def header_problems(spec: RolloutSpec) -> Iterator[FieldProblem]:
    """Each header that cannot be matched, in written order."""
    for place in walk(spec, "spec"):
        if isinstance(place.value, HttpMatch):
            yield from _names(place.path, place.value)
        elif isinstance(place.value, StringMatch) and (
            problem := regex_problem(place.value.regex or "")
        ):
            yield FieldProblem(f"{place.path}.regex", problem)


def _names(path: str, match: HttpMatch) -> Iterator[FieldProblem]:
    for name in match.headers:
        if problem := _header_problem(name):
            yield FieldProblem(f"{path}.headers", problem)
    for name in match.cookies:
        if problem := _cookie_problem(name):
            yield FieldProblem(f"{path}.cookies", problem)
    own = match.buckets
    if own is not None and own.header is not None and (problem := _header_problem(own.header)):
        yield FieldProblem(f"{path}.buckets.header", problem)
    if own is not None and own.cookie is not None and (problem := _cookie_problem(own.cookie)):
        yield FieldProblem(f"{path}.buckets.cookie", problem)


def _header_problem(name: str) -> str:
    """What is wrong with the name of a header; "" if nothing is."""
    if name in _IGNORED:
        return f"{name!r} is no header that routers match as one; match another"
    if not _NAME.fullmatch(name):
        return f"{name!r} must be the name of a header in lower case"
    if len(name) > limits.MAX_HEADER_CHARS:
        return f"a name must have at most {limits.MAX_HEADER_CHARS} characters"
    return ""


def _cookie_problem(name: str) -> str:
    """What is wrong with the name of a cookie; "" if nothing is."""
    if not _COOKIE.fullmatch(name):
        return f"{name!r} must be the name of a cookie: letters, digits and !#$%&'*+.^_`|~-"
    if len(name) > limits.MAX_COOKIE_CHARS:
        return f"the name of a cookie must have at most {limits.MAX_COOKIE_CHARS} characters"
    return ""


def regex_problem(regex: str) -> str:
    """Why routers would refuse an expression, or read it otherwise; "" if they do not."""
    try:
        size = program_size(regex)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of sets to come in Python, which RE2 has not
            re.compile(regex)
    except NotRe2 as error:
        return f"is no regular expression of RE2: it {error}"
    except (re.error, OverflowError, RecursionError):
        return "is no regular expression of RE2 that Python reads as well; write it more plainly"
    return size_problem(size)


def size_problem(size: int) -> str:
    """Why an expression of that many instructions is too large; "" if it is not."""
    if size <= limits.MAX_REGEX_INSTRUCTIONS:
        return ""
    return (
        f"comes to up to {size} instructions of RE2, and proxies take "
        f"{limits.MAX_REGEX_INSTRUCTIONS}; repeat less in it"
    )
