"""All that the command line asks of the API server: raw JSON, each request with a time limit."""

import json
import os
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import urllib3
import yaml
from kubernetes import config
from kubernetes.client.api_client import ApiClient
from kubernetes.client.configuration import Configuration
from kubernetes.client.exceptions import ApiException
from kubernetes.config.config_exception import ConfigException

from tidegate.api.constants import API_VERSION, GROUP, VERSION
from tidegate.api.wire import as_object
from tidegate.cli import answers
from tidegate.cli.errors import CommandError, NoClusterError, NotFoundError, UnreachableError

CONNECT_S: Final = 5.0
READ_S: Final = 15.0
WATCH_S: Final = 60
"""Seconds a watch lasts before it is opened anew: a dead connection is noticed within this time."""
PATIENCE_S: Final = 60.0
"""Seconds without any answer after which following a Rollout is given up."""
PAUSE_S: Final = 1.0
NAMES_SHOWN: Final = 10
_OK: Final = range(200, 300)
_SERVICE_ACCOUNT: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")

Object = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Place:
    """Which cluster and namespace a command is about, as far as its options say."""

    kubeconfig: Path | None = None
    context: str | None = None
    namespace: str | None = None


class Cluster:
    """One connection to an API server, in one namespace."""

    def __init__(self, client: Any, namespace: str) -> None:
        self._client = client
        self.namespace = namespace

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._client.close()

    @property
    def host(self) -> str:
        """Address of the API server."""
        return str(self._client.configuration.host)

    def rollout(self, name: str) -> Object:
        """The Rollout of that name."""
        found = self._named("rollouts", name, READ_S)
        if found is None:
            raise self._no_rollout(name)
        return found

    def user(self) -> tuple[str | None, tuple[str, ...]]:
        """The user and their groups as the API server knows them; None where it does not say."""
        body = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
        path = "/apis/authentication.k8s.io/v1/selfsubjectreviews"
        try:
            answer = self._json("POST", path, body=body, what="ask who you are")
        except CommandError as error:
            if isinstance(error, UnreachableError):
                raise
            return None, ()  # admission decides whether an action without its author is let in
        found = as_object(as_object(answer.get("status")).get("userInfo"))
        name, groups = found.get("username"), found.get("groups") or ()
        return name if isinstance(name, str) else None, tuple(map(str, groups))

    def create_action(self, spec: Mapping[str, Any], generate_name: str) -> Object:
        """Create a RolloutAction and return it as stored."""
        body = {
            "apiVersion": API_VERSION,
            "kind": "RolloutAction",
            "metadata": {"generateName": generate_name, "namespace": self.namespace},
            "spec": dict(spec),
        }
        what = f"ask to {spec['verb']} {spec['rollout']}"
        query = {"fieldValidation": "Strict", "fieldManager": "tidegate-cli"}
        return self._json("POST", self._path("rolloutactions"), query, body, what=what)

    def follow(self, plural: str, name: str, deadline: float | None) -> Iterator[Object]:
        """The object now and after each change, until `deadline` (monotonic seconds) if given.

        Every watch begins with a fresh read, so that an expired or broken one costs nothing but
        that read. Raises NotFoundError when the object is not there or goes away.
        """
        seen = ""
        answered_at = time.monotonic()
        started = False
        while _left_s(deadline) > 0:
            try:
                for body in self._watched(plural, name, deadline):
                    answered_at, started = time.monotonic(), True
                    if _version(body) != seen:
                        seen = _version(body)
                        yield body
            except UnreachableError:
                if not started or time.monotonic() - answered_at > PATIENCE_S:
                    raise
            time.sleep(min(PAUSE_S, max(0.0, _left_s(deadline))))

    def _watched(self, plural: str, name: str, deadline: float | None) -> Iterator[Object]:
        """The object as it is, then its changes for as long as one watch lasts."""
        what = f"watch {plural}/{name}"
        read_s = max(1.0, min(READ_S, _left_s(deadline)))
        listed = self._list(plural, {"fieldSelector": f"metadata.name={name}"}, read_s, what)
        items = listed.get("items") or []
        if not items:
            raise self._no_rollout(name) if plural == "rollouts" else _gone(plural, name)
        yield items[0]
        for event in self._events(plural, name, _version(listed), deadline):
            if event.get("type") == "DELETED":
                raise _gone(plural, name)
            if event.get("type") in {"ADDED", "MODIFIED"}:
                yield event["object"]
            elif event.get("type") == "ERROR":  # 410: too old to go on from; read again
                return

    def _events(
        self, plural: str, name: str, version: str, deadline: float | None
    ) -> Iterator[Object]:
        window_s = min(float(WATCH_S), _left_s(deadline))
        query = {
            "watch": "true",
            "fieldSelector": f"metadata.name={name}",
            "resourceVersion": version,
            "timeoutSeconds": str(max(1, int(window_s))),
        }
        what = f"watch {plural}/{name}"
        try:
            response = self._send("GET", self._path(plural), query, None, what, window_s + 1)
        except UnreachableError:
            return  # the read that comes next says why
        try:
            yield from _lines(response)
        except (urllib3.exceptions.HTTPError, ValueError):
            return  # closed, or cut in the middle of a line: read again
        finally:
            response.close()

    def _named(self, plural: str, name: str, read_s: float) -> Object | None:
        query = {"fieldSelector": f"metadata.name={name}"}
        items = self._list(plural, query, read_s, f"read {plural}/{name}").get("items")
        return items[0] if items else None

    def _list(self, plural: str, query: Mapping[str, str], read_s: float, what: str) -> Object:
        return self._json("GET", self._path(plural), query, what=what, read_s=read_s)

    def _no_rollout(self, name: str) -> NotFoundError:
        """Say which Rollouts there are: most often the name or the namespace is a slip."""
        try:
            listed = self._list("rollouts", {"limit": str(NAMES_SHOWN)}, READ_S, "list rollouts")
            names = [item["metadata"]["name"] for item in listed.get("items") or []]
        except CommandError:
            names = []
        there = f"it has {', '.join(names)}" if names else "it has none"
        return NotFoundError(
            f"there is no Rollout {name} in namespace {self.namespace} ({there}); "
            "see all with: kubectl get rollouts.tidegate.io -A"
        )

    def _path(self, plural: str) -> str:
        return f"/apis/{GROUP}/{VERSION}/namespaces/{self.namespace}/{plural}"

    def _json(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        body: Object | None = None,
        *,
        what: str,
        read_s: float = READ_S,
    ) -> Object:
        response = self._send(method, path, query or {}, body, what, read_s)
        try:
            found = json.loads(response.read())
        except urllib3.exceptions.HTTPError as error:
            raise answers.no_answer(self.host, error, what) from error
        except ValueError as error:
            raise answers.unreadable(self.host, what) from error
        if not isinstance(found, dict):
            raise answers.unreadable(self.host, what)
        return found

    def _send(
        self,
        method: str,
        path: str,
        query: Mapping[str, str],
        body: Object | None,
        what: str,
        read_s: float,
    ) -> urllib3.BaseHTTPResponse:
        """One request; the response is open and 2xx, everything else is raised."""
        headers = {"Accept": "application/json", "Content-Type": "application/json"}
        try:
            request = self._client.param_serialize(
                method,
                path,
                query_params=list(query.items()),
                header_params=headers,
                body=body,
                auth_settings=["BearerToken"],
            )
            answer = self._client.call_api(*request, _request_timeout=(CONNECT_S, read_s))
            response: urllib3.BaseHTTPResponse = answer.response
            if response.status not in _OK:
                raise answers.refusal(response.status, response.read(), what)
        except (urllib3.exceptions.HTTPError, ApiException, OSError) as error:
            raise answers.no_answer(self.host, error, what) from error
        return response


