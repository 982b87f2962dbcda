"""What Prometheus recorded, asked by ranges and given out moment by moment, as to an operator.

For the command line only: requests are synchronous, through prometheus-api-client. That client
drops warnings and takes an answer's shape for granted, so the bytes themselves are parsed here.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from io import BytesIO
from typing import Any, Final, Protocol

from tidegate.adapters.prometheus.answers import (
    SAME_TIME_S,
    Failure,
    Matrix,
    Sample,
    Vector,
    parse_range,
)

BODY_MAX_BYTES: Final = 32 * 1024 * 1024
CHUNK_BYTES: Final = 64 * 1024
POINTS_EACH: Final = 240
"""Moments that one request is about: an hour of them at the usual scrape interval."""
REQUESTS_MAX: Final = 5_000
"""Requests of one backtest: a sweep of more is for a smaller range or a wider step."""


class MissingClientError(ImportError):
    """prometheus-api-client is not installed; the message says how to get it."""


class Ranges(Protocol):
    """Answers one range query."""

    def ask(self, text: str, start: datetime, points: int, step_s: int) -> Matrix | Failure:
        """The values at `start` and every `step_s` after it, `points` moments in all."""
        ...


@dataclass(slots=True)
class Moment:
    """The clock of a replay: it stands where it is put."""

    at: datetime

    def now(self) -> datetime:
        """The moment that is being replayed."""
        return self.at


class RangeClient:
    """Range queries of one Prometheus, each with a limit on time and bytes.

    `timeout_s` bounds one request from connecting to the last byte, whatever trickles in.
    """

    def __init__(self, url: str, timeout_s: float) -> None:
        self._connect = _library()
        self._url = url.rstrip("/")
        self._timeout_s = timeout_s
        self._asked = 0

    def ask(self, text: str, start: datetime, points: int, step_s: int) -> Matrix | Failure:
        """The values at `start` and every `step_s` after it; never raises for a server."""
        self._asked += 1
        if self._asked > REQUESTS_MAX:
            return Failure.error(
                f"{REQUESTS_MAX} requests were made; ask about less time, or with a wider --step"
            )
        line = _Line()
        end = start + timedelta(seconds=step_s * (points - 1))
        # A socket's time-out begins anew with every byte. A thread can be left behind.
        asking = threading.Thread(
            target=self._exchange, args=(line, text, start, end, step_s), daemon=True
        )
        asking.start()
        asking.join(self._timeout_s)
        if asking.is_alive():
            line.close()
            return Failure.error(f"Prometheus did not answer within {self._timeout_s:g} s")
        if line.too_long:
            return TooLong.error(f"the answer is longer than {BODY_MAX_BYTES} bytes")
        if line.body is None:
            return Failure.error(f"Prometheus cannot be reached ({line.trouble}); check the url")
        return parse_range(line.status, line.body)

    def _exchange(
        self, line: _Line, text: str, start: datetime, end: datetime, step_s: int
    ) -> None:
        try:
            client = self._connect(self._url, session=line, timeout=self._timeout_s)
            client.custom_query_range(text, start, end, str(step_s))
        except Exception as error:  # noqa: BLE001 — the kind only: `line` has the answer if there is one
            line.trouble = type(error).__name__


@dataclass(frozen=True, slots=True)
class TooLong(Failure):
    """A request about fewer moments may be answered."""


class _Line:
    """What prometheus-api-client takes for a session: one request, never repeated, with a limit."""

    def __init__(self) -> None:
        import requests  # noqa: PLC0415 — comes with prometheus-api-client, which may be missing

        self.verify, self.cert = True, None
        self.status, self.too_long, self.trouble = 0, False, ""
        self.body: bytes | None = None
        self._session = requests.Session()
        # No proxies, and no credentials of a .netrc.
        self._session.trust_env = False

    def mount(self, _prefix: str, _adapter: object) -> None:
        """Keep the adapter there is: the client's own would ask again after a failure."""

    def request(self, **how: Any) -> Any:
        """Ask, and give the client an answer whose bytes are here already."""
        how["headers"] = {"Accept": "application/json", "Accept-Encoding": "identity"}
        with self._session.request(**how, stream=True, allow_redirects=False) as response:
            body = bytearray()
            for chunk in response.raw.stream(CHUNK_BYTES, decode_content=False):
                body += chunk
                if len(body) > BODY_MAX_BYTES:
                    self.too_long = True
                    raise ValueError("too long")
            self.status, self.body = response.status_code, bytes(body)
            response.raw = BytesIO(self.body)
            return response

    def close(self) -> None:
        """Give the connection up."""
        self._session.close()


class Recorded:
    """The client of a provider over a recording: instant queries on a grid of moments.

    `until` is the last moment anybody will ask about.
    """

    def __init__(self, ranges: Ranges, step_s: int, until: datetime) -> None:
        self._ranges = ranges
        self._step_s = step_s
        self._until = until
        self._known: dict[str, dict[int, Vector]] = {}
        self._points = POINTS_EACH

    async def query(self, text: str, at: datetime) -> Vector | Failure:
        """The value of a query at a moment of the grid."""
        return self.value(text, at)

    async def close(self) -> None:
        """Forget what was read."""
        self._known.clear()

    def value(self, text: str, at: datetime) -> Vector | Failure:
        """The same, at once."""
        known = self._known.get(text, {})
        second = round(at.timestamp())
        if second not in known:
            found = self._fetched(text, at)
            if isinstance(found, Failure):
                return found
            self._known[text] = known = found
        return known[second]

    def _fetched(self, text: str, at: datetime) -> dict[int, Vector] | Failure:
        left = int((self._until - at).total_seconds()) // self._step_s + 1
        while True:
            points = max(1, min(self._points, left))
            found = self._ranges.ask(text, at, points, self._step_s)
            if isinstance(found, TooLong) and points > 1:
                self._points = points // 2
                continue
            if isinstance(found, Failure):
                return found
            return moments(found, round(at.timestamp()), points, self._step_s)


def moments(matrix: Matrix, start_s: int, points: int, step_s: int) -> dict[int, Vector] | Failure:
    """The range as one instant answer a moment; a value between moments spoils all of it."""
    found: dict[int, list[Sample]] = {start_s + step_s * i: [] for i in range(points)}
    for series in matrix.series:
        before = 0.0
        for sample in series:
            second = round(min(sample.at_s, start_s + step_s * points))
            if second not in found or abs(sample.at_s - second) > SAME_TIME_S:
                return Failure.error("a value is of a time that was not asked for")
            if sample.at_s <= before:
                return Failure.error("the values of a series are not in the order of time")
            before = sample.at_s
            found[second].append(sample)
    return {second: Vector(tuple(samples)) for second, samples in found.items()}


def moment_of(second: int) -> datetime:
    """A second of Unix time."""
    return datetime.fromtimestamp(second, UTC)


def _library() -> Callable[..., Any]:
    try:
        from prometheus_api_client import PrometheusConnect  # noqa: PLC0415 — an extra
    except ImportError as error:
        raise MissingClientError(
            "backtest needs prometheus-api-client; install it: pip install 'tidegate[backtest]'"
        ) from error
    return PrometheusConnect  # type: ignore[no-any-return]  # it has no types
