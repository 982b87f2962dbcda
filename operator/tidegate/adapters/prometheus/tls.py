"""The TLS context of one provider, made anew when one of its files has other content.

A rotated certificate needs no restart: each context has connections of its own, so the next
query is asked over a connection that shows the new one. Nothing here can switch verification off.
"""

from __future__ import annotations

import hashlib
import ssl
from pathlib import Path

from tidegate.adapters.prometheus.access import Tls
from tidegate.adapters.prometheus.secret_files import Unreadable, content_of

PEM_MAX_BYTES = 1024 * 1024
"""A bundle of all public authorities has about 250 KiB."""


class TlsContexts:
    """Gives the context for the present content of the files."""

    def __init__(self, tls: Tls) -> None:
        self._tls = tls
        self._digest = b""
        self._context: ssl.SSLContext | None = None

    def context(self) -> ssl.SSLContext:
        """The context, the same one as long as no file changes. Blocks; raises Unreadable."""
        digest = self._content_digest()
        if self._context is None or digest != self._digest:
            made = self._made()
            # A rotation in between could pair an old certificate with a new key's digest.
            if self._content_digest() != digest:
                raise Unreadable("tls files changed while they were read")
            self._context, self._digest = made, digest
        return self._context

    def _content_digest(self) -> bytes:
        digest = hashlib.sha256()
        for field, path in self._files():
            digest.update(hashlib.sha256(content_of(field, path, PEM_MAX_BYTES)).digest())
        return digest.digest()

    def _files(self) -> list[tuple[str, Path]]:
        tls = self._tls
        named = (("caFile", tls.ca_file), ("certFile", tls.cert_file), ("keyFile", tls.key_file))
        return [(f"tls.{name}", path) for name, path in named if path is not None]

    def _made(self) -> ssl.SSLContext:
        tls = self._tls
        try:
            context = ssl.create_default_context(cafile=tls.ca_file)
        except (ssl.SSLError, OSError, ValueError):
            raise Unreadable("tls.caFile holds no PEM certificates") from None
        if tls.cert_file is not None and tls.key_file is not None:
            try:
                # Without a password of our own OpenSSL would ask for one on the terminal.
                context.load_cert_chain(tls.cert_file, tls.key_file, password=_NO_PASSWORD)
            except (ssl.SSLError, OSError, ValueError) as wrong:
                raise Unreadable(
                    "tls.certFile and tls.keyFile are no PEM certificate and its unencrypted key "
                    f"({getattr(wrong, 'reason', None) or type(wrong).__name__})"
                ) from None
        return context


_NO_PASSWORD = ""
