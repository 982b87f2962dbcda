"""The chaos proxy before a small API server of its own: what each rule and order does."""

from __future__ import annotations

import http.client
import itertools
import json
import socket
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

from sandbox.waiting import wait_until
from tests.faults.calls import Call
from tests.faults.proxy import ChaosProxy
from tests.faults.rules import (
    After,
    Before,
    Delay,
    DropAfter,
    DropBefore,
    Hang,
    Refuse,
    Rule,
)
from tests.faults.watches import End

WEB = "/api/v1/namespaces/shop/services/web"
SERVICES = "/api/v1/namespaces/shop/services"
WATCH = f"{SERVICES}?watch=true"
WAIT_S = 30.0
SILENCE_S = 1.0
"""So long nothing comes where nothing may come; all else has come by then."""


class Server(ThreadingHTTPServer):
    """Counts what reaches it, and lets tests send events into its watches."""

    daemon_threads = True
    block_on_close = False

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked: list[tuple[str, str, dict[str, str], bytes]] = []
        self.events: list[bytes] = []
        self.versions = itertools.count(1)
        self.news = threading.Condition()
        self.closing = False

    def say(self, *names: str) -> None:
        with self.news:
            for name in names:
                event = {"type": "MODIFIED", "object": {"metadata": {"name": name}}}
                self.events.append(json.dumps(event).encode() + b"\n")
            self.news.notify_all()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server

    def log_message(self, *parts: Any) -> None:
        return

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.server.asked.append((self.command, self.path, dict(self.headers), body))
        if "watch=true" in self.path:
            self._watch()
            return
        text = json.dumps({"kind": "Thing", "version": next(self.server.versions)}).encode()
        self.send_response(201 if self.command == "POST" else 200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def _watch(self) -> None:
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        sent = 0
        while not self.server.closing:
            with self.server.news:
                self.server.news.wait(0.1)
                fresh = self.server.events[sent:]
                sent += len(fresh)
            for line in fresh:
                self.wfile.write(b"%x\r\n%s\r\n" % (len(line), line))


for _method in ("GET", "POST", "PATCH", "PUT", "DELETE"):
    setattr(Handler, f"do_{_method}", Handler._answer)


class _Kubeconfig:
    """All that the proxy wants to know of a cluster."""

    def __init__(self, file: Path, url: str) -> None:
        file.write_text(yaml.safe_dump({"clusters": [{"cluster": {"server": url}}]}))
        self.kubeconfig = file


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server()
    thread = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield made
    made.closing = True
    made.shutdown()
    thread.join(5)
    made.server_close()


@pytest.fixture
def proxy(server: Server, tmp_path: Path) -> Iterator[ChaosProxy]:
    cluster: Any = _Kubeconfig(tmp_path / "config", f"http://127.0.0.1:{server.server_port}")
    with ChaosProxy(cluster) as made:
        yield made


def ask(
    proxy: ChaosProxy, method: str, path: str, body: bytes = b"", timeout_s: float = WAIT_S
) -> tuple[int, dict[str, Any], dict[str, str]]:
    """Status, body and headers; ConnectionError or TimeoutError when there is no answer."""
    connection = http.client.HTTPConnection(proxy.url.removeprefix("http://"), timeout=timeout_s)
    try:
        headers = {"Authorization": "Bearer secret", "User-Agent": "tidegate/0.1.0 epoch/7"}
        connection.request(method, path, body or None, headers)
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read()), dict(answer.headers)
    except http.client.HTTPException as error:
        raise ConnectionError(repr(error)) from error
    finally:
        connection.close()


class Watcher:
    """A client that reads one watch in a thread of its own."""

    def __init__(self, proxy: ChaosProxy, path: str = WATCH) -> None:
        self.connection = http.client.HTTPConnection(
            proxy.url.removeprefix("http://"), timeout=WAIT_S
        )
        self.connection.request("GET", path)
        self.response = self.connection.getresponse()
        self.lines: list[dict[str, Any]] = []
        self.torn = False
        self.thread = threading.Thread(target=self._read, daemon=True)
        self.thread.start()

    def _read(self) -> None:
        try:
            while line := self.response.readline():
                self.lines.append(json.loads(line))
        except (OSError, ValueError, http.client.HTTPException):
            self.torn = True

    @property
    def names(self) -> list[str]:
        return [one["object"]["metadata"].get("name", "") for one in self.lines]

    def await_names(self, *names: str) -> None:
        wait_until(
            lambda: self.names == list(names), WAIT_S, f"{names}, not {self.names}", poll_s=0.01
        )

    def close(self) -> None:
        if self.connection.sock is not None:
            self.connection.sock.shutdown(socket.SHUT_RDWR)  # wakes the reader
        self.thread.join(5)
        self.connection.close()


