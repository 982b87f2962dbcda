"""How pictures reach a terminal or a pipe: colours only where somebody looks at them."""

import json
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, Final

import typer
import yaml
from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from tidegate.api.status import RolloutStatus
from tidegate.cli.options import Output
from tidegate.views.foreign_text import bare, clean
from tidegate.views.picture import Line, Tone, picture, plain
from tidegate.views.story import one_line, story

_STYLES: Final[dict[Tone, str]] = {
    "": "",
    "good": "green",
    "bad": "bold red",
    "wait": "yellow",
    "dim": "dim",
    "strong": "bold",
    "canary": "yellow",
}
_COLUMNS: Final = ("NAME", "STATE", "PHASE", "WEIGHT", "GATES", "READY", "STABLE", "CANARY")
_WIDE: Final = "{:<24} {:<16} {:<16} {:>6} {:>6} {:>7} {:<12} {:<12} {}"


def interactive() -> bool:
    """Whether a person looks at the output."""
    return sys.stdout.isatty()


def lines_of(body: Mapping[str, Any]) -> tuple[Line, ...]:
    """The picture of a Rollout as it is this moment."""
    now = datetime.now(UTC)
    return picture(story(body, now), now)


def show(body: Mapping[str, Any], output: Output) -> None:
    """Print the whole Rollout once."""
    match output:
        case Output.JSON:
            typer.echo(json.dumps(bare(body), indent=2, ensure_ascii=False))
        case Output.YAML:
            typer.echo(yaml.safe_dump(bare(body), sort_keys=False, allow_unicode=True), nl=False)
        case Output.WIDE:
            typer.echo(_WIDE.format(*_COLUMNS, "MESSAGE"))
            typer.echo(wide_row(body))
        case Output.TEXT if interactive():
            Console(highlight=False).print(coloured(lines_of(body)))
        case Output.TEXT:
            typer.echo(plain(lines_of(body)))


def change_line(body: Mapping[str, Any], output: Output) -> str:
    """One change in one line; equal lines are no change. YAML, which has lines, is one document."""
    match output:
        case Output.JSON:
            return json.dumps(bare(body), ensure_ascii=False)
        case Output.YAML:
            return "---\n" + yaml.safe_dump(bare(body), sort_keys=False, allow_unicode=True)
        case Output.WIDE:
            return wide_row(body)
        case Output.TEXT:
            return one_line(RolloutStatus.parse(body))


def wide_row(body: Mapping[str, Any]) -> str:
    """The columns of `kubectl get -o wide`, in one line."""
    status = RolloutStatus.parse(body)
    cells = (
        body["metadata"]["name"],
        status.state.value,
        status.phase.name if status.phase else "-",
        status.weight,
        status.gates_summary or "-",
        status.ready or "-",
        status.stable_revision or "-",
        status.canary_revision or "-",
        status.message,
    )
    return clean(_WIDE.format(*cells).rstrip())


def coloured(lines: Iterable[Line]) -> Group:
    """The lines as rich prints them; text from objects is never read as markup."""
    return Group(*(_text(line) for line in lines))


class Picture:
    """A picture that stays on the terminal and keeps its clocks going between changes."""

    def __init__(self) -> None:
        self._body: Mapping[str, Any] | None = None

    def take(self, body: Mapping[str, Any]) -> None:
        """Show this Rollout from now on."""
        self._body = body

    def drawn(self) -> Group:
        """The picture of this moment; called by the terminal, once a second."""
        return coloured(lines_of(self._body)) if self._body is not None else Group()


@contextmanager
def live(view: Picture) -> Iterator[Live]:
    """Keep the picture on the terminal while the block runs."""
    console = Console(highlight=False)
    with Live(
        get_renderable=view.drawn,
        console=console,
        refresh_per_second=1,
        vertical_overflow="visible",
    ) as shown:
        yield shown


def _text(line: Line) -> Text:
    return Text.assemble(*((text, _STYLES[tone]) for text, tone in line))
