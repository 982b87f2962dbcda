"""The load generator: N requests a second on a fixed schedule, every one of them recorded."""

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from sandbox import binaries
from sandbox.errors import SandboxError
from sandbox.waiting import wait_until

_END_DEADLINE_S = 30


@dataclass(frozen=True)
class Record:
    """One request. `status` is 0 when there was no answer; then `error` says why."""

    sent_ns: int
    latency_ns: int
    status: int
    version: str
    error: str

    @property
    def failed(self) -> bool:
        """Tell whether the client got no good answer."""
        return not 200 <= self.status < 400

    @property
    def sent_at_s(self) -> float:
        """When it was due (Unix time)."""
        return self.sent_ns / 1e9


@dataclass(frozen=True)
class VersionCount:
    """Requests answered by one version, and how many of them failed."""

    requests: int
    failures: int


@dataclass(frozen=True)
class Summary:
    """A finished load. The version "" stands for requests without an answer of the app."""

    requests: int
    failures: int
    latency_p50_ms: float
    latency_p99_ms: float
    latency_max_ms: float
    versions: dict[str, VersionCount]


def parse(line: str) -> Record:
    """Read one line of a record file."""
    sent, latency, status, version, error = line.rstrip("\n").split(",", 4)
    return Record(int(sent), int(latency), int(status), version, error)


def read_records(file: Path, offset: int = 0) -> tuple[list[Record], int]:
    """Return the whole records from this byte on, and where to read on: for a live view."""
    if not file.exists():
        return [], offset
    with file.open("rb") as source:
        source.seek(offset)
        data = source.read()
    whole = data[: data.rfind(b"\n") + 1]
    return [parse(line) for line in whole.decode().splitlines()], offset + len(whole)


class Load:
    """A running load; a context manager that starts and stops it."""

    def __init__(
        self,
        url: str,
        file: Path,
        *,
        rate_per_s: float = 50,
        host: str = "",
        duration_s: float | None = None,
    ) -> None:
        self.file = file
        self.summary: Summary | None = None
        self._process: subprocess.Popen[str] | None = None
        self._options = [f"-url={url}", f"-host={host}", f"-rate={rate_per_s}", f"-out={file}"]
        if duration_s is not None:
            self._options.append(f"-duration={duration_s}s")

    def start(self) -> Self:
        """Begin to send; the file is written afresh."""
        command = [str(binaries.own_program("load")), *self._options]
        self.file.unlink(missing_ok=True)
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        return self

    def stop(self) -> Summary:
        """Send no more, wait for the requests under way, return the counts."""
        return self._finish(_END_DEADLINE_S)

    def wait(self, deadline_s: float) -> Summary:
        """Wait for the end of a load that has a duration."""
        process = self._running()
        try:
            process.wait(deadline_s)
        except subprocess.TimeoutExpired as error:
            raise SandboxError(f"the load has not ended within {deadline_s:g} s") from error
        return self._finish(_END_DEADLINE_S)

    def _running(self) -> "subprocess.Popen[str]":
        if self._process is None:
            raise SandboxError("the load was not started")
        return self._process

    def _finish(self, deadline_s: float) -> Summary:
        if self.summary is not None:
            return self.summary
        process = self._running()
        try:
            output, _ = process.communicate("", timeout=deadline_s)
        except subprocess.TimeoutExpired as error:
            process.kill()
            process.communicate(timeout=5)
            raise SandboxError(f"the load did not end within {deadline_s:g} s") from error
        if process.returncode != 0:
            raise SandboxError(f"the load generator failed with {process.returncode}")
        raw = json.loads(output)
        versions = {name: VersionCount(**count) for name, count in raw.pop("versions").items()}
        self.summary = Summary(**raw, versions=versions)
        return self.summary

    def records(self) -> list[Record]:
        """Return every request recorded so far (written down within 0.1 s)."""
        return read_records(self.file)[0]

    def await_records(self, count: int, deadline_s: float) -> None:
        """Return when that many requests have been recorded."""
        wait_until(lambda: len(self.records()) >= count, deadline_s, f"{count} requests recorded")

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._process is not None and self.summary is None:
            self.stop()
