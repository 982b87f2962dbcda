"""Bugs in hooks: work that runs twice, too late or never, and weights that do not wait for it."""

from __future__ import annotations

from tests.mutants.mutant import Mutant

_LIVED = "tests/properties/test_hooks.py"
_CORE = "tests/core/test_hooks.py"
_API = "tests/adapters/kubernetes/test_hooks.py"
_CALLS = "tests/adapters/hooks/test_caller.py"

MUTANTS = (
    Mutant(
        name="who skips past the door gets the weight without the hooks",
        issue="design.md 3: no weight before what has to pass first",
        file="core/running.py",
        fragment="        or hooks.before_weight(scene)\n",
        replacement="",
        tests=(f"{_LIVED}::test_who_skips_to_a_phase_still_gets_its_hooks_before_its_weight",),
    ),
    Mutant(
        name="a phase is entered whatever its hooks say",
        issue="design.md 3: no weight before what has to pass first",
        file="core/entering.py",
        fragment="        or hooks.door(scene, index)\n",
        replacement="",
        tests=(f"{_CORE}::test_the_next_phase_waits_for_its_hook_and_says_so",),
    ),
    Mutant(
        name="a try that is not stored yet is made",
        issue="design.md 3: the intent is stored before anything acts on it",
        file="core/storing.py",
        fragment=" or intents(stored) != intents(status)",
        replacement="",
        tests=(f"{_CORE}::test_a_try_is_an_intent_that_is_stored_before_anything_is_made",),
    ),
    Mutant(
        name="a clean-up runs while the canary still has traffic",
        issue="design.md 3: traffic goes back first",
        file="core/hooks.py",
        fragment='if entry.when == "revert" and not _traffic_back(scene):',
        replacement="if False:",
        tests=(f"{_CORE}::test_a_clean_up_waits_until_the_traffic_is_back",),
    ),
    Mutant(
        name="the hook of a run that was sent back goes on",
        issue="design.md 3: approvals and hooks never block a revert",
        file="core/hooks.py",
        fragment="return _strays(scene) or _afterwards(scene)",
        replacement="return _afterwards(scene)",
        tests=(f"{_CORE}::test_the_job_of_a_run_that_was_sent_back_is_deleted",),
    ),
    Mutant(
        name="a new run begins beside the clean-up of the last",
        issue="hooks.md: a new run begins only when the hooks after the last one have ended",
        file="core/resting.py",
        fragment="if left := left_to_do(scene):",
        replacement="if (left := left_to_do(scene)) and not left:",
        tests=(f"{_CORE}::test_a_new_run_waits_for_what_the_last_one_left_to_do",),
    ),
    Mutant(
        name="a redirect is followed",
        issue="design.md 6: no way out of the namespace",
        file="adapters/hooks/caller.py",
        fragment="allow_redirects=False",
        replacement="allow_redirects=True",
        tests=(f"{_CALLS}::test_a_redirect_is_not_followed",),
    ),
    Mutant(
        name="a name for somewhere else is called",
        issue="design.md 6: no way out of the namespace",
        file="adapters/kubernetes/hook_runner.py",
        fragment='if spec.get("type") == EXTERNAL_NAME:',
        replacement="if False:",
        tests=(f"{_API}::test_a_service_that_leads_elsewhere_is_not_called",),
    ),
)
