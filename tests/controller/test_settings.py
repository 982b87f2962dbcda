"""A mistake in the configuration is told with the field and the remedy."""

from __future__ import annotations

from pathlib import Path

import pytest

from tidegate.adapters.hooks.config import HookConfig, SigningKey
from tidegate.adapters.prometheus import Access, BasicAuth, Tls
from tidegate.controller import settings as module
from tidegate.controller.settings import Settings, SettingsError, load, parse

GOOD = """
providers:
  default: {url: "http://prometheus:9090/", timeout: 2s}
  far: {url: https://metrics.example.com, tokenFile: /var/run/token}
  mimir:
    url: https://mimir
    basicAuth: {username: me, passwordFile: /x/password}
    tls: {caFile: /x/ca, certFile: /x/crt, keyFile: /x/key, serverName: mimir.example.com}
    headers: {X-Scope-OrgID: team-a}
    headerFiles: {X-Api-Key: /x/key}
  plain: {url: "http://plain", tokenFile: "", basicAuth: {}, tls: {}, headers: {}, headerFiles: {}}
telemetry: {window: 30s, interval: 3s, subsetQuery: sum(x)}
namespaces: [shop, web]
"""


def test_a_good_file_is_read(tmp_path: Path):
    (tmp_path / "config.yaml").write_text(GOOD)
    found = load(tmp_path / "config.yaml")
    assert found.providers["default"].url == "http://prometheus:9090"
    assert found.providers["default"].timeout_s == 2.0
    assert found.providers["far"].access.token_file == Path("/var/run/token")
    mimir = found.providers["mimir"].access
    assert mimir.basic_auth == BasicAuth(Path("/x/password"), "me")
    assert mimir.tls == Tls(Path("/x/ca"), Path("/x/crt"), Path("/x/key"), "mimir.example.com")
    assert mimir.headers == {"X-Scope-OrgID": "team-a"}
    assert mimir.header_files == {"X-Api-Key": Path("/x/key")}
    assert found.providers["plain"].access == Access()
    assert (found.telemetry.window_s, found.telemetry.interval_s) == (30.0, 3.0)
    assert found.telemetry.subset_query == "sum(x)"
    assert found.namespaces == ("shop", "web")
    assert found.within(("other",)).namespaces == ("other",)
    assert found.within(("other",)).providers == found.providers


def test_the_key_that_calls_are_signed_with_is_named_by_its_file():
    assert parse({}).hooks == HookConfig()
    found = parse({"hooks": {"signingKeyFile": "/var/run/key"}})
    assert found.hooks == HookConfig(Path("/var/run/key"))
    assert found.within(("shop",)).hooks == found.hooks


def test_a_namespace_may_have_a_key_of_its_own():
    own = {"shop": "/keys/shop", "payments": "/keys/payments"}
    found = parse({"hooks": {"signingKeyFile": "/keys/rest", "signingKeyFiles": own}}).hooks
    assert found.key_of("shop") == SigningKey("hooks.signingKeyFiles.shop", Path("/keys/shop"))
    assert found.key_of("other") == SigningKey("hooks.signingKeyFile", Path("/keys/rest"))
    alone = parse({"hooks": {"signingKeyFiles": own}}).hooks
    assert alone.key_of("other") is None


@pytest.mark.parametrize("text", ["", "{}", "# nothing\n", "providers:\ntelemetry:\nnamespaces:\n"])
def test_an_empty_file_gives_the_defaults(tmp_path: Path, text):
    (tmp_path / "config.yaml").write_text(text)
    assert load(tmp_path / "config.yaml") == Settings() == load(None)


