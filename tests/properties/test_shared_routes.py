"""Routes that others share with us, through whole releases: rounding neither flaps nor stalls."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from tests.properties.scenario import (
    deployed,
    examples,
    finish,
    matching,
    phase,
    release,
    rollout_spec,
    rollouts,
    settings_of,
    with_bad,
)
from tests.properties.world import Setting
from tidegate.core.decision import SetWeight
from tidegate.core.shares import LEAST, canary_part

WHOLES = st.integers(LEAST, 99)
PHASES = st.lists(st.integers(0, 100), min_size=1, max_size=5).map(sorted)


@examples(30)
@given(setting=settings_of(), spec=rollouts(), whole=WHOLES)
def test_a_good_release_is_promoted_and_no_request_fails(setting, spec, whole):
    operator = deployed(replace(setting, whole=whole), matching(setting, spec))
    release(operator)
    finish(operator)
    assert operator.status.stable_revision == "B"
    assert operator.status.last_run.outcome == "Promoted"
    assert operator.world.failed == 0, operator.world.failures[:3]


@examples(20)
@given(setting=settings_of(depths=("revision", "subset")), spec=rollouts(), whole=WHOLES)
def test_a_bad_release_always_ends_reverted_with_stable_at_100(setting, spec, whole):
    bad = with_bad(replace(setting, whole=whole), "B")
    operator = deployed(bad, matching(setting, spec))
    release(operator)
    finish(operator)
    assert (operator.status.stable_revision, operator.status.reverted_revision) == ("A", "B")
    assert operator.world.failed == 0, operator.world.failures[:3]


@examples(30)
@given(weights=PHASES, whole=WHOLES)
def test_a_weight_is_written_once_for_a_phase_and_never_for_rounding(weights, whole):
    phases = tuple(phase(f"p{n}", weight) for n, weight in enumerate(weights))
    operator = deployed(Setting(whole=whole), rollout_spec(phases=phases))
    release(operator)
    finish(operator)
    assert operator.status.stable_revision == "B"
    written = [e.weight for _, e in operator.effects if isinstance(e, SetWeight)]
    asked = [0, *weights, 100]
    parts = [canary_part(whole, share) for share in asked]
    moved = [asked[n] for n in range(1, len(asked)) if parts[n] != parts[n - 1]]
    assert written == [*moved, 0]


@examples(30)
@given(weights=PHASES, whole=WHOLES)
def test_the_status_says_the_share_that_the_phase_asks_for(weights, whole):
    phases = tuple(phase(f"p{n}", weight) for n, weight in enumerate(weights))
    operator = deployed(Setting(whole=whole), rollout_spec(phases=phases))
    release(operator)
    told = set()
    while operator.status.stable_revision != "B" and operator.world.now_s < 1500:
        operator.run(operator.world.now_s + 1)
        status = operator.status
        if status.phase is not None and status.phase.started_at is not None:
            told.add((status.phase.name, status.weight))
    assert told <= {(f"p{n}", weight) for n, weight in enumerate(weights)}
