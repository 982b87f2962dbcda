"""Header routes through a real Envoy: who has the header gets the new version, and nobody else."""

from __future__ import annotations

import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from demo.manifests import App, Shop
from demo.stage import Stage
from sandbox.waiting import wait_until
from tests.traffic.scenes import promoted, under_load

pytestmark = pytest.mark.traffic

EACH_S = 0.05
TIMEOUT_S = 5.0
TAKEN_UP_S = 5.0
"""From what the status says until the gateway does it; mostly a tenth of a second."""
TICKETS = ({"x-group": "beta"}, {"cookie": "lang=de; group=beta; theme=dark"})
MATCH = [
    {"headers": {"x-group": {"exact": "beta"}}},
    {"headers": {"cookie": {"regex": r"(.*;)?\s*group=beta(;.*)?"}}},
]
HOLD = "20s"
"""A hold counts from the begin of the window that shows it, some seconds before the status says so,
and what is looked at in it takes some more."""
PHASES = (
    {"name": "members", "weight": 0, "hold": HOLD, "match": MATCH},
    {"name": "half", "weight": 50, "hold": "6s"},
)


@dataclass
class Members:
    """People with a header or a cookie who ask all the time; (Unix time, version, HTTP status)."""

    url: str
    host: str
    answers: list[tuple[float, str, int]] = field(default_factory=list)
    _stop: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        """Ask until it is enough."""
        number = 0
        while not self._stop.wait(EACH_S):
            self.answers.append(self._ask(TICKETS[number % len(TICKETS)]))
            number += 1

    def stop(self) -> None:
        """It is enough."""
        self._stop.set()

    def _ask(self, ticket: dict[str, str]) -> tuple[float, str, int]:
        request = urllib.request.Request(self.url, headers={"Host": self.host, **ticket})
        at_s = time.time()
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:
                return at_s, str(answer.headers["x-version"]), int(answer.status)
        except urllib.error.HTTPError as error:
            return at_s, str(error.headers["x-version"]), error.code

    def versions(self, from_s: float, to_s: float) -> set[str]:
        """Who answered them in that time."""
        return {version for at_s, version, _ in self.answers if from_s <= at_s <= to_s}


@contextmanager
def members(stage: Stage, shop: Shop) -> Iterator[Members]:
    """Members of the shop who ask beside everybody else."""
    asking = Members(stage.cluster.gateway_url, shop.host)
    thread = threading.Thread(target=asking.run)
    thread.start()
    try:
        yield asking
    finally:
        asking.stop()
        thread.join()


def _in_members(status: dict[str, Any]) -> bool:
    phase = status.get("phase") or {}
    return phase.get("name") == "members" and bool(phase.get("startedAt"))


def test_members_get_the_new_version_first_and_nobody_fails(traffic_stage: Stage) -> None:
    """At weight 0 all of theirs and none of the others'; then a release like any."""
    shop = Shop(name="cohort", phases=PHASES)
    with (
        under_load(traffic_stage, shop, App("v1", exit="abrupt")) as scene,
        members(traffic_stage, shop) as asking,
    ):
        traffic_stage.release(shop, App("v2", exit="abrupt"))
        traffic_stage.await_status(shop, "members only", _in_members, deadline_s=60)
        wait_until(lambda: asking.answers[-1][1] == "v2", TAKEN_UP_S, "the gateway knows")
        begun_s, asked = time.time(), len(asking.answers)
        wait_until(lambda: len(asking.answers) > asked + 40, 60, "forty answers")
        until_s = time.time()
        assert traffic_stage.status(shop)["phase"]["name"] == "members"
        assert asking.versions(begun_s, until_s) == {"v2"}
        assert [r for r in scene.served_by("v2") if r.sent_at_s <= until_s] == []
        traffic_stage.await_status(shop, "promoted", promoted(1), deadline_s=120)
        traffic_stage.await_old_pods_gone(shop, deadline_s=90)
        assert scene.failures() == []
        assert [answer for answer in asking.answers if answer[2] >= 400] == []


def test_a_version_that_is_bad_for_members_is_sent_back_before_anybody_else_sees_it(
    traffic_stage: Stage,
) -> None:
    """The guard sees their requests alone; one write takes them back."""
    shop = Shop(name="cohort-bad", phases=PHASES)
    with (
        under_load(traffic_stage, shop, App("v1", exit="abrupt")) as scene,
        members(traffic_stage, shop) as asking,
    ):
        traffic_stage.release(shop, App("v2-bad", fail_share=0.5, exit="abrupt"))
        traffic_stage.await_state(shop, "Reverted", deadline_s=60)
        wait_until(lambda: asking.answers[-1][1] == "v1", TAKEN_UP_S, "the gateway knows")
        back_s, asked = time.time(), len(asking.answers)
        wait_until(lambda: len(asking.answers) > asked + 40, 60, "forty answers")
        assert asking.versions(back_s, time.time()) == {"v1"}
        assert "v2-bad" in asking.versions(0, back_s)
        assert scene.failures() == []
        assert scene.served_by("v2-bad") == []
