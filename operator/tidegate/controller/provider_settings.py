"""The operator's settings about one provider: where it is, and how it is told who asks."""

from __future__ import annotations

from typing import Any

from tidegate.adapters.prometheus.access import Access, BasicAuth, Tls
from tidegate.adapters.prometheus.config import ProviderConfig
from tidegate.controller.fields import (
    SettingsError,
    file_at,
    files_at,
    object_at,
    seconds_at,
    text_at,
)

_FIELDS = ("url", "timeout", "tokenFile", "basicAuth", "tls", "headers", "headerFiles")
_BASIC_AUTH_FIELDS = ("username", "usernameFile", "passwordFile")
_TLS_FIELDS = ("caFile", "certFile", "keyFile", "serverName")


def provider(path: str, value: Any) -> ProviderConfig:
    """One provider from its part of the file; raises SettingsError naming the field at `path`."""
    found = object_at(value, path, _FIELDS)
    url = found.get("url")
    if not isinstance(url, str) or not url.startswith(("http://", "https://")):
        raise SettingsError(f"{path}.url must be an http:// or https:// address")
    try:
        return ProviderConfig(
            url=url.rstrip("/"),
            timeout_s=seconds_at(found.get("timeout", "5s"), f"{path}.timeout"),
            access=Access(
                token_file=file_at(found.get("tokenFile"), f"{path}.tokenFile"),
                basic_auth=_basic_auth(f"{path}.basicAuth", found.get("basicAuth")),
                tls=_tls(f"{path}.tls", found.get("tls")),
                headers=_headers(f"{path}.headers", found.get("headers")),
                header_files=files_at(
                    found.get("headerFiles"), f"{path}.headerFiles", "header's value"
                ),
            ),
        )
    except ValueError as error:
        raise SettingsError(f"{path}: {error}") from error


def _basic_auth(path: str, value: Any) -> BasicAuth | None:
    if value in (None, {}):
        return None
    found = object_at(value, path, _BASIC_AUTH_FIELDS)
    password_file = file_at(found.get("passwordFile"), f"{path}.passwordFile")
    if password_file is None:
        raise SettingsError(f"{path}.passwordFile is missing; name the file with the password")
    return BasicAuth(
        password_file=password_file,
        username=text_at(found.get("username"), f"{path}.username"),
        username_file=file_at(found.get("usernameFile"), f"{path}.usernameFile"),
    )


def _tls(path: str, value: Any) -> Tls | None:
    if value in (None, {}):
        return None
    found = object_at(value, path, _TLS_FIELDS)
    return Tls(
        ca_file=file_at(found.get("caFile"), f"{path}.caFile"),
        cert_file=file_at(found.get("certFile"), f"{path}.certFile"),
        key_file=file_at(found.get("keyFile"), f"{path}.keyFile"),
        server_name=text_at(found.get("serverName"), f"{path}.serverName"),
    )


def _headers(path: str, value: Any) -> dict[str, str]:
    found = object_at(value or {}, path)
    return {str(name): text_at(text, f"{path}.{name}") for name, text in found.items()}
