"""From what the API server or the network answers to the error a person reads."""

import json
from typing import Any

from tidegate.cli.errors import (
    CommandError,
    DeniedError,
    NotFoundError,
    RefusedError,
    UnreachableError,
)

_UNAUTHORIZED = 401
_FORBIDDEN = 403
_NOT_FOUND = 404
_BUSY = 429
_SERVER = 500


def refusal(code: int, body: bytes, what: str) -> CommandError:
    """The error for a response that is not 2xx; `what` tells what was tried."""
    said = _message(body)
    match code:
        case _ if code == _UNAUTHORIZED:
            return DeniedError(
                f"cannot {what}: the API server does not accept your credentials ({said}); "
                "log in to the cluster again, or choose another --context"
            )
        case _ if code == _FORBIDDEN:
            return DeniedError(
                f"cannot {what}: {said}; ask whoever runs the cluster for this right "
                "(`kubectl auth can-i` shows what you have)"
            )
        case _ if code == _NOT_FOUND:
            return NotFoundError(
                f"cannot {what}: {said}; if Tidegate is not installed in this cluster, install "
                "its chart; else check --context and --namespace"
            )
        case _ if code == _BUSY or code >= _SERVER:
            return UnreachableError(
                f"cannot {what}: the API server answers {code} ({said}); it is overloaded or "
                "starting, try again shortly"
            )
        case _:
            return RefusedError(f"cannot {what}: the API server refuses it ({code}): {said}")


def no_answer(host: str, error: Exception, what: str) -> UnreachableError:
    """The error for a request that got no response."""
    why = " ".join(str(error).split()) or type(error).__name__
    return UnreachableError(
        f"cannot {what}: no answer from the API server at {host} ({why}); check the network, "
        "--context and --kubeconfig"
    )


def unreadable(host: str, what: str) -> UnreachableError:
    """The error for a response that is not what Kubernetes sends."""
    return UnreachableError(
        f"cannot {what}: {host} answers, but not as a Kubernetes API server does; check --context "
        "and any proxy in between"
    )


def _message(body: bytes) -> str:
    """The server's own words, from a Status object or plain text, without a full stop."""
    try:
        status: Any = json.loads(body)
    except ValueError:
        status = None
    said = status.get("message") if isinstance(status, dict) else None
    words = said if isinstance(said, str) and said else body.decode(errors="replace")
    return " ".join(words.split()).rstrip(".")[:1024] or "without a reason"
