"""I8 and I9: only a pass promotes, and what could not be measured is never a pass."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from tests.observer.durations import duration_of
from tests.observer.entries import new_entries
from tests.observer.happenings import Body, Change, key_of, part
from tests.observer.world import World

CLOCKS = timedelta(milliseconds=50)
HISTORY_MAX = 64
CONFIDENCE = 0.95
POLICY = "policy/"
"""Of a test that says nothing else."""
NEAR = 1e-9
"""Relative difference between a value and the bound that it is compared with, for rounding."""


def only_passes_promote(change: Change, world: World) -> Iterator[str]:
    """I8: a phase is passed only after its hold and with a stored `pass` of each of its gates; a
    run is promoted only after all of its phases, unless a person left out some or the rest.
    """
    if change.kind != "Rollout" or not change.by_operator or not change.step:
        return
    for entry in new_entries(change):
        if entry.get("reason") == "PhasePassed":
            yield from _passed(change, entry)
        if entry.get("reason") == "PhaseSkipped" and not _skip_asked(change, world):
            yield f"phase {entry.get('what')} is left out, and nobody asked for it"
        if entry.get("reason") == "Promoting":
            yield from _all_passed(change)


def _skip_asked(change: Change, world: World) -> bool:
    """Whether a person's `skip` of that Rollout waits for its answer."""
    return any(
        key_of(action)[0] == change.key[0]
        and part(action, "spec", "rollout") == change.key[1]
        and part(action, "spec", "verb") == "skip"
        and not part(action, "status", "result")
        for action in world.within(change.key[0], "RolloutAction")
    )


def _passed(change: Change, entry: Body) -> Iterator[str]:
    name = entry.get("what")
    phases = part(change.before, "spec", "phases") or []
    place = next((i for i, phase in enumerate(phases) if phase.get("name") == name), None)
    phase = part(change.before, "status", "phase") or {}
    if place is None or phase.get("name") != name:
        return
    yield from _held(phases[place], phase, entry)
    known = {check["id"]: check for check in part(change.before, "status", "checks") or ()}
    known |= {check["id"]: check for check in part(change.after, "status", "checks") or ()}
    enforced = part(change.before, "spec", "mode") != "observe"
    for number, gate in enumerate(phases[place].get("gates") or ()) if enforced else ():
        check = known.get(f"gate/{place}/{number}") or {}
        if check.get("verdict") != "pass":
            said = check.get("verdict", "nowhere")
            yield f"phase {name} passed, its gate {gate.get('metric')} is stored as {said}"


def _held(wanted: Body, phase: Body, entry: Body) -> Iterator[str]:
    hold = duration_of(str(wanted.get("hold") or "0s"))
    if phase.get("startedAt") is None:
        yield f"phase {wanted.get('name')} passed, its hold never began"
        return
    held = _moment(entry["at"]) - _moment(phase["startedAt"])
    if held < hold - CLOCKS:
        yield f"phase {wanted.get('name')} held for {held}, it must hold {hold}"


def _all_passed(change: Change) -> Iterator[str]:
    run = part(change.after, "status", "run") or {}
    history = run.get("history") or []
    if run.get("skipToEnd") or len(history) >= HISTORY_MAX:
        return
    over = ("PhasePassed", "PhaseSkipped")
    passed = {entry.get("what") for entry in history if entry.get("reason") in over}
    names = [str(phase.get("name")) for phase in part(change.after, "spec", "phases") or ()]
    if not part(change.after, "spec", "replicas"):
        return  # no pods: nothing is tried
    missing = [name for name in names if name not in passed]
    if missing:
        yield f"the run is promoted without phase {', '.join(missing)}"


