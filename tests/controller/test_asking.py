"""Questions are gathered and asked together; whatever happens, each gets an answer."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, suppress
from dataclasses import replace

import pytest

from tests.controller.fakes import FakeMetrics, SetClock, arms, until
from tidegate.api.checks import Gate, Guard, Metric
from tidegate.api.compare import Compare
from tidegate.api.jobs import JobSource
from tidegate.controller import asking as module
from tidegate.controller.asking import Asked, Asker, question_of
from tidegate.core.decision import Ask
from tidegate.core.observation import Answer, Reading, TrafficReading

ERRORS = Metric(name="errors", template="istio-error-rate")
LATENCY = Metric(name="latency", template="istio-latency", quantile=0.9)
SURVEY = Metric(name="survey", job=JobSource(cron_job="survey"))
GUARD = Guard(metric="errors", max=0.01)


class Asking:
    def __init__(self):
        self.metrics = FakeMetrics()
        self.answers = []
        self.asker = Asker(self.metrics, SetClock(), lambda asked, it: self.answers.append(it))

    @asynccontextmanager
    async def running(self):
        task = asyncio.create_task(self.asker.run())
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def answered(self, *asked):
        self.answers.clear()
        self.asker.ask(asked)
        await until(lambda: len(self.answers) == len(asked))
        return self.answers


@pytest.fixture
def asking():
    return Asking()


def check(rollout="shop", metric=ERRORS, check_id="guard/0"):
    question = question_of(Guard(metric=metric.name, max=1.0), arms(rollout), metric)
    return Asked(("shop", rollout), 1, Ask(check_id), arms(rollout), question)


def count(rollout="shop"):
    return Asked(("shop", rollout), 1, Ask(None), arms(rollout))


async def test_each_question_is_asked_by_itself(asking):
    async with asking.running():
        found = await asking.answered(check("a"), check("b"), check("c", LATENCY))
    assert all(isinstance(one, Reading) and one.answer is Answer.OK for one in found)
    assert sorted(len(batch) for batch in asking.metrics.asked) == [1, 1, 1]


async def test_a_slow_answer_about_one_rollout_delays_no_other_rollouts(asking):
    slow, quick = check("slow"), check("quick")
    asking.metrics.slow = {"slow"}
    async with asking.running():
        asking.asker.ask([slow, quick])
        await until(lambda: asking.answers)
        assert len(asking.answers) == 1


async def test_questions_to_jobs_take_no_room_from_others(asking, monkeypatch):
    """A Job may run for minutes: no guard of another Rollout may wait for its end."""
    monkeypatch.setattr(module, "BATCHES_MAX", 1)
    asking.metrics.slow = {"slow"}
    async with asking.running():
        asking.asker.ask([check("slow", SURVEY)])
        await until(lambda: asking.metrics.asked)
        asking.asker.ask([check("quick")])
        with suppress(TimeoutError):
            await until(lambda: asking.answers)
    assert len(asking.answers) == 1


async def test_traffic_of_all_rollouts_is_one_question(asking):
    async with asking.running():
        found = await asking.answered(count("a"), count("b"))
    assert [type(one) for one in found] == [TrafficReading] * 2
    assert [[one.rollout for one in batch] for batch in asking.metrics.counted] == [["a", "b"]]


async def test_a_provider_that_raises_gives_errors_and_can_be_asked_again(asking):
    async with asking.running():
        asking.metrics.error = RuntimeError("boom")
        reading, counted = sorted(await asking.answered(check(), count()), key=repr)
        assert (reading.answer, reading.value) == (Answer.ERROR, None)
        assert "see the log" in reading.detail
        assert "see the log" in counted.error
        asking.metrics.error = None
        (again,) = await asking.answered(check())
        assert again.answer is Answer.OK


async def test_a_question_without_an_answer_is_an_error(asking):
    asking.metrics.hidden = {"errors"}
    async with asking.running():
        (reading,) = await asking.answered(check())
    assert reading.answer is Answer.ERROR


async def test_asking_nothing_asks_nobody(asking):
    async with asking.running():
        asking.asker.ask([])
        await asking.answered(check())
    assert len(asking.metrics.asked) == 1
    assert asking.metrics.counted == []


def test_a_question_is_about_the_canary_and_asks_for_samples_only_where_they_matter():
    plain = question_of(GUARD, arms(), ERRORS)
    assert plain is not None
    assert (plain.metric, plain.subject, plain.samples) == (ERRORS, arms().canary, False)
    counted = question_of(GUARD.model_copy(update={"min_samples": 5}), arms(), ERRORS)
    assert counted is not None
    assert counted.samples
    assert question_of(GUARD, arms(), None) is None


def test_a_comparison_asks_about_stable_too_unless_both_arms_are_one_revision():
    compared = GUARD.model_copy(update={"compare": Compare(to="stable", max_increase=1)})
    asked = question_of(compared, arms(), ERRORS)
    assert asked is not None
    assert (asked.subject, asked.stable) == (arms().canary, arms().stable)
    one = replace(arms(), stable=replace(arms().stable, revision=arms().canary.revision))
    for same in (one, replace(arms(), measured=arms().stable)):
        alone = question_of(compared, same, ERRORS)
        assert alone is not None
        assert alone.stable is None
    plain = question_of(GUARD, arms(), ERRORS)
    assert plain is not None
    assert plain.stable is None


def test_a_job_is_asked_for_its_interval_which_names_its_tick():
    bound = Guard(metric="survey", min=0.9, interval_s=90.0)
    asked = question_of(bound, arms(), SURVEY)
    assert asked is not None
    assert asked.metric.window_s == 90.0


def test_a_test_asks_for_counts_over_its_own_interval_whatever_the_window_of_the_metric():
    test = Compare(to="stable", test="sequential", margin=1.2)
    for bound in (
        Guard(metric="errors", compare=test, interval_s=15.0),
        Gate(metric="errors", compare=test, interval_s=15.0),
    ):
        asked = question_of(bound, arms(), ERRORS)
        assert asked is not None
        assert (asked.metric.window_s, asked.samples) == (15.0, True)
        assert asked.stable == arms().stable
        assert asked.metric.model_copy(update={"window_s": ERRORS.window_s}) == ERRORS


def test_a_window_of_a_bound_stands_in_for_that_of_its_metric():
    for bound in (GUARD, Gate(metric="errors", max=1.0)):
        own = bound.model_copy(update={"window_s": 300.0})
        asked, usual = (question_of(one, arms(), ERRORS) for one in (own, bound))
        assert asked is not None
        assert usual is not None
        assert asked.metric == ERRORS.model_copy(update={"window_s": 300.0})
        assert usual.metric == ERRORS
