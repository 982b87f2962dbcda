"""Browsers that keep their cookie, and ask when they are told to."""

from __future__ import annotations

import http.client
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from demo.manifests import Shop
from demo.stage import Stage

WORKERS = 8
TIMEOUT_S = 10.0


@dataclass
class User:
    """One browser: the cookie that it was given, if any, and who answered last."""

    cookie: str = ""
    version: str = ""
    given: int = 0
    """Cookies that it was given."""


def _visit(stage: Stage, shop: Shop, users: list[User]) -> None:
    """Each of them asks once, over one connection."""
    place = urlsplit(stage.cluster.gateway_url)
    connection = http.client.HTTPConnection(place.netloc, timeout=TIMEOUT_S)
    for user in users:
        known = {"Cookie": f"lang=de; {user.cookie}"} if user.cookie else {}
        connection.request("GET", "/", headers={"Host": shop.host, **known})
        answer = connection.getresponse()
        answer.read()
        assert answer.status == 200, answer.status
        user.version = str(answer.getheader("x-version"))
        said = answer.getheader("set-cookie")
        if said:
            user.cookie, user.given = said.partition(";")[0], user.given + 1
    connection.close()


def all_visit(stage: Stage, shop: Shop, users: list[User]) -> set[int]:
    """All of them ask once; the places of those whom the new version answered."""
    with ThreadPoolExecutor(WORKERS) as pool:
        parts = [users[start::WORKERS] for start in range(WORKERS)]
        list(pool.map(lambda part: _visit(stage, shop, part), parts))
    return {place for place, user in enumerate(users) if user.version == "v2"}


def holding(name: str) -> Callable[[dict[str, Any]], bool]:
    """A predicate: that phase is on and its clock runs."""

    def holds(status: dict[str, Any]) -> bool:
        phase = status.get("phase") or {}
        return phase.get("name") == name and bool(phase.get("startedAt"))

    return holds
