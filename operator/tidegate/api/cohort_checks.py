"""What a schema cannot say about cohorts: cookies in one header, and buckets that overlap."""

from collections.abc import Iterator

from tidegate.api import limits
from tidegate.api.expressions import COOKIE, Condition, NotConfined, conditions, confined
from tidegate.api.header_checks import regex_problem, size_problem
from tidegate.api.matching import Buckets, HttpMatch
from tidegate.api.problems import FieldProblem
from tidegate.api.re2_syntax import NotRe2, program_size
from tidegate.api.rollout import RolloutSpec


def cohort_problems(spec: RolloutSpec) -> Iterator[FieldProblem]:
    """Each match that cannot be said to a router, or not clearly, in written order."""
    matches: list[tuple[str, tuple[HttpMatch, ...]]] = []
    for index, phase in enumerate(spec.phases):
        path = f"spec.phases[{index}].match"
        found = [p for i, m in enumerate(phase.match) for p in _of_one(f"{path}[{i}]", m)]
        found = found or [
            p for i, m in enumerate(phase.match) for p in _whole(spec, f"{path}[{i}]", m)
        ]
        yield from found
        yield from _overlaps(path, phase.match)
        if phase.match and not found:
            matches.append((path, phase.match))
    yield from _twins(matches)


def _of_one(path: str, match: HttpMatch) -> Iterator[FieldProblem]:
    own = match.buckets
    named = [*match.cookies, *([own.cookie] if own is not None and own.cookie else [])]
    if named and COOKIE in match.headers:
        yield FieldProblem(
            f"{path}.headers", "header cookie holds all cookies; name each of them in cookies"
        )
    if own is not None and own.header == COOKIE:
        yield FieldProblem(f"{path}.buckets.header", "is the header of all cookies; use cookie")
    elif own is not None and (own.header in match.headers or own.cookie in match.cookies):
        yield FieldProblem(
            f"{path}.buckets", "has a condition of its own on that header or cookie; keep one"
        )
    if len(named) > limits.MAX_COOKIES:
        yield FieldProblem(
            f"{path}.cookies",
            f"with that of buckets there may be {limits.MAX_COOKIES} cookies; use fewer",
        )
    for name, value in match.cookies.items():
        for kind, text in (("exact", value.exact), ("prefix", value.prefix)):
            if text is not None and ";" in text:
                yield FieldProblem(
                    f"{path}.cookies.{name}.{kind}", "';' ends a cookie, so no value has one"
                )
        if value.regex is not None and not regex_problem(value.regex):
            yield from _regex(f"{path}.cookies.{name}.regex", value.regex)


def _regex(path: str, regex: str) -> Iterator[FieldProblem]:
    try:
        confined(regex)
    except NotConfined as error:
        yield FieldProblem(path, str(error))


def _whole(spec: RolloutSpec, path: str, match: HttpMatch) -> Iterator[FieldProblem]:
    """Whether all cookies of a match come to one expression that a router takes."""
    if any(value.regex and regex_problem(value.regex) for value in match.cookies.values()):
        return  # said by itself
    said = conditions(match).get(COOKIE)
    if said is None or said.way != "regex" or COOKIE in match.headers:
        return
    place = f"{path}.cookies" if match.cookies else f"{path}.buckets"
    length = len(said.text.encode())
    istio = spec.traffic is not None and spec.traffic.istio is not None
    try:
        size = program_size(said.text)
    except NotRe2 as error:
        yield FieldProblem(place, f"come to no regular expression of RE2: it {error}")
        return
    if istio and length > limits.MAX_REGEX_BYTES:
        yield FieldProblem(
            place,
            f"come to an expression of {length} bytes in all their orders, and Istio takes "
            f"{limits.MAX_REGEX_BYTES}; use fewer cookies, or shorter values",
        )
    elif problem := size_problem(size):
        yield FieldProblem(place, problem)


def _overlaps(path: str, match: tuple[HttpMatch, ...]) -> Iterator[FieldProblem]:
    """Buckets of one phase that share users: what is meant is one range, or two apart."""
    for place, later in enumerate(match):
        for earlier in match[:place]:
            if same_users(earlier, later) and _cross(earlier.buckets, later.buckets):
                yield FieldProblem(
                    f"{path}[{place}].buckets",
                    "has users of an item above it, on the same id; make it one range, or set "
                    "after so that they are apart",
                )
                break


def same_users(one: HttpMatch, other: HttpMatch) -> bool:
    """Whether two matches differ in nothing but which buckets of one id they take."""
    mine, theirs = one.buckets, other.buckets
    if mine is None or theirs is None:
        return False
    alike = ("header", "cookie", "encoding")
    if any(getattr(mine, field) != getattr(theirs, field) for field in alike):
        return False
    rest = ("headers", "cookies", "source_labels")
    return all(getattr(one, field) == getattr(other, field) for field in rest)


def _cross(one: Buckets | None, other: Buckets | None) -> bool:
    if one is None or other is None:
        return False
    return one.after < other.after + other.percent and other.after < one.after + one.percent


def _twins(matches: list[tuple[str, tuple[HttpMatch, ...]]]) -> Iterator[FieldProblem]:
    """Matches that mean the same and are written differently: routes do not tell them apart."""
    known: dict[tuple[tuple[object, ...], ...], tuple[str, tuple[HttpMatch, ...]]] = {}
    for path, match in matches:
        meaning = tuple(_meaning(one) for one in match)
        first, written = known.setdefault(meaning, (path, match))
        if written != match:
            yield FieldProblem(path, f"means the same as {first}; write it in the same way")


def _meaning(match: HttpMatch) -> tuple[object, ...]:
    found: dict[str, Condition] = conditions(match)
    return (
        tuple(sorted((n, c.way, c.text) for n, c in found.items())),
        *sorted(match.source_labels.items()),
    )
