"""The newest state of each run is written, sooner or later, and nobody waits for it."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, suppress
from typing import cast

import pytest

from tests.adapters.kubernetes.objects import rollout
from tests.controller.fakes import RecordingJournal, until
from tests.core.scenes import NOW, in_phase
from tidegate.adapters.kubernetes.runs import RunJournal
from tidegate.api.status import LastRun, RolloutStatus
from tidegate.controller import recording as module
from tidegate.controller.recording import Recorder
from tidegate.ports.cluster import ApiRefused, ApiUnavailable, Conflict, Gone

BUSY = in_phase().status
END = LastRun(
    number=3,
    from_revision="A",
    to_revision="B",
    outcome="Superseded",
    started_at=NOW,
    finished_at=NOW,
)


def state(message):
    return BUSY.model_copy(update={"message": message})


@asynccontextmanager
async def recording():
    journal = RecordingJournal()
    recorder = Recorder(cast("RunJournal", journal))
    task = asyncio.create_task(recorder.run())
    try:
        yield recorder, journal
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def messages(journal):
    return [status.message for status in journal.written]


async def test_only_the_newest_state_is_written():
    async with recording() as (recorder, journal):
        recorder.record(rollout(), RolloutStatus(message="no run"))
        for message in ("one", "two", "three"):
            recorder.record(rollout(), state(message))
        recorder.record(rollout(name="other"), state("other"))
        await until(lambda: len(journal.written) == 2)
    assert messages(journal) == ["three", "other"]
    assert journal.tries == 2


async def test_the_end_of_a_run_is_written_though_the_next_one_began_at_once():
    ended = BUSY.model_copy(
        update={"run": None, "last_run": END, "last_run_number": 3, "message": "over"}
    )
    next_run = BUSY.run.model_copy(update={"number": 4})
    async with recording() as (recorder, journal):
        recorder.record(rollout(), ended)
        recorder.record(rollout(), BUSY.model_copy(update={"run": next_run, "message": "next"}))
        await until(lambda: len(journal.written) == 2)
    assert messages(journal) == ["over", "next"]


async def test_nothing_of_a_run_is_written_before_the_end_of_the_one_before(monkeypatch):
    monkeypatch.setattr(module, "AGAIN_S", 0.01)
    ended = BUSY.model_copy(update={"run": None, "last_run": END, "message": "over"})
    next_run = BUSY.run.model_copy(update={"number": 4})
    async with recording() as (recorder, journal):
        journal.errors = [ApiUnavailable("away"), ApiUnavailable("away")]
        recorder.record(rollout(), ended)
        recorder.record(rollout(), BUSY.model_copy(update={"run": next_run, "message": "next"}))
        recorder.record(rollout(name="other"), state("other"))
        await until(lambda: len(journal.written) == 3)
    assert [text for text in messages(journal) if text != "other"] == ["over", "next"]


async def test_what_could_not_be_written_is_tried_again(monkeypatch):
    monkeypatch.setattr(module, "AGAIN_S", 0.01)
    async with recording() as (recorder, journal):
        journal.errors = [ApiUnavailable("away"), ApiUnavailable("away")]
        recorder.record(rollout(), state("one"))
        await until(lambda: journal.written)
    assert (messages(journal), journal.tries) == (["one"], 3)


async def test_a_newer_state_is_not_overtaken_by_one_that_failed(monkeypatch):
    monkeypatch.setattr(module, "AGAIN_S", 0.01)
    async with recording() as (recorder, journal):
        journal.gate.clear()
        journal.errors = [Conflict("an answer was lost")]
        recorder.record(rollout(), state("old"))
        await until(lambda: journal.tries == 1)
        recorder.record(rollout(), state("new"))
        journal.gate.set()
        await until(lambda: journal.written)
    assert (messages(journal), journal.tries) == (["new"], 2)


@pytest.mark.parametrize("error", [ApiRefused("no"), Gone("no")])
async def test_what_was_refused_is_not_tried_again(monkeypatch, error):
    monkeypatch.setattr(module, "AGAIN_S", 0.0)
    async with recording() as (recorder, journal):
        journal.errors = [error]
        recorder.record(rollout(), state("refused"))
        await until(lambda: journal.tries == 1)
        recorder.record(rollout(name="other"), state("other"))
        await until(lambda: journal.written)
    assert (messages(journal), journal.tries) == (["other"], 2)


async def test_what_is_forgotten_is_not_written():
    async with recording() as (recorder, journal):
        recorder.record(rollout(), state("gone"))
        recorder.forget(("shop", "web"))
        recorder.record(rollout(name="other"), state("other"))
        await until(lambda: journal.written)
    assert messages(journal) == ["other"]
    assert journal.forgotten == [("shop", "web")]


async def test_a_bake_that_is_sent_back_is_recorded_as_ended_beside_the_way_back():
    back = BUSY.run.model_copy(update={"number": 4, "undo": "undone by ann"})
    async with recording() as (recorder, journal):
        for _ in range(2):
            recorder.record(rollout(), BUSY.model_copy(update={"run": back, "last_run": END}))
            await until(lambda: not recorder._wanted)
    written = [
        status.run.number if status.run else status.last_run.number for status in journal.written
    ]
    assert written == [3, 4, 4]


async def test_the_end_of_the_next_run_waits_for_the_record_of_the_last(monkeypatch):
    monkeypatch.setattr(module, "AGAIN_S", 0.01)
    ended = BUSY.model_copy(update={"run": None, "last_run": END})
    async with recording() as (recorder, journal):
        journal.errors = [ApiUnavailable("away")] * 3
        recorder.record(rollout(), ended)
        await recorder.settled(("shop", "web"), END.number)
        assert len(journal.written) == 1


async def test_a_record_that_cannot_be_written_holds_nothing_up_for_long(monkeypatch):
    monkeypatch.setattr(module, "SETTLED_S", 0.01)
    async with recording() as (recorder, journal):
        journal.errors = [ApiUnavailable("away")] * 1000
        recorder.record(rollout(), BUSY.model_copy(update={"run": None, "last_run": END}))
        await until(lambda: journal.tries > 0)
        await recorder.settled(("shop", "web"), END.number)
        assert journal.written == []


async def test_nobody_waits_for_a_record_that_is_written_or_was_never_asked_for():
    async with recording() as (recorder, journal):
        recorder.record(rollout(), BUSY.model_copy(update={"run": None, "last_run": END}))
        await until(lambda: len(journal.written) == 1)
        for number in (END.number, END.number - 1):
            async with asyncio.timeout(module.SETTLED_S / 2):
                await recorder.settled(("shop", "web"), number)
