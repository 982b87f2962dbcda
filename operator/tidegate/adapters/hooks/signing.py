"""The signature by which a Service knows that a call is from this operator, and not an old one."""

from __future__ import annotations

import hashlib
import hmac
from typing import Final

from tidegate.adapters.hooks.config import SigningKey
from tidegate.adapters.prometheus.secret_files import content_of

KEY_MAX_BYTES: Final = 4 * 1024

SIGNATURE: Final = "Tidegate-Signature"
TIMESTAMP: Final = "Tidegate-Timestamp"


def signature(key: bytes, timestamp: str, body: bytes) -> str:
    """`sha256=` and the HMAC of timestamp, a dot, and the body, in hexadecimal digits."""
    signed = timestamp.encode() + b"." + body
    return "sha256=" + hmac.new(key, signed, hashlib.sha256).hexdigest()


def signed_headers(key: SigningKey | None, at_s: float, body: bytes) -> dict[str, str]:
    """The headers of a call that is sent at that time. Blocks; raises Unreadable for the key file.

    The line break that editors put at the end of the file is no part of the key.
    """
    timestamp = str(int(at_s))
    if key is None:
        return {TIMESTAMP: timestamp}
    secret = content_of(key.field, key.file, KEY_MAX_BYTES).rstrip(b"\r\n")
    return {TIMESTAMP: timestamp, SIGNATURE: signature(secret, timestamp, body)}
