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
)
