"""Seeded bugs in the signals of pods and in the counted shares: trouble that is not seen."""

from tests.mutants.mutant import Mutant

LEDGER = "tests/adapters/pods/test_ledger.py::"
PROVIDER = "tests/adapters/pods/test_provider.py::"
CONCERNED = "tests/core/test_concerned.py::"
CONVERGENCE = "tests/core/test_convergence.py::"
MISMATCH = "tests/core/test_mismatch.py::"
RATIO = "docs/reference/comparison.md"
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
        "who takes over counts fewer restarts than there were",
        PAGE,
        "adapters/pods/templates.py",
        "        if self.restarts and ledger.unsure(",
        "        if not self.restarts and ledger.unsure(",
        (LEDGER + "test_restarts_at_unknown_times_are_no_number_until_a_window_was_watched",),
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
    Mutant(
        "a gate concludes something of shares that are not as asked",
        RATIO,
        "core/proving.py",
        "    if trial.gate and mismatched(scene):\n",
        "    if not trial.gate and mismatched(scene):\n",
        (MISMATCH + "test_a_gate_with_a_test_waits_while_the_shares_are_not_as_asked",),
    ),
    Mutant(
        "no request of a hundred is taken for a tenth",
        RATIO,
        "core/convergence.py",
        "_too_many(total - seen, total, 1 - low / 100) or ",
        "",
        (CONVERGENCE + "test_a_share_is_realised_within_what_the_count_can_tell",),
    ),
)
