"""Numbers that Jobs bring, at an API server: one Job a tick, and no value but what it left."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest

from tests.adapters.kubernetes.fake_api import FakeApi, until
from tests.adapters.kubernetes.objects import rollout_body
from tests.adapters.prometheus.asking import NOON, SetClock
from tidegate.adapters.kubernetes import job_metrics as module
from tidegate.adapters.kubernetes.api import Api
from tidegate.adapters.kubernetes.job_metrics import JobMetrics
from tidegate.api.checks import Metric
from tidegate.api.jobs import JobSource
from tidegate.core.observation import Answer, Reading
from tidegate.ports.metrics import Question, Subject

CRON = "/apis/batch/v1/namespaces/shop/cronjobs/satisfaction"
JOBS = "/apis/batch/v1/namespaces/shop/jobs"
POD = "/api/v1/namespaces/shop/pods/p"
BODY = rollout_body() | {"status": {"stableRevision": "A", "run": {"number": 3}}}
CRON_JOB: dict[str, Any] = {
    "metadata": {"name": "satisfaction"},
    "spec": {"jobTemplate": {"spec": {"template": {"spec": {"containers": [{"name": "main"}]}}}}},
}


def question(began_s: float = 0.0, revision: str = "B", name: str = "satisfaction") -> Question:
    """What is asked each minute of a run that began so many seconds ago."""
    metric = Metric(name=name, job=JobSource(cron_job="satisfaction"), window_s=60.0)
    began = NOON - timedelta(seconds=began_s)
    return Question(metric, Subject("shop", "web", revision, "", "", began=began))


@pytest.fixture
def clock() -> SetClock:
    return SetClock(NOON)


@pytest.fixture
async def jobs(
    api: Api, fake: FakeApi, clock: SetClock, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[JobMetrics]:
    monkeypatch.setattr(module, "LOOK_AGAIN_S", 0.02)
    fake.put(CRON, CRON_JOB)
    made = JobMetrics(api, ("shop",), clock, {("shop", "web"): BODY})
    yield made
    await made.close()


def made_jobs(fake: FakeApi) -> list[str]:
    """Paths of the Jobs that there are."""
    return [path for path in fake.objects if path.startswith(JOBS)]


async def ends(fake: FakeApi, message: str, kind: str = "Complete", among: int = 1) -> str:
    """Let the last of so many Jobs end, with that as its container's last words."""
    await until(lambda: len(made_jobs(fake)) == among)
    path = made_jobs(fake)[-1]
    code = 0 if kind == "Complete" else 3
    ended = {"name": "main", "state": {"terminated": {"exitCode": code, "message": message}}}
    status = {"containerStatuses": [ended]}
    fake.put(POD, {"metadata": {"name": "p", "namespace": "shop"}, "status": status})
    condition = {"type": kind, "status": "True", "reason": "BackoffLimitExceeded"}
    fake.put(path, {**fake.objects[path], "status": {"conditions": [condition]}})
    return path


async def answer(jobs: JobMetrics, one: Question) -> Reading:
    """The answer to one question."""
    return (await jobs.ask([one]))[one]


async def test_the_value_is_what_the_job_left_and_of_the_time_it_was_made(fake, jobs):
    asked = asyncio.create_task(answer(jobs, question()))
    path = await ends(fake, '{"value": 0.93, "samples": 120}')
    assert await asked == Reading(NOON, Answer.OK, value=0.93, samples=120.0)
    (call,) = fake.made("POST", "/jobs")
    body = call.body
    assert body["metadata"]["labels"]["tidegate.io/metric"] == "satisfaction"
    assert body["metadata"]["ownerReferences"][0]["uid"] == "u1"
    assert body["spec"]["activeDeadlineSeconds"] == 30
    assert body["spec"]["ttlSecondsAfterFinished"] == 180
    (container,) = body["spec"]["template"]["spec"]["containers"]
    assert {one["name"]: one["value"] for one in container["env"]} == {
        "TIDEGATE_ROLLOUT": "web",
        "TIDEGATE_NAMESPACE": "shop",
        "TIDEGATE_RUN": "3",
        "TIDEGATE_METRIC": "satisfaction",
        "TIDEGATE_REVISION": "B",
        "TIDEGATE_STABLE_REVISION": "A",
        "TIDEGATE_INTERVAL": "1m",
    }
    assert len(path.rsplit("/", 1)[1]) <= 63


@pytest.mark.parametrize(
    ("message", "kind", "said"),
    [
        ("all is well", "Complete", "is no result"),
        ("", "Complete", "left no result"),
        ('{"value": NaN}', "Complete", "is no result"),
        ('{"value": 1}', "Failed", "failed with exit code 3: BackoffLimitExceeded"),
    ],
)
async def test_anything_else_is_an_error_and_no_value(fake, jobs, message, kind, said):
    asked = asyncio.create_task(answer(jobs, question()))
    await ends(fake, message, kind)
    reading = await asked
    assert (reading.answer, reading.value) == (Answer.ERROR, None)
    assert said in reading.detail


