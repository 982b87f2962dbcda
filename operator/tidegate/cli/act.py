"""`tidegate abort`, `pause`, `undo` and the other verbs: ask a Rollout, and print its answer."""

import json
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from tidegate.api.actions import Verb
from tidegate.api.limits import MAX_ACTION_REASON_CHARS
from tidegate.cli import errors
from tidegate.cli.approvals import completed
from tidegate.cli.options import AnswerOutput, Context, Kubeconfig, Name, Namespace
from tidegate.views.events import generate_name
from tidegate.views.foreign_text import bare, clean

if TYPE_CHECKING:
    from tidegate.cli.kube import Cluster

ANSWER_WITHIN_S: Final = 30.0

_HELP: Final = {
    Verb.APPROVE: "Say that a phase may begin; it begins once enough persons did.",
    Verb.REJECT: "Say that a phase may not begin: the release is sent back.",
    Verb.ABORT: "Send all requests back to the stable revision, now.",
    Verb.PAUSE: "Stand still where the release is; guards stay on.",
    Verb.RESUME: "Go on after a pause.",
    Verb.PROMOTE: "Go to the end without the remaining phases; guards stay on.",
    Verb.RETRY: "Try the revision again that was sent back.",
    Verb.SKIP: "End the phase that is on without its hold and gates; guards stay on.",
    Verb.UNDO: "Go back to the revision that was stable before; in a bake, at once.",
}
_EXIT: Final = """

\b
Exit status:
  0  done (with --no-wait: asked)
  1  refused; the sentence says why
  2  usage, no such Rollout, or the API server could not be asked
  3  no answer within 30 s; the request stays and is answered when the operator is back
"""

Why = Annotated[str, typer.Option("--reason", help="Why, in one sentence; kept in the history.")]
Revision = Annotated[
    str | None, typer.Option("--revision", help="Act only if this revision is the one being tried.")
]
To = Annotated[
    str | None, typer.Option("--to", help="Later phase to go to; left out, the next one.")
]
Which = Annotated[
    str | None,
    typer.Option("--phase", help="Phase that is meant; left out, the one that waits, or the next."),
]
Wait = Annotated[bool, typer.Option("--wait/--no-wait", help="Wait up to 30 s for the answer.")]
Format = Annotated[AnswerOutput, typer.Option("--output", "-o", help="How to print the answer.")]


def add_verbs(app: typer.Typer) -> None:
    """Give the app one command for each verb."""
    for verb, text in _HELP.items():
        command = _skip if verb is Verb.SKIP else _command(verb)
        if verb in (Verb.APPROVE, Verb.REJECT):
            command = _of_a_phase(verb)
        app.command(verb.value, help=text + _EXIT, short_help=text)(command)


def _command(verb: Verb) -> Callable[..., None]:
    def command(
        name: Name,
        *,
        namespace: Namespace = None,
        reason: Why = "",
        revision: Revision = None,
        wait: Wait = True,
        output: Format = AnswerOutput.TEXT,
        kubeconfig: Kubeconfig = None,
        context: Context = None,
    ) -> None:
        asked = {"rollout": name, "verb": verb.value, "reason": reason, "revision": revision}
        answered = _act(asked, (kubeconfig, context, namespace), wait=wait)
        raise typer.Exit(_report(answered, output))

    return command


def _of_a_phase(verb: Verb) -> Callable[..., None]:
    def command(
        name: Name,
        *,
        phase: Which = None,
        namespace: Namespace = None,
        reason: Why = "",
        revision: Revision = None,
        wait: Wait = True,
        output: Format = AnswerOutput.TEXT,
        kubeconfig: Kubeconfig = None,
        context: Context = None,
    ) -> None:
        asked = {"rollout": name, "verb": verb.value, "reason": reason, "revision": revision}
        answered = _act(asked | {"phase": phase}, (kubeconfig, context, namespace), wait=wait)
        raise typer.Exit(_report(answered, output))

    return command


def _skip(
    name: Name,
    *,
    to: To = None,
    namespace: Namespace = None,
    reason: Why = "",
    revision: Revision = None,
    wait: Wait = True,
    output: Format = AnswerOutput.TEXT,
    kubeconfig: Kubeconfig = None,
    context: Context = None,
) -> None:
    asked = {"rollout": name, "verb": Verb.SKIP.value, "reason": reason, "revision": revision}
    answered = _act(asked | {"phase": to}, (kubeconfig, context, namespace), wait=wait)
    raise typer.Exit(_report(answered, output))


def _act(
    asked: Mapping[str, str | None],
    place: tuple[Path | None, str | None, str | None],
    *,
    wait: bool,
) -> dict[str, Any]:
    """Ask, and wait for the answer if that is wanted; `place` is kubeconfig, context, namespace."""
    if len(asked["reason"] or "") > MAX_ACTION_REASON_CHARS:
        raise errors.UsageError(f"--reason must have at most {MAX_ACTION_REASON_CHARS} characters")
    # The Kubernetes client takes longer to load than the rest of a command.
    from tidegate.cli.kube import Place, connect  # noqa: PLC0415 — loaded only by who needs it

    spec = {key: value for key, value in asked.items() if value}
    with connect(Place(*place)) as cluster:
        action = _ask(cluster, spec)
        return _answered(cluster, action) if wait else action


def _ask(cluster: "Cluster", spec: Mapping[str, Any]) -> dict[str, Any]:
    """Create the action in the user's own name, after a look whether there is such a Rollout."""
    rollout = None
    with suppress(errors.DeniedError):  # who may ask but not look must still be able to abort
        rollout = cluster.rollout(spec["rollout"])
    user, groups = cluster.user()
    signed = dict(spec) | ({"requestedBy": user} if user else {})
    if spec["verb"] == Verb.APPROVE:
        signed = completed(signed, rollout, groups)
    return cluster.create_action(signed, generate_name(spec["rollout"], spec["verb"]))


def _answered(cluster: "Cluster", action: Mapping[str, Any]) -> dict[str, Any]:
    name = action["metadata"]["name"]
    deadline = time.monotonic() + ANSWER_WITHIN_S
    for body in cluster.follow("rolloutactions", name, deadline):
        if (body.get("status") or {}).get("result"):
            return body
    raise errors.TimedOutError(
        f"no answer to {action['spec']['verb']} within {ANSWER_WITHIN_S:g}s: is the operator "
        f"running? The request stays and is answered when it is; take it back with: "
        f"kubectl -n {cluster.namespace} delete rolloutactions.tidegate.io {name}"
    )


def _report(action: Mapping[str, Any], output: AnswerOutput) -> int:
    """Print the answer; a refusal goes to standard error, for that is where it is looked for."""
    status = action.get("status") or {}
    result = status.get("result")
    refused = result == "Refused"
    if output is AnswerOutput.JSON:
        typer.echo(json.dumps(bare(action), indent=2, ensure_ascii=False))
    else:
        asked = f"{action['spec']['verb']} {action['spec']['rollout']}"
        answer = f"{result}: {status.get('message', '')}" if result else _unanswered(action)
        typer.echo(clean(f"{asked}: {answer}"), err=refused)
    return errors.FAILED if refused else errors.OK


def _unanswered(action: Mapping[str, Any]) -> str:
    return f"asked; the answer will be in rolloutactions/{action['metadata']['name']}"
