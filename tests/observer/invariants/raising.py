"""I2 and I10: what must be so before the canary gets more traffic, or stable gets it back."""

from __future__ import annotations

from collections.abc import Iterator

from tests.observer.happenings import Body, Change, key_of, meta, part, uid_of
from tests.observer.routes import ALL, ROUTES, Claim, bare, header_routes
from tests.observer.world import LOOK_BACK_S, World

HEADROOM = 2
"""Half of the pods may carry all traffic on the way back: docs/design.md 3, `REVERT_HEADROOM`."""


def pods_before_traffic(change: Change, world: World) -> Iterator[str]:
    """I2: no write of the operator gives a share to a revision that has not the ready pods for it.

    A canary needs `ceil(share * replicas / 100)`, or what its phase declares if that is less. Back
    to stable, or to an old revision, half of that is enough, and where the canary has no ready pod
    nothing is asked. The destination and the size are taken as a writer may know them: somebody
    else may have edited them just before.
    """
    for rollout, claim, was, is_now in (*_moves(change, world), *_made(change, world)):
        role = "canary" if is_now > was else "stable"
        share = is_now if role == "canary" else ALL - is_now
        known = world.revisions_known_at(claim, role)
        ready = max((world.ready_lately(rollout, r, change.at_s) for r in known), default=0)
        size = world.size_known(rollout)
        need = _need(size, share)
        enough = min(need, _declared(rollout, size))
        if way_back(rollout):
            enough = -(-need // HEADROOM)
        if role == "canary" and (ready == 0 or ready < enough):
            yield f"canary {was} -> {is_now} % with {ready} ready pods, {need} needed"
        canary_ready = world.ready(rollout, world.revision_at(claim, "canary"))
        if role == "stable" and ready * HEADROOM < need and canary_ready:
            yield f"stable {ALL - was} -> {share} % with {ready} ready pods, {need} needed"
    for rollout, claim in _matches_come(change, world):
        known = world.revisions_known_at(claim, "canary")
        if not any(world.ready_lately(rollout, r, change.at_s) for r in known):
            yield "header routes come while no pod of the canary is ready"


def way_back(rollout: Body) -> bool:
    """Whether more for the canary is a way back to an old revision: in a bake, or on `undo`.

    The route write of a bake's way back leads, so the status may still tell of the bake.
    """
    run = part(rollout, "status", "run") or {}
    return bool(run.get("undo")) or run.get("stage") == "Baking"


def _need(size: int, share: int) -> int:
    return -(-share * size // ALL)


def _declared(rollout: Body, size: int) -> int:
    """Pods of the canary by the phase that is on; no bound when the phase says nothing."""
    phase = part(rollout, "status", "phase", "name")
    if part(rollout, "status", "run", "skipToEnd"):
        return size
    for entry in part(rollout, "spec", "phases") or ():
        if entry.get("name") == phase and entry.get("replicas") is not None:
            text = str(entry["replicas"])
            return _need(size, int(text[:-1])) if text.endswith("%") else int(text)
    return size


def nothing_speaks_against_a_raise(change: Change, world: World) -> Iterator[str]:
    """I10: the canary's weight never rises in a pause, after a revert, without a run, under an
    abort that waits for its answer, or while a stored verdict of a guard is fail or error (an
    error that its guard ignores is none).

    None of this keeps a way back to an old revision, which nobody waits for. `nodata` is no
    obstacle: before the first traffic there is none to have. That the routes differ
    from what the status recorded is none either: a stray weight is put right at once, by design.
    """
    for rollout, claim, was, is_now in _moves(change, world):
        if is_now <= was:
            continue
        for reason in _obstacles(rollout, claim, world, change.at_s):
            yield f"canary {was} -> {is_now} % although {reason}"
    for rollout, claim in _matches_come(change, world):
        for reason in _obstacles(rollout, claim, world, change.at_s):
            yield f"header routes come although {reason}"


def _obstacles(rollout: Body, claim: Claim, world: World, now_s: float) -> Iterator[str]:
    uid, run = uid_of(rollout), part(rollout, "status", "run")
    if way_back(rollout):
        old = run.get("from") if run.get("stage") == "Baking" else run.get("to")
        if old not in world.revisions_known_at(claim, "canary"):
            yield f"the canary destination does not select {old}"
        return
    since = world.memory.paused_since.get(uid)
    if since is not None and since < now_s - LOOK_BACK_S:
        yield f"it has been paused for {now_s - since:.1f} s"
    if run is None:
        yield "no run is on"
    elif run.get("to") not in world.revisions_known_at(claim, "canary"):
        yield f"the canary destination does not select {run.get('to')}"
    for check in part(rollout, "status", "checks") or ():
        if _only_tells(rollout, str(check.get("id"))):
            continue
        if check.get("ignored"):
            continue  # onError: ignore is an answer, too
        if check.get("kind") == "guard" and check.get("verdict") in ("fail", "error"):
            yield f"guard {check.get('metric')} is stored as {check.get('verdict')}"
    for action in world.within(key_of(rollout)[0], "RolloutAction"):
        if _pending_abort(action, rollout) and _age_s(action, world, now_s) > LOOK_BACK_S:
            yield f"abort {meta(action)['name']} waits for its answer"


def _only_tells(rollout: Body, check_id: str) -> bool:
    """Whether what the check says holds nothing up: a policy's by its own word in the status."""
    owner, _, rest = check_id.partition("/")
    if owner != "policy":
        return bool(part(rollout, "spec", "mode") == "observe")
    policies = part(rollout, "status", "policies") or ()
    modes = {policy.get("name"): policy.get("mode") for policy in policies}
    return modes.get(rest.rpartition("/")[0]) == "observe"


def _pending_abort(action: Body, rollout: Body) -> bool:
    spec = action.get("spec") or {}
    mine = (meta(action).get("namespace"), spec.get("rollout"))
    place = (meta(rollout).get("namespace"), meta(rollout).get("name"))
    return (
        mine == place
        and spec.get("verb") == "abort"
        and spec.get("revision") is None
        and not part(action, "status", "result")
    )


def _age_s(action: Body, world: World, now_s: float) -> float:
    return now_s - world.memory.seen_s.get(uid_of(action), now_s)


def _matches_come(change: Change, world: World) -> Iterator[tuple[Body, Claim]]:
    """Each Rollout whose header routes the operator adds to, or makes anew."""
    if change.kind not in ROUTES or not (change.by_operator and change.step):
        return
    assert change.before is not None, "a step has both sides"
    assert change.after is not None, "a step has both sides"
    for rollout, claim in world.claims_on(change.kind, change.key):
        known = [bare(raw) for _, raw in header_routes(claim, change.before)]
        if any(bare(raw) not in known for _, raw in header_routes(claim, change.after)):
            yield rollout, claim


def _moves(change: Change, world: World) -> Iterator[tuple[Body, Claim, int, int]]:
    """Each managed route whose canary share the operator changed: Rollout, claim, old, new."""
    if change.kind not in ROUTES or not (change.by_operator and change.step):
        return
    assert change.before is not None, "a step has both sides"
    assert change.after is not None, "a step has both sides"
    for rollout, claim in world.claims_on(change.kind, change.key):
        known = world.shares_in(claim, change.before)
        for old, new in zip(known, world.shares_in(claim, change.after), strict=False):
            if old.share("canary") != new.share("canary"):
                yield rollout, claim, old.share("canary"), new.share("canary")


def _made(change: Change, world: World) -> Iterator[tuple[Body, Claim, int, int]]:
    """Each route that the operator made with a share for the canary: Rollout, claim, 0, share."""
    if change.kind not in ROUTES or not change.by_operator:
        return
    if change.before is not None or change.after is None:
        return
    for rollout, claim in world.claims_on(change.kind, change.key):
        for route in world.shares_in(claim, change.after):
            if route.share("canary") > 0:
                yield rollout, claim, 0, route.share("canary")
