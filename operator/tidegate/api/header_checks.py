"""What a schema cannot say about headers to match: their names, and expressions that routers take.

A name that a router ignores, or an expression that it reads in another way, would send requests
to the canary that nobody asked for.
"""

import re
import warnings
from collections.abc import Iterator
from typing import Final

from tidegate.api import limits
from tidegate.api.phases import HttpMatch, StringMatch
from tidegate.api.problems import FieldProblem
from tidegate.api.rollout import RolloutSpec
from tidegate.api.walk import walk

_NAME: Final = re.compile(r"[a-z0-9!#$%&'*+.^_`|~-]+")
_IGNORED: Final = frozenset({"uri", "scheme", "method", "authority", "host"})
"""Names that Istio reads as something else than a header."""

# What Python reads and RE2 does not, or otherwise: look-around, back-references, atomic groups,
# possessive repeats. Escaped characters and character classes are taken out before.
_ESCAPED: Final = re.compile(r"\\[^1-9]", re.DOTALL)
_CLASS: Final = re.compile(r"\[\^?\]?[^\]]*\]")
_NOT_RE2: Final = re.compile(r"\\[1-9]|\(\?(?!:|P<|[ims-]+[:)])|[*+?}]\+")


def header_problems(spec: RolloutSpec) -> Iterator[FieldProblem]:
    """Each header that cannot be matched, in written order."""
    for place in walk(spec, "spec"):
        if isinstance(place.value, HttpMatch):
            yield from _names(place.path, place.value)
        elif isinstance(place.value, StringMatch) and not _reads_alike(place.value.regex or ""):
            sentence = (
                "is no regular expression of RE2, which has no look-around and no "
                "back-references; mend it"
            )
            yield FieldProblem(f"{place.path}.regex", sentence)


def _names(path: str, match: HttpMatch) -> Iterator[FieldProblem]:
    for name in match.headers:
        if name in _IGNORED:
            sentence = f"{name!r} is no header that routers match as one; match another"
        elif not _NAME.fullmatch(name):
            sentence = f"{name!r} must be the name of a header in lower case"
        elif len(name) > limits.MAX_HEADER_CHARS:
            sentence = f"a name must have at most {limits.MAX_HEADER_CHARS} characters"
        else:
            continue
        yield FieldProblem(f"{path}.headers", sentence)


def _reads_alike(regex: str) -> bool:
    """Whether Python reads the expression, and RE2 in the same way."""
    bare = _CLASS.sub("_", _ESCAPED.sub("_", regex))
    if _NOT_RE2.search(bare):
        return False
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of sets to come in Python, which RE2 has not
            re.compile(regex)
    except (re.error, OverflowError, RecursionError):
        return False
    return True
