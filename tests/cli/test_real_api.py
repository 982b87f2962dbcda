"""The command line and the views against a real API server with our CRDs."""

import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest
from typer.testing import CliRunner, Result

from tests.views.bodies import AT_REST, IN_PHASE, REVERTED, body
from tidegate.api.rollout import Rollout
from tidegate.api.status import RolloutStatus
from tidegate.cli.main import app
from tidegate.core.decision import Note
from tidegate.views.conditions import conditions
from tidegate.views.events import event

pytestmark = pytest.mark.api


class Web:
    """The Rollout `web` in a namespace of its own, with a status that the test writes."""

    def __init__(self, cluster: Any, namespace: str) -> None:
        self._cluster = cluster
        self.namespace = namespace

    def kubectl(self, *words: str, **options: Any) -> str:
        text: str = self._cluster.kubectl("-n", self.namespace, *words, **options)
        return text

    def patch(self, kind: str, name: str, status: dict[str, Any]) -> None:
        patch = json.dumps({"status": status})
        words = ("patch", kind, name, "--subresource=status", "--type=merge", "-p", patch)
        self.kubectl(*words)

    def read(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.kubectl("get", "rollout", "web", "-o", "json"))
        return found

    def run(self, *words: str) -> Result:
        place = ["--kubeconfig", str(self._cluster.kubeconfig), "-n", self.namespace]
        return CliRunner().invoke(app, [*words, *place])


@pytest.fixture
def web(cluster: Any) -> Iterator[Web]:
    made = Web(cluster, f"cli-{uuid4().hex[:8]}")
    cluster.kubectl("create", "namespace", made.namespace)
    manifest = body()
    manifest["metadata"] = {"name": "web"}
    del manifest["status"]
    made.kubectl("create", "-f", "-", stdin=json.dumps(manifest))
    yield made
    cluster.kubectl("delete", "namespace", made.namespace, "--wait=false")


def of_now(status: dict[str, Any]) -> dict[str, Any]:
    return status | {"observedGeneration": 1}


def in_background(work: Callable[[], None]) -> Future[None]:
    """Run it beside the test; `.result()` raises what went wrong there."""
    pool = ThreadPoolExecutor(1)
    future = pool.submit(work)
    pool.shutdown(wait=False)
    return future


def test_unseen_then_in_a_phase(web: Web):
    assert "the operator has not looked at it yet" in web.run("status", "web").stdout
    web.patch("rollout", "web", of_now(IN_PHASE))
    text = web.run("status", "web").stdout
    assert text.startswith(f"{web.namespace}/web  Progressing")
    assert "█" in text
    shown = json.loads(web.run("status", "web", "-o", "json").stdout)
    assert shown["status"]["phase"]["name"] == "half"
    assert "WEIGHT" in web.run("status", "web", "-o", "wide").stdout


def test_waiting_for_the_end(web: Web):
    web.patch("rollout", "web", of_now(IN_PHASE))
    written = in_background(lambda: web.patch("rollout", "web", of_now(REVERTED)))
    done = web.run("status", "web", "--wait", "--timeout", "30s")
    written.result(60)
    assert done.exit_code == 1
    web.patch("rollout", "web", of_now(AT_REST) | {"conditions": []})
    assert web.run("status", "web", "--wait", "--timeout", "30s").exit_code == 0


def test_no_such_rollout(web: Web):
    done = web.run("status", "wbe")
    assert done.exit_code == 2
    assert "(it has web)" in done.stderr


@pytest.mark.parametrize(("result", "code"), [("Done", 0), ("Refused", 1)])
def test_an_action_is_signed_and_answered(web: Web, result: str, code: int):
    def answer() -> None:
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            actions = json.loads(web.kubectl("get", "rolloutactions", "-o", "json"))["items"]
            for action in actions:
                status = {"result": result, "message": "so be it"}
                web.patch("rolloutaction", action["metadata"]["name"], status)
                return

    written = in_background(answer)
    done = web.run("abort", "web", "--reason", "it is time")
    written.result(60)
    assert done.exit_code == code
    assert done.output == f"abort web: {result}: so be it\n"
    (action,) = json.loads(web.kubectl("get", "rolloutactions", "-o", "json"))["items"]
    assert action["metadata"]["name"].startswith("web-abort-")
    whoami = json.loads(web.kubectl("auth", "whoami", "-o", "json"))
    assert action["spec"] == {
        "rollout": "web",
        "verb": "abort",
        "reason": "it is time",
        "requestedBy": whoami["status"]["userInfo"]["username"],
    }


def test_the_api_server_takes_our_events(web: Web):
    rollout = Rollout.parse(web.read())
    note = Note("Reverted", "ä" * 2000, warning=True)
    made = event(note, rollout, instance="tidegate-0", now=datetime.now(UTC))
    web.kubectl("create", "-f", "-", stdin=json.dumps(made))
    told = web.kubectl("describe", "rollout", "web")
    assert "tidegate.io/operator" in told
    assert "Reverted" in told


def test_kubectl_waits_for_our_conditions(web: Web):
    web.patch("rollout", "web", of_now(AT_REST))
    found = web.read()
    status = RolloutStatus.parse(found)
    made = conditions(Rollout.parse(found), status, "Healthy", datetime.now(UTC))
    web.patch("rollout", "web", {"conditions": [one.as_dict() for one in made]})
    told = web.kubectl("wait", "rollout/web", "--for=condition=Ready", "--timeout=10s")
    assert "condition met" in told