@pytest.fixture
def watcher(proxy: ChaosProxy, server: Server) -> Iterator[Watcher]:
    made = Watcher(proxy)
    yield made
    made.close()


def test_what_goes_through_is_unchanged_and_numbered(proxy: ChaosProxy, server: Server):
    status, body, _ = ask(proxy, "POST", f"{SERVICES}?fieldManager=a%20b", b'{"kind": "Service"}')
    assert (status, body["kind"]) == (201, "Thing")
    method, path, headers, sent = server.asked[0]
    assert (method, path, sent) == (
        "POST",
        f"{SERVICES}?fieldManager=a%20b",
        b'{"kind": "Service"}',
    )
    assert headers["Authorization"] == "Bearer secret"
    ask(proxy, "PATCH", f"{WEB}/status", b"[]")
    first, second = proxy.log
    assert (first.number, first.kind, first.namespace, first.name) == (1, "services", "shop", "")
    assert (second.number, second.label) == (2, "PATCH services/status")
    assert (second.status, second.committed, second.body) == (200, 200, b"[]")
    assert second.agent.endswith("epoch/7")
    assert proxy.log.writes(since=1) == [second]


@pytest.mark.parametrize(
    ("method", "path", "write", "listing"),
    [
        ("GET", SERVICES, False, True),
        ("GET", WEB, False, False),
        ("GET", "/api", False, False),
        ("POST", f"{SERVICES}?dryRun=All", False, False),
        ("DELETE", WEB, True, False),
        ("POST", "/apis/authentication.k8s.io/v1/selfsubjectreviews", False, False),
        ("PUT", "/apis/tidegate.io/v1alpha1/namespaces/shop/rollouts/a/scale", True, False),
    ],
)
def test_a_write_is_what_changes_something(proxy, method, path, write, listing):
    ask(proxy, method, path)
    (call,) = proxy.log
    assert (call.write, call.listing, call.watch) == (write, listing, False)


def test_a_refusal_is_a_status_and_reaches_nobody(proxy: ChaosProxy, server: Server):
    rule = proxy.rules.add(Rule(Refuse(429, retry_after_s=2), kind="services", writes=True))
    assert ask(proxy, "GET", WEB)[0] == 200
    status, body, headers = ask(proxy, "PATCH", WEB)
    assert (status, body["reason"], headers["Retry-After"]) == (429, "TooManyRequests", "2")
    assert [one[0] for one in server.asked] == ["GET"]
    assert rule.applied == 1
    assert ask(proxy, "PATCH", WEB)[0] == 200  # once only


def test_the_nth_call_is_meant_and_so_many_after_it(proxy: ChaosProxy):
    proxy.rules.add(Rule(Refuse(409), method="PATCH|PUT", path="/web$", nth=2, times=2))
    assert [ask(proxy, "PATCH", WEB)[0] for _ in range(5)] == [200, 409, 409, 200, 200]
    assert ask(proxy, "PATCH", f"{WEB}/status")[0] == 200


def test_a_request_lost_on_the_way_there_changes_nothing(proxy: ChaosProxy, server: Server):
    proxy.rules.add(Rule(DropBefore()))
    with pytest.raises(ConnectionError):
        ask(proxy, "PATCH", WEB)
    assert server.asked == []
    (call,) = proxy.log
    assert (call.status, call.committed) == (0, 0)


def test_an_answer_lost_on_the_way_back_was_committed(proxy: ChaosProxy, server: Server):
    proxy.rules.add(Rule(DropAfter()))
    with pytest.raises(ConnectionError):
        ask(proxy, "PATCH", WEB)
    assert len(server.asked) == 1
    (call,) = proxy.log
    assert (call.status, call.committed) == (0, 200)
    assert call.accepted


def test_a_hanging_request_is_never_answered(proxy: ChaosProxy, server: Server):
    proxy.rules.add(Rule(Hang()))
    with pytest.raises(TimeoutError):
        ask(proxy, "PATCH", WEB, timeout_s=SILENCE_S)
    assert server.asked == []
    assert ask(proxy, "PATCH", WEB)[0] == 200


def test_a_delay_is_only_a_delay(proxy: ChaosProxy):
    proxy.rules.add(Rule(Delay(0.3)))
    began = time.monotonic()
    assert ask(proxy, "PATCH", WEB)[0] == 200
    assert time.monotonic() - began >= 0.3


@pytest.mark.parametrize(("action", "committed"), [(Before, 0), (After, 1)])
def test_a_test_can_act_on_either_side_of_the_commit(proxy, server, action, committed):
    seen: list[int] = []
    proxy.rules.add(Rule(action(lambda call: seen.append(len(server.asked)), drop=True)))
    with pytest.raises(ConnectionError):
        ask(proxy, "PATCH", WEB)
    assert seen == [committed]
    assert len(server.asked) == committed


