"""Answers the `kube-*` templates: a list of a Rollout's pods serves all its questions of a moment.

Each Rollout is listed by itself, so that no other one's pods can make its answer late or too
large. The list is a consistent read, never one from an API server's old memory: an answer that is
older than it looks would let a bad release pass.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from tidegate.adapters.kubernetes.api import Api
from tidegate.adapters.kubernetes.replica_sets import label_of_rollout
from tidegate.adapters.kubernetes.resources import PODS
from tidegate.adapters.pods.facts import Pod, read
from tidegate.adapters.pods.ledger import Ledger
from tidegate.adapters.pods.templates import TEMPLATES, Span
from tidegate.adapters.prometheus.pairing import paired
from tidegate.adapters.prometheus.sharing import Sharing
from tidegate.api.constants import LABEL_REVISION, LABEL_ROLLOUT
from tidegate.api.limits import MAX_POD_WINDOW_S
from tidegate.core.observation import Answer, Reading
from tidegate.ports.clock import Clock
from tidegate.ports.cluster import ApiRefused, ApiUnavailable, Conflict, Gone
from tidegate.ports.metrics import Question

LIST_S_MAX = 5.0
"""Time for all pages of a list."""
LISTS_AT_ONCE = 2
"""Lists on their way at once; others wait for LIST_S_MAX at most, and then that begins anew."""
PAGE_PODS = 100
"""Pods of a page; whole pods are held in memory of one page a list, facts alone of all others."""
PODS_MAX = 20_000
"""Pods of one Rollout that are read; with more, its questions have no answer."""
ANSWER_AGE_S_MAX = 0.5
"""How long a list serves whoever asks about the same Rollout."""

RolloutKey = tuple[str, str]


class PodMetrics:
    """Signals of pods. Made once, used from one event loop, closed at the end."""

    def __init__(self, api: Api, clock: Clock) -> None:
        self._api = api
        self._clock = clock
        self._lists: Sharing[str] = Sharing(clock, ANSWER_AGE_S_MAX)
        self._slots = asyncio.Semaphore(LISTS_AT_ONCE)
        self._ledgers: dict[RolloutKey, Ledger] = {}

    async def ask(self, questions: Iterable[Question]) -> Mapping[Question, Reading]:
        """One Reading a question, as of the moment its list was asked for."""
        wanted = tuple(dict.fromkeys(questions))
        readings = await asyncio.gather(*(self._answer(question) for question in wanted))
        return dict(zip(wanted, readings, strict=True))

    async def close(self) -> None:
        """Cancel what is under way."""
        await self._lists.close()

    async def _answer(self, question: Question) -> Reading:
        template = TEMPLATES.get(question.metric.template or "")
        if template is None:
            known = ", ".join(sorted(TEMPLATES))
            detail = f"template {question.metric.template} is not about pods (those are: {known})"
            return Reading(self._clock.now(), Answer.REFUSED, detail=detail)
        key = (question.subject.namespace, question.subject.rollout)
        shared = await self._lists.get(key, partial(self._look, key))
        ledger = self._ledgers.get(key)
        if shared.result or ledger is None:
            return Reading(shared.at, Answer.ERROR, detail=shared.result)
        span = _span(question, shared.at)
        reading = template.reading(ledger, question.subject.revision, span)
        if question.stable is None:
            return reading
        return paired(reading, template.reading(ledger, question.stable.revision, span))

    async def _look(self, key: RolloutKey, at: datetime) -> str:
        """List the pods of a Rollout; says what went wrong, or ""."""
        try:
            async with asyncio.timeout(LIST_S_MAX):
                await self._slots.acquire()
        except TimeoutError:
            return (
                f"pods could not be listed: {LISTS_AT_ONCE} other lists took {LIST_S_MAX:g} s; "
                "see whether the API server is overloaded"
            )
        try:
            async with asyncio.timeout(LIST_S_MAX):
                pods = await self._list(key)
        except TimeoutError:
            return f"pods could not be listed within {LIST_S_MAX:g} s"
        except ApiRefused as error:
            return f"{error}; the operator needs the right to list pods there"
        except (ApiUnavailable, Conflict, Gone) as error:
            return str(error)
        finally:
            self._slots.release()
        if len(pods) > PODS_MAX:
            return f"the Rollout has more than {PODS_MAX} pods"
        self._forget(at)
        self._ledgers.setdefault(key, Ledger()).look(pods, at)
        return ""

    async def _list(self, key: RolloutKey) -> list[Pod]:
        namespace, rollout = key
        selector = f"{LABEL_ROLLOUT}={label_of_rollout(rollout)},{LABEL_REVISION}"
        query = {"labelSelector": selector, "limit": str(PAGE_PODS)}
        pods: list[Pod] = []
        while len(pods) <= PODS_MAX:
            found, more = await self._page(PODS.path(namespace), query)
            pods += found
            if not more:
                break
            query["continue"] = more
        return pods

    async def _page(self, path: str, query: Mapping[str, str]) -> tuple[list[Pod], str]:
        """The facts of one page, and the token of the next; the page itself is gone by then."""
        page = await self._api.request("GET", path, query=query, timeout_s=LIST_S_MAX)
        # In a thread: thousands of pods must not hold up everybody's guards.
        found = await asyncio.to_thread(_facts, page)
        return found, str((page.get("metadata") or {}).get("continue") or "")

    def _forget(self, now: datetime) -> None:
        """Drop what nobody has asked about for as long as a window can be."""
        horizon = now - timedelta(seconds=MAX_POD_WINDOW_S)
        old = [k for k, one in self._ledgers.items() if (one.looked_at or now) < horizon]
        for key in old:
            del self._ledgers[key]


def _facts(page: Mapping[str, Any]) -> list[Pod]:
    return [read(body) for body in page.get("items") or ()]


def _span(question: Question, now: datetime) -> Span:
    """The metric's window, cut to the run: both revisions are counted over the same time."""
    begins = now - timedelta(seconds=question.metric.window_s)
    return Span(max(begins, question.subject.began or begins), now)
