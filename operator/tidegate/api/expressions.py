"""What cookies and buckets mean as conditions on headers, in RE2 expressions for whole values.

All cookies of a request stand in one header, `a=1; b=2`, in any order. So the expression of one
must never run on into the next: it knows no `;`. A bucket is what the last digits of an id say.
"""

import re
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import permutations
from typing import Final, Literal

from tidegate.api.matching import Buckets, HttpMatch, StringMatch

COOKIE: Final = "cookie"
"""The header that all cookies stand in."""
PERCENT: Final = 100
ENDINGS_KEPT: Final = 256
"""Expressions for shares of ids that are not made anew in every pass."""

_SPECIAL: Final = re.compile(r"([\\.+*?()|\[\]{}^$])")
_TOKEN: Final = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|.", re.DOTALL)
_ESCAPES: Final = frozenset("dwsbB")
_BEFORE: Final = r"(?:.*;)?\s*"
_BETWEEN: Final = r"\s*;(?:.*;)?\s*"
_AFTER: Final = r"\s*(?:;.*)?"


@dataclass(frozen=True, slots=True)
class Digits:
    """How an id is written: the digits with their expressions, and how many of the last count."""

    symbols: str
    cases: bool
    width: int

    @property
    def buckets(self) -> int:
        """How many buckets they tell apart."""
        return int(len(self.symbols) ** self.width)

    def edge(self, percent: int) -> int:
        """The first bucket that is not among that share; of a larger share, never a lower one."""
        return (percent * self.buckets + PERCENT // 2) // PERCENT


ENCODINGS: Final = {
    "hex": Digits("0123456789abcdef", cases=True, width=3),
    "decimal": Digits("0123456789", cases=False, width=2),
}


@dataclass(frozen=True, slots=True)
class Condition:
    """How the value of one header is compared: all of it, its begin, or by an RE2 expression."""

    way: Literal["exact", "prefix", "regex"]
    text: str


class NotConfined(ValueError):
    """An expression that could match more than one cookie; the text says why and what to do."""


def quoted(text: str) -> str:
    """An RE2 expression for exactly that text."""
    return _SPECIAL.sub(r"\\\1", text)


def conditions(match: HttpMatch) -> dict[str, Condition]:
    """Every header of a match with its condition, by name, cookies and buckets included."""
    found = {name: _said(value) for name, value in match.headers.items()}
    own = match.buckets
    if own is not None and own.header is not None:
        found[own.header] = Condition("regex", bucketed(own))
    cookies = [(name, _value(value)) for name, value in sorted(match.cookies.items())]
    if own is not None and own.cookie is not None:
        cookies.append((own.cookie, bucketed(own)))
    if cookies:
        found[COOKIE] = Condition("regex", with_cookies(cookies))
    return found


def with_cookies(cookies: Sequence[tuple[str, str]]) -> str:
    """An expression for headers that have all these cookies: names, and values as expressions."""
    each = [f"{quoted(name)}={value}" for name, value in cookies]
    orders = "|".join(_BETWEEN.join(order) for order in permutations(each))
    return f"{_BEFORE}(?:{orders}){_AFTER}"


def bucketed(buckets: Buckets) -> str:
    """An expression for the ids whose last digits lie in the buckets, never with a `;` in it."""
    last = buckets.after + buckets.percent
    return ending_in(buckets.encoding, buckets.after, last)


@lru_cache(maxsize=ENDINGS_KEPT)
def ending_in(encoding: Literal["hex", "decimal"], after: int, last: int) -> str:
    """The same, for the ids between these shares (percent). Of one digit alone, 7 is 07."""
    digits = ENCODINGS[encoding]
    low, high = digits.edge(after), digits.edge(last)
    ways = ["[^;]*" + way for way in _between(digits, low, high, digits.width)]
    if encoding == "decimal":
        ways += [f"(?:[^;]*[^;0-9])?{way}" for way in _between(digits, low, min(high, 10), 1)]
    return f"(?:{'|'.join(ways)})"


def _between(digits: Digits, low: int, high: int, width: int) -> Iterator[str]:
    """Expressions for the numbers from `low` and below `high` that have that many digits."""
    step = len(digits.symbols) ** (width - 1)
    whole = [d for d in range(len(digits.symbols)) if low <= d * step and (d + 1) * step <= high]
    if whole:
        rest = _set(digits, 0, len(digits.symbols) - 1)
        yield _set(digits, whole[0], whole[-1]) + rest * (width - 1)
    for d in range(len(digits.symbols)):
        begin, end = max(low, d * step), min(high, (d + 1) * step)
        if d not in whole and begin < end:
            for way in _between(digits, begin - d * step, end - d * step, width - 1):
                yield _set(digits, d, d) + way


def _set(digits: Digits, first: int, last: int) -> str:
    """One digit from the first to the last of them, in either case."""
    chosen = digits.symbols[first : last + 1]
    runs = [chosen.strip("abcdef"), chosen.strip("0123456789")]
    runs += [runs[1].upper()] if digits.cases else []
    return "[" + "".join(r if len(r) == 1 else f"{r[0]}-{r[-1]}" for r in runs if r) + "]"


def _said(value: StringMatch) -> Condition:
    if value.exact is not None:
        return Condition("exact", value.exact)
    if value.prefix is not None:
        return Condition("prefix", value.prefix)
    return Condition("regex", value.regex or "")


def _value(value: StringMatch) -> str:
    """An expression for a cookie's value."""
    if value.exact is not None:
        return quoted(value.exact)
    if value.prefix is not None:
        return f"{quoted(value.prefix)}[^;]*"
    return f"(?:{confined(value.regex or '')})"


def confined(regex: str) -> str:
    """The expression with `.` and `[^…]` kept within one cookie. Raises NotConfined."""
    if "(?P<" in regex:
        raise NotConfined("a group with a name would be there twice; write (?:…) instead")
    return "".join(map(_confined, _TOKEN.findall(regex)))


def _confined(token: str) -> str:
    match token[0]:
        case ".":
            return "[^;]"
        case ";":
            raise NotConfined("';' ends a cookie, so no value has one; take it out")
        case "^" | "$":
            raise NotConfined(f"'{token}' is of no use: the expression is for the whole value")
        case "\\":
            return _escape(token)
        case "[":
            return _class(token)
        case _:
            return token


def _escape(token: str) -> str:
    if token[1:] == ";" or (token[1:].isalnum() and token[1:] not in _ESCAPES):
        raise NotConfined(f"'{token}' may run on into the next cookie; write [^;] or the character")
    return token


def _class(token: str) -> str:
    if token.startswith("[^"):
        if token[2:3] in ("]", "-"):
            raise NotConfined(f"'{token}' is hard to read; escape its first character")
        return f"[^;{token[2:]}"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of sets to come in Python, which RE2 has not
        if "[:" in token or re.fullmatch(token, ";"):
            raise NotConfined(f"'{token}' may run on into the next cookie; leave ';' out of it")
    return token
