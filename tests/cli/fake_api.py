"""A scripted Kubernetes API on loopback: lists, watches, creates, and answers as it is told."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import parse_qsl, urlsplit

import yaml

Object = dict[str, Any]
BASE = "/apis/tidegate.io/v1alpha1/namespaces/"
REVIEW = "/apis/authentication.k8s.io/v1/selfsubjectreviews"


class FakeApi:
    """Objects by (namespace, plural, name), and the faults a test asks for."""

    def __init__(self) -> None:
        self.changed = threading.Condition()
        self.version = 100
        self.objects: dict[tuple[str, str, str], Object] = {}
        self.events: list[tuple[int, str, tuple[str, str, str], Object]] = []
        self.requests: list[str] = []
        self.bodies: list[Object] = []
        self.faults: list[tuple[str, str, int, str]] = []
        self.user: str | None = "anna@example.org"
        self.groups: list[str] = ["system:authenticated"]
        self.on_action: Callable[[Object], None] = lambda _: None
        self.watch_ends: list[str] = []
        self.watched = threading.Event()
        self.url = ""
        self.closing = False

    def put(self, plural: str, body: Object, namespace: str = "shop") -> None:
        """Store an object under a new resourceVersion and tell the watchers."""
        with self.changed:
            self.version += 1
            meta = {
                "namespace": namespace,
                **body["metadata"],
                "resourceVersion": str(self.version),
            }
            stored = {**body, "metadata": meta}
            key = (namespace, plural, meta["name"])
            kind = "MODIFIED" if key in self.objects else "ADDED"
            self.objects[key] = stored
            self.events.append((self.version, kind, key, stored))
            self.changed.notify_all()

    def delete(self, plural: str, name: str, namespace: str = "shop") -> None:
        """Remove an object and tell the watchers."""
        with self.changed:
            self.version += 1
            key = (namespace, plural, name)
            self.events.append((self.version, "DELETED", key, self.objects.pop(key)))
            self.changed.notify_all()

    def fail(self, method: str, part: str, code: int, message: str) -> None:
        """Answer requests whose path contains `part` with that error."""
        self.faults.append((method, part, code, message))

    def answer_actions(self, result: str, message: str) -> None:
        """Answer every action as soon as it is created."""

        def answer(action: Object) -> None:
            status = {"result": result, "message": message}
            self.put("rolloutactions", {**action, "status": status})

        self.on_action = answer

    def of(self, namespace: str, plural: str, name: str | None) -> list[Object]:
        """The objects of a kind, or the one of that name."""
        return [
            one
            for key, one in sorted(self.objects.items())
            if key[:2] == (namespace, plural) and name in (None, key[2])
        ]


class Handler(BaseHTTPRequestHandler):
    """One request against the fake."""

    api: ClassVar[FakeApi]
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: Any) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        """List or watch."""
        split = urlsplit(self.path)
        query = dict(parse_qsl(split.query))
        if self._faulty("GET", split.path):
            return
        namespace, plural = split.path.removeprefix(BASE).split("/")
        name = query.get("fieldSelector", "").removeprefix("metadata.name=") or None
        if query.get("watch"):
            self._watch(namespace, plural, name, query)
            return
        with self.api.changed:
            items = self.api.of(namespace, plural, name)
            meta = {"resourceVersion": str(self.api.version)}
        self._send(200, {"kind": "List", "metadata": meta, "items": items})

    def do_POST(self) -> None:
        """Create an action, or tell the user's name."""
        split = urlsplit(self.path)
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self._faulty("POST", split.path):
            return
        if split.path == REVIEW:
            self._send(
                201,
                {"status": {"userInfo": {"username": self.api.user, "groups": self.api.groups}}},
            )
            return
        self.api.bodies.append(body)
        namespace, plural = split.path.removeprefix(BASE).split("/")
        body["metadata"]["name"] = body["metadata"]["generateName"] + "x7k2p"
        body["metadata"]["managedFields"] = []
        self.api.put(plural, body, namespace)
        self._send(201, body)
        self.api.on_action(body)

    def _faulty(self, method: str, path: str) -> bool:
        self.api.requests.append(f"{method} {path}")
        for verb, part, code, message in self.api.faults:
            if verb == method and part in path:
                self._send(code, {"kind": "Status", "message": message})
                return True
        return False

    def _watch(self, namespace: str, plural: str, name: str | None, query: dict[str, str]) -> None:
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        version = int(query["resourceVersion"])
        self.api.watched.set()
        ending = self.api.watch_ends.pop(0) if self.api.watch_ends else ""
        if ending:
            self._end_badly(ending)
            return
        while not self.api.closing:
            with self.api.changed:
                news = [event for event in self.api.events if event[0] > version]
                if not news:
                    self.api.changed.wait(0.05)
                    continue
            for version, kind, key, body in news:  # noqa: B007 — goes on from the last one
                if key == (namespace, plural, name):
                    self._chunk(json.dumps({"type": kind, "object": body}).encode() + b"\n")
        self._chunk(b"")

    def _end_badly(self, ending: str) -> None:
        if ending == "expired":
            gone = {"type": "ERROR", "object": {"kind": "Status", "code": 410}}
            self._chunk(json.dumps(gone).encode() + b"\n")
        elif ending == "torn":
            self._chunk(b'{"type": "MODI')
        if ending == "broken":
            self.close_connection = True
        else:
            self._chunk(b"")

    def _chunk(self, data: bytes) -> None:
        try:
            self.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
            self.wfile.flush()
        except OSError:  # the client has seen enough
            self.close_connection = True

    def _send(self, code: int, body: Object) -> None:
        data = json.dumps(body).encode()
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


@contextmanager
def serving() -> Iterator[FakeApi]:
    """A fake API while the block runs."""
    api = FakeApi()
    handler = type("Bound", (Handler,), {"api": api})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    api.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield api
    finally:
        api.closing = True
        server.shutdown()
        thread.join()
        server.server_close()


def write_kubeconfig(path: Path, url: str, namespace: str | None = "shop") -> Path:
    """A kubeconfig of two contexts, `here` (current) and `elsewhere` (namespace other)."""
    inside = {"cluster": "fake", "user": "me"}
    here = inside | ({"namespace": namespace} if namespace else {})
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "here",
        "clusters": [{"name": "fake", "cluster": {"server": url}}],
        "users": [{"name": "me", "user": {"token": "secret"}}],
        "contexts": [
            {"name": "here", "context": here},
            {"name": "elsewhere", "context": inside | {"namespace": "other"}},
        ],
    }
    path.write_text(yaml.safe_dump(config))
    return path
