"""`tidegate lint`: what is wrong with a manifest, and what is doubtful, without a cluster."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Annotated, Final, Literal

import typer

from tidegate.api.constants import API_VERSION, GROUP
from tidegate.api.problems import FieldProblem, SpecError
from tidegate.api.rollout import Rollout
from tidegate.api.support import unsupported
from tidegate.api.validation import problems
from tidegate.cli import errors, manifests
from tidegate.cli.manifests import Broken, Document
from tidegate.cli.options import AnswerOutput, duration_s
from tidegate.ports.metrics import Subject
from tidegate.rehearsal.doubts import doubts
from tidegate.views.foreign_text import clean

SUMMARY: Final = "Check Rollouts in files, without a cluster."
HELP: Final = f"""{SUMMARY}

Everything that would make a Rollout Invalid is an error; what is allowed and probably not meant
is a warning. A folder stands for its YAML files, - for stdin. Objects of other kinds are skipped.
Queries are filled in as the operator does it; with --prometheus they are asked there once, too,
and what it refuses is an error in its own words.

\b
Exit status:
  0  no errors (with --strict: no warnings either)
  1  errors
  2  usage, a file that cannot be read, no Rollout in any of them, or no answer of --prometheus
"""

Level = Literal["error", "warning", "note"]

Files = Annotated[list[str], typer.Argument(help="Files or folders; - is stdin.")]
Strict = Annotated[bool, typer.Option("--strict", help="Warnings count as errors.")]
Scrape = Annotated[str, typer.Option("--scrape", help="How often Prometheus scrapes.")]
Server = Annotated[
    str | None, typer.Option("--prometheus", help="URL of a Prometheus to try the queries on.")
]
Format = Annotated[AnswerOutput, typer.Option("--output", "-o", help="How to print it.")]


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the answer."""

    file: str
    line: int
    level: Level
    path: str
    message: str

    @property
    def text(self) -> str:
        """As compilers write it, so that editors find the place."""
        path = f"{self.path}: " if self.path else ""
        return clean(f"{self.file}:{self.line}: {self.level}: {path}{self.message}")


def lint(
    files: Files,
    *,
    strict: Strict = False,
    scrape: Scrape = "15s",
    prometheus: Server = None,
    output: Format = AnswerOutput.TEXT,
) -> None:
    """Check each file; HELP is what people read."""
    scrape_s = duration_s(scrape, "--scrape")
    found: list[Finding] = []
    rollouts = 0
    for name in manifests.files(files):
        for one in manifests.documents(name, manifests.text_of(name)):
            rollouts += isinstance(one, Document) and one.is_rollout
            found += judged(one, scrape_s, prometheus)
    _print(found, rollouts, output)
    if not rollouts and not any(one.level == "error" for one in found):
        raise errors.UsageError(f"there is no Rollout of {GROUP} in {', '.join(files)}")
    bad = {"error", "warning"} if strict else {"error"}
    raise typer.Exit(errors.FAILED if any(one.level in bad for one in found) else errors.OK)


def judged(one: Document | Broken, scrape_s: float, prometheus: str | None) -> Iterator[Finding]:
    """What there is to say of one object."""
    if isinstance(one, Broken):
        yield Finding(one.file, one.line, "error", "", one.message)
        return
    if not one.is_rollout:
        yield Finding(one.file, one.line, "note", "", f"skipped: {one.title or 'no kind'}")
        return
    wrong = tuple(_errors(one.body))
    yield from _told(one, "error", wrong)
    if wrong:
        return
    rollout = Rollout.parse(one.body)
    yield from _told(one, "warning", doubts(rollout.spec, scrape_s))
    if prometheus is not None:
        # aiohttp takes longer to load than the rest of the command.
        from tidegate.cli.trying import refused  # noqa: PLC0415 — loaded only by who needs it

        yield from _told(one, "error", refused(rollout, prometheus))


def _told(one: Document, level: Level, wrong: tuple[FieldProblem, ...]) -> Iterator[Finding]:
    for problem in sorted(wrong, key=lambda problem: one.line_of(problem.path)):
        line = one.line_of(problem.path)
        yield Finding(one.file, line, level, problem.path, problem.message)


def _errors(body: Mapping[str, object]) -> Iterator[FieldProblem]:
    if body.get("apiVersion") != API_VERSION:
        yield FieldProblem(
            "apiVersion", f"{body.get('apiVersion')!r} is not known here; use {API_VERSION}"
        )
        return
    try:
        rollout = Rollout.parse(body)
    except SpecError as error:
        yield from error.problems
        return
    yield from problems(rollout.spec)
    yield from unsupported(rollout.spec)
    yield from _unfilled(rollout)


def _unfilled(rollout: Rollout) -> Iterator[FieldProblem]:
    """Queries whose variables are unknown or out of place: the operator would say so in a run."""
    # Its package brings aiohttp along, which other commands need not load.
    from tidegate.adapters.prometheus.render import RenderError, render  # noqa: PLC0415 — as above

    subject = Subject(rollout.namespace, rollout.name, "revision", "", "")
    for index, metric in enumerate(rollout.spec.metrics):
        for field in ("query", "samples"):
            text = getattr(metric, field)
            try:
                render(text or "", subject, metric.window_s)
            except RenderError as error:
                yield FieldProblem(f"spec.metrics[{index}].{field}", str(error))


def _print(found: list[Finding], rollouts: int, output: AnswerOutput) -> None:
    if output is AnswerOutput.JSON:
        shown = {"rollouts": rollouts, "findings": [asdict(one) for one in found]}
        typer.echo(json.dumps(shown, indent=2, ensure_ascii=False))
        return
    for one in found:
        typer.echo(one.text)
    counts = [_counted(found, level) for level in ("error", "warning")]
    typer.echo(f"{_number(rollouts, 'Rollout')}: {', '.join(counts)}")


def _counted(found: list[Finding], level: str) -> str:
    return _number(sum(one.level == level for one in found), level)


def _number(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"
