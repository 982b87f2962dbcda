"""Seeded bugs in what comes after a promotion: the bake, and the way back."""

from tests.mutants.mutant import Mutant

BAKING = "tests/core/test_baking.py::"

MUTANTS = (
    Mutant(
        "old pods drain as soon as the new revision is promoted",
        "docs/design.md 2, bake",
        "core/draining.py",
        "            None if early else scene.canary_revision,\n",
        "",
        (BAKING + "test_the_old_pods_are_not_drained_in_a_bake",),
    ),
    Mutant(
        "the way back leads though its pods cannot carry everything",
        "docs/design.md 3, rule 4",
        "core/going_back.py",
        "    return write(scene) if carried(scene) == ALL else None",
        "    return write(scene)",
        (BAKING + "test_a_way_back_to_too_few_pods_is_stored_before_it_is_acted_on",),
    ),
    Mutant(
        "a way back whose record was lost is taken for drift",
        "docs/design.md 3, bake",
        "core/decide.py",
        "    revert.found_back,\n",
        "",
        (BAKING + "test_a_way_back_whose_record_was_lost_is_told_by_the_routes",),
    ),
    Mutant(
        "a second abort cancels the way back",
        "docs/design.md 3, rule 5",
        "core/answering.py",
        "    if scene.undo and action.spec.revision is None:",
        "    if scene.undo and action.spec.revision is not None:",
        (BAKING + "test_another_abort_does_not_cancel_the_way_back",),
    ),
    Mutant(
        "the abort that ended a bake is carried out again on its way back",
        "docs/design.md 3, rule 5",
        "core/answering.py",
        "    return done or refused or _other_revision(scene, action) is not None",
        "    return refused or _other_revision(scene, action) is not None",
        (BAKING + "test_an_abort_that_was_carried_out_is_only_answered",),
    ),
    Mutant(
        "a bake ends on guards that see nothing",
        "docs/design.md 3, rule 8",
        "core/baking.py",
        "        if verdict is not Verdict.PASS and not forgiven(scene, check):",
        "        if verdict is Verdict.FAIL:",
        (BAKING + "test_a_bake_whose_time_is_over_waits_for_guards_that_see_nothing",),
    ),
    Mutant(
        "a pause holds the way back",
        "docs/design.md 3, rule 5",
        "core/promotion.py",
        "    if scene.paused and not run.undo:",
        "    if scene.paused:",
        (BAKING + "test_no_pause_holds_the_way_back",),
    ),
    Mutant(
        "what was undone is tried again at once",
        "docs/design.md 3, rule 7",
        "core/promotion.py",
        "        reverted_revision=run.from_revision,",
        "        reverted_revision=None,",
        (BAKING + "test_what_was_undone_is_not_tried_again_by_itself",),
    ),
    Mutant(
        "every revision that ever was stable is on the fast track",
        "docs/design.md 2, fastTrack",
        "core/resting.py",
        "scene.status.proven_revisions[: fast.revisions]",
        "scene.status.proven_revisions",
        (BAKING + "test_a_template_that_is_too_long_ago_is_not_on_the_fast_track",),
    ),
)
