"""Deciding twice says the same; at rest nothing is written, whatever time it is."""

from hypothesis import given
from hypothesis import strategies as st

from tests.properties.scenario import (
    RELEASE_S,
    deployed,
    examples,
    finish,
    matching,
    release,
    rollouts,
    settings_of,
    with_bad,
)
from tidegate.core.storing import INTENT


@examples(40)
@given(
    setting=settings_of(),
    spec=rollouts(),
    after=st.floats(0.0, 60.0),
    bad=st.sampled_from(["", "B"]),
)
def test_a_second_look_at_the_same_world_decides_the_same(setting, spec, after, bad):
    operator = deployed(with_bad(setting, bad), matching(setting, spec))
    release(operator)
    operator.run(RELEASE_S + after)
    first, second = operator.decided(), operator.decided()
    assert first == second
    assert first.effect is None, "quiet means that nothing is left to write"
    operator.memory.working = first.status
    third = operator.decided()
    assert third.effect is None
    for name in INTENT:
        assert getattr(third.status, name) == getattr(first.status, name)
    assert third.status == first.status


@examples(20)
@given(setting=settings_of(), spec=rollouts(), bad=st.sampled_from(["", "B"]))
def test_at_rest_nothing_is_written_and_nothing_is_asked(setting, spec, bad):
    operator = deployed(with_bad(setting, bad), matching(setting, spec))
    release(operator)
    if bad and setting.depth == "none":
        return
    finish(operator)
    operator.run(operator.world.now_s + 700)
    writes, decisions = operator.writes, operator.decisions
    operator.run(operator.world.now_s + 86_400)
    assert operator.writes == writes
    assert operator.decisions <= decisions + 2
    assert operator.decided().asks == ()
