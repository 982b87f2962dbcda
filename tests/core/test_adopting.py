"""A Deployment's pods go last on the way in, ours go last but one on the way back."""

import pytest

from tests.core.gallery_workloads import (
    BACK,
    EMPTY,
    IN_BACK,
    PODS,
    adopting,
    both,
    deployment,
    emptied,
    leaving,
    taken,
    taken_over,
    taking_over,
)
from tests.core.scenes import ago, pods
from tidegate.api.status import State
from tidegate.api.takeover import WorkloadDrift, WorkloadStage
from tidegate.core import reasons
from tidegate.core.decision import (
    CreateReplicaSet,
    GiveBackDestination,
    HoldRollout,
    PointDestination,
    ReleaseRollout,
    ScaleWorkload,
)

TAKING = {"workload": taken(WorkloadStage.TAKING_OVER)}
TO_NONE = ScaleWorkload("shop", "uid-d", 0)


def test_a_takeover_is_held_and_written_down_before_anything_is_made():
    assert adopting(held=False).decided().effect == HoldRollout()
    begun = adopting(held=True).decided()
    assert begun.effect is None
    assert begun.status.workload == taken(WorkloadStage.TAKING_OVER)
    assert adopting().status_with(**TAKING).decided().effect == CreateReplicaSet("A", 4)


def test_the_destinations_wait_for_as_many_ready_pods_as_the_deployment_has():
    case = adopting(workload=deployment(4), held=True).status_with(**TAKING)
    assert case.with_(revisions=(pods("A", 4, 3),)).decided().effect is None
    pointed = case.with_(revisions=(pods("A", 4),)).decided().effect
    assert pointed == PointDestination("stable", "A")


def test_a_rollout_that_asks_for_fewer_pods_than_it_replaces_is_invalid():
    decision = adopting(workload=deployment(5)).decided()
    assert decision.effect is None
    assert decision.status.state is State.INVALID
    assert decision.reason == reasons.WORKLOAD_LARGER


def test_the_pods_of_a_deployment_wait_for_ours():
    few = taking_over(60, revisions=(pods("A", 4, 3),), traffic=both(500, 500))
    assert few.decided().effect is None
    assert taking_over(60, traffic=both(500, 500)).decided().effect == TO_NONE


@pytest.mark.parametrize(
    ("pointed_s", "traffic", "goes"),
    [
        (2, both(500, 500), False),
        (9, both(500, 500), False),
        (11, both(500, 500), True),
        (60, both(500, 480), False),
        (601, both(500, 480), True),
        (29, both(500, 600), False),
        (31, both(500, 600), True),
        (29, both(5, 5), False),
        (31, both(5, 5), True),
        (60, None, False),
    ],
)
def test_the_pods_of_a_deployment_go_when_all_requests_reach_ours(pointed_s, traffic, goes):
    decision = taking_over(pointed_s, traffic=traffic).decided()
    assert decision.effect == (TO_NONE if goes else None)


def test_no_release_starts_before_the_takeover_is_done():
    assert taking_over(2, target="B", traffic=both(500, 500)).decided().status.run is None
    assert taken_over(target="B").decided().status.run is not None


def test_a_rollout_that_took_a_deployment_over_is_never_let_go_at_rest():
    assert taken_over(held=True).decided().effect is None
    assert taken_over(held=False).decided().effect == HoldRollout()


def test_pods_that_somebody_gives_it_again_are_put_back_once_after_it_is_written_down():
    drifted = taken_over(workload=deployment(2)).decided()
    assert drifted.effect is None
    assert drifted.status.workload.drift is WorkloadDrift.PUTTING_BACK
    second = taken_over(WorkloadDrift.PUTTING_BACK, workload=deployment(2))
    assert second.decided().effect == TO_NONE


