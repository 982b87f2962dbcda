"""Probes are told whether the loop gets on, not whether the API server does."""

from __future__ import annotations

import aiohttp
import pytest

from sandbox.ports import free_port
from tidegate.controller.health import Health, serve
from tidegate.controller.progress import BEAT_STALE_S, PASS_S_MAX, WAIT_S_MAX, Progress
from tidegate.controller.queue import KeyQueue, Lane

FINE = Health("leader", 3, ready=True, complaint="", queued=2)


async def answers(health: Health) -> dict[str, int]:
    """The status of both addresses."""
    port = free_port()
    runner = await serve(port, lambda: health)
    try:
        async with aiohttp.ClientSession() as session:
            found = {}
            for path in ("healthz", "readyz"):
                async with session.get(f"http://127.0.0.1:{port}/{path}") as response:
                    found[path] = response.status
                    told = await response.json()
                    assert (told["role"], told["epoch"]) == (health.role, health.epoch)
            return found
    finally:
        await runner.cleanup()


@pytest.mark.parametrize(
    ("health", "healthz", "readyz"),
    [
        (FINE, 200, 200),
        (Health("standby", 0, ready=True, complaint="", queued=0), 200, 200),
        (Health("starting", 0, ready=False, complaint="", queued=0), 200, 503),
        (Health("leader", 3, ready=True, complaint="stuck", queued=9), 503, 503),
    ],
    ids=["leader", "standby", "starting", "stuck"],
)
async def test_each_state_has_its_answers(health: Health, healthz: int, readyz: int):
    assert await answers(health) == {"healthz": healthz, "readyz": readyz}


class Hand:
    """A steady clock that a test moves."""

    now_s = 50.0

    def __call__(self) -> float:
        return self.now_s


def test_a_loop_that_turns_has_nothing_to_complain_of():
    hand = Hand()
    progress = Progress(hand)
    hand.now_s += BEAT_STALE_S
    assert progress.complaint(WAIT_S_MAX) == ""


def test_an_event_loop_that_does_not_turn_is_told():
    hand = Hand()
    progress = Progress(hand)
    hand.now_s += BEAT_STALE_S + 1
    assert "event loop has not turned for 21 s" in progress.complaint(0.0)


def test_a_rollout_that_no_worker_takes_is_told():
    assert "waiting for a worker" in Progress(Hand()).complaint(WAIT_S_MAX + 1)


def test_a_pass_without_end_is_told_by_name():
    hand = Hand()
    progress = Progress(hand)
    progress.passes[("shop", "web")] = hand.now_s
    hand.now_s += PASS_S_MAX + BEAT_STALE_S + 1
    progress.beat_s = hand.now_s
    assert "a pass of shop/web has been running for 111 s" in progress.complaint(0.0)


async def test_the_queue_tells_how_long_its_oldest_key_waits(monkeypatch: pytest.MonkeyPatch):
    hand = Hand()
    monkeypatch.setattr("tidegate.controller.queue.steady_s", hand)
    queue = KeyQueue()
    assert queue.oldest_wait_s() == 0.0
    queue.add(("shop", "web"), Lane.STATUS)
    hand.now_s += 5.0
    queue.add(("shop", "web"), Lane.ABORT)
    queue.add(("shop", "other"), Lane.STATUS)
    assert queue.oldest_wait_s() == 5.0
    assert await queue.take() == ("shop", "web")
    assert queue.oldest_wait_s() == 0.0
