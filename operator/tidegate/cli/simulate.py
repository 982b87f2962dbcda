"""`tidegate simulate`: one release of a Rollout, played in a world that a scenario scripts."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from random import Random, SystemRandom
from typing import Annotated, Any, Final

import typer
import yaml

from tidegate.adapters.steady_time import steady_s
from tidegate.api.problems import SpecError
from tidegate.api.rollout import Rollout
from tidegate.api.wire import read_strictly
from tidegate.cli import manifests
from tidegate.cli.chances import Chances, chances, chances_text, parse_errors
from tidegate.cli.errors import UsageError
from tidegate.cli.options import AnswerOutput, duration_s
from tidegate.core.whereabouts import preflight_of
from tidegate.rehearsal.horizon import horizon_s
from tidegate.rehearsal.playing import End, Player
from tidegate.rehearsal.scenario import (
    RATE_RPS_DEFAULT,
    RATE_RPS_MAX,
    Change,
    Scenario,
    written_out,
)
from tidegate.rehearsal.setting import ScriptedMetric, Setting, setting_of
from tidegate.rehearsal.stories import STORIES
from tidegate.views.amounts import span_text
from tidegate.views.foreign_text import clean
from tidegate.views.picture import picture, plain
from tidegate.views.story import story

EXIT_STATUS: Final = {End.PROMOTED: 0, End.REVERTED: 3, End.STUCK: 4}
RUNS_MAX: Final = 10_000
SUMMARY: Final = "Play a release of a Rollout in virtual time, without a cluster."
HELP: Final = f"""{SUMMARY}

The operator's own engine decides; pods, routes, requests and metrics are simulated. What is good
and what is bad is taken from the guards and gates, unless the scenario says it. With --runs the
release is played that often with chance in it: how long a bad one stays, metric by metric, and
how often a good one is sent back.

\b
Scenarios: {", ".join(STORIES)}, or a YAML file.

\b
Exit status:
  0  promoted
  2  usage, or a file that cannot be used
  3  sent back
  4  neither: held, paused, or waiting for what does not come
