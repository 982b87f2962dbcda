"""A process that may no longer lead writes nothing, and says under which epoch it wrote."""

from __future__ import annotations

import asyncio

import pytest

from tests.adapters.kubernetes.fake_api import FakeApi
from tests.adapters.kubernetes.objects import SETS
from tidegate import __version__
from tidegate.adapters.kubernetes.api import Api
from tidegate.adapters.kubernetes.fence import LOST_STATUS, Fence, end_process


class LostError(Exception):
    """What stands in for the end of the process."""


class Hand:
    """A steady clock that a test moves."""

    now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


def fence(hand: Hand, *, epoch: int = 3, valid_s: float = 10.0) -> Fence:
    """A fence that raises instead of ending the process."""

    def lost(why: str):
        raise LostError(why)

    return Fence(epoch, hand.now_s + valid_s, hand, lost)


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
async def test_no_write_is_sent_after_the_time_is_over(fake: FakeApi, api: Api, method: str):
    hand = Hand()
    fenced = Api(api._client, fence(hand))
    hand.now_s += 10.0
    sending = fenced.request(method, f"{SETS}/web-abc", body={})
    (ended,) = await asyncio.gather(sending, return_exceptions=True)
    assert fake.calls == []
    assert isinstance(ended, LostError)
    assert "epoch 3" in str(ended)


async def test_reading_needs_no_right(fake: FakeApi, api: Api):
    hand = Hand()
    fenced = Api(api._client, fence(hand, valid_s=0.0))
    await fenced.request("GET", SETS)
    assert len(fake.calls) == 1


async def test_a_write_in_time_carries_its_epoch(fake: FakeApi, api: Api):
    fenced = Api(api._client, fence(Hand()))
    body = {"metadata": {"name": "web-abc"}}
    await fenced.request("POST", SETS, body=body)
    (call,) = fake.calls
    assert call.headers["User-Agent"] == f"tidegate/{__version__} epoch/3"


async def test_the_lease_itself_is_written_whatever_the_fence_says(fake: FakeApi, api: Api):
    fenced = Api(api._client, fence(Hand(), valid_s=0.0))
    body = {"metadata": {"name": "web-abc"}}
    await fenced.unfenced().request("POST", SETS, body=body)
    assert len(fake.calls) == 1


def test_without_a_lease_the_right_never_ends():
    assert Fence().open
    assert Fence().epoch == 0


def test_a_right_that_was_given_up_is_gone():
    right = fence(Hand())
    right.close()
    assert not right.open


def test_the_process_ends_at_once_with_a_status_of_its_own(monkeypatch: pytest.MonkeyPatch):
    ended = []
    monkeypatch.setattr("tidegate.adapters.kubernetes.fence.os._exit", ended.append)
    monkeypatch.setattr("tidegate.adapters.kubernetes.fence.logging.shutdown", lambda: None)
    end_process("lost")
    assert ended == [LOST_STATUS]
