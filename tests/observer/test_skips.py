"""I7 and I8 where a person leaves out phases: only what was asked for, and only what is told."""

import pytest

from tests.observer.tales import NEW, Object, Tale, entry, rollout, run, thing

BEGUN = (entry("run", "RunStarted"), entry("ten", "PhaseStarted"))
TEN = {"name": "ten", "index": 0}


def _begun() -> Tale:
    """A run in its first phase."""
    status = {"state": "Progressing", "lastRunNumber": 1}
    preparing = rollout(**status, run=run(stage="Preparing", history=list(BEGUN[:1])))
    tale = Tale().shop(canary=NEW).operator(preparing)
    return tale.operator(rollout(**status, phase=TEN, run=run(history=list(BEGUN))))


def _skip(result: str | None = None) -> Object:
    spec = {"rollout": "shop", "verb": "skip"}
    return thing("RolloutAction", "skip", spec=spec, status={"result": result} if result else {})


def _skipped(*history: Object, asked: tuple[Object, ...]) -> Tale:
    tale = _begun()
    for action in asked:
        tale = tale.stands(action)
    promoting = rollout(
        state="Progressing", lastRunNumber=1, run=run(stage="Promoting", history=list(history))
    )
    return tale.operator(promoting)


LEFT_OUT = (
    *BEGUN,
    entry("ten", "PhaseSkipped"),
    entry("half", "PhaseSkipped"),
    entry("promotion", "Promoting"),
)


def test_phases_that_a_person_skips_may_be_left_out():
    assert _skipped(*LEFT_OUT, asked=(_skip(),)).names() == set()


@pytest.mark.parametrize("asked", [(), (_skip("Done"),)])
def test_phases_that_nobody_skips_may_not(asked: tuple[Object, ...]):
    assert "I8" in _skipped(*LEFT_OUT, asked=asked).names()


def test_a_skip_leaves_out_only_what_the_journal_says():
    jump = [*BEGUN, entry("half", "PhaseStarted")]
    assert "I8" in _skipped(*jump, entry("promotion", "Promoting"), asked=(_skip(),)).names()
