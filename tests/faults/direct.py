"""The API server as an administrator sees it, around every proxy: quick, and true."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Any

import urllib3
import yaml

from sandbox import Cluster, SandboxError

TIMEOUT_S = 10.0
CONNECTIONS = 16
OUTAGE_S = 45.0
PAUSE_S = 0.1
BUSY = (401, 403, 429, 500, 502, 503, 504)
"""What an API server that has just started says, too; tests ask for nothing they may not."""
NOT_FOUND = 404
JSON = "application/json"
APPLY = "application/apply-patch+yaml"
MERGE = "application/merge-patch+json"

Object = dict[str, Any]

COLLECTIONS = {
    "Namespace": ("/api/v1", "namespaces"),
    "Service": ("/api/v1", "services"),
    "Pod": ("/api/v1", "pods"),
    "Deployment": ("/apis/apps/v1", "deployments"),
    "ReplicaSet": ("/apis/apps/v1", "replicasets"),
    "Job": ("/apis/batch/v1", "jobs"),
    "CronJob": ("/apis/batch/v1", "cronjobs"),
    "Role": ("/apis/rbac.authorization.k8s.io/v1", "roles"),
    "RoleBinding": ("/apis/rbac.authorization.k8s.io/v1", "rolebindings"),
    "Lease": ("/apis/coordination.k8s.io/v1", "leases"),
    "Event": ("/apis/events.k8s.io/v1", "events"),
    "Rollout": ("/apis/tidegate.io/v1alpha1", "rollouts"),
    "RolloutRun": ("/apis/tidegate.io/v1alpha1", "rolloutruns"),
    "RolloutAction": ("/apis/tidegate.io/v1alpha1", "rolloutactions"),
    "VirtualService": ("/apis/networking.istio.io/v1", "virtualservices"),
    "DestinationRule": ("/apis/networking.istio.io/v1", "destinationrules"),
}


class Refused(Exception):
    """The API server said no; `status` is the HTTP status."""

    def __init__(self, status: int, words: str) -> None:
        super().__init__(words)
        self.status = status


def path_of(kind: str, namespace: str = "", name: str = "") -> str:
    """The path of a collection or an object."""
    root, plural = COLLECTIONS[kind]
    parts = [root, *(["namespaces", namespace] if namespace else []), plural]
    return "/".join([*parts, name] if name else parts)


class Direct:
    """Kept connections to the API server; safe to use from several threads."""

    def __init__(self, cluster: Cluster) -> None:
        config = yaml.safe_load(cluster.kubeconfig.read_text())
        place = config["clusters"][0]["cluster"]
        self._server = str(place["server"]).rstrip("/")
        self._headers = {"Authorization": f"Bearer {config['users'][0]['user']['token']}"}
        self._pool = urllib3.PoolManager(
            maxsize=CONNECTIONS,
            ca_certs=place["certificate-authority"],
            timeout=TIMEOUT_S,
            retries=False,
        )

    def close(self) -> None:
        """Close all connections."""
        self._pool.clear()

    def request(
        self, method: str, path: str, body: object = None, content_type: str = JSON
    ) -> Object:
        """Send one request, again and again while the server is down for a test.

        Reads are repeated whatever became of them, the rest only if it surely was not sent.
        Raises Refused with the server's own words, SandboxError when there was no answer.
        """
        end = time.monotonic() + OUTAGE_S
        while True:
            try:
                return self._once(method, path, body, content_type)
            except (urllib3.exceptions.HTTPError, Refused) as error:
                unsent = isinstance(error, urllib3.exceptions.NewConnectionError)
                if isinstance(error, Refused) and error.status not in BUSY:
                    raise
                if not (unsent or method == "GET") or time.monotonic() > end:
                    raise SandboxError(f"{method} {path}: {error}") from error
            time.sleep(PAUSE_S)

    def _once(self, method: str, path: str, body: object, content_type: str) -> Object:
        headers = {**self._headers, "Content-Type": content_type}
        data = None if body is None else json.dumps(body)
        answer = self._pool.request(method, self._server + path, body=data, headers=headers)
        if answer.status >= 300:
            raise Refused(answer.status, f"{method} {path}: {answer.data[:500]!r}")
        found: Object = json.loads(answer.data)
        return found

    def get(self, kind: str, namespace: str, name: str) -> Object | None:
        """An object, or None."""
        try:
            return self.request("GET", path_of(kind, namespace, name))
        except Refused as error:
            if error.status == NOT_FOUND:
                return None
            raise

    def list(self, kind: str, namespace: str) -> list[Object]:
        """All objects of that kind there."""
        found: list[Object] = self.request("GET", path_of(kind, namespace))["items"]
        return found

    def create(self, body: Mapping[str, Any]) -> Object:
        """Create an object; returns it as stored."""
        namespace = body["metadata"].get("namespace", "")
        return self.request("POST", path_of(body["kind"], namespace), body)

    def apply(self, body: Mapping[str, Any]) -> Object:
        """Apply server-side."""
        meta = body["metadata"]
        path = path_of(body["kind"], meta.get("namespace", ""), meta["name"])
        query = "?fieldManager=faults&force=true"
        return self.request("PATCH", path + query, body, APPLY)

    def merge(self, kind: str, namespace: str, name: str, change: Mapping[str, Any]) -> Object:
        """Change fields of an object."""
        return self.request("PATCH", path_of(kind, namespace, name), change, MERGE)

    def delete(self, kind: str, namespace: str, name: str) -> None:
        """Delete an object; fine when it is gone."""
        try:
            self.request("DELETE", path_of(kind, namespace, name))
        except Refused as error:
            if error.status != NOT_FOUND:
                raise
