"""A story laid out in lines of text with tones; the terminal gives the tones their colours."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Final, Literal, TypeAlias

from tidegate.api.check_status import Verdict
from tidegate.api.hook_status import HookResult
from tidegate.api.status import State
from tidegate.views.amounts import age, bar
from tidegate.views.check_rows import CheckRow
from tidegate.views.foreign_text import clean
from tidegate.views.hook_rows import HookRow
from tidegate.views.story import ConditionRow, HistoryRow, Mark, PhaseRow, Story, TrafficRow

Tone: TypeAlias = Literal["", "good", "bad", "wait", "dim", "strong", "canary"]
Span: TypeAlias = tuple[str, Tone]
Line: TypeAlias = tuple[Span, ...]

LABEL_CHARS: Final = 12

_STATE_TONES: Final[dict[State, Tone]] = {
    State.HEALTHY: "good",
    State.REVERTING: "bad",
    State.REVERTED: "bad",
    State.INVALID: "bad",
}
_VERDICTS: Final[dict[Verdict, tuple[str, Tone]]] = {
    Verdict.PASS: ("✓", "good"),
    Verdict.FAIL: ("✗", "bad"),
    Verdict.UNDECIDED: ("…", "wait"),
    Verdict.NODATA: ("?", "wait"),
    Verdict.ERROR: ("!", "bad"),
}
_RESULTS: Final[dict[HookResult, tuple[str, Tone]]] = {
    HookResult.WAITING: ("·", "dim"),
    HookResult.RUNNING: ("▶", "wait"),
    HookResult.SUCCEEDED: ("✓", "good"),
    HookResult.FAILED: ("✗", "bad"),
    HookResult.CANCELLED: ("-", "dim"),
}
_WARNING: Final[tuple[str, Tone]] = ("▲", "wait")
_MARKS: Final[dict[Mark, tuple[str, Tone]]] = {
    Mark.DONE: ("✓", "good"),
    Mark.CURRENT: ("▶", "strong"),
    Mark.NEXT: ("·", ""),
    Mark.IDLE: ("·", "dim"),
}
_CONDITION_TONES: Final[dict[str, Tone]] = {
    "Ready=True": "good",
    "TrafficConverged=True": "good",
    "MetricsAvailable=True": "good",
    "Stalled=True": "bad",
    "MetricsAvailable=False": "bad",
}


def picture(story: Story, now: datetime) -> tuple[Line, ...]:
    """Every line of the picture, without line ends."""
    lines = (
        *_header(story),
        (),
        *_labelled("traffic", _traffic(story.traffic) if story.traffic else ()),
        *_labelled("pods", _one(story.pods)),
        *_labelled("workload", _one(story.workload, "")),
        *_labelled("policies", _one(story.policies)),
        *_labelled("paused", _one(story.pause, "wait")),
        *_labelled("waits", _one(story.wait, "wait")),
        *_labelled("run", _one(story.run)),
        *_labelled("approvals", [((line, ""),) for line in story.approvals]),
        *_labelled("phases", (*_phases(story.phases), *_one(story.to_go, "dim"))),
        *_labelled("checks", _checks(story.checks)),
        *_labelled("experiment", [((line, ""),) for line in story.experiment]),
        *_labelled("hooks", [_hook(row) for row in story.hooks]),
        *_labelled("last run", _one(story.last_run)),
        *_labelled("conditions", _conditions(story.conditions)),
        *_labelled("history", [_happened(row, now) for row in story.history]),
    )
    return tuple(tuple((clean(text), tone) for text, tone in line) for line in lines)


def plain(lines: Iterable[Line]) -> str:
    """The lines without tones."""
    return "\n".join("".join(text for text, _ in line).rstrip() for line in lines)


def state_tone(state: State) -> Tone:
    """The tone of a state: good, bad, or something is on."""
    return _STATE_TONES.get(state, "wait")


def _header(story: Story) -> tuple[Line, ...]:
    first: Line = ((story.name, "strong"), ("  ", ""), (story.state.value, state_tone(story.state)))
    return (first, *_one(story.message), *_one(story.unseen, "wait"))


def _one(text: str, tone: Tone = "") -> tuple[Line, ...]:
    return (((text, tone),),) if text else ()


def _labelled(label: str, lines: Sequence[Line]) -> tuple[Line, ...]:
    """The lines with the label before the first and its width before the others."""
    return tuple(
        (((label if i == 0 else "").ljust(LABEL_CHARS), "dim"), *line)
        for i, line in enumerate(lines)
    )


def _traffic(row: TrafficRow) -> tuple[Line, ...]:
    drawn = bar(row.canary_percent)
    solid = drawn.rstrip("░")
    line: Line = (
        (f"stable {row.stable} ".replace("  ", " "), ""),
        (solid, "good"),
        (drawn[len(solid) :], "canary"),
        (f" canary {row.canary_percent} % {row.canary}".rstrip(), ""),
        (f"  ({row.note})" if row.note else "", "wait"),
    )
    return (line,)


def _phases(rows: Sequence[PhaseRow]) -> tuple[Line, ...]:
    width = max((len(row.name) for row in rows), default=0)
    return tuple(_phase(row, width) for row in rows)


def _phase(row: PhaseRow, width: int) -> Line:
    symbol, tone = _MARKS[row.mark]
    name_tone: Tone = "" if row.mark is Mark.DONE else tone
    return (
        (f"{symbol} ", tone),
        (f"{row.name:<{width}}  {row.weight:>3} %", name_tone),
        (f"  {row.note}" if row.note else "", "wait" if row.mark is Mark.CURRENT else "dim"),
    )


def _checks(rows: Sequence[CheckRow]) -> tuple[Line, ...]:
    """One line a check, its columns under those of the others; a score's members below it."""
    cells = [
        (f"{row.kind} {row.metric}", row.value, row.bound, row.verdict.value, row.samples, row.age)
        for row in rows
    ]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines: list[Line] = []
    for row, line in zip(rows, cells, strict=True):
        lines.append(_check(row, [c.ljust(width) for c, width in zip(line, widths, strict=True)]))
        lines += [((f"    {member}", "dim"),) for member in row.members]
    return tuple(lines)


