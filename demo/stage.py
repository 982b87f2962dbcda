"""A cluster with the operator in it, and an app under load: what the demo and tests play on."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Callable
from contextlib import suppress
from http import HTTPStatus
from pathlib import Path
from typing import Any

from demo.manifests import App, Shop
from demo.operator_process import OperatorProcess, install_crds, install_rights
from demo.routes import RouteWatch
from sandbox import Cluster, Load, SandboxError
from sandbox.waiting import wait_until

RATE_PER_S = 200.0
ANSWER_S = 2.0
ROLLOUTS = "rollouts.tidegate.io"


class Stage:
    """One cluster, one operator process; shops come and go."""

    def __init__(self, cluster: Cluster, folder: Path) -> None:
        self.cluster = cluster
        self.folder = folder
        prometheus_url = ""
        with suppress(SandboxError):  # the api level has none
            prometheus_url = cluster.prometheus_url
        self.operator = OperatorProcess(cluster, folder, prometheus_url=prometheus_url)

    def set_up(self) -> None:
        """Install CRDs and rights, and start the operator."""
        install_crds(self.cluster)
        install_rights(self.cluster)
        self.operator.start()

    def open(self, shop: Shop, app: App, *, deadline_s: float = 120.0) -> None:
        """Create the shop with its first version, and wait until it serves."""
        for body in shop.base():
            self.cluster.apply(body)
        self.release(shop, app)
        self.await_state(shop, "Healthy", deadline_s=deadline_s)

    def release(self, shop: Shop, app: App) -> None:
        """Apply the Rollout with that version of the app."""
        self.cluster.apply(shop.rollout(app))

    def close(self, shop: Shop) -> None:
        """Delete the Rollout and wait until its pods are gone."""
        self.cluster.kubectl("delete", ROLLOUTS, shop.name, "-n", shop.namespace)

    def rollout(self, shop: Shop) -> dict[str, Any]:
        """The Rollout as it is now."""
        found: dict[str, Any] = self.cluster.get(ROLLOUTS, shop.name, "-n", shop.namespace)
        return found

    def status(self, shop: Shop) -> dict[str, Any]:
        """Its status; empty before the first."""
        found: dict[str, Any] = self.rollout(shop).get("status", {})
        return found

    def await_status(
        self, shop: Shop, what: str, holds: Callable[[dict[str, Any]], bool], *, deadline_s: float
    ) -> dict[str, Any]:
        """Wait until the status is so; SandboxError with the last one when it never is."""
        seen: dict[str, Any] = {}

        def check() -> bool:
            nonlocal seen
            body = self.rollout(shop)
            seen = body.get("status", {})
            return seen.get("observedGeneration") == body["metadata"]["generation"] and holds(seen)

        try:
            wait_until(check, deadline_s, what, poll_s=0.1)
        except SandboxError as error:
            shown = {k: seen.get(k) for k in ("state", "message", "phase", "weight", "checks")}
            raise SandboxError(f"{error}; last seen: {json.dumps(shown)}") from error
        return seen

    def await_state(self, shop: Shop, state: str, *, deadline_s: float) -> dict[str, Any]:
        """Wait until the Rollout says that state about its present generation."""
        return self.await_status(
            shop,
            f"{shop.name} {state}",
            lambda status: status.get("state") == state,
            deadline_s=deadline_s,
        )

    def await_weight(self, shop: Shop, weight: int, *, deadline_s: float) -> dict[str, Any]:
        """Wait until the routes give the canary that share."""
        return self.await_status(
            shop,
            f"{shop.name} at weight {weight}",
            lambda status: status.get("weight") == weight,
            deadline_s=deadline_s,
        )

    def await_old_pods_gone(self, shop: Shop, *, deadline_s: float) -> None:
        """Wait until only pods of the stable revision exist, terminating ones included."""

        def only_stable() -> bool:
            stable = self.status(shop).get("stableRevision")
            pods = self.cluster.get("pods", "-n", shop.namespace, "-l", f"app={shop.name}")
            labels = {
                pod["metadata"]["labels"].get("tidegate.io/revision") for pod in pods["items"]
            }
            return labels == {stable}

        wait_until(only_stable, deadline_s, f"old pods of {shop.name} gone", poll_s=0.2)

    def act(self, shop: Shop, verb: str, reason: str, **more: str | list[str]) -> None:
        """Create a RolloutAction with plain kubectl, as anybody could."""
        spec = {"rollout": shop.name, "verb": verb, "reason": reason, "requestedBy": "demo"}
        body = {
            "apiVersion": "tidegate.io/v1alpha1",
            "kind": "RolloutAction",
            "metadata": {"generateName": f"{shop.name}-{verb}-", "namespace": shop.namespace},
            "spec": spec | more,
        }
        self.cluster.kubectl("create", "-f", "-", stdin=json.dumps(body))

    def await_served(self, shop: Shop, *, deadline_s: float = 60.0) -> None:
        """Wait until the gateway knows the shop: a proxy learns of a new one when istiod tells it.

        After an outage of the API server that takes istiod some ten seconds.
        """
        url = shop.entrance or self.cluster.gateway_url
        request = urllib.request.Request(url, headers={"Host": shop.host})

        def answers() -> bool:
            try:
                with urllib.request.urlopen(request, timeout=ANSWER_S) as answer:
                    return bool(answer.status == HTTPStatus.OK)
            except urllib.error.HTTPError as error:
                error.close()
                return False
            except OSError:
                return False

        wait_until(answers, deadline_s, f"the gateway serves {shop.host}", poll_s=0.1)

    def load(self, shop: Shop, name: str, *, rate_per_s: float = RATE_PER_S) -> Load:
        """A load on the shop through the gateway, recorded in this stage's folder."""
        file = self.folder / f"{name}.csv"
        url = shop.entrance or self.cluster.gateway_url
        return Load(url, file, rate_per_s=rate_per_s, host=shop.host)

    def routes(self, shop: Shop) -> RouteWatch:
        """A watch on the shop's routes."""
        return RouteWatch(self.cluster, shop.namespace, shop.name, kind=shop.route_kind)

    def describe(self, shop: Shop) -> str:
        """What `kubectl describe` says."""
        return self.cluster.kubectl("describe", ROLLOUTS, shop.name, "-n", shop.namespace)
