"""One at a time and dependencies: who waits for whom before a run, and that nobody else does."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.core.scenes import NOW, ago, asked, at_rest, in_phase, pods, read
from tidegate.api.actions import Verb
from tidegate.api.policy import Policy, RolloutPolicySpec
from tidegate.api.status import RolloutStatus, RunStatus, Stage, State
from tidegate.api.waits import Dependency, OneAtATime, WaitStatus
from tidegate.core import turns
from tidegate.core.neighbours import Neighbour, Neighbourhood, Prerequisite
from tidegate.core.observation import Problem
from tidegate.core.scene import Scene
from tidegate.core.turns import _first

ONE = Policy(name="queue", spec=RolloutPolicySpec(one_at_a_time=OneAtATime()))
AFTER = Policy(name="order", spec=RolloutPolicySpec(depends_on=(Dependency(name="db"),)))
BUSY = Neighbour("shop/cart", running=True)
HEALTHY = RolloutStatus(state=State.HEALTHY, stable_revision="A")


def among(case, *neighbours, prerequisites=(), settled_at=None):
    """The case with these others around it, whatever policy asks for them."""
    around = Neighbourhood(
        {one.name: neighbours for one in case.policies},
        {one.name: tuple(prerequisites) for one in case.policies},
        settled_at,
    )
    return case.with_(around=around)


def new_template(*policies, **fields):
    """A Rollout at rest whose template is new."""
    usual = {"target": "B", "revisions": (pods("A", 4),), "held": True, "policies": policies}
    return at_rest(**(usual | fields))


def in_line(since_s, name="shop/cart"):
    """Another one that has waited for its turn for so long."""
    return Neighbour(name, waits_since=ago(since_s))


def waited(case, since_s):
    """The same case after it has waited for that long."""
    wait = WaitStatus(reason="WaitingForTurn", policy="queue", since=ago(since_s))
    return case.status_with(wait=wait)


def test_who_waits_for_a_run_of_another_one_says_for_whom():
    decision = among(new_template(ONE), BUSY).decided()
    assert decision.status.run is None
    assert decision.reason == "WaitingForTurn"
    assert decision.status.message == (
        "revision B waits: RolloutPolicy queue lets one Rollout release at a time, and shop/cart "
        "has a run on"
    )
    assert [note.reason for note in decision.notes] == ["WaitingForTurn"]
    assert decision.status.wait.since == NOW
    assert decision.wake_at == NOW + timedelta(seconds=30)


def test_alone_it_begins():
    assert among(new_template(ONE)).decided().status.run.number == 1


@pytest.mark.parametrize(("count_bake", "waits"), [(False, False), (True, True)])
def test_a_bake_counts_where_the_policy_says_so(count_bake, waits):
    rule = OneAtATime(count_bake=count_bake)
    policy = Policy(name="queue", spec=RolloutPolicySpec(one_at_a_time=rule))
    baking = Neighbour("shop/cart", running=True, baking=True)
    assert (among(new_template(policy), baking).decided().status.run is None) is waits


def test_who_came_first_goes_first_though_nobody_has_a_run_on():
    decision = among(new_template(ONE), in_line(60)).decided()
    assert "shop/cart waits for longer" in decision.status.message
    mine = waited(among(new_template(ONE), in_line(60)), 61)
    assert mine.decided().status.run is not None


def test_whom_a_turn_waits_for_may_change_without_another_event():
    first = among(new_template(ONE), BUSY)
    status = first.decided().status
    other = Neighbour("shop/pay", running=True)
    second = among(new_template(ONE).with_(status=status), other).decided()
    assert second.notes == ()
    assert "shop/pay" in second.status.message
    assert second.status.wait.since == NOW


names = st.sampled_from(["shop/a", "shop/b", "shop/c", "ops/a"])
places = st.dictionaries(names, st.integers(0, 3), min_size=1)


@given(places=places)
def test_of_those_that_wait_exactly_one_is_first(places):
    times = {name: NOW + timedelta(seconds=second) for name, second in places.items()}

    def others(mine):
        return tuple(Neighbour(n, waits_since=at) for n, at in times.items() if n != mine)

    first = [
        name for name in times if _first(OneAtATime(), others(name), (times[name], name)) is None
    ]
    assert first == [min(times, key=lambda name: (times[name], name))]


@pytest.mark.parametrize(
    "fields",
    [
        {"problems": (Problem("InvalidSpec", "odd"),)},
        {"target": "A"},
        {"stable": None},
        {"deleted_at": ago(1)},
    ],
)
def test_who_could_not_begin_anyway_takes_no_place(fields):
    assert among(new_template(ONE, **fields), BUSY).decided().status.wait is None


def test_who_is_paused_takes_no_place():
    paused = new_template(ONE).spec.model_copy(update={"paused": True})
    assert among(new_template(ONE, spec=paused), BUSY).decided().status.wait is None


def test_after_a_new_leader_its_predecessors_last_write_is_waited_for():
    soon = NOW + timedelta(seconds=5)
    case = among(new_template(ONE), settled_at=soon)
    decision = case.decided()
    assert decision.status.run is None
    assert "until 12:00:05 UTC" in decision.status.message
    assert decision.wake_at == soon
    assert case.decided(soon).status.run is not None


def test_a_run_that_is_on_waits_for_nobody():
    assert among(in_phase(policies=(ONE, AFTER)), BUSY).decided().status.phase.name == "half"


@pytest.mark.parametrize("policy", [ONE, AFTER])
def test_no_turn_and_no_dependency_holds_up_a_way_back(policy):
    bad = among(in_phase(readings={"guard/0": (read(1, 0.2),)}, policies=(policy,)), BUSY)
    assert bad.decided().status.last_run.outcome == "Reverted"
    aborted = among(in_phase(actions=(asked(Verb.ABORT),), policies=(policy,)), BUSY)
    assert aborted.decided().status.last_run.reason == "Aborted"
    old = at_rest(revisions=(pods("A", 4), pods("Z", 4)), held=True, policies=(policy,))
    undone = old.status_with(proven_revisions=("Z",)).with_(actions=(asked(Verb.UNDO),))
    assert among(undone, BUSY, prerequisites=[Prerequisite("shop/db")]).decided().status.run.undo


# ---------------------------------------------------------------- dependencies


def waits_for(*prerequisites):
    """What a Rollout that depends on them says."""
    return among(new_template(AFTER), prerequisites=prerequisites).decided().status


BUSY_RUN = RunStatus(
    number=1, from_revision="A", to_revision="B", started_at=ago(9), stage=Stage.PHASE
)


@pytest.mark.parametrize(
    ("one", "sentence"),
    [
        (Prerequisite("shop/db"), "there is none of that name"),
        (Prerequisite("shop/db", RolloutStatus(state=State.REVERTED)), "it is Reverted"),
        (
            Prerequisite("shop/db", HEALTHY.model_copy(update={"run": BUSY_RUN})),
            "it is Healthy",
        ),
        (Prerequisite("shop/db", HEALTHY, seen=False), "its last change was not looked at yet"),
        (
            Prerequisite(
                "shop/db", HEALTHY.model_copy(update={"waiting_since": NOW, "ready": "1/4"})
            ),
            "1/4 of its pods are ready",
        ),
        (
            Prerequisite(
                "shop/db",
                RolloutStatus(
                    wait=WaitStatus(reason="WaitingForDependency", policy="order", since=NOW)
                ),
            ),
            "it waits for another one itself",
        ),
    ],
)
def test_a_run_waits_until_what_it_depends_on_is_healthy_and_at_rest(one, sentence):
    status = waits_for(one)
    assert status.run is None
    assert status.wait.reason == "WaitingForDependency"
    assert "RolloutPolicy order asks for a healthy Rollout shop/db at rest" in status.message
    assert sentence in status.message


def test_it_begins_once_all_of_them_are():
    assert waits_for(Prerequisite("shop/db", HEALTHY)).run.number == 1
    assert waits_for(Prerequisite("shop/db", HEALTHY), Prerequisite("shop/q")).run is None


def test_who_waits_for_a_dependency_takes_no_place_before_those_that_could_go():
    both = among(new_template(ONE, AFTER), BUSY, prerequisites=[Prerequisite("shop/db")])
    assert both.decided().status.wait.reason == "WaitingForDependency"


# ---------------------------------------------------------------- observe


@pytest.mark.parametrize("policy", [ONE, AFTER])
def test_a_policy_that_only_tells_has_nobody_wait_and_tells_at_the_beginning(policy):
    told = Policy(name="queue", spec=policy.spec.model_copy(update={"mode": "observe"}))
    decision = among(new_template(told), BUSY, prerequisites=[Prerequisite("shop/db")]).decided()
    assert [note.reason for note in decision.notes][:2] == ["RunStarted", "WouldHold"]
    assert decision.status.run.history[-1].reason == "WouldHold"
    assert "would have waited: RolloutPolicy queue" in decision.notes[1].message


@given(since=st.floats(-1e6, 1e6), count=st.integers(0, 5))
def test_what_others_do_says_nothing_without_a_policy_that_asks(since, count):
    others = tuple(
        Neighbour(f"shop/{i}", running=bool(i % 2), waits_since=ago(since)) for i in range(count)
    )
    case = among(new_template(Policy(name="queue")), *others)
    assert turns.others(Scene(case.rollout, case.status, case.observed, NOW)) is None
