"""The commands, and the one place where errors become a sentence and an exit status."""

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from typer.core import TyperGroup

from tidegate import __version__
from tidegate.cli import act, status
from tidegate.cli.errors import CommandError
from tidegate.views.foreign_text import clean

DEFAULT_CONFIG: Final = Path("/etc/tidegate/config.yaml")


class LogFormat(StrEnum):
    """How the operator logs."""

    TEXT = "text"
    JSON = "json"


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


@app.command()
def operator(
    config: Annotated[
        Path | None,
        typer.Option("--config", help=f"Settings file; left out, {DEFAULT_CONFIG} if it exists."),
    ] = None,
    namespace: Annotated[
        list[str] | None,
        typer.Option("--namespace", "-n", help="Namespace to serve; repeat it; left out, all."),
    ] = None,
    liveness_port: Annotated[
        int, typer.Option("--liveness-port", min=1, max=65535, help="Port of /healthz.")
    ] = 8080,
    log_format: Annotated[
        LogFormat, typer.Option("--log-format", help="Lines for people or for programs.")
    ] = LogFormat.TEXT,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Log every decision.")] = False,
) -> None:
    """Run the operator in this process."""
    # The operator's libraries load only here, so that the other commands start at once.
    from tidegate.controller.main import run  # noqa: PLC0415 — see above
    from tidegate.controller.settings import SettingsError  # noqa: PLC0415 — see above

    if config is not None and not config.is_file():
        raise CommandError(f"--config {config} is not a file; mount it or name another one")
    try:
        run(
            config_path=config or (DEFAULT_CONFIG if DEFAULT_CONFIG.is_file() else None),
            namespaces=tuple(namespace or ()),
            liveness_port=liveness_port,
            log_json=log_format is LogFormat.JSON,
            verbose=verbose,
        )
    except SettingsError as error:
        raise CommandError(f"the operator cannot start: {error}") from error


@app.command()
def version() -> None:
    """Print the version of this command."""
    typer.echo(f"tidegate {__version__}")


def main() -> None:
    """Run the command line; `kubectl tidegate` calls it by its plugin's name."""
    plugin = Path(sys.argv[0]).name.startswith("kubectl-")
    app(prog_name="kubectl tidegate" if plugin else "tidegate")
