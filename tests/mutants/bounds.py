"""Seeded bugs in what guards and gates may leave out: passes on nothing, and guards that sleep."""

from tests.mutants.mutant import Mutant

DELAYS = "tests/core/test_delays.py::"
ROWS = "tests/core/test_failures_in_a_row.py::"
UNMEASURED = "tests/core/test_unmeasured.py::"
WARNINGS = "tests/core/test_warn_levels.py::"
NUMBERS = "tests/core/test_numbers.py::"
PAGE = "docs/reference/checks.md"

MUTANTS = (
    Mutant(
        "a gate passes on what was measured within its delay",
        PAGE,
        "core/verdicts.py",
        "    if reading.early:\n        return Verdict.UNDECIDED\n",
        "",
        (DELAYS + "test_a_gate_passes_only_on_what_was_measured_after_its_delay",),
    ),
    Mutant(
        "a weight that others keep changing keeps a guard off",
        PAGE,
        "core/facts.py",
        "or at.reached_at is not None or traffic is None:",
        "or traffic is None:",
        (DELAYS + "test_a_weight_that_others_keep_changing_does_not_begin_the_delay_anew",),
    ),
    Mutant(
        "a delay keeps a guard off from the moment its phase is entered",
        PAGE,
        "core/scene.py",
        "        begins = run.reached if now is None else (*run.reached, now)\n",
        "        if at is not None and now is None:\n            return True\n"
        "        begins = run.reached if now is None else (*run.reached, now)\n",
        (
            DELAYS + "test_until_the_weight_of_a_phase_is_there_a_delayed_guard_watches_the_weight"
            "_before",
        ),
    ),
    Mutant(
        "what failed within a delay counts once its phase is over",
        PAGE,
        "core/running.py",
        "    return (*run.reached, left.reached_at)[-MAX_PHASES:]\n",
        "    return run.reached\n",
        (DELAYS + "test_what_failed_within_the_delay_of_a_phase_counts_in_none_after_it",),
    ),
    Mutant(
        "failures from before a gap count on",
        PAGE,
        "core/failing.py",
        "        if seen_at is not None and reading.at - seen_at > limit:\n            row = 0\n",
        "",
        (ROWS + "test_a_gap_that_nobody_watched_ends_the_row",),
    ),
    Mutant(
        "a query that is wrong counts as a failed measurement",
        PAGE,
        "core/verdicts.py",
        "    if reading.answer is Answer.REFUSED:\n        return Verdict.ERROR",
        "    if reading.answer is Answer.REFUSED:\n"
        "        return _unmeasured(bound, reading, Verdict.ERROR)",
        (UNMEASURED + "test_a_query_that_is_wrong_moves_no_traffic_whatever_the_guard_says",),
    ),
    Mutant(
        "what is ignored is ignored without having been asked since there is traffic",
        PAGE,
        "core/proving.py",
        "    return readings[-1].due and ignores(check.bound, readings[-1])\n",
        "    return ignores(check.bound, readings[-1])\n",
        (UNMEASURED + "test_an_answer_from_before_the_hold_began_is_not_ignored",),
    ),
    Mutant(
        "a restart forgets how often a guard has failed in a row",
        PAGE,
        "core/failing.py",
        "(previous.failures, previous.measured_at) if previous else (0, None)",
        "(0, previous.measured_at) if previous else (0, None)",
        (ROWS + "test_after_a_restart_the_failures_before_it_still_count",),
    ),
    Mutant(
        "a value next to its bound is shown as the bound",
        PAGE,
        "core/numbers.py",
        "        if all(_side(float(text), bound) == _side(value, bound) for bound in near):\n",
        "        if near is not None:\n",
        (NUMBERS + "test_a_breach_by_very_little_says_by_how_little",),
    ),
    Mutant(
        "a warning is told again and again",
        PAGE,
        "core/warning.py",
        "(*run.warned, check.id)",
        "run.warned",
        (WARNINGS + "test_it_is_told_once_a_run",),
    ),
)
