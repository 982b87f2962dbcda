"""A plain Service as the router: the same engine with weights that can only be 0 or 100.

The active Service's selector is the switch. For every rule it is a route whose canary has all of
the traffic or none; the stable destination selects what is recorded as stable, and the canary
destination is the preview Service. So a re-point of the switch is a change of weight, both ways
through here, and nothing else in core knows of Services.
"""

from __future__ import annotations

from tidegate.api.status import RolloutStatus, RunStatus, Stage
from tidegate.api.takeover import WorkloadStage
from tidegate.core.decision import Effect, SetWeight, SwitchService
from tidegate.core.observation import RoutesView, RouteWeight, ServiceView

ALL = 100


def canary_of(run: RunStatus) -> str | None:
    """Whom the canary destination is for: who is tried; in a bake, who may come back."""
    return run.from_revision if run.stage is Stage.BAKING else run.to_revision


def routes_of(status: RolloutStatus, service: ServiceView) -> RoutesView:
    """The Service as weighted routes.

    What it selects that is neither stable nor being tried, nor one of which a run was sent back,
    is drift: the stable destination selects the wrong pods, and is put right as anywhere else.
    """
    stable = status.stable_revision
    tried = canary_of(status.run) if status.run else status.reverted_revision
    given_back = status.workload is not None and status.workload.stage is WorkloadStage.GIVEN_BACK
    moved = tried is not None and service.active == tried != stable
    on_canary = stable is not None and moved and not given_back
    selected = stable if on_canary else service.active
    if service.has_preview:
        canary = service.preview
    elif status.run is not None or on_canary:
        canary = tried
    elif given_back:
        canary = selected
    else:
        canary = stable or selected
    weight = RouteWeight(service.name, ALL if on_canary else 0, kind="Service", http=False)
    return RoutesView((weight,), selected, canary)


def as_switch(status: RolloutStatus, effect: Effect | None) -> Effect | None:
    """A change of weight as a change of the Service's selector; `status` is the one before it."""
    if not isinstance(effect, SetWeight):
        return effect
    run, stable = status.run, status.stable_revision
    tried = canary_of(run) if run is not None else None
    if effect.weight == ALL and tried is not None:
        return SwitchService(effect.virtual_service, tried, back=False)
    if effect.weight == 0 and stable is not None:
        return SwitchService(effect.virtual_service, stable, back=True)
    return None
