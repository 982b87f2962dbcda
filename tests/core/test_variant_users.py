"""Users who stay with their arm: what may stand while arms come and go."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from tests.properties.scenario import STICKY, phase, rollout_spec
from tidegate.core.picks import Kept, common, kept_share, picked_arms, picks_of, remains, within

ARMS = (("a", 25), ("b", 25))
ALONE = Kept("shop", 60.0, 10)
BOTH = replace(ALONE, arms=ARMS)
SHARES = st.sampled_from([(), ARMS, (("a", 25),), (("a", 5), ("b", 25))])
KEPT = st.builds(lambda weight, arms: Kept("shop", 60.0, weight, arms), st.integers(0, 40), SHARES)


def test_a_phase_keeps_the_users_of_all_of_its_arms():
    spec = rollout_spec(sticky=STICKY)
    (found,) = picks_of(spec, phase("test", 0, a=25, b=25))
    assert (found.cookie, found.weight, found.arms) == ("shop", 0, ARMS)
    assert kept_share(spec, 0) == ()
    assert picks_of(rollout_spec(), phase("test", 0, a=25, b=25)) == ()


def test_users_are_kept_only_with_arms_that_are_asked_for():
    assert within((ALONE,), (BOTH,))
    assert not within((BOTH,), (ALONE,))
    assert not within((BOTH,), (replace(BOTH, arms=ARMS[:1]),))
    assert not within((BOTH,), (), 100), "at 100 % of the canary nobody is kept with an arm"
    assert within((ALONE,), (), 100)


@given(KEPT, KEPT)
def test_what_can_stay_sends_nobody_to_an_arm_that_is_not_asked_for(found, asked):
    left = common((found,), (asked,))
    assert picked_arms(left) <= picked_arms((asked,))
    assert within(left, (found,))
    assert within(left, (asked,))


@given(KEPT, st.integers(0, 100))
def test_what_may_stand_besides_leaves_some_to_stable(asked, weight):
    for picks in remains([(asked,)], weight):
        for one in picks:
            assert one.weight + sum(share for _, share in one.arms) < 100
