import pytest

from tests.api.samples import SPEC, changed, parsed
from tidegate.api.support import unsupported
from tidegate.api.validation import problems

COMPARE = {"to": "stable", "maxIncreasePercent": 10}
TEST = {"to": "stable", "test": "sequential", "margin": 1.2}
SHARE = {"name": "error-rate", "query": 'a{v="{{revision}}"}[{{window}}]'}
COUNTED = SHARE | {"samples": 'b{v="{{revision}}"}[{{window}}]'}
PLAIN_GUARD = {"metric": "error-rate", "compare": TEST}
NO_TESTS = [
    ((("guards.0", PLAIN_GUARD | {"compare": COMPARE | {"margin": 2}}),), ".margin", "set test"),
    (
        (("guards.0", PLAIN_GUARD | {"compare": COMPARE | {"confidence": 0.9}}),),
        ".confidence",
        "set test",
    ),
    ((("guards.0", PLAIN_GUARD | {"compare": TEST | COMPARE}),), ".test", "increases and decr"),
    ((("guards.0", PLAIN_GUARD | {"compare": TEST | {"margin": None}}),), ".margin", "is required"),
    ((("guards.0", PLAIN_GUARD | {"compare": TEST | {"margin": 0.9}}),), ".margin", "from 1 to 10"),
    ((("guards.0", PLAIN_GUARD | {"compare": TEST | {"margin": 101}}),), ".margin", "from 1 to 10"),
    (
        (("guards.0", PLAIN_GUARD | {"compare": TEST | {"confidence": 0.7}}),),
        ".confidence",
        "0.75 to",
    ),
    ((("guards.0", PLAIN_GUARD | {"max": 0.1}),), ".test", "cannot go with min and max"),
    ((("guards.0", PLAIN_GUARD | {"min": 0.1}),), ".test", "cannot go with min and max"),
    ((("guards.0", PLAIN_GUARD | {"minSamples": 9}),), "minSamples", "knows when it has enough"),
    ((("guards.0", PLAIN_GUARD | {"of": 2}),), "breaches", "shown once or not"),
    ((("guards.0", PLAIN_GUARD | {"then": "hold"}),), "then", "nothing would end the hold"),
    ((("guards.0", PLAIN_GUARD | {"metric": "latency"}),), ".test", "no share of requests"),
    ((("guards.0", PLAIN_GUARD), ("metrics.0", SHARE)), ".test", "needs samples"),
    (
        (("guards.0", PLAIN_GUARD), ("metrics.0", COUNTED | {"query": 'a{v="{{revision}}"}[5m]'})),
        ".test",
        "counts each request once",
    ),
    (
        (("guards.0", PLAIN_GUARD), ("metrics.0", COUNTED | {"samples": 'b{v="{{revision}}"}'})),
        ".test",
        "counts each request once",
    ),
]


@pytest.mark.parametrize(("edits", "place", "sentence"), NO_TESTS)
def test_a_test_that_could_say_nothing_is_refused_at_its_place(edits, place, sentence):
    (found,) = problems(parsed(changed(*edits)))
    compare = ".compare" if place.startswith(".") else "."
    assert found.path == f"spec.guards[0]{compare}{place}"
    assert sentence in found.message


def test_a_gate_cannot_ask_for_a_release_that_is_no_worse_at_all():
    gate = PLAIN_GUARD | {"compare": TEST | {"margin": 1}}
    (found,) = problems(parsed(changed(("phases.0.gates.0", gate))))
    assert found.path == "spec.phases[0].gates[0].compare.margin"
    assert "just as good" in found.message
    assert problems(parsed(changed(("guards.0", gate)))) == ()


@pytest.mark.parametrize("test", ["welch", "mann-whitney"])
def test_a_test_that_may_look_once_is_for_gates_and_for_any_metric(test):
    gate = {"metric": "latency", "compare": TEST | {"test": test}, "minSamples": 100}
    assert problems(parsed(changed(("phases.0.gates.0", gate)))) == ()
    guard = PLAIN_GUARD | {"compare": TEST | {"test": test}}
    (found,) = problems(parsed(changed(("guards.0", guard))))
    assert found.path == "spec.guards[0].compare.test"
    assert f"{test} may look only once" in found.message
    own = ("metrics.0", SHARE | {"query": 'a{v="{{revision}}"}[5m]'})
    (found,) = problems(parsed(changed(("phases.0.gates.0", gate | {"metric": "error-rate"}), own)))
    assert "need {{window}}" in found.message


