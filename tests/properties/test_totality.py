"""`decide` answers everything the models accept, however unlikely, with what can be stored."""

from dataclasses import replace
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from tests.properties.scenario import (
    BETA,
    PHONES,
    examples,
    guard,
    phase_lists,
    rollout_spec,
)
from tests.properties.workload import adopting_spec
from tests.properties.world import EPOCH
from tidegate.api.actions import Action, RolloutActionSpec, RolloutActionStatus, Verb
from tidegate.api.blind import Blind
from tidegate.api.check_status import CheckStatus
from tidegate.api.checks import Guard
from tidegate.api.compare import Compare
from tidegate.api.evidence import CheckEvidence
from tidegate.api.rollout import Bake, FastTrack, Rollout
from tidegate.api.status import (
    Draining,
    LastAction,
    LastRun,
    PauseStatus,
    PhaseStatus,
    RolloutStatus,
    RunStatus,
    Stage,
    TrafficStatus,
)
from tidegate.api.takeover import WorkloadDrift, WorkloadStage, WorkloadStatus
from tidegate.core.decide import decide
from tidegate.core.decision import MakeRoute, SetWeight
from tidegate.core.observation import (
    Answer,
    Observed,
    OwnRoute,
    Problem,
    Reading,
    RevisionView,
    RoutesView,
    RouteWeight,
    TrafficReading,
    WorkloadView,
)

TWO = ("shop", "shop-internal")
RULE, ROUTE = OwnRoute("DestinationRule", "shop"), OwnRoute("VirtualService", "shop")
NAMES = st.sampled_from(["A", "B", "C"])
MAYBE = st.none() | NAMES
TIMES = st.integers(-900, 5).map(lambda s: EPOCH + timedelta(seconds=s))
MAYBE_TIMES = st.none() | TIMES
WEIGHTS = st.sampled_from([0, 1, 10, 50, 99, 100])
VALUES = st.sampled_from([0.0, 0.3, -1.0, float("nan"), float("inf"), -float("inf"), 1e300])
CHECKS = st.sampled_from(["guard/0", "guard/1", "gate/0/0", "gate/1/0", "gate/7/7"])


def model(made, /, **fields):
    """A model by its Python names: hypothesis would look for the aliases as well."""
    return st.fixed_dictionaries(fields).map(lambda values: made(**values))


