"""Seeded bugs in what people try before they trust: a rehearsal that makes a policy look better."""

from tests.mutants.mutant import Mutant

PAGE = "docs/how-to/try-before-you-trust.md"

MUTANTS = (
    Mutant(
        "what no guard has judged counts as a good value",
        PAGE,
        "rehearsal/values.py",
        "_judged(bound, value, stable) is Verdict.PASS",
        "_judged(bound, value, stable) is not Verdict.ERROR",
        ("tests/rehearsal/test_values.py::test_a_good_value_passes_and_a_bad_one_fails",),
    ),
    Mutant(
        "a release that was sent back ends with success",
        PAGE,
        "cli/simulate.py",
        "End.REVERTED: 3",
        "End.REVERTED: 0",
        ("tests/cli/test_simulate.py::test_a_scenario_of_ones_own",),
    ),
    Mutant(
        "warnings never fail",
        PAGE,
        "cli/lint.py",
        '{"error", "warning"} if strict else {"error"}',
        '{"error"} if strict else {"error"}',
        ("tests/cli/test_lint.py::test_warnings_are_errors_only_if_asked",),
    ),
    Mutant(
        "a scorecard's members are nobody's concern",
        PAGE,
        "rehearsal/values.py",
        "return tuple(part.bound for part in card.parts)",
        "return ()",
        ("tests/rehearsal/test_every_signal.py::test_a_scorecard_is_played_by_its_members",),
    ),
    Mutant(
        "a recorded value of another moment is judged",
        PAGE,
        "adapters/prometheus/history.py",
        "abs(sample.at_s - second) > SAME_TIME_S",
        "sample.at_s < 0",
        (
            "tests/adapters/prometheus/test_history.py::test_a_value_between_two_moments_spoils_the_range",
        ),
    ),
    Mutant(
        "a past release is judged by its first measurement alone",
        PAGE,
        "rehearsal/replaying.py",
        "known[max(0, end - READINGS_MAX) : end]",
        "known[:1]",
        (
            "tests/rehearsal/test_replaying.py::test_a_guard_trips_at_the_measurement_that_fills_its_row",
        ),
    ),
)