"""

File = Annotated[str, typer.Argument(help="File with the Rollout; - is stdin.")]
Name = Annotated[str | None, typer.Option("--name", help="Which Rollout, if there are several.")]
Story = Annotated[str, typer.Option("--scenario", help="Name of a scenario, or a YAML file.")]
Scrape = Annotated[str, typer.Option("--scrape", help="How often Prometheus scrapes.")]
Rate = Annotated[
    float | None,
    typer.Option("--rate", min=0.01, max=RATE_RPS_MAX, help="Requests a second (default 100)."),
]
Runs = Annotated[
    int, typer.Option("--runs", min=0, max=RUNS_MAX, help="Plays with chance in them.")
]
Shares = Annotated[
    str | None,
    typer.Option("--errors", help="Failed requests of a good and of a bad version, as 1%:30%."),
]
Seed = Annotated[int | None, typer.Option("--seed", help="Seed of the chance in --runs.")]
Budget = Annotated[str, typer.Option("--budget", help="Longest time that --runs may take.")]
Format = Annotated[AnswerOutput, typer.Option("--output", "-o", help="How to print it.")]


def simulate(
    file: File,
    *,
    name: Name = None,
    scenario: Story = "good",
    scrape: Scrape = "15s",
    rate: Rate = None,
    runs: Runs = 0,
    errors: Shares = None,
    seed: Seed = None,
    budget: Budget = "2m",
    output: Format = AnswerOutput.TEXT,
) -> None:
    """Play it; HELP is what people read."""
    rollout = manifests.the_rollout(file, name)
    told = scenario_of(scenario, rollout)
    if rate is not None:
        told = told.model_copy(update={"rate": rate})
    scrape_s = duration_s(scrape, "--scrape")
    shares = parse_errors(errors)
    setting = setting_of(rollout.name, rollout.spec, told, scrape_s=scrape_s)
    player = Player(rollout, setting)
    end = player.release(horizon_s(rollout.spec, told.pods.ready_after_s))
    if end is not End.STUCK:
        player.come_to_rest()
    seed = SystemRandom().randrange(1_000_000) if seed is None else seed
    found = None
    if runs:
        until_s = steady_s() + duration_s(budget, "--budget")
        rate_rps = RATE_RPS_DEFAULT if rate is None else rate
        found = chances(
            rollout,
            scrape_s=scrape_s,
            rate_rps=rate_rps,
            errors=shares,
            runs=runs,
            dice=lambda run: Random(f"{seed}/{run}"),  # noqa: S311 — chance in a play, no secret
            late=lambda: steady_s() > until_s,
        )
    if output is AnswerOutput.JSON:
        typer.echo(json.dumps(_as_json(player, end, found, seed), indent=2, ensure_ascii=False))
    else:
        typer.echo(clean_lines(_text(player, setting, scenario, end)))
        if found is not None:
            typer.echo(clean_lines(chances_text(found, seed)))
    raise typer.Exit(EXIT_STATUS[end])


def scenario_of(name: str, rollout: Rollout) -> Scenario:
    """The scenario of that name or in that file; UsageError in one sentence for what is wrong."""
    if name in STORIES:
        return STORIES[name](rollout.spec)
    if not Path(name).is_file():
        known = ", ".join(STORIES)
        raise UsageError(f"--scenario {name!r} is neither a file nor one of {known}")
    try:
        found = yaml.safe_load(manifests.text_of(name))
        scenario = read_strictly(Scenario, written_out(found), "scenario")
    except yaml.YAMLError as error:
        raise UsageError(f"{name} is no YAML: {' '.join(str(error).split())}") from error
    except SpecError as error:
        raise UsageError(f"{name}: {error}") from error
    wrong = sorted(scenario.metrics.keys() - {metric.name for metric in rollout.spec.metrics})
    if wrong:
        raise UsageError(f"{name}: no metric of {rollout.name} is named {', '.join(wrong)}")
    broken = [
        rule.message
        for script in scenario.metrics.values()
        for change in (*(script.stable or ()), *(script.canary or ()))
        for rule in change.all_rules()
        if rule.holds is not None and not rule.holds(change)
    ]
    if broken:
        raise UsageError(f"{name}: {broken[0]}")
    return scenario


def clean_lines(lines: Iterator[str]) -> str:
    """The lines as a terminal may show them, whatever the file has in it."""
    return "\n".join(clean(line).rstrip() for line in lines)


def _text(player: Player, setting: Setting, scenario: str, end: End) -> Iterator[str]:
    told = setting.scenario
    rollout = player.rollout
    title = f"{rollout.namespace}/{rollout.name}, scenario {scenario}"
    yield f"{title}: {told.description}" if told.description else title
    yield (
        f"{told.rate:g} requests/s, scraped every {span_text(setting.scrape_s)}; the new template "
        "is applied at 0s"
    )
    yield from (f"  {_metric_text(metric)}" for metric in setting.metrics.values())
    if player.granted:
        yield f"  approvals are taken as given: phase {', '.join(player.granted)}"
    yield ""
    phases = preflight_of(rollout.spec) + rollout.spec.phases
    width = max([0, *(len(phase.name) for phase in phases)])
    for one in player.told:
        mark = "!" if one.warning else " "
        where = f"{one.phase:<{width}} {one.weight:>3} %"
        yield f"{span_text(one.at_s):>8} {mark} {where}  {one.reason:<16} {one.message}"
    if player.told_more:
        yield f"         … and {player.told_more} more"
    yield ""
    yield from plain(picture(story(player.body, player.now), player.now)).splitlines()
    yield ""
    yield f"end: {_end_text(player, end)}"


def _end_text(player: Player, end: End) -> str:
    took = span_text(player.took_s)
    lost = round(player.world.failed)
    failed = f"; {lost} requests met no ready pod" if lost else ""
    match end:
        case End.PROMOTED:
            return f"promoted after {took}{failed}"
        case End.REVERTED:
            return f"sent back after {took}{failed}"
        case End.STUCK:
            return f"neither promoted nor sent back after {took}{failed}"


def _metric_text(metric: ScriptedMetric) -> str:
    if metric.rate:
        return f"{metric.name}: the rate of the requests themselves"
    stable, new = (_changes_text(changes) for changes in (metric.stable, metric.canary))
    return f"{metric.name}: stable {stable}, new {new}"


def _changes_text(changes: tuple[Change, ...]) -> str:
    return ", ".join(map(_change_text, changes))


def _change_text(change: Change) -> str:
    words = ["no data" if change.value is None else f"{change.value:.4g}"]
    words += [f"from {span_text(change.at_s)}"] if change.at_s else []
    words += [f"for {span_text(change.for_s)}"] if change.for_s is not None else []
    words += [f"every {span_text(change.every_s)}"] if change.every_s is not None else []
    words += [f"at {change.weight} % or more"] if change.weight is not None else []
    return " ".join(words)


def _as_json(player: Player, end: End, found: Chances | None, seed: int) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "end": end.value,
        "tookSeconds": round(player.took_s, 3),
        "failedRequests": round(player.world.failed, 3),
        "message": player.status.message,
        "timeline": [asdict(one) for one in player.told],
    }
    if player.granted:
        shown["approvalsTakenAsGiven"] = list(player.granted)
    return shown if found is None else shown | {"seed": seed, "chances": asdict(found)}
