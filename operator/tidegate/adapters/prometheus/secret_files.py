"""Files with secrets: read in bounds, told by their field, never by what is in them."""

from __future__ import annotations

import base64
from pathlib import Path

from tidegate.adapters.prometheus.access import (
    HEADER_VALUE_MAX_CHARS,
    Access,
    BasicAuth,
    is_header_value,
    is_username,
)

TOKEN_MAX_BYTES = 16 * 1024
PASSWORD_MAX_BYTES = 4 * 1024


class Unreadable(Exception):
    """A file cannot be used; the message names the field and says why, without the content."""


def headers_of(access: Access) -> dict[str, str]:
    """The headers that tell a provider who asks. Blocks; raises Unreadable."""
    headers = dict(access.headers)
    for name, path in access.header_files.items():
        headers[name] = _header(f"headerFiles.{name}", path)
    if access.token_file is not None:
        headers["Authorization"] = f"Bearer {_token(access.token_file)}"
    if access.basic_auth is not None:
        headers["Authorization"] = f"Basic {_basic(access.basic_auth)}"
    return headers


def content_of(field: str, path: Path, max_bytes: int) -> bytes:
    """The bytes of a file, at most `max_bytes` and not none. Blocks; raises Unreadable."""
    try:
        with path.open("rb") as file:
            raw = file.read(max_bytes + 1)
    except OSError as wrong:
        raise Unreadable(f"{field} cannot be read ({type(wrong).__name__})") from None
    if not raw.strip() or len(raw) > max_bytes:
        raise Unreadable(f"{field} is empty or too long (over {max_bytes} bytes)")
    return raw


def _token(path: Path) -> str:
    raw = content_of("tokenFile", path, TOKEN_MAX_BYTES).strip()
    # Anything else could end the header and start another.
    if not all(0x21 <= byte <= 0x7E for byte in raw):  # noqa: PLR2004 — the visible ASCII range
        raise Unreadable("tokenFile holds characters that no token has")
    return raw.decode("ascii")


def _basic(auth: BasicAuth) -> str:
    username = auth.username
    if auth.username_file is not None:
        field = "basicAuth.usernameFile"
        username = _text(field, auth.username_file)
        if not is_username(username):
            raise Unreadable(f"{field} holds characters that no user name has")
    password = _text("basicAuth.passwordFile", auth.password_file)
    return base64.b64encode(f"{username}:{password}".encode()).decode("ascii")


def _text(field: str, path: Path) -> str:
    """UTF-8 without the line break that editors put at its end; spaces may be meant."""
    try:
        text = content_of(field, path, PASSWORD_MAX_BYTES).decode().rstrip("\r\n")
    except UnicodeDecodeError:
        raise Unreadable(f"{field} is not UTF-8") from None
    if not text.isprintable():
        raise Unreadable(f"{field} holds characters that cannot be printed")
    return text


def _header(field: str, path: Path) -> str:
    raw = content_of(field, path, HEADER_VALUE_MAX_CHARS).strip()
    value = raw.decode("latin-1")
    if not is_header_value(value):
        raise Unreadable(f"{field} holds characters that no header has")
    return value
