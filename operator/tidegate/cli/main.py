"""The commands, and the one place where errors become a sentence and an exit status."""

import sys
from pathlib import Path
from typing import Any

import typer
from typer.core import TyperGroup

from tidegate import __version__
from tidegate.cli import act, lint, serving, simulate, status
from tidegate.cli.errors import CommandError
from tidegate.views.foreign_text import clean


class Spoken(TyperGroup):
    """A group whose commands end with a sentence instead of a traceback when they must."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command; print its CommandError and take its exit status."""
        try:
            return super().invoke(ctx)
        except CommandError as error:
            typer.echo(clean(f"tidegate: {error}"), err=True)
            raise typer.Exit(error.exit_code) from error


app = typer.Typer(
    cls=Spoken,
    help="Progressive delivery for Kubernetes: phases forward, guards back.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("status", help=status.HELP, short_help=status.SUMMARY)(status.status)
act.add_verbs(app)
app.command("lint", help=lint.HELP, short_help=lint.SUMMARY)(lint.lint)
app.command("simulate", help=simulate.HELP, short_help=simulate.SUMMARY)(simulate.simulate)


app.command()(serving.operator)


@app.command()
def version() -> None:
    """Print the version of this command."""
    typer.echo(f"tidegate {__version__}")


def main() -> None:
    """Run the command line; `kubectl tidegate` calls it by its plugin's name."""
    plugin = Path(sys.argv[0]).name.startswith("kubectl-")
    app(prog_name="kubectl tidegate" if plugin else "tidegate")
