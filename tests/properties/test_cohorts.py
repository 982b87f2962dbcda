"""Releases to cohorts: users stay where they are from the first phase on, or all go back."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tests.properties.scenario import (
    BETA,
    HALF,
    RELEASE_S,
    STICKY,
    TENTH,
    deployed,
    examples,
    finish,
    gate,
    matching,
    phase,
    release,
    rollout_spec,
    rollouts,
    settings_of,
    with_bad,
)
from tests.properties.test_header_routes import MOMENTS, written
from tests.properties.world import Setting
from tidegate.core.picks import Kept, matches

STEPS = (phase("ten", 10, gates=(gate(),)), phase("half", 50), phase("all", 100))
SHARES = (phase("tenth", 0, match=TENTH, hold_s=20.0), phase("half", 0, match=HALF))


def kept(weight):
    return Kept(STICKY.cookie, STICKY.max_age_s, weight)


def test_users_who_stay_are_moved_once_a_phase_and_never_back():
    operator = deployed(Setting(), rollout_spec(phases=STEPS, sticky=STICKY))
    release(operator)
    finish(operator)
    assert operator.status.stable_revision == "B"
    assert written(operator) == [(10, (kept(10),)), (50, (kept(50),)), (100, ()), (0, ())]
    assert operator.world.failed == 0


def test_a_bad_release_to_users_who_stay_is_sent_back_in_one_write():
    operator = deployed(with_bad(Setting(), "B"), rollout_spec(phases=STEPS, sticky=STICKY))
    release(operator)
    finish(operator)
    assert operator.status.last_run.reason == "GuardBreached"
    assert written(operator) == [(10, (kept(10),)), (0, ())]


def test_a_share_of_ids_that_grows_is_one_write():
    operator = deployed(Setting(), rollout_spec(phases=SHARES))
    release(operator)
    finish(operator)
    assert written(operator) == [(0, TENTH), (0, HALF), (100, ()), (0, ())]


@examples(40)
@given(
    setting=settings_of(depths=("revision", "subset")),
    spec=rollouts(),
    edits=st.lists(
        st.tuples(MOMENTS, st.sampled_from([(), None, (kept(10),), (*BETA, kept(50)), HALF])),
        min_size=1,
        max_size=3,
    ),
)
def test_what_others_do_to_users_who_stay_is_put_right(setting, spec, edits):
    traffic = spec.traffic.model_copy(update={"sticky": STICKY})
    spec = matching(setting, spec.model_copy(update={"traffic": traffic}))
    operator = deployed(setting, spec, foreign=True)
    release(operator)
    place = setting.virtual_services[-1]
    for at_s, match in edits:
        operator.at(at_s, lambda op, m=match: op.world.put_match(place, m))
    finish(operator)
    assert operator.status.stable_revision == "B"


@examples(40)
@given(setting=settings_of(), spec=rollouts(), on=st.booleans(), at=MOMENTS)
def test_users_may_be_kept_or_let_go_in_the_middle_of_a_run(setting, spec, on, at):
    def sticky(spec, there):
        update = {"sticky": STICKY if there else None}
        return spec.model_copy(update={"traffic": spec.traffic.model_copy(update=update)})

    operator = deployed(setting, sticky(matching(setting, spec), not on))
    release(operator)
    operator.at(at, lambda op: op.edit(traffic=sticky(op.rollout.spec, on).traffic))
    finish(operator)
    assert operator.status.stable_revision == "B"
    assert operator.world.failed == 0, operator.world.failures[:3]


@examples(40)
@given(setting=settings_of(), spec=rollouts())
def test_who_was_given_the_new_version_keeps_it_until_the_run_ends(setting, spec):
    """As long as the phases only ask for more."""
    weights = sorted(phase.weight for phase in spec.phases)
    phases = tuple(
        phase.model_copy(
            update={"weight": weight, "match": (), "gates": phase.gates if weight else ()}
        )
        for phase, weight in zip(spec.phases, weights, strict=True)
    )
    traffic = spec.traffic.model_copy(update={"sticky": STICKY})
    spec = matching(setting, spec.model_copy(update={"phases": phases, "traffic": traffic}))
    operator = deployed(setting, spec)
    release(operator)
    operator.run(RELEASE_S)
    finish(operator)
    assert operator.status.stable_revision == "B"
    shares = [
        weight if not match else match[0].weight
        for weight, match in written(operator)[: -len(setting.virtual_services)]
    ]
    assert shares == sorted(shares)
    assert all(matches(match) == () for _, match in written(operator))
