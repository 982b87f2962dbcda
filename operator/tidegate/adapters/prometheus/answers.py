"""From the bytes of an answer to a small typed result; everything unexpected is a `Failure`.

Only words that Prometheus itself wrote in its own error format are passed on, shortened and on
one line. A body of any other shape may be an internal page of something else and stays unread.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any, NoReturn, Self

from tidegate.core.observation import Answer

SERIES_MAX = 10_000
WORDS_MAX_CHARS = 300
WARNINGS_MAX = 5
SAME_TIME_S = 0.1
"""Prometheus tells times to the millisecond; a proxy that rounds them is further off."""
ANSWER_AWAY_S_MAX = 60.0
"""How far the time of a value may lie from the time asked for.

Prometheus gives exactly that time. Stores that look back a little, until what they were sent has
settled, do so by seconds; a cache that has stopped to ask, or a wrong clock, is soon further away.
"""

ENGINE_NOTES = ("PromQL warning:", "PromQL info:")
"""How Prometheus' own engine starts a remark about the query; the data is then all there."""

# Prometheus writes numbers as Go does. Python's float() would also take "1_000", " 1 " and "٣".
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?|NaN|[+-]?Inf", re.ASCII)


@dataclass(frozen=True, slots=True)
class Sample:
    """One series of an instant vector: its labels and its value, which may be NaN or infinite.

    `at_s` is when it was evaluated, in Unix seconds.
    """

    labels: Mapping[str, str]
    value: float
    at_s: float


@dataclass(frozen=True, slots=True)
class Vector:
    """What an instant query gave; a scalar is one sample without labels."""

    samples: tuple[Sample, ...] = ()
    notes: tuple[str, ...] = ()

    def evaluated_at(self, asked: datetime) -> datetime:
        """When it was evaluated: as asked, or, of a cache's answer, the earliest time that it says.

        So an answer that is given twice is no second window.
        """
        earliest_s = min((sample.at_s for sample in self.samples), default=asked.timestamp())
        off_s = earliest_s - asked.timestamp()
        return asked if abs(off_s) <= SAME_TIME_S else asked + timedelta(seconds=off_s)


@dataclass(frozen=True, slots=True)
class Failure:
    """No result: ERROR when the provider is at fault, REFUSED when the query is."""

    answer: Answer
    detail: str

    @classmethod
    def error(cls, detail: str) -> Self:
        """The provider failed; asking again later may help."""
        return cls(Answer.ERROR, detail)

    @classmethod
    def refused(cls, detail: str) -> Self:
        """The query is wrong; only changing it helps."""
        return cls(Answer.REFUSED, detail)


class _Malformed(ValueError):
    """The answer is not what Prometheus' API promises; the message says which part."""


def parse(status: int, body: bytes, at: datetime) -> Vector | Failure:
    """The result of one instant query, asked for the time `at`; never raises."""
    if status != HTTPStatus.OK:
        return _failed(status, body)
    try:
        return _of_that_time(_result(_decode(body)), at)
    except _Malformed as wrong:
        return Failure.error(
            f"the answer is not Prometheus' format ({wrong}); "
            "check that the provider's url leads to a Prometheus API"
        )


def one_line(words: str) -> str:
    """Foreign words made fit to be shown: printable, on one line, at most WORDS_MAX_CHARS."""
    # Cut before cleaning too: the words may be as long as the whole answer.
    text = " ".join("".join(c if c.isprintable() else " " for c in words[:4096]).split())
    return text if len(text) <= WORDS_MAX_CHARS else text[: WORDS_MAX_CHARS - 1] + "…"


def _decode(body: bytes) -> dict[str, Any]:
    try:
        # As text: of bytes, json would guess the encoding.
        answer = json.loads(
            body.decode("utf-8"), parse_constant=_no_constant, object_pairs_hook=_object
        )
    except (ValueError, RecursionError):
        raise _Malformed("it is not whole JSON") from None
    if not isinstance(answer, dict):
        raise _Malformed("it is not a JSON object")
    return answer


def _no_constant(name: str) -> NoReturn:
    raise ValueError(name)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    # Of two values under one name json keeps the last; nobody can say which one is meant.
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a name stands twice in one object")
    return members


def _failed(status: int, body: bytes) -> Failure:
    words = _own_words(body)
    if status == HTTPStatus.BAD_REQUEST and words:
        return Failure.refused(f"Prometheus refuses the query: {words}; correct the query")
    if words:
        return Failure.error(
            f"Prometheus could not answer (HTTP {status}): {words}; "
            "it is asked again at the next measurement"
        )
    return Failure.error(f"the provider answered HTTP {status}; {_advice(status)}")


def _own_words(body: bytes) -> str:
    """The message of an error in Prometheus' own format, or "" for any other body."""
    try:
        answer = _decode(body)
    except _Malformed:
        return ""
    kind, words = answer.get("errorType"), answer.get("error")
    if answer.get("status") != "error" or not isinstance(kind, str) or not isinstance(words, str):
        return ""
    return one_line(words) or one_line(kind)