def unknown_is_no_pass(change: Change, _world: World) -> Iterator[str]:
    """I9: a stored `pass` has a finite value that keeps its bound, and the time of measurement.

    With `minPods` a value that breaks the bound passes where fewer pods are concerned.

    A gate that a test judges has evidence as strong as its part of alpha asks, a guard has weaker;
    a test that may look once has looked.
    """
    if change.kind != "Rollout" or not change.by_operator or change.after is None:
        return
    for check in part(change.after, "status", "checks") or ():
        if check.get("verdict") != "pass":
            continue
        name, value, bound = check.get("id"), check.get("value"), str(check.get("bound", ""))
        if not isinstance(value, int | float) or not math.isfinite(value):
            yield f"{name} is stored as pass with the value {value!r}"
        elif not keeps(float(value), bound) and not _of_few_pods(check, bound):
            yield f"{name} is stored as pass, but {value} is not {bound}"
        if not check.get("measuredAt"):
            yield f"{name} is stored as pass and was never measured"
        if bound.endswith((" stable (sequential)", " stable (welch)", " stable (mann-whitney)")):
            yield from _shown(change.after, check)


def _shown(rollout: Body, check: Body) -> Iterator[str]:
    """What the stored evidence says against a pass; an edited spec is not held against it."""
    if part(rollout, "metadata", "generation") != part(rollout, "status", "observedGeneration"):
        return
    name, tests = str(check.get("id")), _tests(rollout)
    known = {one.get("id"): one for one in part(rollout, "status", "evidence") or ()}
    if name.startswith(POLICY) and name in known:
        return  # what its alpha is the policy says, which is another object
    if name not in known or name not in tests:
        yield f"{name} is stored as pass without evidence"
        return
    halves = 2 if any(one.startswith(POLICY) for one in known if one) else 1
    among = halves * (len(tests) + _in_scores(rollout))
    alpha = (1.0 - tests[name].get("confidence", CONFIDENCE)) / among
    once = tests[name]["test"] != "sequential"
    look = known[name].get("look") or {}
    least_p = look.get("pNotWorse", 1.0) if once else known[name]["totals"][-1]
    if (least_p <= alpha) is not (check.get("kind") == "gate"):
        yield f"{name} is stored as pass with p {least_p:g} and its part of alpha {alpha:g}"


def _in_scores(rollout: Body) -> int:
    """Tests of members, once for each guard and gate that asks for their score."""
    spec = part(rollout, "spec") or {}
    tests = {
        card["name"]: sum(1 for one in card["members"] if (one.get("compare") or {}).get("test"))
        for card in spec.get("scorecards") or ()
    }
    bounds = [*(spec.get("guards") or ())]
    for phase in spec.get("phases") or ():
        bounds += [*(phase.get("guards") or ()), *(phase.get("gates") or ())]
    return sum(tests.get(bound.get("scorecard"), 0) for bound in bounds)


def _tests(rollout: Body) -> dict[str, Body]:
    """The comparisons with a test, by the id of their check."""
    spec = part(rollout, "spec") or {}
    bounds = {f"guard/{i}": guard for i, guard in enumerate(spec.get("guards") or ())}
    for place, phase in enumerate(spec.get("phases") or ()):
        for kind in ("guard", "gate"):
            own = phase.get(f"{kind}s") or ()
            bounds |= {f"{kind}/{place}/{i}": bound for i, bound in enumerate(own)}
    compares = {name: bound.get("compare") or {} for name, bound in bounds.items()}
    return {name: compare for name, compare in compares.items() if compare.get("test")}


def _of_few_pods(check: Body, bound: str) -> bool:
    """Whether fewer pods are concerned than `minPods N`, the last part of the bound, asks for."""
    name, _, least = bound.rpartition(", ")[2].partition(" ")
    return name == "minPods" and check.get("pods") is not None and check["pods"] < int(least)


def keeps(value: float, bound: str) -> bool:
    """Whether a value keeps `<= x`, `>= x` or `x .. y`; an empty bound is not judged.

    Of several parts the first is: what is relative to stable cannot be known from here.
    """
    slack = NEAR * max(1.0, abs(value))
    match bound.split(", ", maxsplit=1)[0].split():
        case [_, "stable"]:
            return True
        case ["<=", most]:
            return value <= float(most) + slack
        case [">=", least]:
            return value >= float(least) - slack
        case [least, "..", most]:
            return float(least) - slack <= value <= float(most) + slack
        case _:
            return True


def _moment(text: Any) -> datetime:
    return datetime.fromisoformat(str(text))
