"""An operator may start before its API server, and right after it."""

from __future__ import annotations

import pytest

from tidegate.controller.patience import AGAIN_MAX_S, REFUSED_S_MAX, patiently
from tidegate.ports.cluster import ApiRefused, ApiUnavailable


class Server:
    """Away until `up_s`, refuses everybody until `ready_s`, and answers then."""

    def __init__(self, up_s: float, ready_s: float) -> None:
        self.now_s = 0.0
        self._up_s, self._ready_s = up_s, ready_s

    async def ask(self) -> str:
        if self.now_s < self._up_s:
            raise ApiUnavailable("nobody is there")
        if self.now_s < self._ready_s:
            raise ApiRefused("no roles")
        return "here"

    async def sleep(self, seconds: float) -> None:
        self.now_s += seconds

    async def asked(self) -> str:
        return await patiently(self.ask, now_s=lambda: self.now_s, sleep=self.sleep)


@pytest.mark.parametrize("away_s", [0.0, 3.0, 60.0])
async def test_a_server_that_refuses_right_after_it_came_is_asked_again(away_s):
    server = Server(away_s, away_s + AGAIN_MAX_S + 3)
    assert await server.asked() == "here"


@pytest.mark.parametrize("away_s", [0.0, 60.0])
async def test_a_server_that_goes_on_refusing_ends_the_start(away_s):
    server = Server(away_s, away_s + 1000)
    with pytest.raises(ApiRefused, match="no roles"):
        await server.asked()
    assert server.now_s <= away_s + REFUSED_S_MAX + 2 * AGAIN_MAX_S
