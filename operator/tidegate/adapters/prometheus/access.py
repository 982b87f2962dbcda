"""How a provider is told who asks: a token, a name and password, a certificate, headers.

What is secret is named by the file that holds it and never held here. Every check raises
ValueError with a sentence for an administrator that names the field as the settings spell it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

HEADERS_MAX = 16
HEADER_NAME_MAX_CHARS = 128
HEADER_VALUE_MAX_CHARS = 4096
USERNAME_MAX_CHARS = 256

_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_VISIBLE = re.compile(r"[\x21-\x7e]([\x20-\x7e\t]*[\x21-\x7e])?")
OWN_HEADERS = frozenset(
    {
        "accept",
        "accept-encoding",
        "authorization",
        "connection",
        "content-encoding",
        "content-length",
        "content-type",
        "expect",
        "host",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
"""What a request itself says, credentials, and what is for one hop only (RFC 9110, 7.6.1)."""


@dataclass(frozen=True, slots=True)
class BasicAuth:
    """HTTP basic authentication (RFC 7617): a name, in clear or in a file, and a password file."""

    password_file: Path
    username: str = ""
    username_file: Path | None = None

    def __post_init__(self) -> None:
        if bool(self.username) == (self.username_file is not None):
            raise ValueError("basicAuth needs exactly one of username and usernameFile")
        if self.username and not is_username(self.username):
            raise ValueError(
                f"basicAuth.username must have at most {USERNAME_MAX_CHARS} visible characters "
                "and no colon"
            )


@dataclass(frozen=True, slots=True)
class Tls:
    """Whom to trust, and which certificate to show. A server's certificate is always verified.

    Without `ca_file` the system's authorities are trusted. `server_name` is the name that the
    certificate must be for, where it is not the url's.
    """

    ca_file: Path | None = None
    cert_file: Path | None = None
    key_file: Path | None = None
    server_name: str = ""

    def __post_init__(self) -> None:
        if (self.cert_file is None) != (self.key_file is None):
            raise ValueError("tls needs both of certFile and keyFile, or none of them")
        if self.server_name and not re.fullmatch(r"[A-Za-z0-9.:-]{1,253}", self.server_name):
            raise ValueError("tls.serverName must be a host name such as prometheus.example.com")


@dataclass(frozen=True, slots=True)
class Access:
    """All of it for one provider; the files are read again when they change."""

    token_file: Path | None = None
    basic_auth: BasicAuth | None = None
    tls: Tls | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    header_files: Mapping[str, Path] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.token_file is not None and self.basic_auth is not None:
            raise ValueError("only one of tokenFile and basicAuth can be sent; remove the other")
        for name in self.headers:
            _check_name("headers", name)
        for name in self.header_files:
            _check_name("headerFiles", name)
        told = [name.lower() for name in (*self.headers, *self.header_files)]
        if twice := sorted({name for name in told if told.count(name) > 1}):
            raise ValueError(f"the header {twice[0]} is given twice in headers and headerFiles")
        if len(told) > HEADERS_MAX:
            raise ValueError(f"headers and headerFiles hold more than {HEADERS_MAX} headers")
        for name, value in self.headers.items():
            if not is_header_value(value):
                raise ValueError(
                    f"headers.{name} must be visible ASCII of at most "
                    f"{HEADER_VALUE_MAX_CHARS} characters, on one line"
                )


def is_header_value(text: str) -> bool:
    """Whether a text can be a header's value: it must not end the header and start another."""
    return len(text) <= HEADER_VALUE_MAX_CHARS and _VISIBLE.fullmatch(text) is not None


def is_username(text: str) -> bool:
    """Whether a text can stand before the colon of basic authentication."""
    return 0 < len(text) <= USERNAME_MAX_CHARS and ":" not in text and text.isprintable()


def _check_name(where: str, name: str) -> None:
    if len(name) > HEADER_NAME_MAX_CHARS or not _HEADER_NAME.fullmatch(name):
        raise ValueError(f"{where} has {name[:64]!r}, which is no name of a header")
    if name.lower() == "authorization":
        raise ValueError(f"{where} must not set {name}; use tokenFile or basicAuth")
    if name.lower() in OWN_HEADERS:
        raise ValueError(f"{where} must not set {name}, which belongs to the request itself")
