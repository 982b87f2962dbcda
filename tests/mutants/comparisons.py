"""Seeded bugs in the comparison with stable: the wrong arm, and passes on nothing."""

from tests.mutants.mutant import Mutant

CORE = "tests/core/test_comparing.py::"
ASKING = "tests/controller/test_asking.py::"
PROVIDER = "tests/adapters/prometheus/test_comparing.py::"
ISSUE = "docs/reference/comparison.md"

MUTANTS = (
    Mutant(
        "the canary is compared with itself: its measure stands for stable's",
        ISSUE,
        "adapters/prometheus/provider.py",
        "found.get(template.key(question.stable))",
        "found.get(template.key(question.subject))",
        (PROVIDER + "test_one_query_of_a_template_measures_both_arms",),
    ),
    Mutant(
        "a revision is compared with itself once both arms select it",
        ISSUE,
        "controller/asking.py",
        "arms.stable if arms.stable.revision != subject.revision else None",
        "arms.stable",
        (ASKING + "test_a_comparison_asks_about_stable_too_unless_both_arms_are_one_revision",),
    ),
    Mutant(
        "the arms are measured over windows that only one of them has lived through",
        ISSUE,
        "adapters/prometheus/provider.py",
        "filter(None, (question.subject, question.stable))",
        "(question.subject,)",
        (PROVIDER + "test_the_window_of_both_is_what_the_younger_has_lived_through",),
    ),
    Mutant(
        "a stable without data passes",
        ISSUE,
        "core/comparing.py",
        "        return Verdict.NODATA\n",
        "        return Verdict.PASS\n",
        (CORE + "test_without_a_value_of_stable_nothing_passes_and_an_absolute_bound_still_fails",),
    ),
    Mutant(
        "a percentage of nothing passes",
        ISSUE,
        "core/comparing.py",
        "Verdict.PASS if kept and None not in kept else",
        "Verdict.PASS if kept else",
        (CORE + "test_a_percentage_of_nothing_is_undecided_and_says_what_to_do",),
    ),
    Mutant(
        "few samples of stable are enough",
        ISSUE,
        "core/comparing.py",
        "not (stable.samples or 0.0) >= bound.min_samples\n",
        "False\n",
        (CORE + "test_both_arms_need_their_samples",),
    ),
    Mutant(
        "a comparison ends while one route still sends requests to stable",
        ISSUE,
        "core/scene.py",
        "all(r.weight == ALL for r in weights)",
        "any(r.weight == ALL for r in weights)",
        (CORE + "test_while_stable_may_get_requests_it_is_compared_with",),
    ),
)
