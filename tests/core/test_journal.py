from tests.core.scenes import NOW, at_rest, in_phase
from tidegate.api.limits import MAX_HISTORY
from tidegate.core.journal import note_run, noted


def test_the_journal_keeps_its_first_entry_and_the_newest():
    run = in_phase().status.run
    for number in range(MAX_HISTORY + 10):
        run = noted(run, NOW, f"entry {number}", "Reason", "message")
    assert len(run.history) == MAX_HISTORY
    assert run.history[0].what == "entry 0"
    assert run.history[1].what == "entry 11"
    assert run.history[-1].what == f"entry {MAX_HISTORY + 9}"


def test_without_a_run_there_is_no_journal():
    status = at_rest().status
    assert note_run(status, NOW, "x", "y", "z") is status
