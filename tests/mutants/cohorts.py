"""Seeded bugs in cohorts: who is picked, who stays, and that all go back at once."""

from tests.mutants.mutant import Mutant

CORE = "tests/core/test_picks.py::"
ISTIO = "tests/adapters/test_istio_cohorts.py::"
SAID = "tests/api/test_expressions.py::"
RE2 = "tests/api/test_re2_syntax.py::"
CHECKED = "tests/api/test_cohort_checks.py::"
DOCS = "docs/reference/cohorts.md"

MUTANTS = (
    Mutant(
        "a cookie is found at the end of another one's name",
        DOCS,
        "api/expressions.py",
        '_BEFORE: Final = r"(?:.*;)?\\s*"',
        '_BEFORE: Final = r".*"',
        (
            SAID
            + "test_the_end_of_another_name_and_a_value_with_a_cookie_in_it_are_not_that_cookie",
        ),
    ),
    Mutant(
        "a larger share begins elsewhere than the smaller one",
        DOCS,
        "api/expressions.py",
        "low, high = digits.edge(after), digits.edge(last)",
        "low, high = digits.edge(100 - last), digits.edge(100 - after)",
        (SAID + "test_a_number_is_in_the_share_by_its_last_two_digits",),
    ),
    Mutant(
        "an expression of a cookie runs on into the next one",
        DOCS,
        "api/expressions.py",
        '            return "[^;]"\n',
        '            return "."\n',
        (SAID + "test_a_value_ends_where_the_next_cookie_begins",),
    ),
    Mutant(
        "buckets of one phase may share users",
        DOCS,
        "api/cohort_checks.py",
        "same_users(earlier, later) and _cross(earlier.buckets, later.buckets)",
        "same_users(earlier, later) and earlier == later",
        (CHECKED + "test_buckets_of_one_phase_that_share_users_are_refused",),
    ),
    Mutant(
        "users lose the new version between two phases",
        DOCS,
        "core/steering.py",
        "    return common(route.match, match)\n",
        "    return ()\n",
        (CORE + "test_the_way_down_keeps_those_who_stay_in",),
    ),
    Mutant(
        "users lose the new version on the way to all",
        DOCS,
        "core/picks.py",
        "    if not inner or (weight >= ALL and not picked_arms(inner)):\n",
        "    if not inner:\n",
        (CORE + "test_buckets_that_grow_keep_their_users_and_shrink_in_one_write",),
    ),
    Mutant(
        "users who stay hold back a revert",
        DOCS,
        "core/revert.py",
        "if same else matches(route.match)",
        "if same else without_copies(route.match)",
        (CORE + "test_an_abort_to_few_stable_pods_leaves_a_share_by_weight_alone",),
    ),
    Mutant(
        "a share of users is taken for a share of requests",
        DOCS,
        "core/mismatch.py",
        "if picks_of(scene.spec, phase) or not as_asked",
        "if phase.match or not as_asked",
        (CORE + "test_shares_of_requests_that_differ_are_no_mismatch_where_users_stay",),
    ),
    Mutant(
        "the answer to a new user brings no cookie",
        DOCS,
        "adapters/istio_headers.py",
        "_marking(_copy(route, [_with_id(ids)], to), share)",
        "_copy(route, [_with_id(ids)], to)",
        (ISTIO + "test_users_who_stay_take_four_routes_above_the_managed_one",),
    ),
    Mutant(
        "who has a cookie is drawn anew with each request",
        DOCS,
        "adapters/istio_headers.py",
        "    return known + new\n",
        "    return known[:-1] + new\n",
        (ISTIO + "test_who_got_the_new_version_keeps_it_while_the_weight_rises",),
    ),
    Mutant(
        "repeats within repeats are not multiplied",
        DOCS,
        "api/re2_syntax.py",
        "    times = part.repeats * max(most, 1)\n",
        "    times = max(most, 1)\n",
        (RE2 + "test_what_some_router_refuses_or_reads_otherwise_is_refused_with_what_to_do",),
    ),
    Mutant(
        "an expression that is repeated counts once",
        DOCS,
        "api/re2_syntax.py",
        "(part.size + JOINT) * copies, times",
        "part.size + JOINT, times",
        (RE2 + "test_no_repeat_within_repeats_comes_to_more_than_it_is_said",),
    ),
    Mutant(
        "only a part of what cookies come to is measured",
        DOCS,
        "api/cohort_checks.py",
        "        size = program_size(said.text)\n",
        "        size = 0\n",
        (CHECKED + "test_cookies_that_are_too_much_only_together_are_refused",),
    ),
    Mutant(
        "an expression may be longer than Istio takes",
        DOCS,
        "api/cohort_checks.py",
        "istio and length > limits.MAX_REGEX_BYTES",
        "istio and length > limits.MAX_REGEX_INSTRUCTIONS",
        (CHECKED + "test_cookies_that_are_too_much_only_together_are_refused",),
    ),
)
