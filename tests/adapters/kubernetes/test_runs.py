"""A run is written down once, brought up to date when it changes, and the oldest gives way."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from tests.adapters.kubernetes.fake_api import FakeApi
from tests.adapters.kubernetes.objects import RUNS, rollout
from tidegate.adapters.kubernetes.runs import RUNS_KEPT, RunJournal, run_of
from tidegate.api.runs import RunEntry
from tidegate.api.status import LastRun, RolloutStatus, RunStatus, Stage
from tidegate.ports.cluster import ApiUnavailable, Conflict

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def running(number=3, *entries):
    history = tuple(RunEntry(at=NOON, what=what) for what in entries)
    run = RunStatus(
        number=number,
        from_revision="A",
        to_revision="B",
        started_at=NOON,
        stage=Stage.PHASE,
        history=history,
    )
    return RolloutStatus(run=run)


def finished(number=3):
    last = LastRun(
        number=number,
        from_revision="A",
        to_revision="B",
        outcome="Reverted",
        reason="GuardFailed",
        message="errors 0.3",
        started_at=NOON,
        finished_at=NOON,
    )
    return RolloutStatus(last_run=last)


def sent(fake: FakeApi):
    return [(call.method, call.path.removeprefix(RUNS)) for call in fake.calls]


def test_no_run_is_nothing_to_write():
    assert run_of(RolloutStatus(), 0) is None


async def test_nothing_is_sent_before_the_first_run(fake: FakeApi, api):
    await RunJournal(api).write(rollout(), RolloutStatus())
    assert fake.calls == []


async def test_a_run_is_made_once_and_not_written_again_unchanged(fake: FakeApi, api):
    journal = RunJournal(api)
    for _ in range(3):
        await journal.write(rollout(), running())
    assert sent(fake) == [("GET", "/web-3"), ("POST", ""), ("PATCH", "/web-3/status")]
    body = fake.objects[f"{RUNS}/web-3"]
    assert body["spec"]["to"] == "B"
    assert body["status"]["outcome"] == "Running"
    assert body["metadata"]["ownerReferences"][0]["uid"] == "u1"


async def test_a_run_that_changed_is_patched(fake: FakeApi, api):
    journal = RunJournal(api)
    await journal.write(rollout(), running())
    await journal.write(rollout(), running(3, "PhaseStarted"))
    await journal.write(rollout(), finished())
    assert [method for method, _ in sent(fake)] == ["GET", "POST", "PATCH", "PATCH", "PATCH"]
    status = fake.objects[f"{RUNS}/web-3"]["status"]
    assert (status["outcome"], status["reason"]) == ("Reverted", "GuardFailed")


async def test_a_run_that_was_made_before_a_crash_is_brought_up_to_date(fake: FakeApi, api):
    await RunJournal(api).write(rollout(), running())
    await RunJournal(api).write(rollout(), finished())
    assert fake.objects[f"{RUNS}/web-3"]["status"]["outcome"] == "Reverted"
    assert len(fake.made("POST")) == 1


async def test_a_finished_run_that_is_written_already_costs_one_look(fake: FakeApi, api):
    await RunJournal(api).write(rollout(), finished())
    fake.calls.clear()
    await RunJournal(api).write(rollout(), finished())
    assert sent(fake) == [("GET", "/web-3")]


async def test_a_record_prepared_under_an_earlier_leader_is_refused(fake: FakeApi, api):
    former, present = RunJournal(api), RunJournal(api)
    await former.write(rollout(), running())
    api._fence.epoch = 2
    await present.write(rollout(), running())
    api._fence.epoch = 1
    with pytest.raises(Conflict):
        await former.write(rollout(), running(3, "PhaseStarted"))
    assert fake.objects[f"{RUNS}/web-3"]["status"] == {
        "epoch": 2,
        "outcome": "Running",
        "reason": "",
        "message": "",
        "history": [],
    }


async def test_a_run_that_somebody_deleted_is_made_again(fake: FakeApi, api):
    journal = RunJournal(api)
    await journal.write(rollout(), running())
    del fake.objects[f"{RUNS}/web-3"]
    await journal.write(rollout(), finished())
    assert fake.objects[f"{RUNS}/web-3"]["status"]["outcome"] == "Reverted"


async def test_a_new_run_makes_the_oldest_go(fake: FakeApi, api):
    old = f"{RUNS}/web-1"
    fake.put(old, {"metadata": {"name": "web-1"}})
    journal = RunJournal(api)
    await journal.write(rollout(), running(RUNS_KEPT))
    assert old in fake.objects
    await journal.write(rollout(), running(RUNS_KEPT + 1))
    assert old not in fake.objects
    assert len(fake.made("DELETE")) == 1


@pytest.mark.parametrize("status", [403, 404])
async def test_an_old_run_that_does_not_go_stops_nothing(fake: FakeApi, api, status):
    fake.says("DELETE", RUNS, status, {"message": "no"})
    await RunJournal(api).write(rollout(), running(RUNS_KEPT + 5))
    assert fake.objects[f"{RUNS}/web-25"]["status"]["outcome"] == "Running"


async def test_what_could_not_be_written_is_written_the_next_time(fake: FakeApi, api):
    journal = RunJournal(api)
    fake.says("PATCH", RUNS, 503, {"message": "away"})
    with pytest.raises(ApiUnavailable):
        await journal.write(rollout(), running())
    await journal.write(rollout(), running(3, "RunStarted"))
    assert fake.objects[f"{RUNS}/web-3"]["status"]["outcome"] == "Running"


async def test_what_is_forgotten_is_looked_at_again(fake: FakeApi, api):
    journal = RunJournal(api)
    await journal.write(rollout(), running())
    journal.forget(("shop", "web"))
    await journal.write(rollout(), running())
    assert [method for method, _ in sent(fake)] == ["GET", "POST", "PATCH", "GET"]
