"""Seeded bugs in scorecards: what would promote or send back by a score that is none."""

from tests.mutants.mutant import Mutant

CARDS = "tests/core/test_scorecards.py::"
SCORES = "tests/core/test_scoring.py::"

MUTANTS = (
    Mutant(
        "a member that was not measured counts as passed",
        "requirement: no data never promotes",
        "core/scoring.py",
        "    measured = sum(part.weight for part, verdict in pairs if verdict in _MEASURED)\n"
        "    passing = sum(part.weight for part, verdict in pairs if verdict is Verdict.PASS)\n",
        "    measured = whole\n"
        "    passing = sum(part.weight for part, said in pairs if said is not Verdict.FAIL)\n",
        (SCORES + "test_below_coverage_nothing_passes_and_only_a_critical_member_fails",),
    ),
    Mutant(
        "a critical member weighs no more than another",
        "requirement: critical members",
        "core/scoring.py",
        "    if _critical(card, verdicts):\n        return Verdict.FAIL, score\n",
        "",
        (CARDS + "test_a_critical_member_sends_back_whatever_the_score",),
    ),
    Mutant(
        "a score passes without its critical member",
        "requirement: no data never promotes",
        "core/scoring.py",
        "    if missing and (blind or not measured",
        "    if missing and (not measured",
        (
            SCORES + "test_a_critical_member_that_fails_fails_the_whole_and_one_that_is_missing"
            "_never_passes",
        ),
    ),
    Mutant(
        "a gate passes at the marginal mark already",
        "requirement: pass mark",
        "core/scoring.py",
        "        return self.pass_mark if self.gate else self.marginal\n",
        "        return self.marginal\n",
        (CARDS + "test_a_gate_waits_below_its_pass_mark_and_nothing_is_sent_back",),
    ),
    Mutant(
        "one bad answer counts in every later score",
        "requirement: breaches of scores, not of members",
        "core/scoring.py",
        "            yield round_\n            round_ = {}\n",
        "            yield round_\n            round_ = dict(round_)\n",
        (SCORES + "test_a_round_that_was_never_whole_says_nothing",),
    ),
    Mutant(
        "a score of other members goes on passing",
        "requirement: an edited card passes anew",
        "core/facts.py",
        "(known.metric, known.bound, known.about) != asked",
        "(known.metric, known.bound) != asked[:2]",
        (CARDS + "test_a_card_that_was_edited_passes_anew",),
    ),
)
