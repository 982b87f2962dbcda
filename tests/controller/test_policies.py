"""A policy's guard in the loop: asked with the policy's own metric, and forgotten with an edit."""

from __future__ import annotations

from dataclasses import replace

from tests.controller.fakes import KEY
from tests.controller.worlds import bench_of, body_of
from tests.core.scenes import error_guard, in_phase, read
from tidegate.api.checks import Metric
from tidegate.api.policy import Policy, RolloutPolicySpec
from tidegate.api.rollout import Rollout
from tidegate.api.status import RolloutStatus
from tidegate.controller.memory import Memory, asked_of
from tidegate.core.decision import SetWeight

THEIRS = Metric(name="errors", query='sum(failed{revision="{{revision}}"})')
HOUSE = Policy(name="house", spec=RolloutPolicySpec(metrics=(THEIRS,), guards=(error_guard(),)))
ID = "policy/house/0"


def ruled(*policies):
    bench = bench_of(in_phase())
    bench.cluster.policies.found = policies
    return bench


def bench_rollout(*policies):
    return replace(Rollout.parse(body_of(in_phase())), policies=policies)


def asked(bench):
    """What is asked, by the ids of the checks."""
    pending = bench.loop._asker._pending
    return {one.ask.check_id: one.question.metric for one in pending if one.question}


async def test_it_is_asked_beside_the_rollouts_own_each_with_its_own_metric():
    bench = ruled(HOUSE)
    await bench.run_pass()
    found = asked(bench)
    assert found[ID] == THEIRS
    assert found["guard/0"].template == "istio-error-rate"


async def test_its_breach_takes_the_traffic_away():
    bench = ruled(HOUSE)
    await bench.run_pass()
    bench.loop._memories[KEY].keep(ID, read(0, 0.9))
    await bench.run_pass()
    assert SetWeight("shop", 0) in bench.cluster.effects
    assert bench.status.last_run.reason == "GuardBreached"


async def test_what_was_measured_for_another_guard_under_its_id_does_not_count():
    bench = ruled(HOUSE)
    await bench.run_pass()
    bench.loop._memories[KEY].keep(ID, read(0, 0.9))
    loose = HOUSE.spec.model_copy(update={"guards": (error_guard().model_copy(update={"max": 1}),)})
    bench.cluster.policies.found = (replace(HOUSE, generation=2, spec=loose),)
    await bench.run_pass()
    assert ID not in bench.loop._memories[KEY].readings
    assert bench.status.run is not None
    assert "PolicyApplied" in [entry.reason for entry in bench.status.run.history]


async def test_an_edit_of_one_policy_forgets_nothing_that_others_or_the_rollout_measured():
    other = replace(HOUSE, name="other")
    bench = ruled(HOUSE, other)
    await bench.run_pass()
    memory = bench.loop._memories[KEY]
    for check_id in (ID, "policy/other/0", "guard/0"):
        memory.keep(check_id, read(0, 0.0))
    asking, epoch = set(memory.asking), memory.epoch
    loose = HOUSE.spec.model_copy(update={"guards": (error_guard().model_copy(update={"max": 1}),)})
    memory.begin(bench.status.run.number, *asked_of(bench_rollout(HOUSE, other)))
    assert memory.epoch == epoch, "nothing was edited"
    edited = replace(HOUSE, spec=loose)
    memory.begin(bench.status.run.number, *asked_of(bench_rollout(edited, other)))
    assert set(memory.readings) == {"policy/other/0", "guard/0"}
    assert ID in asking
    assert memory.asking == asking - {ID}
    assert memory.epoch != epoch, "an answer about the guard before the edit is not kept"


async def test_an_edit_of_a_metric_that_a_rollout_names_forgets_its_readings_too():
    named = error_guard().model_copy(update={"metric": "house/errors"})
    rollout = bench_rollout(HOUSE)
    rollout = replace(rollout, spec=rollout.spec.model_copy(update={"guards": (named,)}))
    other_metric = THEIRS.model_copy(update={"query": "vector(0)"})
    spec = HOUSE.spec.model_copy(update={"metrics": (other_metric,)})
    edited = replace(rollout, policies=(replace(HOUSE, spec=spec),))
    memory = Memory("u", "1", RolloutStatus(), RolloutStatus())
    memory.begin(1, *asked_of(rollout))
    memory.keep("guard/0", read(0, 0.0))
    memory.begin(1, *asked_of(edited))
    assert memory.snapshot() == {}


async def test_a_policy_that_goes_takes_its_guards_with_it():
    bench = ruled(HOUSE)
    await bench.run_pass()
    assert [policy.name for policy in bench.status.policies] == ["house"]
    bench.loop._memories[KEY].keep(ID, read(0, 0.9))
    bench.cluster.policies.found = ()
    await bench.run_pass()
    assert bench.status.run is not None
    assert bench.status.policies == ()
    assert bench.status.run.history[-1].reason == "PolicyGone"


async def test_a_stand_in_holds_what_would_go_on_and_its_breach_still_takes_the_traffic_away():
    bench = ruled(HOUSE)
    await bench.run_pass()
    bench.loop._memories[KEY].keep("guard/0", read(0, 0.0))
    bench.cluster.policies.found = (
        replace(HOUSE, generation=2, problem="a slip of the hand", stands_in=True),
    )
    await bench.run_pass()
    assert bench.loop._memories[KEY].readings["guard/0"]
    assert bench.status.policies[0].mode == "invalid"
    assert [one for one in bench.cluster.effects if one.weight > 10] == []
    bench.loop._memories[KEY].keep(ID, read(0, 0.9))
    await bench.run_pass()
    assert SetWeight("shop", 0) in bench.cluster.effects
    assert bench.status.last_run.reason == "GuardBreached"
