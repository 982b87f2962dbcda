"""Watching the routes from outside the operator: when did the canary have which share?"""

from __future__ import annotations

import json
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, Any, Self

from sandbox import Cluster

STOP_S = 10.0


@dataclass(frozen=True)
class Share:
    """The canary's weight in percent as first seen at that Unix time in seconds."""

    at_s: float
    canary: int
    stable: int


class RouteWatch:
    """A `kubectl get --watch` on one VirtualService or HTTPRoute; a context manager."""

    def __init__(
        self, cluster: Cluster, namespace: str, name: str, *, kind: str = "virtualservice"
    ) -> None:
        command = [str(cluster.kubectl_path), "--kubeconfig", str(cluster.kubeconfig)]
        command += ["get", kind, name, "-n", namespace, "--watch", "-o", "json"]
        self._command = command
        self._process: subprocess.Popen[str] | None = None
        self._thread: threading.Thread | None = None
        self.shares: list[Share] = []

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(self._command, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None, "it was asked for"
        self._thread = threading.Thread(target=self._follow, args=(self._process.stdout,))
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(STOP_S)
        if self._thread is not None:
            self._thread.join(STOP_S)
        if self._process is not None and self._process.stdout is not None:
            self._process.stdout.close()

    def _follow(self, stream: IO[str]) -> None:
        for body in _objects(stream):
            weights = primary_weights(body)
            if weights is None:
                continue
            share = Share(time.time(), weights[1], weights[0])
            last = self.shares[-1] if self.shares else None
            if last is None or (last.canary, last.stable) != (share.canary, share.stable):
                self.shares.append(share)

    def zero_after(self, moment_s: float) -> float | None:
        """When the canary's weight was first 0 after that Unix time."""
        return next((s.at_s for s in self.shares if s.at_s >= moment_s and s.canary == 0), None)


def primary_weights(body: dict[str, Any]) -> tuple[int, int] | None:
    """(stable, canary) of the route or rule `primary`, in percent."""
    for rule in body.get("spec", {}).get("rules", ()):
        if rule.get("name") == "primary":
            roles = {r["name"].rpartition("-")[2]: r["weight"] for r in rule["backendRefs"]}
            return int(roles.get("stable", 0)), int(roles.get("canary", 0))
    for route in body.get("spec", {}).get("http", ()):
        if route.get("name") == "primary":
            weights = {r["destination"].get("subset"): r.get("weight", 0) for r in route["route"]}
            return int(weights.get("stable", 0)), int(weights.get("canary", 0))
    return None


def _objects(stream: IO[str]) -> Iterator[dict[str, Any]]:
    """The JSON objects of a stream, as soon as each is whole."""
    decoder, text = json.JSONDecoder(), ""
    for line in stream:
        text += line
        if line.rstrip() != "}":
            continue
        try:
            body, _ = decoder.raw_decode(text.strip())
        except ValueError:
            continue
        text = ""
        yield body
