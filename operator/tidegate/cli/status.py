"""`tidegate status`: what a Rollout is doing, once, on and on, or until it has come to an end."""

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from tidegate.cli import errors
from tidegate.cli.options import Context, Kubeconfig, Name, Namespace, Output, duration_s
from tidegate.views.outcome import Outcome, outcome
from tidegate.views.story import UNSEEN

if TYPE_CHECKING:
    from tidegate.cli.kube import Cluster

SUMMARY: Final = "Show what a Rollout is doing, why, and what is next."
HELP: Final = f"""{SUMMARY}

With --wait the exit status is 0 only for the spec as it is now: a status of an older generation
is waited out. With -w into a pipe every change is one plain line.

\b
Exit status:
  0  Healthy with all its pods (without --wait: nothing has failed)
  1  Reverted, Invalid, or a first deployment past its progressDeadline
  2  usage, no such Rollout, or the API server could not be asked
  3  --timeout is over and it is neither
"""

Watch = Annotated[bool, typer.Option("--watch", "-w", help="Go on showing every change.")]
Wait = Annotated[
    bool, typer.Option("--wait", help="Return when it is Healthy, Reverted or Invalid.")
]
Timeout = Annotated[str, typer.Option("--timeout", help="Longest --wait, such as 90s or 1h30m.")]
Format = Annotated[Output, typer.Option("--output", "-o", help="How to print it.")]


def status(
    name: Name,
    *,
    namespace: Namespace = None,
    watch: Watch = False,
    output: Format = Output.TEXT,
    wait: Wait = False,
    timeout: Timeout = "10m",
    kubeconfig: Kubeconfig = None,
    context: Context = None,
) -> None:
    """Show one Rollout; HELP is what people read."""
    limit_s = duration_s(timeout, "--timeout") if wait else None
    # The Kubernetes client takes longer to load than the rest of a command.
    from tidegate.cli.kube import Place, connect  # noqa: PLC0415 — loaded only by who needs it

    with connect(Place(kubeconfig, context, namespace)) as cluster:
        if watch or wait:
            raise typer.Exit(_follow(cluster, name, output, limit_s, quiet=not watch))
        from tidegate.cli import screen  # noqa: PLC0415 — rich, as above

        body = cluster.rollout(name)
        screen.show(body, output)
        raise typer.Exit(errors.FAILED if outcome(body) is Outcome.FAILED else errors.OK)


def _follow(
    cluster: "Cluster", name: str, output: Output, limit_s: float | None, *, quiet: bool
) -> int:
    """Show changes until the end that is waited for; return the exit status."""
    from tidegate.cli import screen  # noqa: PLC0415 — rich, as above

    deadline = None if limit_s is None else time.monotonic() + limit_s
    try:
        if quiet:
            body = _last(cluster, name, deadline, lambda _: None)
            screen.show(body, output)
        elif output is Output.TEXT and screen.interactive():
            view = screen.Picture()
            with screen.live(view):
                body = _last(cluster, name, deadline, view.take)
        else:
            body = _last(cluster, name, deadline, _Lines(output))
    except KeyboardInterrupt:
        return errors.INTERRUPTED
    return _exit_status(body, name, limit_s)


def _last(cluster: "Cluster", name: str, deadline: float | None, show: Any) -> Mapping[str, Any]:
    """Show each change; return the last one, the end itself or what there was at the deadline."""
    body: Mapping[str, Any] | None = None
    for body in cluster.follow("rollouts", name, deadline):
        show(body)
        if deadline is not None and outcome(body) is not Outcome.PENDING:
            break
    return body if body is not None else cluster.rollout(name)


def _exit_status(body: Mapping[str, Any], name: str, limit_s: float | None) -> int:
    match outcome(body):
        case Outcome.HEALTHY:
            return errors.OK
        case Outcome.FAILED:
            return errors.FAILED
        case Outcome.PENDING:
            found = body.get("status") or {}
            message = found.get("message") or "it has not said anything"
            if found.get("observedGeneration", UNSEEN) < body["metadata"].get("generation", 0):
                message = "the operator has not seen the last change; does it run?"
            raise errors.TimedOutError(
                f"{name} is neither Healthy nor failed after {limit_s:g}s: {message}"
            )


class _Lines:
    """Prints one line a change, with the time, for pipes and logs."""

    def __init__(self, output: Output) -> None:
        self._output = output
        self._before = ""

    def __call__(self, body: Mapping[str, Any]) -> None:
        from tidegate.cli import screen  # noqa: PLC0415 — rich, as above

        line = screen.change_line(body, self._output)
        if line == self._before:
            return
        self._before = line
        stamp = f"{time.strftime('%H:%M:%SZ', time.gmtime())} "
        typer.echo(f"{stamp if self._output is Output.TEXT else ''}{line}")