runs = model(
    RunStatus,
    number=st.integers(0, 5),
    from_revision=MAYBE,
    to_revision=NAMES,
    started_at=TIMES,
    stage=st.sampled_from(list(Stage)),
    skip_to_end=st.booleans(),
    baking_since=MAYBE_TIMES,
    undo=st.sampled_from(["", "", "x" * 1024]),
    warned=st.sampled_from([(), ("guard/0",)]),
    reached=st.lists(TIMES, max_size=2).map(tuple),
    min_replicas=st.integers(0, 5),
)
phases = model(
    PhaseStatus,
    index=st.integers(0, 3),
    name=st.sampled_from(["p0", "p1", "p2", "gone"]),
    entered_at=TIMES,
    started_at=MAYBE_TIMES,
    reached_at=MAYBE_TIMES,
)
checks = model(
    CheckStatus,
    id=CHECKS,
    kind=st.sampled_from(["guard", "gate"]),
    metric=st.just("errors"),
    verdict=st.sampled_from(["pass", "fail", "undecided", "nodata", "error"]),
    measured_at=MAYBE_TIMES,
    passing_since=MAYBE_TIMES,
    failures=st.integers(0, 100),
    ignored=st.booleans(),
    blind_since=MAYBE_TIMES,
)
evidences = model(
    CheckEvidence,
    id=CHECKS,
    about=st.just("x"),
    until=TIMES,
    canary_errors=st.floats(-1e18, 1e18),
    totals=st.lists(st.floats(-1e18, 1e18), max_size=4).map(tuple),
    log_ratios=st.lists(st.floats(-1e18, 1e18), max_size=8).map(tuple),
    dispersion=st.lists(st.floats(-1e18, 1e18), max_size=11).map(tuple),
    differences=st.lists(st.floats(-1e18, 1e18), max_size=3).map(tuple),
    verdict=st.none() | st.sampled_from(["pass", "fail", "undecided", "nodata", "error"]),
    since=MAYBE_TIMES,
)
traffics = model(
    TrafficStatus,
    weight=WEIGHTS,
    weight_since=MAYBE_TIMES,
    stable=MAYBE,
    stable_since=MAYBE_TIMES,
    canary=MAYBE,
    canary_since=MAYBE_TIMES,
    converged=st.booleans(),
    missing=st.booleans(),
)
last_runs = model(
    LastRun,
    number=st.integers(0, 5),
    to_revision=NAMES,
    outcome=st.sampled_from(["Promoted", "Reverted", "Superseded"]),
    message=st.text(max_size=1024),
    started_at=TIMES,
    finished_at=TIMES,
)
statuses = model(
    RolloutStatus,
    stable_revision=MAYBE,
    canary_revision=MAYBE,
    phase=st.none() | phases,
    run=st.none() | runs,
    last_run=st.none() | last_runs,
    last_run_number=st.integers(0, 9),
    reverted_revision=MAYBE,
    proven_revisions=st.lists(NAMES, max_size=3, unique=True).map(tuple),
    checks=st.lists(checks, max_size=3).map(tuple),
    evidence=st.lists(evidences, max_size=2).map(tuple),
    traffic=st.none() | traffics,
    pause=st.none() | model(PauseStatus, by=st.just("ann"), at=TIMES),
    waiting_since=MAYBE_TIMES,
    waiting_ready=st.none() | st.integers(0, 5),
    canary_ready_since=MAYBE_TIMES,
    blind_since=MAYBE_TIMES,
    draining=st.lists(model(Draining, revision=NAMES, since=TIMES), max_size=2).map(tuple),
    workload=st.none()
    | model(
        WorkloadStatus,
        name=st.sampled_from(["shop", "other"]),
        stage=st.sampled_from(WorkloadStage),
        replicas=st.integers(0, 5),
        drift=st.none() | st.sampled_from(WorkloadDrift),
    ),
    last_action=st.none()
    | model(
        LastAction,
        uid=st.sampled_from(["u1", "u2"]),
        verb=st.just("abort"),
        result=st.sampled_from(["Done", "Refused", "?"]),
    ),
)
views = st.builds(
    RevisionView,
    name=NAMES,
    replica_set=st.just("shop-x"),
    uid=st.just("u"),
    replicas=st.integers(0, 5),
    ready=st.integers(0, 5),
    created_at=TIMES,
)
MATCHES = st.sampled_from([(), (), None, BETA, PHONES])
workloads = st.builds(
    WorkloadView,
    name=st.just("shop"),
    uid=st.just("u"),
    replicas=st.integers(0, 5),
    pods_label=st.sampled_from(["", "C"]),
    labelled_ready=st.integers(0, 5),
)
route_views = st.builds(
    RoutesView,
    weights=st.tuples(
        st.builds(RouteWeight, st.just(TWO[0]), WEIGHTS, st.booleans(), match=MATCHES),
        st.builds(
            RouteWeight, st.just(TWO[1]), WEIGHTS, st.booleans(), match=MATCHES, http=st.booleans()
        ),
    ),
    stable=MAYBE,
    canary=MAYBE,
)
counts = st.none() | st.dictionaries(
    st.sampled_from(["A", "B", "stable", "canary", ""]), st.floats(0, 1e4), max_size=3
)
traffic_readings = st.builds(
    TrafficReading,
    at=TIMES,
    window_s=st.floats(0.5, 60),
    by_revision=counts,
    by_subset=counts,
    error=st.sampled_from(["", "", "down"]),
)
arms = st.builds(
    Reading,
    at=TIMES,
    answer=st.sampled_from(Answer),
    value=st.none() | VALUES,
    samples=st.none() | VALUES,
)
readings = st.builds(
    Reading,
    at=TIMES,
    answer=st.sampled_from(Answer),
    value=st.none() | VALUES,
    samples=st.none() | VALUES,
    detail=st.text(max_size=600),
    stable=st.none() | arms,
)
actions = st.builds(
    Action,
    name=st.just("do"),
    namespace=st.just("shop"),
    uid=st.sampled_from(["u1", "u2", "u3"]),
    created_at=MAYBE_TIMES,
    spec=st.builds(
        RolloutActionSpec,
        rollout=st.just("shop"),
        verb=st.sampled_from(Verb),
        reason=st.text(max_size=512),
        requested_by=st.none() | st.text(max_size=256),
        revision=MAYBE,
        phase=st.sampled_from([None, "p0", "p1", "p2", "gone"]),
    ),
    status=st.just(RolloutActionStatus()),
)
worlds = st.builds(
    Observed,
    target=NAMES,
    revisions=st.lists(views, max_size=3, unique_by=lambda view: view.name).map(tuple),
    routes=st.none() | route_views,
    problems=st.sampled_from([(), (), (), (Problem("Conflict", "x" * 2000),)]),
    traffic=st.none() | traffic_readings,
    readings=st.dictionaries(
        CHECKS,
        st.lists(readings, max_size=4).map(lambda r: tuple(sorted(r, key=lambda x: x.at))),
        max_size=3,
    ),
    actions=st.lists(actions, max_size=2).map(tuple),
    workload=st.none() | workloads,
    workload_missing=st.booleans(),
    own_routes=st.sampled_from(
        [(), (), (RULE,), (ROUTE,), (RULE, ROUTE), (replace(ROUTE, missing=False),)]
    ),
)
compares = model(
    Compare,
    to=st.just("stable"),
    test=st.sampled_from(["sequential", "sequential", "welch", "mann-whitney"]),
    margin=st.none() | st.sampled_from([1e-9, 1.0, 1.2, 1e6]),
    confidence=st.none() | st.sampled_from([1e-9, 0.95, 1 - 1e-12]),
)
specs = st.builds(
    lambda replicas, phases, paused, guards, **more: rollout_spec(
        replicas=replicas, phases=phases, guards=guards, virtual_services=TWO
    ).model_copy(update={"paused": paused, **more}),
    replicas=st.integers(0, 5),
    phases=phase_lists(),
    paused=st.booleans(),
    guards=st.builds(
        lambda then, compare, more: (
            guard(then=then).model_copy(update=more),
            Guard(metric="errors", interval_s=2.0, then=then, compare=compare),
        ),
        then=st.sampled_from(["revert", "pause", "hold"]),
        compare=compares,
        more=st.just({})
        | st.fixed_dictionaries(
            {
                "failures": st.sampled_from([None, 1, 100]),
                "delay_s": st.sampled_from([None, 1.0, 60.0]),
                "warn_min": st.sampled_from([None, 0.001]),
                "warn_max": st.sampled_from([None, 0.005]),
                "on_no_data": st.sampled_from(["blind", "fail", "ignore"]),
                "on_error": st.sampled_from(["blind", "fail", "ignore"]),
                "blind": st.sampled_from([None, Blind(after_s=1.0, then="revert")]),
            }
        ),
    ),
    bake=st.none() | model(Bake, duration_s=st.sampled_from([1.0, 60.0])),
    fast_track=st.none() | model(FastTrack, revisions=st.integers(0, 2)),
)


