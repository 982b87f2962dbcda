"""At rest the operator writes nothing, as the API server itself counts it."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from demo.operator_process import ACCOUNT, NAMESPACE
from demo.stage import Stage
from sandbox import Sandbox
from sandbox.waiting import wait_until
from tests.conftest import AT_REST

pytestmark = pytest.mark.api

REST = timedelta(minutes=5)
WRITES = {"create", "update", "patch", "delete", "deletecollection"}
USER = f"system:serviceaccount:{NAMESPACE}:{ACCOUNT}"


def _written(line: str) -> dict[str, Any] | None:
    event: dict[str, Any] = json.loads(line)
    if event["user"]["username"] != USER or event["verb"] not in WRITES:
        return None
    return event if event.get("objectRef", {}).get("namespace") == AT_REST.namespace else None


def test_nothing_is_written_for_five_minutes(stage: Stage) -> None:
    """Counted in the audit log from ten seconds after it was ready on."""
    assert isinstance(stage.cluster, Sandbox)
    conditions = stage.status(AT_REST)["conditions"]
    ready = next(c for c in conditions if c["type"] == "Ready")
    calm = datetime.fromisoformat(ready["lastTransitionTime"]) + timedelta(seconds=10)
    wait_until(lambda: datetime.now(UTC) > calm + REST, REST.total_seconds() + 60, "five minutes")
    log = stage.cluster.audit_log.read_text().splitlines()
    written = [event for event in map(_written, log) if event is not None]
    assert written, "the deployment itself was not counted, so the count proves nothing"
    later = [e for e in written if datetime.fromisoformat(e["requestReceivedTimestamp"]) > calm]
    assert later == []
