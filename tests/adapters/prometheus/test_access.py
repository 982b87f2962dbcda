"""What is sent to say who asks, and what can never be sent."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.adapters.prometheus.asking import ask_one, metric
from tests.adapters.prometheus.scripted import http
from tidegate.adapters.prometheus import (
    Access,
    BasicAuth,
    PrometheusMetrics,
    ProviderConfig,
    TelemetryConfig,
    Tls,
)
from tidegate.adapters.prometheus.access import HEADERS_MAX, OWN_HEADERS, is_header_value
from tidegate.core.observation import Answer, Reading

FILE = Path("/var/run/x")


def asking_with(provider, clock, access: Access) -> PrometheusMetrics:
    config = ProviderConfig(provider.url, timeout_s=30, access=access)
    return PrometheusMetrics({"default": config}, TelemetryConfig(), clock)


async def sent(provider, clock, access: Access) -> tuple[Reading, list[Mapping]]:
    metrics = asking_with(provider, clock, access)
    reading = await ask_one(metrics, metric(query="up"))
    await metrics.close()
    return reading, [request.headers for request in provider.requests]


@pytest.mark.parametrize("in_file", [True, False])
async def test_name_and_password_are_sent_as_basic_authentication(
    provider, clock, tmp_path, in_file
):
    provider.gives(({}, 1))
    (tmp_path / "name").write_text("tidegate\n")
    (tmp_path / "password").write_text("pass:wörd \r\n")
    name = {"username_file": tmp_path / "name"} if in_file else {"username": "tidegate"}
    auth = BasicAuth(tmp_path / "password", **name)
    reading, (headers,) = await sent(provider, clock, Access(basic_auth=auth))
    scheme, _, told = headers["authorization"].partition(" ")
    assert (scheme, base64.b64decode(told).decode()) == ("Basic", "tidegate:pass:wörd ")
    assert reading.answer is Answer.OK


async def test_headers_are_sent_in_clear_and_from_files(provider, clock, tmp_path):
    provider.gives(({}, 1))
    (tmp_path / "key").write_text("s3cret\n")
    access = Access(
        headers={"X-Scope-OrgID": "team-a|team-b"}, header_files={"X-Api-Key": tmp_path / "key"}
    )
    _, (headers,) = await sent(provider, clock, access)
    assert (headers["x-scope-orgid"], headers["x-api-key"]) == ("team-a|team-b", "s3cret")
    assert "authorization" not in headers


async def test_rotated_files_are_used_by_the_next_query(provider, clock, tmp_path):
    key, password = tmp_path / "key", tmp_path / "password"
    access = Access(basic_auth=BasicAuth(password, "me"), header_files={"X-Api-Key": key})
    provider.gives(({}, 1))
    metrics = asking_with(provider, clock, access)
    for content in ("first", "second"):
        key.write_text(content)
        password.write_text(content)
        await ask_one(metrics, metric(query=f"up == {content!r}"))
    await metrics.close()
    assert [request.headers["x-api-key"] for request in provider.requests] == ["first", "second"]
    told = [request.headers["authorization"] for request in provider.requests]
    assert told == [
        "Basic " + base64.b64encode(f"me:{content}".encode()).decode()
        for content in ("first", "second")
    ]


ODD = {
    "missing": (None, "cannot be read (FileNotFoundError)"),
    "empty": (b"\n", "is empty or too long"),
    "too long": (b"SECRET" * 4000, "is empty or too long"),
    "two lines": (b"SECRET\r\nHost: evil", "holds characters"),
    "control characters": (b"SECRET\x00", "holds characters"),
    "bytes that are no text": (b"SECRET\xff\x80", ""),
}
FIELDS = {
    "tokenFile": lambda file: Access(token_file=file),
    "basicAuth.passwordFile": lambda file: Access(basic_auth=BasicAuth(file, "me")),
    "headerFiles.X-Api-Key": lambda file: Access(header_files={"X-Api-Key": file}),
}


@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize("odd", ODD)
async def test_a_file_that_cannot_be_sent_is_told_by_its_field_alone(
    provider, clock, tmp_path, field, odd
):
    content, words = ODD[odd]
    if content is not None:
        (tmp_path / "file").write_bytes(content)
    reading, requests = await sent(provider, clock, FIELDS[field](tmp_path / "file"))
    assert (reading.answer, reading.value, requests) == (Answer.ERROR, None, [])
    assert reading.detail.startswith(f"providers.default.{field} ")
    assert words in reading.detail
    assert "SECRET" not in reading.detail
    assert "evil" not in reading.detail


async def test_a_user_name_with_a_colon_in_its_file_is_told(provider, clock, tmp_path):
    for name in ("name", "password"):
        (tmp_path / name).write_text("a:b")
    auth = BasicAuth(tmp_path / "password", username_file=tmp_path / "name")
    reading, requests = await sent(provider, clock, Access(basic_auth=auth))
    assert requests == []
    assert reading.detail.startswith("providers.default.basicAuth.usernameFile holds characters")


@pytest.mark.parametrize("status", [401, 403])
async def test_who_is_not_let_in_is_told_what_to_check(provider, clock, status):
    provider.says(http(status, "<html>SECRET"))
    reading, _ = await sent(provider, clock, Access())
    assert reading.answer is Answer.ERROR
    assert "check the provider's tokenFile, basicAuth, tls and headers" in reading.detail
    assert "SECRET" not in reading.detail


@pytest.mark.parametrize("where", ["headers", "header_files"])
@pytest.mark.parametrize("name", sorted(OWN_HEADERS))
def test_what_the_request_says_itself_cannot_be_set(name, where):
    value = FILE if where == "header_files" else "x"
    for spelled in (name, name.title()):
        with pytest.raises(ValueError, match="must not set"):
            Access(**{where: {spelled: value}})


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"token_file": FILE, "basic_auth": BasicAuth(FILE, "me")}, "only one of tokenFile and"),
        ({"headers": {"X A": "x"}}, "'X A', which is no name of a header"),
        ({"headers": {"X-A:": "x"}}, "no name of a header"),
        ({"headers": {"": "x"}}, "no name of a header"),
        ({"headers": {"X-A": ""}}, "headers.X-A must be visible ASCII"),
        ({"headers": {"X-A": "a\r\nHost: b"}}, "headers.X-A must be visible ASCII"),
        ({"headers": {"X-A": "ö"}}, "headers.X-A must be visible ASCII"),
        ({"headers": {"X-A": "a", "x-a": "b"}}, "the header x-a is given twice"),
        ({"headers": {"X-A": "a"}, "header_files": {"x-A": FILE}}, "the header x-a is given twice"),
        ({"headers": {f"X-{n}": "a" for n in range(HEADERS_MAX + 1)}}, "more than 16 headers"),
    ],
)
def test_what_cannot_be_sent_is_refused_at_the_start(wrong, words):
    with pytest.raises(ValueError, match=words):
        Access(**wrong)


@pytest.mark.parametrize(
    "wrong",
    [{}, {"username": "a", "username_file": FILE}, {"username": "a:b"}, {"username": "a" * 300}],
)
def test_an_odd_user_name_is_refused_at_the_start(wrong):
    with pytest.raises(ValueError, match="basicAuth"):
        BasicAuth(FILE, **wrong)


@pytest.mark.parametrize("wrong", [{"cert_file": FILE}, {"key_file": FILE}, {"server_name": "a b"}])
def test_half_a_certificate_is_refused_at_the_start(wrong):
    with pytest.raises(ValueError, match="tls"):
        Tls(**wrong)


def test_tls_without_https_is_refused_at_the_start():
    with pytest.raises(ValueError, match="tls needs a url that begins with https"):
        ProviderConfig("http://prometheus", access=Access(tls=Tls()))


@settings(deadline=None)
@given(st.text(alphabet=st.characters(max_codepoint=0x2FF), max_size=40))
def test_a_value_that_is_sent_cannot_end_its_header(text):
    if is_header_value(text):
        assert text.isascii()
        assert text.strip() == text
        assert not set(text) & {"\r", "\n", "\0"}