def test_pods_that_it_gets_once_more_are_left_alone_and_said_once():
    again = taken_over(WorkloadDrift.PUT_BACK, workload=deployment(2)).decided()
    assert again.effect is None
    assert [note.reason for note in again.notes] == [reasons.WORKLOAD_DRIFT]
    left = taken_over(WorkloadDrift.LEFT_ALONE, workload=deployment(2)).decided()
    assert (left.effect, left.notes) == (None, ())


def test_a_deployment_is_given_back_with_as_many_pods_as_serve():
    begun = leaving().decided()
    assert begun.effect is None
    assert begun.status.workload.stage is WorkloadStage.GIVING_BACK
    assert begun.status.workload.replicas == 4
    assert leaving(WorkloadStage.GIVING_BACK).decided().effect == ScaleWorkload("shop", "uid-d", 4)


def test_the_destinations_leave_ours_only_for_pods_that_are_ready():
    few = leaving(WorkloadStage.GIVING_BACK, workload=deployment(4, 3, label=PODS)).decided()
    assert few.effect is None
    assert few.status.workload.stage is WorkloadStage.GIVING_BACK
    serves = leaving(WorkloadStage.GIVEN_BACK, workload=deployment(label=PODS)).decided()
    assert serves.effect == GiveBackDestination("canary", PODS)


def test_the_deployments_pods_are_selected_alone_until_ours_are_gone():
    assert IN_BACK.decided().effect is None
    dying = IN_BACK.with_(**EMPTY)
    assert dying.decided().status.workload.emptied_at == ago(0)
    assert emptied(9).with_(**EMPTY).decided().effect is None
    gone = emptied(10).with_(**EMPTY)
    assert gone.decided().effect == GiveBackDestination("canary", "")
    clean = gone.with_(stable=None, canary=None)
    assert clean.decided().effect == ReleaseRollout()


def test_whoever_is_ready_is_selected_when_the_deployments_pods_fail():
    failing = IN_BACK.with_(workload=deployment(4, 1, label=PODS))
    assert failing.decided().effect == GiveBackDestination("canary", "")
    most = IN_BACK.with_(workload=deployment(4, 2, label=PODS))
    assert most.decided().effect is None


def test_a_template_that_is_not_stable_is_waited_for_but_not_for_ever():
    assert leaving(target="B").decided().status.workload.stage is WorkloadStage.TAKEN_OVER
    late = leaving(target="B", deleted_at=ago(601)).decided()
    assert late.status.workload.stage is WorkloadStage.GIVING_BACK


def test_without_pods_of_ours_the_deployment_is_waited_for_by_nobody():
    gone = {"revisions": (), "target": "B"}
    assert leaving(**gone).decided().status.workload.stage is WorkloadStage.GIVING_BACK
    assert leaving(WorkloadStage.GIVING_BACK, **gone).decided().effect == ScaleWorkload(
        "shop", "uid-d", 4
    )
    starting = {**gone, "workload": deployment(4, 1, label=PODS)}
    begun = leaving(WorkloadStage.GIVING_BACK, **starting).decided()
    assert begun.status.workload.stage is WorkloadStage.GIVEN_BACK
    given = leaving(WorkloadStage.GIVEN_BACK, **starting).decided()
    assert given.effect == GiveBackDestination("canary", "")


def test_a_deletion_waits_for_no_deployment_that_is_gone():
    gone = leaving(workload=None, workload_missing=True, routes_hidden=True)
    assert gone.decided().effect == ReleaseRollout()
    assert leaving(workload=None).decided().effect is None


def test_a_deletion_that_takes_too_long_leaves_no_label_behind():
    late = {**BACK, "deleted_at": ago(1801)}
    decision = leaving(WorkloadStage.GIVEN_BACK, **late).decided()
    assert decision.effect == GiveBackDestination("canary", "")
    clean = leaving(WorkloadStage.GIVEN_BACK, **{**late, "stable": None, "canary": None})
    decision = clean.decided()
    assert decision.effect == ReleaseRollout()
    assert decision.notes[0].warning