@pytest.mark.parametrize(
    ("found", "sentence"),
    [
        ([1], "the configuration must be an object"),
        ({"hooks": {"signingKeyFile": "key"}}, "hooks.signingKeyFile must be an absolute path"),
        (
            {"hooks": {"key": "secret"}},
            "hooks has no field 'key' (has: signingKeyFile, signingKeyFiles)",
        ),
        ({"hooks": {"signingKeyFiles": "/key"}}, "hooks.signingKeyFiles must be an object"),
        (
            {"hooks": {"signingKeyFiles": {"shop": "key"}}},
            "hooks.signingKeyFiles.shop must be an absolute path",
        ),
        (
            {"hooks": {"signingKeyFiles": {"shop": ""}}},
            "hooks.signingKeyFiles.shop is empty; name the file with the key",
        ),
        (
            {"provider": {}},
            "has no field 'provider' (has: providers, telemetry, namespaces, hooks)",
        ),
        (
            {"providers": {"kubernetes": {"url": "http://x"}}},
            "providers.kubernetes: that name is the API server's own; choose another",
        ),
        ({"providers": [1]}, "providers must be an object"),
        ({"providers": {"a": "http://x"}}, "providers.a must be an object"),
        ({"providers": {"a": {"URL": "x"}}}, "providers.a has no field 'URL'"),
        ({"providers": {"a": {}}}, "providers.a.url must be an http:// or https:// address"),
        ({"providers": {"a": {"url": "ftp://x"}}}, "providers.a.url must be an http://"),
        ({"providers": {"a": {"url": "http://"}}}, "providers.a: a provider's url must look like"),
        ({"providers": {"a": {"url": "http://u:p@x"}}}, "must hold no user, query or fragment"),
        (
            {"providers": {"a": {"url": "http://x", "timeout": 5}}},
            "providers.a.timeout must be a duration such as 5s or 1m, not 5",
        ),
        ({"providers": {"a": {"url": "http://x", "timeout": "2m"}}}, "at most 60.0 s"),
        (
            {"providers": {"a": {"url": "http://x", "tokenFile": "token"}}},
            "providers.a.tokenFile must be an absolute path",
        ),
        (
            {"providers": {"a": {"url": "http://x", "basicAuth": {"username": "me"}}}},
            "providers.a.basicAuth.passwordFile is missing",
        ),
        (
            {"providers": {"a": {"url": "http://x", "basicAuth": {"passwordFile": "/p"}}}},
            "providers.a: basicAuth needs exactly one of username and usernameFile",
        ),
        (
            {"providers": {"a": {"url": "http://x", "basicAuth": {"password": "s3cret"}}}},
            "providers.a.basicAuth has no field 'password'",
        ),
        (
            {"providers": {"a": {"url": "http://x", "basicAuth": "me:s3cret"}}},
            "providers.a.basicAuth must be an object",
        ),
        (
            {"providers": {"a": {"url": "https://x", "tls": {"insecureSkipVerify": True}}}},
            "providers.a.tls has no field 'insecureSkipVerify'",
        ),
        (
            {"providers": {"a": {"url": "https://x", "tls": {"certFile": "/c"}}}},
            "providers.a: tls needs both of certFile and keyFile",
        ),
        (
            {"providers": {"a": {"url": "http://x", "tls": {"caFile": "/c"}}}},
            "providers.a: tls needs a url that begins with https://",
        ),
        (
            {"providers": {"a": {"url": "http://x", "headers": {"X-Scope-OrgID": 1}}}},
            "providers.a.headers.X-Scope-OrgID must be a text; put it into quotes",
        ),
        (
            {"providers": {"a": {"url": "http://x", "headers": {"Authorization": "Bearer s"}}}},
            "providers.a: headers must not set Authorization; use tokenFile or basicAuth",
        ),
        (
            {"providers": {"a": {"url": "http://x", "headerFiles": {"X-A": ""}}}},
            "providers.a.headerFiles.X-A is empty",
        ),
        ({"telemetry": {"windows": "1m"}}, "telemetry has no field 'windows'"),
        ({"telemetry": "1m"}, "telemetry must be an object"),
        ({"telemetry": {"window": "1x"}}, "telemetry.window must be a duration"),
        ({"telemetry": {"window": "1s"}}, "telemetry: the telemetry window must be 2 s to 3600 s"),
        ({"telemetry": {"interval": "2m"}}, "interval must be above 0 and at most the window"),
        ({"namespaces": "shop"}, "namespaces must be a list of names"),
        ({"namespaces": ["shop", 5]}, "namespaces must be a list of names"),
    ],
)
def test_a_mistake_is_told(found, sentence):
    with pytest.raises(SettingsError) as caught:
        parse(found)
    assert sentence in str(caught.value)
    assert "s3cret" not in str(caught.value)


def test_a_file_that_cannot_be_used_is_told(tmp_path: Path, monkeypatch):
    path = tmp_path / "config.yaml"
    with pytest.raises(SettingsError, match=r"cannot read .*: No such file"):
        load(path)
    path.write_text("providers: [")
    with pytest.raises(SettingsError, match="is not YAML"):
        load(path)
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(SettingsError, match="is not YAML"):
        load(path)
    monkeypatch.setattr(module, "CONFIG_BYTES_MAX", 5)
    path.write_text("namespaces: []")
    with pytest.raises(SettingsError, match="is larger than 5 bytes"):
        load(path)