async def test_a_process_that_starts_anew_finds_the_job_of_the_tick_and_makes_no_second(
    api, fake, jobs, clock
):
    lost = asyncio.create_task(answer(jobs, question()))
    await until(lambda: made_jobs(fake))
    await jobs.close()
    assert isinstance((await asyncio.gather(lost, return_exceptions=True))[0], BaseException)
    clock.advance(20)
    again = JobMetrics(api, ("shop",), clock, {("shop", "web"): BODY})
    asked = asyncio.create_task(answer(again, question()))
    await ends(fake, '{"value": 2}')
    assert (await asked).value == 2.0
    assert len(made_jobs(fake)) == 1
    await again.close()


async def test_who_asks_while_it_runs_waits_for_the_same_job(fake, jobs, clock):
    first = asyncio.create_task(answer(jobs, question()))
    await until(lambda: made_jobs(fake))
    clock.advance(10)
    second = asyncio.create_task(answer(jobs, question()))
    await ends(fake, '{"value": 2}')
    assert await first == await second
    assert len(fake.made("POST", "/jobs")) == 1


async def test_who_asks_again_in_the_same_tick_waits_for_the_next(fake, jobs, clock):
    first = asyncio.create_task(answer(jobs, question()))
    await ends(fake, '{"value": 1}')
    await first
    clock.advance(59.99)
    second = asyncio.create_task(answer(jobs, question()))
    await asyncio.sleep(0)
    clock.advance(1)
    await ends(fake, '{"value": 2}', among=2)
    assert (await second).value == 2.0


@pytest.mark.parametrize(
    "other", [question(5.0), question(revision="C"), question(name="complaints")]
)
async def test_another_run_revision_or_metric_has_a_job_of_its_own(fake, jobs, other):
    both = [asyncio.create_task(answer(jobs, one)) for one in (question(), other)]
    with suppress(TimeoutError):
        await until(lambda: len(made_jobs(fake)) == 2)
    assert len(made_jobs(fake)) == 2
    for task in both:
        task.cancel()


async def test_a_cron_job_that_is_not_there_is_an_error_that_names_it(fake, jobs):
    del fake.objects[CRON]
    reading = await answer(jobs, question())
    assert reading.answer is Answer.ERROR
    assert reading.detail == "there is no CronJob satisfaction in namespace shop"


async def test_a_cron_job_without_containers_is_an_error(fake, jobs):
    fake.put(CRON, {"metadata": {"name": "satisfaction"}, "spec": {}})
    assert "has no containers" in (await answer(jobs, question())).detail


async def test_a_job_that_the_api_server_refuses_is_an_error_in_its_words(fake, jobs):
    fake.says("POST", "/jobs", 403, {"message": "exceeded quota: small"})
    reading = await answer(jobs, question())
    assert reading.answer is Answer.ERROR
    assert "exceeded quota: small" in reading.detail


async def test_a_namesake_of_somebody_else_is_no_result(fake, jobs):
    asked = asyncio.create_task(answer(jobs, question()))
    await until(lambda: made_jobs(fake))
    (path,) = made_jobs(fake)
    await jobs.close()
    await asyncio.gather(asked, return_exceptions=True)
    name = path.rsplit("/", 1)[1]
    fake.put(path, {"metadata": {"name": name, "namespace": "shop"}})
    reading = await answer(jobs, question())
    assert "is not this Rollout's; delete it" in reading.detail


async def test_a_job_that_is_deleted_while_it_runs_is_an_error(fake, jobs):
    asked = asyncio.create_task(answer(jobs, question()))
    await until(lambda: made_jobs(fake))
    await until(lambda: fake.made("GET", JOBS))
    del fake.objects[made_jobs(fake)[0]]
    reading = await asked
    assert reading.answer is Answer.ERROR
    assert "was deleted before it ended" in reading.detail


async def test_a_job_that_nobody_ends_is_an_error_some_time_after_its_timeout(
    fake, jobs, monkeypatch
):
    monkeypatch.setattr(module, "LATE_S", -29.8)
    reading = await answer(jobs, question())
    assert reading.answer is Answer.ERROR
    assert reading.detail.endswith("did not end within its timeout of 30s")


async def test_pods_that_may_not_be_listed_are_an_error_and_no_value(fake, jobs):
    asked = asyncio.create_task(answer(jobs, question()))
    fake.says("GET", "/pods", 403, {"message": "pods is forbidden"})
    await ends(fake, '{"value": 1}')
    reading = await asked
    assert reading.answer is Answer.ERROR
    assert "cannot be read" in reading.detail
