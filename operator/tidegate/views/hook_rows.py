"""The hooks of a run as rows: which, how its last try went, and what it said."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from tidegate.api.hook_status import HookResult, HookStatus
from tidegate.api.preflight import PREFLIGHT
from tidegate.views.amounts import age

_RUN: Final = {"revert": "the revert", "promoted": "the promotion"}


@dataclass(frozen=True, slots=True)
class HookRow:
    """One hook; empty texts stand for "nothing to say"."""

    name: str
    when: str
    result: HookResult
    tried: str
    age: str
    message: str


def hook_row(hook: HookStatus, now: datetime) -> HookRow:
    """One entry of `status.hooks` for people."""
    run = _RUN.get(hook.when, hook.when)
    place = f"{hook.when} {hook.phase}" if hook.phase else f"after {run}"
    place = "in the pre-flight" if hook.phase == PREFLIGHT else place
    moment = hook.finished_at or hook.started_at
    tries = f"try {hook.attempt} of {hook.tries}" if hook.tries > 1 else ""
    code = "" if hook.exit_code is None else f"{'exit' if hook.job else 'HTTP'} {hook.exit_code}"
    return HookRow(
        name=hook.name,
        when=place,
        result=hook.result,
        tried=", ".join(filter(None, (tries, code))),
        age=age(moment, now) if moment else "",
        message=hook.message,
    )
