"""`tidegate lint`: what is wrong with a manifest, and what is doubtful, without a cluster."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Annotated, Any, Final, Literal

import typer

from tidegate.api.checks import Metric
from tidegate.api.constants import GROUP
from tidegate.api.policy_checks import read_policy
from tidegate.api.problems import FieldProblem, SpecError
from tidegate.api.rollout import Rollout
from tidegate.api.support import unsupported
from tidegate.api.validation import problems
from tidegate.cli import errors, manifests
from tidegate.cli.judging import (
    FoundPolicies,
    policy_errors,
    policy_obstacles,
    unfilled,
    version_problem,
)
from tidegate.cli.manifests import Broken, Document
from tidegate.cli.options import AnswerOutput, duration_s
from tidegate.ports.metrics import Subject
from tidegate.rehearsal.doubts import doubts
from tidegate.views.foreign_text import clean

SUMMARY: Final = "Check Rollouts and RolloutPolicies in files, without a cluster."
HELP: Final = f"""{SUMMARY}

Everything that would make a Rollout Invalid, or a RolloutPolicy not Accepted, is an error; what
is allowed and probably not meant is a warning. Policies of the files hold for the Rollouts beside
them that they match; one that selects namespaces needs the Namespace there, too. A folder stands
for its YAML files, - for stdin. Objects of other kinds are skipped.
Queries are filled in as the operator does it; with --prometheus they are asked there once, too,
and what it refuses is an error in its own words.

\b
Exit status:
  0  no errors (with --strict: no warnings either)
  1  errors
  2  usage, a file that cannot be read, nothing to check in them, or no answer of --prometheus
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
    read = [
        one
        for name in manifests.files(files)
        for one in manifests.documents(name, manifests.text_of(name))
    ]
    objects = [one for one in read if isinstance(one, Document)]
    beside = FoundPolicies(objects)
    found = [finding for one in read for finding in judged(one, beside, scrape_s, prometheus)]
    rollouts = sum(one.is_rollout for one in objects)
    policies = sum(one.is_policy for one in objects)
    _print(found, rollouts, policies, output)
    if not rollouts + policies and not any(one.level == "error" for one in found):
        raise errors.UsageError(
            f"there is no Rollout and no RolloutPolicy of {GROUP} in {', '.join(files)}"
        )
    bad = {"error", "warning"} if strict else {"error"}
    raise typer.Exit(errors.FAILED if any(one.level in bad for one in found) else errors.OK)


def judged(
    one: Document | Broken, beside: FoundPolicies, scrape_s: float, prometheus: str | None
) -> Iterator[Finding]:
    """What there is to say of one object; `beside` are the policies of all files."""
    if isinstance(one, Broken):
        yield Finding(one.file, one.line, "error", "", one.message)
        return
    if one.is_policy:
        yield from _policy(one, prometheus)
        return
    if not one.is_rollout:
        yield Finding(one.file, one.line, "note", "", f"skipped: {one.title or 'no kind'}")
        return
    wrong = tuple(_errors(one.body, beside))
    yield from _told(one, "error", wrong)
    if wrong:
        return
    rollout = Rollout.parse(one.body)
    yield from _told(one, "warning", doubts(rollout.spec, scrape_s))
    if prometheus is not None:
        metrics, name = rollout.spec.metrics, rollout.name
        yield from _told(one, "error", _refused(metrics, rollout.namespace, name, prometheus))


def _policy(one: Document, prometheus: str | None) -> Iterator[Finding]:
    wrong = tuple(policy_errors(one.body))
    yield from _told(one, "error", wrong)
    if prometheus is not None and not wrong:
        policy = read_policy(one.body)
        tried = _refused(policy.metrics, "default", policy.name, prometheus)
        yield from _told(one, "error", tried)


def _refused(
    metrics: Sequence[Metric], namespace: str, name: str, prometheus: str
) -> tuple[FieldProblem, ...]:
    # aiohttp takes longer to load than the rest of the command.
    from tidegate.cli.trying import refused  # noqa: PLC0415 — loaded only by who needs it

    return refused(metrics, namespace, name, prometheus)


def _told(one: Document, level: Level, wrong: tuple[FieldProblem, ...]) -> Iterator[Finding]:
    for problem in sorted(wrong, key=lambda problem: one.line_of(problem.path)):
        line = one.line_of(problem.path)
        yield Finding(one.file, line, level, problem.path, problem.message)


def _errors(body: Mapping[str, Any], beside: FoundPolicies) -> Iterator[FieldProblem]:
    if wrong := tuple(version_problem(body)):
        yield from wrong
        return
    try:
        rollout = Rollout.parse(body)
    except SpecError as error:
        yield from error.problems
        return
    ruled, theirs = beside.applied(rollout, body)
    yield from problems(rollout.spec, theirs)
    yield from unsupported(rollout.spec)
    yield from policy_obstacles(ruled)
    subject = Subject(rollout.namespace, rollout.name, "revision", "", "")
    yield from unfilled(rollout.spec.metrics, subject)


def _print(found: list[Finding], rollouts: int, policies: int, output: AnswerOutput) -> None:
    if output is AnswerOutput.JSON:
        shown: dict[str, object] = {"rollouts": rollouts, "policies": policies}
        shown["findings"] = [asdict(one) for one in found]
        typer.echo(json.dumps(shown, indent=2, ensure_ascii=False))
        return
    for one in found:
        typer.echo(one.text)
    counts = [_counted(found, level) for level in ("error", "warning")]
    judged_of = _number(rollouts, "Rollout")
    if policies:
        judged_of += f", {policies} RolloutPolic{'y' if policies == 1 else 'ies'}"
    typer.echo(f"{judged_of}: {', '.join(counts)}")


def _counted(found: list[Finding], level: str) -> str:
    return _number(sum(one.level == level for one in found), level)


def _number(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"