def test_a_client_that_goes_away_does_not_take_its_write_back(proxy: ChaosProxy, server: Server):
    committed, gate = threading.Event(), threading.Event()

    def keep(call: Call) -> None:
        committed.set()
        gate.wait(WAIT_S)

    proxy.rules.add(Rule(After(keep)))
    connection = http.client.HTTPConnection(proxy.url.removeprefix("http://"), timeout=WAIT_S)
    connection.request("PATCH", WEB)
    assert committed.wait(WAIT_S)
    connection.close()
    gate.set()
    assert [one[0] for one in server.asked] == ["PATCH"]


def test_events_come_through_in_order(proxy: ChaosProxy, server: Server, watcher: Watcher):
    server.say("a", "b", "c")
    watcher.await_names("a", "b", "c")
    assert proxy.watch_count("services") == 1
    assert proxy.watch_count("pods") == 0


def test_held_events_wait_for_their_release(proxy, server, watcher):
    proxy.hold("services")
    server.say("a", "b")
    other = Watcher(proxy, "/api/v1/pods?watch=true")
    other.await_names("a", "b")  # what is held is a kind, and this is another
    assert watcher.names == []
    proxy.release("services")
    watcher.await_names("a", "b")
    other.close()


def test_doubled_events_come_twice(proxy, server, watcher):
    proxy.double("services")
    server.say("a", "b")
    watcher.await_names("a", "a", "b", "b")


def test_a_silent_watch_stays_open_and_says_nothing(proxy, server, watcher):
    proxy.silence()
    server.say("a")
    other = Watcher(proxy)
    wait_until(lambda: proxy.swallowed('"a"') == 2, WAIT_S, "nothing said in two watches")
    assert watcher.names == other.names == []
    proxy.heal()
    server.say("b")
    watcher.await_names("b")
    other.close()


def test_lag_reorders_across_kinds_only(proxy, server, watcher):
    proxy.lag("services", SILENCE_S)
    other = Watcher(proxy, "/api/v1/pods?watch=true")
    server.say("a", "b")
    other.await_names("a", "b")
    assert watcher.names == []
    watcher.await_names("a", "b")
    other.close()


@pytest.mark.parametrize("code", [410, 500])
def test_an_error_event_is_put_into_open_watches(proxy, server, watcher, code):
    assert proxy.fail_watches("services", code) == 1
    wait_until(lambda: bool(watcher.lines), WAIT_S, "the event")
    (event,) = watcher.lines
    assert (event["type"], event["object"]["code"]) == ("ERROR", code)


@pytest.mark.parametrize(("how", "torn"), [(End.CLEAN, False), (End.TORN, True)])
def test_a_watch_can_end_in_both_ways(proxy, server, watcher, how, torn):
    server.say("a")
    watcher.await_names("a")
    assert proxy.end_watches("services", how) == 1
    watcher.thread.join(WAIT_S)
    assert not watcher.thread.is_alive()
    assert watcher.torn == torn
    assert proxy.watch_count() == 0


def test_a_watch_can_be_refused_when_it_opens(proxy: ChaosProxy):
    proxy.rules.add(Rule(Refuse(410), watch=True))
    assert ask(proxy, "GET", WATCH)[1]["reason"] == "Expired"


def test_who_lives_in_the_past_lists_it_and_reads_the_present(proxy, server, watcher):
    then = ask(proxy, "GET", f"{SERVICES}?limit=500")[1]["version"]
    proxy.live_in_the_past("services")
    server.say("news")
    assert ask(proxy, "GET", f"{SERVICES}?limit=7")[1]["version"] == then
    assert ask(proxy, "GET", WEB)[1]["version"] > then
    assert watcher.names == []
    proxy.heal()
    watcher.await_names("news")
    assert ask(proxy, "GET", SERVICES)[1]["version"] > then


@pytest.mark.parametrize("silent", [False, True])
def test_a_partition_lasts_until_it_is_healed(proxy, server, silent):
    proxy.partition(silent=silent)
    with pytest.raises(TimeoutError if silent else ConnectionError):
        ask(proxy, "GET", WEB, timeout_s=SILENCE_S if silent else WAIT_S)
    assert server.asked == []
    proxy.heal()
    assert ask(proxy, "GET", WEB)[0] == 200


def test_a_server_that_is_gone_looks_so(proxy: ChaosProxy, server: Server):
    server.shutdown()
    server.server_close()
    with pytest.raises(ConnectionError):
        ask(proxy, "GET", WEB)
