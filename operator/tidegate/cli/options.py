"""Options that commands share, and what they mean together."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated, TypeAlias

import typer

from tidegate.api.scalars import parse_duration
from tidegate.cli.errors import UsageError


class Output(StrEnum):
    """How a Rollout is printed."""

    TEXT = "text"
    WIDE = "wide"
    JSON = "json"
    YAML = "yaml"


class AnswerOutput(StrEnum):
    """How the answer to an action is printed."""

    TEXT = "text"
    JSON = "json"


Name: TypeAlias = Annotated[str, typer.Argument(help="Name of the Rollout.")]
Namespace: TypeAlias = Annotated[
    str | None, typer.Option("--namespace", "-n", help="Namespace; left out, the context's own.")
]
Kubeconfig: TypeAlias = Annotated[
    Path | None, typer.Option("--kubeconfig", help="Kubeconfig file; left out, as kubectl does.")
]
Context: TypeAlias = Annotated[
    str | None, typer.Option("--context", help="Context of the kubeconfig to use.")
]


def duration_s(text: str, option: str) -> float:
    """Seconds of a duration option; UsageError in its own words."""
    try:
        return parse_duration(text)
    except ValueError as error:
        raise UsageError(f"{option} {text!r} {error}") from error
