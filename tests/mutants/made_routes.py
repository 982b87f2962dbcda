"""Seeded bugs in the routes that are made for a Rollout."""

from tests.mutants.mutant import Mutant

MAKING = "tests/core/test_making.py::"
WRITES = "tests/adapters/kubernetes/test_own_routes.py::"

MUTANTS = (
    Mutant(
        "a route is made again before its loss is stored",
        "docs/design.md 3, routes of the Rollout's own",
        "core/decide.py",
        "    step = _loss_noted(status, _use_noted(status, _first_word(scene, problems)))",
        "    step = _use_noted(status, _first_word(scene, problems))",
        (MAKING + "test_that_one_is_missing_is_stored_before_it_is_made_again",),
    ),
    Mutant(
        "times count on over a route that was made again",
        "docs/design.md 3, routes of the Rollout's own",
        "core/facts.py",
        "    there = known if known is not None and not known.missing else None",
        "    there = known",
        (MAKING + "test_times_count_anew_once_it_is_there_again",),
    ),
    Mutant(
        "a route that was deleted comes back with its share while a guard fails",
        "docs/design.md 3, rule 4",
        "core/making.py",
        "    return scene.undo or not obstacle_to_raise(scene)",
        "    return True",
        (MAKING + "test_the_canary_gets_nothing_back_while_a_guard_or_its_pods_speak_against_it",),
    ),
    Mutant(
        "an object of somebody else is taken over",
        "docs/reference/routes.md",
        "adapters/kubernetes/routing_reader.py",
        "        if owned_by(body, self._rollout.uid):",
        "        if body is not None:",
        (WRITES + "test_one_of_somebody_else_is_never_taken_over",),
    ),
    Mutant(
        "a route is made on pods that a watch saw long ago",
        "docs/design.md 3, rule 1",
        "adapters/kubernetes/freshness.py",
        "            yield from _canary_pods(sight, effect)\n",
        "",
        (WRITES + "test_no_share_is_given_to_pods_that_are_gone_by_now",),
    ),
)