@examples(300)
@given(spec=specs, status=statuses, observed=worlds, deleting=st.booleans(), held=st.booleans())
def test_every_input_has_a_decision_that_can_be_stored(spec, status, observed, deleting, held):
    if status.workload is not None and len(status.draining) < 2:
        spec = adopting_spec(spec)
    rollout = Rollout(
        name="shop",
        namespace="shop",
        uid="u",
        resource_version="1",
        generation=3,
        deleting=deleting,
        deleted_at=EPOCH if deleting else None,
        held=held,
        spec=spec,
    )
    decision = decide(rollout, status, observed, EPOCH)
    again = decide(rollout, status, observed, EPOCH)
    assert repr(decision) == repr(again)
    stored = RolloutStatus.model_validate_json(decision.status.model_dump_json(by_alias=True))
    assert stored == decision.status
    assert decision.wake_at is None or decision.wake_at > EPOCH
    if isinstance(decision.effect, SetWeight):
        _weight_is_safe(status, observed, decision.effect)
    if isinstance(decision.effect, MakeRoute):
        _made_safely(status, observed, decision.effect)


def _weight_is_safe(status, observed, effect):
    """No weight rises onto a destination without a ready pod, nor with no run on.

    No header route comes there either.
    """
    present = next(
        r for r in observed.routes.weights if r.virtual_service == effect.virtual_service
    )
    assert 0 <= effect.weight <= 100
    remade = effect.match is not None and effect.match != present.match
    assert remade or (effect.weight, True) != (present.weight, present.even)
    if effect.weight > present.weight or (remade and effect.match):
        view = observed.revision(observed.routes.canary)
        assert status.run is not None
        assert view is not None
        assert view.ready > 0


def _made_safely(status, observed, effect):
    """A route comes after the loss of the old one is stored, with no more than that one gave."""
    assert status.traffic is None or status.traffic.missing
    assert effect.weight <= (status.traffic.weight if status.traffic else 0)
    view = observed.revision(effect.revision)
    assert not effect.weight or (view is not None and view.ready > 0)
