"""Routes of the Rollout's own: when they are made, with what, and when nothing is made."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest

from tests.core.scenes import NOW, Case, ago, asked, at_rest, in_phase, pods, read
from tidegate.api.actions import Verb
from tidegate.api.status import RolloutStatus, Stage
from tidegate.core import reasons
from tidegate.core.decision import (
    AlignRoute,
    CreateReplicaSet,
    MakeDestinations,
    MakeRoute,
    ReleaseRollout,
    ScaleReplicaSet,
)
from tidegate.core.observation import Observed, OwnRoute, Problem
from tidegate.core.storing import intent_changed

RULE = OwnRoute("DestinationRule", "shop")
ROUTE = OwnRoute("VirtualService", "shop")
LATE = OwnRoute("VirtualService", "shop", missing=False)


@dataclass(frozen=True)
class Own(Case):
    """A case whose routes are the Rollout's own; while one is missing, none can be read."""

    own: tuple[OwnRoute, ...] = ()

    @property
    def observed(self) -> Observed:
        """The world of the case."""
        seen = replace(super().observed, own_routes=self.own)
        return replace(seen, routes=None) if seen.route_missing else seen


def own(case, *routes, **fields):
    """The case with these of its own wanting a write."""
    return Own(**{**vars(case), **fields, "own": routes})


def lost(case, *routes, **fields):
    """The same where the status says already that something was missing."""
    traffic = case.status.traffic.model_copy(update={"missing": True, "weight_since": None})
    return own(case.status_with(traffic=traffic), *routes, **fields)


NEW = Own(status=RolloutStatus(), target="A", revisions=(), weights=(0,), held=False)


def test_nothing_is_made_before_the_pods():
    assert own(NEW, RULE).decided().effect == CreateReplicaSet("A", 4)
    assert own(NEW, RULE, revisions=(pods("A", 4, 3),)).decided().effect is None


def test_destinations_are_made_for_the_first_revision_then_the_route_with_nothing_for_a_canary():
    ready = (pods("A", 4),)
    assert own(NEW, RULE, revisions=ready).decided().effect == MakeDestinations("shop", "A", "A")
    made = own(NEW, ROUTE, revisions=ready).decided()
    assert made.effect == MakeRoute("VirtualService", "shop", 0)
    assert [(note.reason, note.warning) for note in made.notes] == [(reasons.ROUTE_MADE, False)]


def test_that_one_is_missing_is_stored_before_it_is_made_again():
    case = own(in_phase(), ROUTE)
    decision = case.decided()
    assert decision.effect is None
    assert decision.status.traffic.missing
    assert intent_changed(case.status, decision.status)


def test_it_is_made_again_at_the_weight_of_the_status():
    decision = lost(in_phase(), ROUTE).decided()
    assert decision.effect == MakeRoute("VirtualService", "shop", 10, "B")
    assert [note.warning for note in decision.notes] == [True]


@pytest.mark.parametrize(
    ("reason", "made"),
    [(reasons.TEMPLATE_REFUSED, True), (reasons.SERVICE_NOT_FOUND, False)],
)
def test_beside_a_problem_only_if_that_is_not_about_routes(reason, made):
    rest = at_rest(problems=(Problem(reason, "as it is"),))
    effect = lost(rest, ROUTE).decided().effect
    assert (effect is not None) == made


@pytest.mark.parametrize(
    ("reason", "grows"),
    [
        (reasons.CONTENT_NOT_FOUND, True),
        (reasons.CONTENT_UNREADABLE, True),
        (reasons.TEMPLATE_REFUSED, True),
        (reasons.INVALID_SPEC, False),
    ],
)
def test_stable_grows_beside_a_problem_that_is_not_about_its_size(reason, grows):
    rest = at_rest(problems=(Problem(reason, "as it is"),), revisions=(pods("A", 2),))
    effect = rest.decided().effect
    assert isinstance(effect, ScaleReplicaSet) == grows


def test_in_a_pause_too():
    paused = in_phase().with_(spec=in_phase().spec.model_copy(update={"paused": True}))
    assert lost(paused, ROUTE).decided().effect == MakeRoute("VirtualService", "shop", 10, "B")


@pytest.mark.parametrize(
    "fields",
    [
        {"readings": {}},
        {"readings": {"guard/0": (read(60, 0.001),)}},
        {"revisions": (pods("A", 4), pods("B", 1, 0))},
    ],
)
def test_the_canary_gets_nothing_back_while_a_guard_or_its_pods_speak_against_it(fields):
    effect = lost(in_phase(), ROUTE, **fields).decided().effect
    assert effect == MakeRoute("VirtualService", "shop", 0, "B")


def test_the_canary_keeps_what_stable_has_no_pods_for():
    case = in_phase(stage=Stage.PROMOTING, revisions=(pods("A", 4, 1), pods("B", 4)), readings={})
    traffic = case.status.traffic.model_copy(update={"weight": 100})
    effect = lost(case.status_with(traffic=traffic), ROUTE).decided().effect
    assert effect == MakeRoute("VirtualService", "shop", 50, "B")


def test_an_abort_comes_first_and_the_route_is_then_made_without_a_share():
    case = lost(in_phase(), ROUTE, actions=(asked(Verb.ABORT),))
    decision = case.decided()
    assert decision.status.run is None
    after = lost(replace(case, status=decision.status, actions=(), own=()), ROUTE)
    assert after.decided().effect == MakeRoute("VirtualService", "shop", 0, "B")


def test_destinations_are_made_again_for_whom_they_selected():
    assert lost(in_phase(), RULE).decided().effect == MakeDestinations("shop", "A", "B")


def test_a_destination_is_never_made_for_a_revision_without_pods():
    gone = (pods("A", 4), pods("B", 1, 0))
    assert lost(in_phase(), RULE, revisions=gone).decided().effect == MakeDestinations(
        "shop", "A", "A"
    )


def test_times_count_anew_once_it_is_there_again():
    decision = lost(in_phase()).decided()
    traffic = decision.status.traffic
    assert not traffic.missing
    assert (traffic.weight_since, traffic.stable_since, traffic.canary_since) == (NOW, NOW, NOW)
    assert traffic.drifts == ()


def test_an_edit_is_followed_in_a_phase_and_at_rest():
    for case in (in_phase(), at_rest()):
        decision = own(case, LATE).decided()
        assert decision.effect == AlignRoute("VirtualService", "shop")
        assert decision.status.traffic.weight_since == case.status.traffic.weight_since


def test_nothing_is_made_while_something_must_be_mended():
    problem = Problem(reasons.ROUTE_NOT_OURS, "DestinationRule shop/shop exists")
    decision = own(at_rest(), ROUTE, problems=(problem,)).decided()
    assert decision.effect is None
    assert decision.status.state == "Invalid"


def test_a_rollout_that_is_deleted_makes_nothing_and_is_let_go():
    case = lost(at_rest(), ROUTE, held=True, deleted_at=ago(1))
    assert case.decided().effect == ReleaseRollout()
