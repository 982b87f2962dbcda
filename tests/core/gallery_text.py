"""A decision as text, in full: what it writes, what it says, what it remembers, what it asks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from datetime import datetime
from enum import Enum

from pydantic import BaseModel

from tests.core.scenes import NOW, Case
from tidegate.api.evidence import CheckEvidence
from tidegate.api.status import RolloutStatus
from tidegate.core.decision import Decision, Effect

SHOWN = ("state", "ready", "replicas", "ready_replicas", "weight", "gates_summary", "selector")
"""Fields of the status that every decision derives anew; they are told on one line."""


def told(name: str, case: Case) -> str:
    """The decision on a case under its name; times as seconds from now, only what changed."""
    decision = case.decided()
    lines = [f"## {name}", *_deeds(decision), *_memory(case.status, decision.status)]
    return "\n".join(line.rstrip() for line in lines) + "\n"


def _deeds(decision: Decision) -> Iterator[str]:
    if decision.effect is not None:
        yield f"does: {_effect(decision.effect)}"
    if decision.reason:
        yield f"why: {decision.reason}"
    for note in decision.notes:
        sign = "warns" if note.warning is True else "tells"
        yield f"{sign}: {note.reason}: {note.message}"
    if decision.asks:
        yield f"asks: {', '.join(ask.check_id or 'traffic' for ask in decision.asks)}"
    if decision.wake_at is not None:
        yield f"looks again: {_text(decision.wake_at)}"


def _effect(effect: Effect) -> str:
    named = {field.name: getattr(effect, field.name) for field in fields(effect)}
    unused = {"variant": ""}
    said = {name: value for name, value in named.items() if value not in ((), unused.get(name))}
    values = (f"{name}={_text(value)}" for name, value in said.items())
    return f"{type(effect).__name__}({', '.join(values)})"


def _memory(before: RolloutStatus, after: RolloutStatus) -> Iterator[str]:
    yield "shows: " + " ".join(f"{_text(getattr(after, name))}" for name in SHOWN)
    assert after.observed_generation == 7  # as every `Case` has it
    for name in type(after).model_fields:
        old, new = getattr(before, name), getattr(after, name)
        if old == new or name in SHOWN or name == "observed_generation":
            continue
        if isinstance(new, tuple):
            places = range(max(len(old), len(new)))
            for place in places:
                was, now = old[place : place + 1], new[place : place + 1]
                if was != now:
                    yield f"{name}[{place}]: {_text(now[0]) if now else 'gone'}"
        else:
            yield f"{name}: {_text(new)}"


def _text(value: object) -> str:
    match value:
        case datetime():
            return f"now{(value - NOW).total_seconds():+g}s"
        case Enum():
            return str(value.value)
        case CheckEvidence():  # its numbers are told in the check's detail
            looked = value.look.at if value.look else None
            return f"{value.id} until={_text(value.until)} looked={_text(looked)}"
        case BaseModel():
            held = ((name, getattr(value, name)) for name in type(value).model_fields)
            return " ".join(f"{k}={_text(v)}" for k, v in held if v not in (None, (), ""))
        case tuple():
            return "[" + " | ".join(map(_text, value)) + "]"
        case None:
            return "-"
        case _:
            return str(value)
