"""`tidegate backtest`: what the policy of a file would have done to past releases."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from math import ceil
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from tidegate.api.scalars import format_duration, parse_duration
from tidegate.cli import manifests
from tidegate.cli.errors import FAILED, UsageError
from tidegate.cli.options import AnswerOutput, duration_s
from tidegate.rehearsal.past import Release
from tidegate.rehearsal.replaying import Outcome
from tidegate.views.amounts import span_text
from tidegate.views.foreign_text import clean

if TYPE_CHECKING:
    from tidegate.cli.recorded import Past

SUMMARY: Final = "Judge past releases by a Rollout's guards and gates, on what Prometheus has."
HELP: Final = f"""{SUMMARY}

Releases are found in the requests per revision: the mesh's, or those of a query of your own. Of
each, every guard and gate is measured again as the operator measures it, and judged by its rules.
Prometheus is only read. Needs the extra: pip install 'tidegate[backtest]'.

\b
Exit status:
  0  some release was judged
  1  there is no release in that time
  2  usage, a file that cannot be used, or no answer of use from Prometheus
"""
STEPS_MAX: Final = 200_000
"""Moments of the whole range: a month and more at the usual step."""
_AGO: Final = re.compile(r"(\d+)d")
DAY: Final = timedelta(days=1)

File = Annotated[str, typer.Argument(help="File with the Rollout; - is stdin.")]
Name = Annotated[str | None, typer.Option("--name", help="Which Rollout, if there are several.")]
Server = Annotated[str, typer.Option("--prometheus", help="URL of the Prometheus.")]
From = Annotated[
    str, typer.Option("--from", help="First moment: 2026-01-31T12:00:00Z, or how long ago, as 7d.")
]
To = Annotated[str, typer.Option("--to", help="Last moment, in the same way, or now.")]
Step = Annotated[str, typer.Option("--step", help="Time between two moments, whole seconds.")]
Query = Annotated[
    str | None,
    typer.Option(
        "--revisions", help="PromQL of requests by label revision, in place of the mesh's."
    ),
]
Host = Annotated[
    str | None,
    typer.Option("--host", help="Service host that envoy- templates are about, in full."),
]
Format = Annotated[AnswerOutput, typer.Option("--output", "-o", help="How to print it.")]


def backtest(
    file: File,
    *,
    prometheus: Server,
    since: From,
    until: To = "now",
    step: Step = "15s",
    revisions: Query = None,
    host: Host = None,
    name: Name = None,
    output: Format = AnswerOutput.TEXT,
) -> None:
    """Judge them; HELP is what people read."""
    # aiohttp and the client take longer to load than the rest of the command.
    from tidegate.cli.recorded import Asked, judged  # noqa: PLC0415 — loaded by who needs it

    rollout = manifests.the_rollout(file, name)
    step_s = _step_s(step)
    begins, ends = _range(since, until, step_s)
    asked = Asked(rollout, prometheus, begins, ends, step_s, revisions, host)
    past = judged(asked)
    if output is AnswerOutput.JSON:
        typer.echo(json.dumps(_as_json(past.judged), indent=2, ensure_ascii=False, default=_plain))
    else:
        title = f"{rollout.namespace}/{rollout.name}"
        for line in _text(title, begins, ends, step_s, past):
            typer.echo(clean(line).rstrip())
    if not past.judged:
        raise typer.Exit(FAILED)


def _step_s(text: str) -> int:
    step_s = duration_s(text, "--step")
    if step_s != int(step_s) or step_s < 1:
        raise UsageError(f"--step {text} must be whole seconds, 1s or more")
    return int(step_s)


def _range(since: str, until: str, step_s: int) -> tuple[int, int]:
    now = datetime.now(UTC)
    begins = ceil(_moment(since, now, "--from").timestamp())
    ends = int(_moment(until, now, "--to").timestamp())
    if begins >= ends:
        raise UsageError(f"--from {since} must be before --to {until}")
    if (ends - begins) // step_s > STEPS_MAX:
        raise UsageError(
            f"that is more than {STEPS_MAX} moments; choose less time or a wider --step"
        )
    return begins, ends


def _moment(text: str, now: datetime, option: str) -> datetime:
    """A moment as people write it; one without a zone is UTC."""
    if text == "now":
        return now
    try:
        if days := _AGO.fullmatch(text):
            return now - int(days.group(1)) * DAY
        if text[:4].isdecimal() and text[4:5] == "-":
            found = datetime.fromisoformat(text)
            return found if found.tzinfo is not None else found.replace(tzinfo=UTC)
        return now - timedelta(seconds=parse_duration(text))
    except (ValueError, OverflowError) as error:
        raise UsageError(
            f"{option} {text!r} is neither a time such as 2026-01-31T12:00:00Z nor a length such "
            "as 90m or 7d"
        ) from error


# ---------------------------------------------------------------- printing


def _text(
    title: str,
    begins: int,
    ends: int,
    step_s: int,
    past: Past,
) -> Iterator[str]:
    judged = past.judged
    span = f"{_time(begins)} to {_time(ends)}, every {format_duration(float(step_s))}"
    yield f"{title}, {span}: {_number(len(judged), 'release')}"
    yield from (f"note: {note}" for note in past.notes)
    for release, outcomes in judged:
        yield ""
        took = span_text(float(release.ended_s - release.began_s))
        yield (
            f"{_time(release.began_s)}  {release.stable} -> {release.canary}: "
            f"{release.ending}, side by side for {took}"
        )
        yield from (f"  {_line(release, one)}" for one in outcomes)
        yield f"  => {verdict(release, outcomes)}"
    if not judged:
        yield "no revision came beside another; is the range right? --revisions takes a query"


def _line(release: Release, one: Outcome) -> str:
    kind = "gate" if one.then == "wait" else "guard"
    where = f" of {one.where}" if one.where else ""
    head = f"{kind}{where} {one.metric} {one.bound}"
    if one.not_judged:
        return f"? {head}: not judged: {one.not_judged}"
    counted = ", ".join(f"{count} {said}" for said, count in sorted((one.verdicts or {}).items()))
    value = "" if one.value is None else f" {one.value:.4g}"
    samples = "" if one.samples is None else f" ({one.samples:.0f} samples)"
    detail = f"; {one.detail}" if one.detail else ""
    if one.at is None:
        said = "never passes" if kind == "gate" else "stays quiet"
        mark = "·" if kind == "guard" else "✗"
        return f"{mark} {head}: {said}, last{value or ' nothing'}{samples}{detail} [{counted}]"
    after = span_text(one.at.timestamp() - release.began_s)
    said = "passes" if kind == "gate" else f"trips ({one.then})"
    mark = "✓" if kind == "gate" else "!"
    return f"{mark} {head}: {said} after {after}:{value}{samples}{detail} [{counted}]"


def verdict(release: Release, outcomes: tuple[Outcome, ...]) -> str:
    """What would have become of the release, in one sentence."""
    tripped = [one for one in outcomes if one.at is not None and one.then == "revert"]
    stopped = [one for one in outcomes if one.at is not None and one.then in ("pause", "hold")]
    waiting = [one for one in outcomes if one.then == "wait" and one.at is None]
    unknown = sum(bool(one.not_judged) for one in outcomes)
    rest = f"; {_number(unknown, 'check')} not judged" if unknown else ""
    if tripped:
        first = min(tripped, key=lambda one: one.at or datetime.max.replace(tzinfo=UTC))
        assert first.at is not None, "as was just seen"
        after = span_text(first.at.timestamp() - release.began_s)
        return f"sent back after {after} by guard {first.metric}{rest}"
    if stopped:
        return f"stopped for a person by guard {stopped[0].metric}{rest}"
    if any(not one.not_judged for one in waiting):
        names = ", ".join(dict.fromkeys(one.metric for one in waiting if not one.not_judged))
        return f"not sent back, and held up by gate {names}{rest}"
    return f"not sent back{rest}"


def _number(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"


def _time(second: int) -> str:
    return datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%d %H:%M:%SZ")


def _as_json(judged: tuple[tuple[Release, tuple[Outcome, ...]], ...]) -> dict[str, Any]:
    return {
        "releases": [
            asdict(release)
            | {"verdict": verdict(release, outcomes), "checks": [asdict(one) for one in outcomes]}
            for release, outcomes in judged
        ]
    }


def _plain(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)
