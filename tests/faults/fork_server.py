"""A parent of operators: it has imported Tidegate once, and forks a child for each order.

Run as `python -m tests.faults.fork_server`. Orders and answers are JSON, one a line:
`{"arguments": […], "environment": {…}, "log": FILE}` starts a child and tells its pid;
`{"pid": N}` tells its exit status, or null while it runs. Importing is most of what a start costs,
and there are hundreds of starts.
"""

from __future__ import annotations

import gc
import json
import os
import sys
from typing import Any, NoReturn

import kubernetes.aio.client
import kubernetes.aio.config.kube_config
import kubernetes.config.kube_config

import tidegate.controller.main
from tidegate.cli.main import main

PRELOADED = (kubernetes.aio.client, tidegate.controller.main)
READ_AT_IMPORT = (kubernetes.config.kube_config, kubernetes.aio.config.kube_config)
"""They look at KUBECONFIG once, when they are imported."""


def serve() -> None:
    """Answer orders until the other side hangs up."""
    gc.freeze()
    for line in sys.stdin:
        order = json.loads(line)
        answer = ended(order["pid"]) if "pid" in order else forked(order)
        print(json.dumps(answer), flush=True)


def forked(order: dict[str, Any]) -> int:
    """Start a child; its process id."""
    pid = os.fork()
    if pid == 0:
        become_operator(order)
    return pid


def ended(pid: int) -> int | None:
    """The exit status of a child as `subprocess` counts it, or None while it runs."""
    done, status = os.waitpid(pid, os.WNOHANG)
    return os.waitstatus_to_exitcode(status) if done else None


def become_operator(order: dict[str, Any]) -> NoReturn:
    """Take the place of a freshly started `tidegate`."""
    words = os.open(order["log"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for source, target in ((nothing, 0), (words, 1), (words, 2)):
        os.dup2(source, target)
    os.environ.clear()
    os.environ.update(order["environment"])
    for module in READ_AT_IMPORT:
        vars(module)["KUBE_CONFIG_DEFAULT_LOCATION"] = os.environ["KUBECONFIG"]
    sys.argv = ["tidegate", *order["arguments"]]
    try:
        main()
    except SystemExit as leaving:
        sys.stdout.flush()
        os._exit(leaving.code if isinstance(leaving.code, int) else int(bool(leaving.code)))
    os._exit(0)


if __name__ == "__main__":
    serve()