@pytest.mark.parametrize("metric", [None, COUNTED])
@pytest.mark.parametrize("where", ["guards.0", "phases.0.gates.0"])
def test_a_test_of_a_share_with_its_number_is_built(metric, where):
    own = [("metrics.0", metric)] if metric else []
    spec = parsed(changed((where, PLAIN_GUARD), *own))
    assert (problems(spec), unsupported(spec)) == ((), ())


def test_more_tests_than_can_share_alpha_are_refused():
    (found,) = problems(
        parsed(changed(("guards", [PLAIN_GUARD] * 32), ("phases.0.gates", [PLAIN_GUARD])))
    )
    assert found.path == "spec"
    assert "33 guards and gates have a test, 32 may" in found.message


# ---------------------------------------------------------------- members of scorecards

MEMBER = {"metric": "error-rate", "weight": 1, "compare": TEST}
SCORED = {"scorecard": "health"}


def card(*members):
    """The edit that makes it the only scorecard."""
    return ("scorecards", [{"name": "health", "pass": 90, "members": list(members)}])


def said_of(*edits):
    """What is said of a spec with those edits."""
    return [str(one) for one in problems(parsed(changed(*edits)))]


def test_a_member_may_have_a_test_in_guards_and_gates():
    assert said_of(card(MEMBER), ("guards.0", SCORED), ("phases.0.gates.0", SCORED)) == []
    assert unsupported(parsed(changed(card(MEMBER)))) == ()


@pytest.mark.parametrize(
    ("member", "place", "sentence"),
    [
        ({"max": 0.1}, "compare.test", "cannot go with min and max"),
        ({"minSamples": 5}, "minSamples", "knows when it has enough"),
        ({"compare": TEST | COMPARE}, "compare.test", "cannot go with increases"),
        ({"compare": TEST | {"margin": None}}, "compare.margin", "is required by a test"),
        ({"compare": TEST | {"margin": 1}}, "compare.margin", "of a member of a scorecard must be"),
        ({"compare": TEST | {"confidence": 0.5}}, "compare.confidence", "must be from 0.75"),
        ({"compare": COMPARE | {"confidence": 0.9}}, "compare.confidence", "only by a test"),
        ({"metric": "latency"}, "compare.test", "no share of requests"),
    ],
)
def test_a_member_whose_test_could_say_nothing_is_refused_at_its_place(member, place, sentence):
    (found,) = said_of(card(MEMBER | member), ("guards.0", SCORED))
    assert found.startswith(f"spec.scorecards[0].members[0].{place}: ")
    assert sentence in found


@pytest.mark.parametrize(
    ("guard", "place", "sentence"),
    [
        ({"breaches": 2, "of": 3}, "breaches", "shown once or not"),
        ({"failures": 3}, "failures", "shown once or not"),
        ({"then": "hold"}, "then", "nothing would end the hold"),
        ({"onNoData": "fail"}, "onNoData", "use blind"),
        ({"onError": "ignore"}, "onError", "use blind"),
    ],
)
def test_a_guard_on_a_score_with_a_test_is_held_to_what_holds_for_a_test(guard, place, sentence):
    (found,) = said_of(card(MEMBER), ("guards.0", SCORED | guard))
    assert found.startswith(f"spec.guards[0].{place}: ")
    assert sentence in found
    assert "health" in found


def test_a_score_with_a_test_that_looks_once_is_for_gates():
    once = MEMBER | {"compare": TEST | {"test": "welch"}}
    (found,) = said_of(card(once), ("guards.0", SCORED), ("phases.0.gates.0", SCORED))
    assert found.startswith("spec.guards[0].scorecard: has member 'error-rate' with test welch")


def test_tests_of_scorecards_count_once_for_each_guard_and_gate():
    many = [SCORED] * 17
    two = [MEMBER, MEMBER | {"metric": "other"}]
    other = {"name": "other", "template": "istio-error-rate"}
    metrics = ("metrics", [*SPEC["metrics"], other])
    assert said_of(metrics, card(*two), ("guards", many[:16])) == []
    (found,) = said_of(metrics, card(*two), ("guards", many))
    assert found.startswith("spec: 34 guards and gates have a test, 32 may")
