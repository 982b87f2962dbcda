"""Over TLS: whom the client trusts, what it shows, and what it says when that does not fit."""

from __future__ import annotations

import asyncio
import shutil
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.adapters.prometheus.asking import SetClock, ask_one, metric
from tests.adapters.prometheus.certificates import WITH_OPENSSL, Authority, Pair, encrypted
from tests.adapters.prometheus.scripted import ScriptedProvider, http, scripted_provider
from tidegate.adapters.prometheus import (
    Access,
    PrometheusMetrics,
    ProviderConfig,
    TelemetryConfig,
    Tls,
)
from tidegate.core.observation import Answer, Reading

pytestmark = WITH_OPENSSL


@pytest.fixture(scope="module")
def ca(tmp_path_factory) -> Authority:
    return Authority.made(tmp_path_factory.mktemp("ca"), "ours")


@pytest.fixture(scope="module")
def other_ca(tmp_path_factory) -> Authority:
    return Authority.made(tmp_path_factory.mktemp("other"), "theirs")


@pytest.fixture(scope="module")
def server(ca) -> Pair:
    return ca.signed("server", "IP:127.0.0.1")


@asynccontextmanager
async def serving(
    pair: Pair, clients_of: Authority | None = None
) -> AsyncIterator[ScriptedProvider]:
    """A provider with this certificate, which asks for one of `clients_of`'s in return."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pair.cert, pair.key)
    if clients_of is not None:
        context.load_verify_locations(clients_of.own.cert)
        context.verify_mode = ssl.CERT_REQUIRED
    async with scripted_provider(context) as provider:
        provider.gives(({}, 1))
        yield provider


@asynccontextmanager
async def asking_over(
    provider: ScriptedProvider, tls: Tls | None
) -> AsyncIterator[PrometheusMetrics]:
    config = ProviderConfig(provider.url, timeout_s=30, access=Access(tls=tls))
    made = PrometheusMetrics({"default": config}, TelemetryConfig(), SetClock())
    try:
        yield made
    finally:
        await made.close()


async def answer(provider: ScriptedProvider, tls: Tls | None) -> Reading:
    async with asking_over(provider, tls) as metrics:
        return await ask_one(metrics, metric(query="up"))


async def test_a_server_of_the_named_authority_is_asked(ca, server):
    async with serving(server) as provider:
        reading = await answer(provider, Tls(ca_file=ca.own.cert))
    assert (reading.answer, reading.value) == (Answer.OK, 1)


@pytest.mark.parametrize("trusted", ["system", "other"])
async def test_a_server_of_another_authority_is_not_asked(server, other_ca, trusted):
    tls = Tls(ca_file=other_ca.own.cert) if trusted == "other" else None
    async with serving(server) as provider:
        reading = await answer(provider, tls)
        assert provider.requests == []
    assert (reading.answer, reading.value) == (Answer.ERROR, None)
    assert "the server's certificate is not accepted" in reading.detail
    assert "tls.caFile" in reading.detail


async def test_a_certificate_for_another_name_is_refused_unless_it_is_asked_for(ca):
    pair = ca.signed("by-name", "DNS:prometheus.example.com")
    async with serving(pair) as provider:
        refused = await answer(provider, Tls(ca_file=ca.own.cert))
        assert provider.requests == []
        named = Tls(ca_file=ca.own.cert, server_name="prometheus.example.com")
        accepted = await answer(provider, named)
    assert refused.answer is Answer.ERROR
    assert "certificate is not valid for '127.0.0.1'" in refused.detail
    assert accepted.answer is Answer.OK


async def test_a_client_certificate_opens_a_server_that_asks_for_one(ca, server):
    client = ca.signed("client")
    without = Tls(ca_file=ca.own.cert)
    async with serving(server, clients_of=ca) as provider:
        refused = await answer(provider, without)
        assert provider.requests == []
        shown = Tls(ca_file=ca.own.cert, cert_file=client.cert, key_file=client.key)
        accepted = await answer(provider, shown)
    assert refused.answer is Answer.ERROR
    assert accepted.answer is Answer.OK


async def test_a_client_certificate_of_a_stranger_opens_nothing(ca, other_ca, server):
    stranger = other_ca.signed("stranger")
    tls = Tls(ca_file=ca.own.cert, cert_file=stranger.cert, key_file=stranger.key)
    async with serving(server, clients_of=ca) as provider:
        reading = await answer(provider, tls)
        assert provider.requests == []
    assert reading.answer is Answer.ERROR
    assert "tls.certFile" in reading.detail


async def test_a_rotated_client_certificate_is_shown_by_the_next_query(
    ca, other_ca, server, tmp_path
):
    first, then = other_ca.signed("early"), ca.signed("late")
    mounted = Pair(tmp_path / "tls.crt", tmp_path / "tls.key")
    tls = Tls(ca_file=ca.own.cert, cert_file=mounted.cert, key_file=mounted.key)
    async with serving(server, clients_of=ca) as provider, asking_over(provider, tls) as metrics:
        readings = []
        for turn, pair in enumerate((first, then, first)):
            shutil.copy(pair.cert, mounted.cert)
            shutil.copy(pair.key, mounted.key)
            readings.append((await ask_one(metrics, metric(query=f"up == {turn}"))).answer)
    assert readings == [Answer.ERROR, Answer.OK, Answer.ERROR]


async def test_a_rotated_authority_is_trusted_by_the_next_query(ca, other_ca, server, tmp_path):
    mounted = tmp_path / "ca.crt"
    async with (
        serving(server) as provider,
        asking_over(provider, Tls(ca_file=mounted)) as metrics,
    ):
        readings = []
        for turn, authority in enumerate((other_ca, ca)):
            shutil.copy(authority.own.cert, mounted)
            readings.append((await ask_one(metrics, metric(query=f"up == {turn}"))).answer)
    assert readings == [Answer.ERROR, Answer.OK]


def files(folder: Path, ca: Authority, wrong: str) -> tuple[Tls, str]:
    """Files of which one is wrong, and the field that it belongs to."""
    client = ca.signed("mixed")
    good = {"ca_file": ca.own.cert, "cert_file": client.cert, "key_file": client.key}
    odd = folder / "odd"
    match wrong:
        case "no authority":
            return Tls(**good | {"ca_file": odd}), "tls.caFile cannot be read (FileNotFoundError)"
        case "empty authority":
            odd.write_text("\n")
            return Tls(**good | {"ca_file": odd}), "tls.caFile is empty"
        case "an authority that is none":
            odd.write_text("SECRET")
            return Tls(**good | {"ca_file": odd}), "tls.caFile holds no PEM certificates"
        case "a key that is none":
            odd.write_text("SECRET")
            return Tls(**good | {"key_file": odd}), "tls.certFile and tls.keyFile are no PEM"
        case "another certificate's key":
            return (
                Tls(**good | {"key_file": ca.own.key}),
                "its unencrypted key (KEY_VALUES_MISMATCH)",
            )
        case "a key under a password":
            key = encrypted(client.key, "SECRET")
            return Tls(**good | {"key_file": key}), "its unencrypted key"
        case _:
            raise AssertionError(wrong)


@pytest.mark.parametrize(
    "wrong",
    [
        "no authority",
        "empty authority",
        "an authority that is none",
        "a key that is none",
        "another certificate's key",
        "a key under a password",
    ],
)
async def test_a_file_that_cannot_be_used_is_told_by_its_field(ca, server, tmp_path, wrong):
    tls, words = files(tmp_path, ca, wrong)
    async with serving(server) as provider:
        reading = await answer(provider, tls)
        assert provider.requests == []
    assert (reading.answer, reading.value) == (Answer.ERROR, None)
    assert reading.detail.startswith("providers.default.tls.")
    assert words in reading.detail
    assert "SECRET" not in reading.detail


async def test_an_address_that_speaks_no_tls_is_told():
    async def plain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(http(400, "this is no TLS"))
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(plain, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        config = ProviderConfig(f"https://127.0.0.1:{port}", timeout_s=30, access=Access(tls=Tls()))
        metrics = PrometheusMetrics({"default": config}, TelemetryConfig(), SetClock())
        reading = await ask_one(metrics, metric(query="up"))
        await metrics.close()
    assert reading.answer is Answer.ERROR
    assert "no TLS connection to the provider" in reading.detail
    assert "check whether the url is that of a TLS server" in reading.detail
