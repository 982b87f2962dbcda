"""Blue-green through a plain Service: the same engine, with all of the traffic or none of it."""

from dataclasses import replace
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from tests.properties.loop import Operator
from tests.properties.scenario import (
    RELEASE_S,
    deployed,
    examples,
    finish,
    gate,
    guard,
    phase,
    release,
    rollout_spec,
    with_bad,
)
from tests.properties.world import Proxy, Setting
from tidegate.api.actions import Verb
from tidegate.api.phases import Phase
from tidegate.api.rollout import RolloutSpec
from tidegate.api.traffic import ServiceTraffic, Traffic
from tidegate.core.decision import SwitchService
from tidegate.core.leaving import LEAVE_S_MAX

BLUE_GREEN = (phase("green", 0, replicas="100%"), phase("switch", 100, hold_s=15.0))
SWITCHES = ("active", "preview")


def _switched(spec: RolloutSpec, switch: str) -> RolloutSpec:
    preview = "shop-preview" if switch == "preview" else None
    traffic = Traffic(service=ServiceTraffic(active="shop", preview=preview), settle_s=5.0)
    return spec.model_copy(update={"traffic": traffic})


def _cluster(switch: Literal["active", "preview"] = "active", **fields: object) -> Setting:
    return replace(Setting(switch=switch), **fields)  # type: ignore[arg-type]  # a misspelt name raises


def _deployed(setting: Setting, spec: RolloutSpec) -> Operator:
    return deployed(setting, _switched(spec, setting.switch))


@st.composite
def clusters(draw: DrawFn) -> Setting:
    """One Service, with and without a preview; kube-proxies that lag; some depth of telemetry."""
    lag_s = draw(st.sampled_from([0.1, 1.0, 4.0]))
    return _cluster(
        draw(st.sampled_from(SWITCHES)),
        proxies=(Proxy(), Proxy(lag_s, lag_s)),
        depth=draw(st.sampled_from(["revision", "none"])),
        startup_s=draw(st.sampled_from([0.5, 3.0, 12.0])),
    )


@st.composite
def phase_lists(draw: DrawFn) -> tuple[Phase, ...]:
    """No phase to three, each all or nothing."""
    found = []
    for place in range(draw(st.integers(0, 3))):
        weight = draw(st.sampled_from([0, 100]))
        gates = draw(st.sampled_from([(), (gate(),), (gate(for_s=4.0),)])) if weight else ()
        hold_s = draw(st.sampled_from([0.0, 3.0, 20.0]))
        replicas = draw(st.sampled_from([None, "100%"]))
        found.append(phase(f"p{place}", weight, hold_s=hold_s, gates=gates, replicas=replicas))
    return tuple(found)


@examples(60)
@given(setting=clusters(), phases=phase_lists())
def test_a_good_release_is_promoted_and_no_request_fails(setting, phases):
    operator = _deployed(setting, rollout_spec(phases=phases))
    release(operator)
    finish(operator)
    assert operator.status.stable_revision == "B"
    assert operator.world.failed == 0, operator.world.failures[:3]


@examples(40)
@given(setting=clusters(), phases=phase_lists())
def test_a_bad_release_is_switched_back(setting, phases):
    operator = _deployed(with_bad(setting, "B"), rollout_spec(phases=phases))
    release(operator)
    finish(operator)
    assert (operator.status.stable_revision, operator.status.reverted_revision) == ("A", "B")
    assert operator.world.failed == 0, operator.world.failures[:3]


@examples(60)
@given(
    setting=clusters(),
    after=st.floats(0.0, 60.0),
    what=st.sampled_from(["abort", "supersede", "back", "delete"]),
    crash=st.sampled_from([None, 1, 2, 3]),
)
def test_whatever_happens_at_any_moment_all_requests_are_served(setting, after, what, crash):
    operator = _deployed(setting, rollout_spec(phases=BLUE_GREEN))
    release(operator)
    operator.run(RELEASE_S + round(after, 2))
    if crash is not None:
        operator.crash_after = frozenset({operator.writes + crash})
    if what == "abort":
        operator.world.ask(Verb.ABORT)
    elif what == "delete":
        operator.delete()
        operator.run(operator.world.now_s + LEAVE_S_MAX + 10)
        assert operator.gone
        assert operator.world.routes.stable == operator.status.stable_revision
    else:
        release(operator, "C" if what == "supersede" else "A", at_s=operator.world.now_s)
    if what != "delete":
        finish(operator)
    assert operator.world.failed == 0, operator.world.failures[:3]


