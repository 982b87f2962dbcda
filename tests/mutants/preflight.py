"""Bugs before the first pod: pods that come early, checks that are not asked, ends that wait."""

from __future__ import annotations

from tests.mutants.mutant import Mutant

_ISSUE = "preflight.md: no pod of the new revision before all of it has passed"
_CORE = "tests/core/test_preflight.py::"

MUTANTS = (
    Mutant(
        name="a pre-flight does not ask for its gates",
        issue=_ISSUE,
        file="core/preflight.py",
        fragment="        or _measured(scene)\n",
        replacement="",
        tests=(
            f"{_CORE}test_gates_that_fail_are_waited_for_and_nothing_is_made",
            f"{_CORE}test_a_gate_that_fails_after_the_go_still_holds",
        ),
    ),
    Mutant(
        name="a pre-flight goes on without its hooks",
        issue=_ISSUE,
        file="core/preflight.py",
        fragment="        or hooks.before_pods(scene)\n",
        replacement="",
        tests=(
            f"{_CORE}test_its_hooks_run_first_whatever_gates_say_and_each_try_is_stored_before_it_is_made",
        ),
    ),
    Mutant(
        name="nobody has to say go",
        issue=_ISSUE,
        file="core/approving.py",
        fragment="    if in_preflight(scene.status):\n",
        replacement="    if False:\n",
        tests=(
            f"{_CORE}test_after_hooks_and_gates_people_are_asked",
            f"{_CORE}test_skip_leaves_its_gates_and_hooks_out_but_no_approval",
        ),
    ),
    Mutant(
        name="a first pod is made in a pause",
        issue=_ISSUE,
        file="core/preflight.py",
        fragment="        or not_paused(scene)\n",
        replacement="",
        tests=(f"{_CORE}test_in_a_freeze_or_a_pause_no_hook_begins_and_no_pod_is_made",),
    ),
    Mutant(
        name="the progress deadline counts while no pod is wanted",
        issue="preflight.md: guards and the progress deadline begin with the pods",
        file="core/facts.py",
        fragment="        return False  # none is wanted yet\n",
        replacement="        pass\n",
        tests=(f"{_CORE}test_guards_and_the_progress_deadline_begin_with_the_pods",),
    ),
    Mutant(
        name="a hook of a pre-flight is not waited for, so nobody can run it again",
        issue="preflight.md: a failed hook does as its onFailure says",
        file="core/hook_places.py",
        fragment="        return before_pods(scene)\n",
        replacement="        return ()\n",
        tests=(f"{_CORE}test_a_hook_that_failed_holds_until_it_is_run_again_or_left_out",),
    ),
    Mutant(
        name="a gate of a pre-flight asks about the pods that are not there",
        issue="preflight.md: a pre-flight asks about no pods of the new revision",
        file="api/preflight_checks.py",
        fragment="        elif names_revision(metric):\n",
        replacement="        elif False:\n",
        tests=("tests/api/test_preflight.py::test_preflights_that_are_refused",),
    ),
)
