"""Questions about pods, asked of an API server that errs where a test says so."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import pytest
from aiohttp import web

from tests.adapters.kubernetes.fake_api import FakeApi, connected, serving, until
from tests.adapters.pods.bodies import NOON, container, pod
from tests.adapters.prometheus.asking import SetClock, metric, subject
from tidegate.adapters.pods import provider as module
from tidegate.adapters.pods.facts import read
from tidegate.adapters.pods.provider import PodMetrics
from tidegate.core.observation import Answer
from tidegate.ports.metrics import Question

PODS = "/api/v1/namespaces/shop/pods"
LOOPS = metric("kube-crash-loops")


@pytest.fixture
async def api() -> AsyncIterator[FakeApi]:
    async with serving() as fake:
        yield fake


@pytest.fixture
def clock() -> SetClock:
    return SetClock(NOON)


@pytest.fixture
async def pods(api: FakeApi, clock: SetClock) -> AsyncIterator[PodMetrics]:
    async with connected(api) as client:
        made = PodMetrics(client, clock)
        yield made
        await made.close()


def put(api: FakeApi, *bodies) -> None:
    for body in bodies:
        api.put(f"{PODS}/{body['metadata']['name']}", body)


async def ask(pods: PodMetrics, *questions: Question):
    answers = await pods.ask(questions)
    return [answers[question] for question in questions]


async def test_one_list_answers_all_questions_about_a_rollout(api, pods):
    put(
        api,
        pod("a", containers=(container(1, ended_s=-1, waits="CrashLoopBackOff"),)),
        pod("b", revision="def"),
    )
    questions = [
        Question(metric(name), subject(), stable=subject("def"))
        for name in sorted(module.TEMPLATES)
    ]
    answers = await ask(pods, *questions)
    assert [one.value for one in answers] == [1.0, 0.0, 0.0, 1.0, 0.0]
    assert [one.stable.value for one in answers] == [0.0] * 5
    (call,) = api.made("GET", "/pods")
    assert call.path == PODS
    assert call.query == {
        "labelSelector": "tidegate.io/rollout=web,tidegate.io/revision",
        "limit": "100",
    }


async def test_pages_are_read_to_the_end(api, pods):
    bad = pod("z", containers=(container(waits="CrashLoopBackOff"),))
    api.says("GET", "/pods", 200, {"items": [pod("a")], "metadata": {"continue": "more"}})
    api.says("GET", "/pods", 200, {"items": [bad], "metadata": {}})
    (answer,) = await ask(pods, Question(LOOPS, subject()))
    assert (answer.value, answer.samples) == (1.0, 2.0)
    assert [call.query.get("continue") for call in api.made("GET", "/pods")] == [None, "more"]


@pytest.mark.parametrize(
    ("status", "words", "said"),
    [
        (403, "pods is forbidden", "pods is forbidden; the operator needs the right to list pods"),
        (500, "etcd is gone", "etcd is gone"),
        (410, "the continue token is too old", "too old"),
    ],
)
async def test_what_the_api_server_refuses_is_an_error_with_its_words(
    api, pods, status, words, said
):
    api.says("GET", "/pods", status, {"message": words})
    (answer,) = await ask(pods, Question(LOOPS, subject()))
    assert (answer.answer, answer.value) == (Answer.ERROR, None)
    assert said in answer.detail


async def test_a_list_that_never_comes_is_an_error_in_time(api, pods, monkeypatch):
    monkeypatch.setattr(module, "LIST_S_MAX", 0.2)
    api.hangs("GET", "/pods")
    (answer,) = await ask(pods, Question(LOOPS, subject()))
    assert answer.answer is Answer.ERROR
    assert "0.2 s" in answer.detail or "Timeout" in answer.detail


async def test_more_pods_than_are_read_are_an_error_not_half_an_answer(api, pods, monkeypatch):
    monkeypatch.setattr(module, "PODS_MAX", 2)
    put(api, pod("a"), pod("b"), pod("c"))
    (answer,) = await ask(pods, Question(LOOPS, subject()))
    assert (answer.answer, answer.detail) == (Answer.ERROR, "the Rollout has more than 2 pods")


async def test_one_rollout_s_trouble_is_not_another_s(api, pods):
    put(api, pod("a"))
    api.says("GET", "/pods", 403, {"message": "no"})
    other = replace(subject(), rollout="other")
    first, second = await ask(pods, Question(LOOPS, other), Question(LOOPS, subject()))
    assert sorted([first.answer, second.answer]) == [Answer.ERROR, Answer.OK]


async def test_what_befell_pods_before_the_run_is_no_part_of_it(api, pods):
    put(api, pod("a", created_s=-50, containers=(container(2, ended_s=-20),)))
    restarts = metric("kube-restarts")
    began = replace(subject(), began=NOON - timedelta(seconds=10))
    whole, cut = await ask(pods, Question(restarts, subject()), Question(restarts, began))
    assert (whole.value, cut.value) == (2.0, 0.0)


async def test_a_template_that_is_not_about_pods_is_refused(pods):
    (answer,) = await ask(pods, Question(metric("istio-latency"), subject()))
    assert answer.answer is Answer.REFUSED
    assert "kube-crash-loops" in answer.detail


async def test_what_is_no_longer_listed_is_remembered_for_a_window(api, pods, clock):
    put(api, pod("a", created_s=-50, containers=(container(2, ended_s=-20),)))
    restarts = Question(metric("kube-restarts", window_s=3600), subject())
    assert [one.value for one in await ask(pods, restarts)] == [2.0]
    api.objects.clear()
    clock.advance(3500)
    assert [one.value for one in await ask(pods, restarts)] == [2.0]
    clock.advance(200)
    assert [one.answer for one in await ask(pods, restarts)] == [Answer.NODATA]


async def test_behind_lists_that_never_come_nobody_waits_for_ever(api, clock, monkeypatch):
    monkeypatch.setattr(module, "LISTS_AT_ONCE", 1)
    monkeypatch.setattr(module, "LIST_S_MAX", 0.1)
    async with connected(api) as client:
        pods = PodMetrics(client, clock)
        await pods._slots.acquire()
        (answer,) = await ask(pods, Question(LOOPS, subject()))
        assert answer.answer is Answer.ERROR
        assert "1 other lists took 0.1 s" in answer.detail
        pods._slots.release()
        monkeypatch.setattr(module, "LIST_S_MAX", 30.0)
        clock.advance(1)
        put(api, pod("a"))
        for _ in range(3):
            clock.advance(1)
            (answer,) = await ask(pods, Question(LOOPS, subject()))
            assert answer.answer is Answer.OK
        await pods.close()


async def test_of_many_rollouts_only_two_are_listed_at_once(api, clock):
    go = asyncio.Event()

    async def held(_request: web.Request) -> web.StreamResponse:
        await go.wait()
        return web.json_response({"kind": "PodList", "items": [], "metadata": {}})

    names = "abcdef"
    for _ in names:
        api.play("GET", "/pods", held)
    async with connected(api) as client:
        pods = PodMetrics(client, clock)
        questions = [Question(LOOPS, replace(subject(), rollout=name)) for name in names]
        asking = asyncio.create_task(ask(pods, *questions))
        await until(lambda: len(api.made("GET", "/pods")) >= 2)
        api.says("GET", "/later", 200, {})
        await client.request("GET", "/later")
        assert len(api.made("GET", "/pods")) == 2
        go.set()
        assert [one.answer for one in await asking] == [Answer.NODATA] * len(names)
        await pods.close()


async def test_pods_are_read_beside_the_loop(api, pods, monkeypatch):
    seen = []

    def noticed(body):
        seen.append(threading.current_thread())
        return read(body)

    monkeypatch.setattr(module, "read", noticed)
    put(api, pod("a"))
    (answer,) = await ask(pods, Question(LOOPS, subject()))
    assert answer.answer is Answer.OK
    assert threading.main_thread() not in seen
    assert seen