@pytest.mark.parametrize("switch", SWITCHES)
def test_the_switch_and_the_way_back_are_one_write_each(switch):
    operator = _deployed(_cluster(switch), rollout_spec(phases=BLUE_GREEN))
    release(operator)
    operator.run(1e9, stop=lambda op: op.world.routes.stable == "B")
    operator.world.ask(Verb.ABORT)
    finish(operator)
    switches = [e for _, e in operator.effects if isinstance(e, SwitchService)]
    assert switches == [
        SwitchService("shop", "B", back=False),
        SwitchService("shop", "A", back=True),
    ]


def test_nobody_is_sent_to_the_new_version_before_all_its_pods_are_ready():
    setting = _cluster(startup_s=30.0)
    operator = _deployed(setting, rollout_spec(phases=BLUE_GREEN))
    release(operator)
    operator.run(RELEASE_S + 29)
    assert operator.world.routes.stable == "A"
    operator.run(1e9, stop=lambda op: op.world.routes.stable == "B")
    assert operator.world.ready("B") == 4


def test_the_preview_follows_the_new_version_and_comes_home():
    operator = _deployed(_cluster("preview"), rollout_spec(phases=BLUE_GREEN))
    release(operator)
    operator.run(1e9, stop=lambda op: op.world.routes.canary == "B")
    assert operator.world.routes.stable == "A"
    assert operator.world.ready("B") == 4
    finish(operator)
    assert operator.world.routes.canary == "B"


def test_a_selector_edited_by_hand_is_put_back():
    operator = deployed(
        _cluster(), _switched(rollout_spec(phases=BLUE_GREEN), "active"), foreign=True
    )
    for revision in (None, "Z"):
        operator.world.point("stable", revision)
        operator.run(operator.world.now_s + 5)
        assert operator.world.routes.stable == "A"


def test_stable_pods_that_are_not_ready_are_not_switched_back_to():
    """Half of them is enough; with fewer, a bad version is still better than none."""
    setting = with_bad(_cluster(), "B")
    spec = rollout_spec(phases=BLUE_GREEN, guards=(guard(breaches=2, of=3),))
    operator = _deployed(setting, spec)
    release(operator)
    operator.run(1e9, stop=lambda op: op.world.routes.stable == "B")
    operator.world.kill_pods("A", 3, for_s=30.0)
    operator.run(operator.world.now_s + 25)
    assert operator.status.reverted_revision == "B"
    assert operator.world.routes.stable == "B"
    finish(operator)
    assert operator.world.routes.stable == "A"
    assert operator.world.failed == 0


def test_a_rollout_without_pods_takes_the_new_template_at_once():
    operator = _deployed(_cluster(), rollout_spec(replicas=0, phases=BLUE_GREEN))
    release(operator)
    finish(operator)
    assert operator.status.stable_revision == "B"
    assert operator.world.routes.stable == "B"


@pytest.mark.parametrize("what", ["supersede", "back", "retry", "abort"])
@pytest.mark.parametrize("ready", [0, 1])
@pytest.mark.parametrize("switch", SWITCHES)
def test_however_a_run_ends_stable_gets_everything_only_when_it_can_carry_it(switch, ready, what):
    # A way back to pods that just came does not wait until every proxy knows them.
    cluster = _cluster(switch, endpoints_s=0.0)
    operator = _deployed(cluster, rollout_spec(phases=BLUE_GREEN))
    release(operator)
    operator.run(1e9, stop=lambda op: op.world.routes.stable == "B")
    operator.run(operator.world.now_s + 3)
    operator.world.kill_pods("A", 4 - ready, for_s=60.0)
    if what in ("retry", "abort"):
        operator.world.ask(Verb.ABORT)
        operator.run(operator.world.now_s + 5)
        if what == "retry":
            operator.world.ask(Verb.RETRY)
    else:
        release(operator, "C" if what == "supersede" else "A", at_s=operator.world.now_s)
    operator.run(operator.world.now_s + 30)
    assert operator.world.routes.stable == "B", "B has all of its pods, and A has not"
    assert "A" not in operator.status.message or "ready" in operator.status.message
    finish(operator)
    assert operator.world.failed == 0
