"""Seeded bugs in the signals of pods: trouble that is not seen, or seen in the wrong revision."""

from tests.mutants.mutant import Mutant

LEDGER = "tests/adapters/pods/test_ledger.py::"
PROVIDER = "tests/adapters/pods/test_provider.py::"
CONCERNED = "tests/core/test_concerned.py::"
PAGE = "docs/reference/kubernetes-signals.md"

MUTANTS = (
    Mutant(
        "a pod that is deleted takes its restarts with it",
        PAGE,
        "adapters/pods/ledger.py",
        "for one in (*self._incidents, *fresh) if",
        "for one in fresh if",
        (LEDGER + "test_a_deleted_pod_takes_no_restart_with_it",),
    ),
    Mutant(
        "what befell stable's pods counts against the canary",
        PAGE,
        "adapters/pods/ledger.py",
        "if one.revision == revision and one.at >= since",
        "if one.at >= since",
        (LEDGER + "test_the_trouble_of_another_revision_is_not_this_one_s",),
    ),
    Mutant(
        "a node whose clock is slow hides its restarts",
        PAGE,
        "adapters/pods/facts.py",
        "        when = min(max(at, earliest), now)\n",
        "        when = min(at, now)\n",
        (LEDGER + "test_a_node_whose_clock_is_slow_hides_no_restart_that_was_seen",),
    ),
    Mutant(
        "half of the pods are taken for all of them",
        PAGE,
        "adapters/pods/provider.py",
        "        if len(pods) > PODS_MAX:\n",
        "        if not pods and len(pods) > PODS_MAX:\n",
        (PROVIDER + "test_more_pods_than_are_read_are_an_error_not_half_an_answer",),
    ),
    Mutant(
        "minPods spares a failure of as many pods as it asks for",
        PAGE,
        "core/concerned.py",
        "reading.concerned.pods < least",
        "reading.concerned.pods <= least",
        (CONCERNED + "test_a_failure_of_fewer_pods_than_asked_for_is_none",),
    ),
)
