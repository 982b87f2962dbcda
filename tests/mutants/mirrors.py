"""Seeded bugs in copies of requests: who answers, when they come, and that they go at once."""

from tests.mutants.mutant import Mutant

CORE = "tests/core/test_mirroring.py::"
ISTIO = "tests/adapters/test_istio_mirrors.py::"
CHECKED = "tests/api/test_mirroring.py::"
DOCS = "docs/reference/mirroring.md"

MUTANTS = (
    Mutant(
        "copies stay on a revert until stable can carry those who match",
        DOCS,
        "core/revert.py",
        "return without_copies(route.match) if same",
        "return route.match if same",
        (CORE + "test_they_go_on_an_abort_though_stable_cannot_carry_those_who_match",),
    ),
    Mutant(
        "a change of how many are copied begins no new time",
        DOCS,
        "core/facts.py",
        "    said = (weight, match, sticky, mirror, arms)\n",
        "    said = (weight, match, sticky, there.mirror if there else mirror, arms)\n",
        (CORE + "test_the_status_says_how_many_and_since_when",),
    ),
    Mutant(
        "the canary answers those whose requests are copied",
        DOCS,
        "adapters/istio_headers.py",
        '    entries[route.canary.index] = {**canary, "weight": 0}\n',
        '    entries[route.canary.index] = {**canary, "weight": route.whole}\n',
        (ISTIO + "test_the_route_that_copies_answers_as_the_managed_one_and_stands_above_it",),
    ),
    Mutant(
        "copies that somebody else asked for are sent to the canary instead",
        DOCS,
        "adapters/istio_headers.py",
        "    if theirs := sorted(MIRRORS.intersection(route.raw)):\n",
        "    if theirs := sorted(MIRRORS.intersection(())):\n",
        (ISTIO + "test_a_route_that_copies_already_gets_no_second_place_to_copy_to",),
    ),
    Mutant(
        "copies stand above those who match and take them",
        DOCS,
        "adapters/istio_headers.py",
        "    return [\n        *copies,\n",
        "    return [\n        *([_copying(route, share)] if share else []),\n        *copies,\n",
        (ISTIO + "test_those_who_match_are_not_copied_but_answered",),
    ),
    Mutant(
        "a phase that copies more is taken for one that copies less",
        DOCS,
        "core/picks.py",
        "        return outer.percent >= inner.percent\n",
        "        return True\n",
        (CORE + "test_fewer_copies_are_within_more_and_neither_are_those_who_match",),
    ),
    Mutant(
        "there are as many pods as without copies",
        DOCS,
        "core/capacity.py",
        "pods_for_weight(max(phase.weight, copies), full)",
        "pods_for_weight(phase.weight, full)",
        (CORE + "test_pods_are_as_many_as_the_copies_need",),
    ),
    Mutant(
        "a shadow phase passes though nothing was measured",
        DOCS,
        "core/measuring.py",
        "not (scene.phase.match or scene.phase.mirror)",
        "not scene.phase.match",
        (CORE + "test_a_guard_must_have_data_while_there_are_copies",),
    ),
    Mutant(
        "copies beside a weight are let in",
        DOCS,
        "api/phases.py",
        "            holds=lambda phase: phase.mirror is None or phase.weight == 0,\n",
        "            holds=lambda phase: True,\n",
        (CHECKED + "test_a_weight_beside_them_is_refused",),
    ),
)
