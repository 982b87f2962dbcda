"""Seeded bugs in approvals: a phase begins that not enough persons said go for."""

from tests.mutants.mutant import Mutant

CORE = "tests/core/test_approvals.py::"
ISSUE = "docs/reference/approvals.md"

MUTANTS = (
    Mutant(
        "one person who approves twice counts as two",
        ISSUE,
        "core/approvals.py",
        "            found.setdefault(one.by, one)\n",
        "            found[one.uid + str(len(found))] = one\n",
        (CORE + "test_so_many_different_persons_are_needed",),
    ),
    Mutant(
        "an approval without a name counts",
        ISSUE,
        "core/approvals.py",
        "        if not one.by or (one.phase, one.about) != (phase.name, digest):\n",
        "        if (one.phase, one.about) != (phase.name, digest):\n",
        (CORE + "test_an_approval_without_a_name_does_not_count",),
    ),
    Mutant(
        "a phase that was changed after its approval begins all the same",
        ISSUE,
        "core/approvals.py",
        "        if not one.by or (one.phase, one.about) != (phase.name, digest):\n",
        "        if not one.by or not digest or one.phase != phase.name:\n",
        (CORE + "test_an_approval_of_a_phase_that_was_changed_since_counts_no_more",),
    ),
    Mutant(
        "an approval is never too old",
        ISSUE,
        "core/approvals.py",
        "        if expiry_s is None or now - one.at < timedelta(seconds=expiry_s):\n",
        "        if expiry_s is None or one.at < now + timedelta(seconds=expiry_s):\n",
        (CORE + "test_an_approval_that_is_too_old_counts_no_more_and_can_be_given_anew",),
    ),
    Mutant(
        "who skips goes round the approval of what is skipped",
        ISSUE,
        "core/approving.py",
        "    run, on_the_way = scene.run, scene.spec.phases[: index + 1]\n",
        "    run, on_the_way = scene.run, scene.spec.phases[index : index + 1]\n",
        (
            CORE + "test_a_skip_past_a_phase_needs_its_approval_too",
            CORE + "test_nobody_gets_round_an_approval_by_leaving_phases_out",
        ),
    ),
    Mutant(
        "who promotes goes round every approval",
        ISSUE,
        "core/answering.py",
        "    if lacks := approving.lacking(scene, len(scene.spec.phases)):\n",
        "    if lacks := approving.lacking(scene, -1):\n",
        (CORE + "test_nobody_gets_round_an_approval_by_leaving_phases_out",),
    ),
    Mutant(
        "whoever asks is in the groups that the phase names",
        ISSUE,
        "core/approving.py",
        "not set(approval.groups) & set(action.spec.requested_groups):\n",
        "not action.spec.requested_groups:\n",
        (CORE + "test_only_members_of_its_groups_approve_a_phase_that_names_some",),
    ),
    Mutant(
        "an approval of an earlier run is taken",
        ISSUE,
        "core/approving.py",
        "    if action.created_at is not None and action.created_at < begun:\n",
        "    if action.created_at is not None and action.created_at < begun - timedelta(days=9):\n",
        (CORE + "test_an_approval_that_cannot_count_is_refused_with_the_reason",),
    ),
    Mutant(
        "a no-go waits until an earlier approval was counted",
        ISSUE,
        "core/answering.py",
        "URGENT = {Verb.ABORT: 0, Verb.REJECT: 1}\n",
        "URGENT = {Verb.ABORT: 0}\n",
        (CORE + "test_a_no_go_goes_before_an_approval_that_came_first",),
    ),
    Mutant(
        "the deadline of a phase counts while people are waited for",
        ISSUE,
        "core/deadlines.py",
        "        return None  # as in a pause: it waits for people alone\n",
        "        pass\n",
        (CORE + "test_no_deadline_counts_while_people_are_waited_for",),
    ),
)