def _advice(status: int) -> str:
    if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        return "check the provider's tokenFile, basicAuth, tls and headers"
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return "it limits how often it is asked"
    if HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST:
        return "redirects are not followed, so set the provider's url to where it leads"
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return "see its own log for why"
    return "check the provider's url"


def _result(answer: dict[str, Any]) -> Vector | Failure:
    if answer.get("status") == "error":
        words = answer.get("error")
        told = one_line(words) if isinstance(words, str) else "it does not say why"
        return Failure.error(f"Prometheus could not answer: {told}; see its own log")
    data = answer.get("data")
    if answer.get("status") != "success" or not isinstance(data, dict):
        raise _Malformed("it has no status and data")
    notes = _notes(answer)
    if partial := _partial(answer, notes):
        return Failure.error(
            f"the provider read only a part of its data ({partial}); see whether its stores are up"
        )
    shown = notes[:WARNINGS_MAX]
    match data.get("resultType"):
        case "scalar":
            return Vector((_valued({}, data.get("result")),), shown)
        case "vector":
            return _vector(data.get("result"), shown)
        case "matrix":
            return Failure.refused(
                "the query gives a range vector, not one number; "
                "put a function such as rate() or avg_over_time() around it"
            )
        case "string":
            return Failure.refused("the query gives a text, not a number; correct the query")
        case _:
            raise _Malformed("its result type is unknown")


def _of_that_time(result: Vector | Failure, at: datetime) -> Vector | Failure:
    """The result unless a value is of another time, however good it was then."""
    if isinstance(result, Failure):
        return result
    asked_s = at.timestamp()
    furthest_s = max((sample.at_s - asked_s for sample in result.samples), key=abs, default=0.0)
    if abs(furthest_s) <= ANSWER_AWAY_S_MAX:
        return result
    side = "after" if furthest_s > 0 else "before"
    return Failure.error(
        f"the answer is about another time, {abs(furthest_s):g} s {side} the one asked for; see "
        "whether a cache answers in Prometheus' place"
    )


def _notes(answer: dict[str, Any]) -> tuple[str, ...]:
    notes: list[str] = []
    for name in ("warnings", "infos"):
        listed = answer.get(name)
        if listed is None:
            continue
        if not isinstance(listed, list) or not all(isinstance(note, str) for note in listed):
            raise _Malformed(f"its {name} are not texts")
        notes += [one_line(note) for note in listed]
    return tuple(notes)


def _partial(answer: dict[str, Any], notes: tuple[str, ...]) -> str:
    """Why not all data was read, or "".

    Prometheus' engine marks its remarks; a warning without that mark comes from a data source
    (a Thanos store, remote read) that could not be read. VictoriaMetrics says `isPartial`.
    Half of the data can look like a release without errors, so it counts as none.
    """
    if answer.get("isPartial"):
        return "it says isPartial"
    return next((note for note in notes if not note.startswith(ENGINE_NOTES)), "")


def _vector(result: object, notes: tuple[str, ...]) -> Vector | Failure:
    if not isinstance(result, list):
        raise _Malformed("its vector is not a list")
    if len(result) > SERIES_MAX:
        return Failure.error(
            f"the query gives {len(result)} series and at most {SERIES_MAX} are read; "
            "aggregate with sum() or avg()"
        )
    samples = tuple(_sample(series) for series in result)
    if len({frozenset(sample.labels.items()) for sample in samples}) < len(samples):
        raise _Malformed("it has the same series twice")
    return Vector(samples, notes)


def _sample(series: object) -> Sample:
    if not isinstance(series, dict):
        raise _Malformed("a series is not an object")
    labels = series.get("metric")
    if not isinstance(labels, dict) or not all(isinstance(value, str) for value in labels.values()):
        raise _Malformed("the labels of a series are not texts")
    if "histogram" in series:
        raise _Malformed("a series is a native histogram, which is no number")
    return _valued(labels, series.get("value"))


def _valued(labels: Mapping[str, str], pair: object) -> Sample:
    """The sample of `[unix seconds, "number"]`; too large a number is infinite."""
    if not isinstance(pair, list) or len(pair) != 2:  # noqa: PLR2004 — a pair
        raise _Malformed("a value is not a pair of time and number")
    at, number = pair
    at_s = _seconds(at)
    if not isinstance(number, str) or not _NUMBER.fullmatch(number):
        raise _Malformed("a value is not a number")
    return Sample(labels, float(number), at_s)


def _seconds(at: object) -> float:
    try:
        if isinstance(at, int | float) and not isinstance(at, bool) and math.isfinite(at):
            return float(at)
    except OverflowError:  # JSON's whole numbers have no limit, a float has
        pass
    raise _Malformed("the time of a value is not a number")