def _check(row: CheckRow, cells: Sequence[str]) -> Line:
    symbol, tone = _WARNING if row.warning else _VERDICTS[row.verdict]
    name, value, bound, verdict, *about = cells
    return (
        (f"{symbol} ", tone),
        (f"{name}  ", ""),
        (value, "strong"),
        (f"  {bound}  ", ""),
        (verdict, tone),
        ("".join(f"  {cell}" for cell in about if cell), "dim"),
        (f"  {row.note}" if row.note else "", "dim"),
    )


def _hook(row: HookRow) -> Line:
    symbol, tone = _RESULTS[row.result]
    about = ", ".join(filter(None, (row.tried, row.age)))
    return (
        (f"{symbol} ", tone),
        (f"{row.name}  {row.when}  ", ""),
        (row.result.value, tone),
        (f"  {about}" if about else "", "dim"),
        (f"  {row.message}" if row.message else "", ""),
    )


def _conditions(rows: Sequence[ConditionRow]) -> tuple[Line, ...]:
    spans: list[Span] = []
    for row in rows:
        said = f"{row.type}={row.status}"
        spans += [(said, _CONDITION_TONES.get(said, "wait")), (f" {row.reason}  ", "dim")]
    return (tuple(spans),) if spans else ()


def _happened(row: HistoryRow, now: datetime) -> Line:
    day = "" if now - row.at < timedelta(hours=20) else f"{row.at:%Y-%m-%d} "
    return (
        (f"{day}{row.at:%H:%M:%S} UTC  ", "dim"),
        (f"{row.reason}  ", ""),
        (row.message, ""),
        (f"  ({age(row.at, now)})", "dim"),
    )
