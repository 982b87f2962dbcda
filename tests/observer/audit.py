"""The API server's audit log as requests: who wrote what, how it was answered."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.observer.happenings import Write, part

VERSION = "/metadata/resourceVersion"
READ_BYTES_MAX = 64 * 2**20
"""Bytes read at once: a test's share of the log is far below."""


def request_of(line: str | bytes) -> Write | None:
    """One line of the log, or None for what is no answered request for a resource."""
    try:
        event: Mapping[str, Any] = json.loads(line)
    except ValueError:
        return None
    reference = event.get("objectRef") or {}
    if event.get("stage") != "ResponseComplete" or not reference.get("resource"):
        return None
    answer = event.get("responseObject") or {}
    told = (answer.get("metadata") or {}) if answer.get("kind") != "Status" else {}
    details = answer.get("details") or {}
    user = event.get("impersonatedUser") or event.get("user") or {}
    version = str(told.get("resourceVersion", ""))
    request = event.get("requestObject")
    query = parse_qs(urlsplit(str(event.get("requestURI", ""))).query)
    return Write(
        at_s=datetime.fromisoformat(event["stageTimestamp"]).timestamp(),
        user=str(user.get("username", "")),
        agent=str(event.get("userAgent", "")),
        verb=str(event.get("verb", "")),
        group=str(reference.get("apiGroup", "")),
        plural=str(reference["resource"]),
        subresource=str(reference.get("subresource", "")),
        namespace=str(reference.get("namespace", "")),
        name=str(reference.get("name") or told.get("name", "")),
        uid=str(told.get("uid") or details.get("uid") or reference.get("uid", "")),
        code=int((event.get("responseStatus") or {}).get("code", 0)),
        version=int(version) if version.isdigit() and version not in _tested(request) else 0,
        request=request,
        dry_run="dryRun" in query,
    )


def _tested(request: Any) -> set[str]:
    """The versions that a write asked for.

    One that is answered with the same version made none: it changed nothing, or it took the last
    finalizer away, and the object went with the version it had.
    """
    if isinstance(request, list):
        return {str(op.get("value")) for op in request if op.get("path") == VERSION}
    return {str(part(request, "metadata", "resourceVersion"))}


class AuditTail:
    """Follows the log file from where it ended; a file that was begun anew is read from its start.

    Every line that names one of the `marks` is kept apart: they tell how far the log has come.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._inode = 0
        self._offset = 0
        self._rest = b""
        self._marks: set[str] = set()
        self.skip_to_end()

    def skip_to_end(self) -> None:
        """Leave out what is there already."""
        if self._path.exists():
            found = self._path.stat()
            self._inode, self._offset, self._rest = found.st_ino, found.st_size, b""

    def expect(self, mark: str) -> None:
        """Look out for a line that contains this text."""
        self._marks.add(mark)

    def passed(self, mark: str) -> bool:
        """Whether the expected text has been read."""
        return mark not in self._marks

    def read(self) -> Iterator[Write]:
        """The requests that were logged since the last read."""
        for line in self._lines():
            for mark in [m for m in self._marks if m.encode() in line]:
                self._marks.discard(mark)
            found = request_of(line)
            if found is not None:
                yield found

    def _lines(self) -> Iterator[bytes]:
        if not self._path.exists():
            return
        with self._path.open("rb") as file:
            found = self._path.stat()
            if found.st_ino != self._inode or found.st_size < self._offset:
                self._inode, self._offset, self._rest = found.st_ino, 0, b""
            file.seek(self._offset)
            read = file.read(READ_BYTES_MAX)
        self._offset += len(read)
        *lines, self._rest = (self._rest + read).split(b"\n")
        yield from lines