def connect(place: Place) -> Cluster:
    """Connect as kubectl would: --kubeconfig, KUBECONFIG, the home folder, or the own pod."""
    settings = Configuration()
    settings.retries = False  # each request once: what to do next is decided here
    try:
        namespace = _from_kubeconfig(place, settings)
    except (ConfigException, yaml.YAMLError, OSError, KeyError, TypeError) as error:
        inside = place.kubeconfig is None and place.context is None
        if not inside or "KUBERNETES_SERVICE_HOST" not in os.environ:
            why = " ".join(str(error).split())
            raise NoClusterError(
                f"no usable kubeconfig ({why}); name one with --kubeconfig or KUBECONFIG, and a "
                "context in it with --context"
            ) from error
        config.load_incluster_config(client_configuration=settings)
        namespace = _SERVICE_ACCOUNT.read_text() if _SERVICE_ACCOUNT.exists() else ""
    client = ApiClient(settings)
    client.user_agent = "tidegate-cli"
    return Cluster(client, place.namespace or namespace.strip() or "default")


def _from_kubeconfig(place: Place, settings: Any) -> str:
    """Load address and credentials; return the context's namespace."""
    file = str(place.kubeconfig) if place.kubeconfig else None
    config.load_kube_config(file, place.context, client_configuration=settings)
    contexts, current = config.list_kube_config_contexts(file)
    chosen = next((one for one in contexts if one["name"] == place.context), current)
    return str(chosen["context"].get("namespace") or "")


def _lines(response: urllib3.BaseHTTPResponse) -> Iterator[Object]:
    """The JSON lines of a watch, as they come."""
    rest = b""
    for chunk in response.stream(amt=None, decode_content=True):
        *whole, rest = (rest + chunk).split(b"\n")
        yield from (json.loads(line) for line in whole if line.strip())


def _gone(plural: str, name: str) -> NotFoundError:
    return NotFoundError(f"{plural}/{name} was deleted meanwhile")


def _version(body: Object) -> str:
    return str(body.get("metadata", {}).get("resourceVersion", ""))


def _left_s(deadline: float | None) -> float:
    return float("inf") if deadline is None else deadline - time.monotonic()
