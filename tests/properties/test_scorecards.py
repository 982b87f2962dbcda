"""Whole releases under a scorecard: one member alone never decides, unless it is critical."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from tests.properties.scenario import (
    LONG_S,
    RELEASE_S,
    deployed,
    examples,
    finish,
    matching,
    phase,
    release,
    rollout_spec,
    settings_of,
    with_bad,
)
from tidegate.api.checks import Gate, Guard, Metric
from tidegate.api.scorecards import Member, Scorecard

WEIGHTS = {"errors": 50, "late": 30, "restarts": 20}
SETTINGS = settings_of(depths=("revision", "subset"))
SMALL = st.sampled_from(["late", "restarts"])
SPANS = st.tuples(st.integers(-5, 60), st.integers(4, 60)).map(
    lambda span: (RELEASE_S + span[0], RELEASE_S + span[0] + span[1])
)
CRASHES = st.frozensets(st.integers(1, 25), max_size=2)


@st.composite
def carded(draw, *, critical=""):
    """A guard that trips below 60 and gates that pass at 90, on three metrics."""
    guard = Guard(
        scorecard="health",
        interval_s=2.0,
        breaches=draw(st.sampled_from([1, 2])),
        of=draw(st.sampled_from([2, 3])),
    )
    gate = Gate(scorecard="health", interval_s=2.0, for_s=draw(st.sampled_from([None, 4.0])))
    members = tuple(
        Member(metric=name, weight=weight, max=0.01, critical=name == critical)
        for name, weight in WEIGHTS.items()
    )
    card = Scorecard(name="health", pass_mark=90, marginal=60, members=members)
    spec = rollout_spec(
        guards=(guard,), phases=(phase("ten", 10, gates=(gate,)), phase("half", 50, gates=(gate,)))
    )
    metrics = tuple(Metric(name=name, template="istio-error-rate") for name in WEIGHTS)
    return spec.model_copy(update={"metrics": metrics, "scorecards": (card,)})


def lived(setting, spec, crashes):
    """A release from A to B until all is at rest, through crashes after those writes."""
    operator = deployed(setting, matching(setting, spec))
    operator.crash_after = crashes
    release(operator)
    finish(operator, until_s=2 * LONG_S)
    assert operator.world.failed == 0, operator.world.failures[:3]
    return operator


@examples(20)
@given(setting=SETTINGS, spec=carded(), crashes=CRASHES)
def test_a_good_release_is_promoted_by_its_score(setting, spec, crashes):
    operator = lived(setting, spec, crashes)
    assert operator.status.last_run.outcome == "Promoted"
    assert operator.status.stable_revision == "B"


@examples(20)
@given(setting=SETTINGS, spec=carded(), crashes=CRASHES)
def test_a_release_that_is_bad_by_every_member_is_sent_back(setting, spec, crashes):
    operator = lived(with_bad(setting, "B"), spec, crashes)
    assert operator.status.reverted_revision == "B"
    assert operator.status.last_run.reason == "GuardBreached"


@examples(20)
@given(setting=SETTINGS, spec=carded(), name=SMALL, span=SPANS, crashes=CRASHES)
def test_one_member_that_is_off_for_a_while_only_delays(setting, spec, name, span, crashes):
    """The score is 70 or 80 meanwhile: no phase ends then, which the watch looks after."""
    operator = lived(replace(setting, off=((name, span),)), spec, crashes)
    assert operator.status.last_run.outcome == "Promoted"


@examples(20)
@given(setting=SETTINGS, spec=carded(), name=st.sampled_from([*WEIGHTS]), span=SPANS)
def test_one_member_without_data_for_a_while_only_delays(setting, spec, name, span):
    operator = lived(replace(setting, silent=((name, span),)), spec, frozenset())
    assert operator.status.last_run.outcome == "Promoted"


@examples(20)
@given(setting=SETTINGS, spec=carded(critical="restarts"), crashes=CRASHES)
def test_a_critical_member_that_is_off_sends_back_whatever_the_score(setting, spec, crashes):
    always = (RELEASE_S, RELEASE_S + LONG_S)
    operator = lived(replace(setting, off=(("restarts", always),)), spec, crashes)
    assert operator.status.reverted_revision == "B"
    assert "restarts 0.3 (must be <= 0.01) fails" in operator.status.last_run.message
