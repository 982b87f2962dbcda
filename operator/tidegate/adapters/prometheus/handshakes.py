"""Why a TLS connection did not come about, in words that tell what to change."""

from __future__ import annotations

import ssl

import aiohttp

_REMEDY = "check tls.caFile and tls.serverName, and what the server's certificate is for"


def broken_handshake(broken: BaseException) -> str:
    """What OpenSSL says about a failed connection, or "" where TLS was not the trouble.

    OpenSSL's own reasons only: a fixed list of words, nothing that a server made up.
    """
    wrong = _ssl_error(broken)
    if wrong is None:
        return ""
    if isinstance(wrong, ssl.SSLCertVerificationError):
        return f"the server's certificate is not accepted ({wrong.verify_message}); {_REMEDY}"
    reason = wrong.reason or type(wrong).__name__
    if "ALERT" in reason:
        return (
            f"the server refuses ({reason}); "
            "check tls.certFile and tls.keyFile, and whose certificates it accepts"
        )
    return f"{reason}; check whether the url is that of a TLS server"


def hint_of_hang_up(broken: BaseException) -> str:
    """What to check, too, when a server hung up over TLS, or "".

    Since TLS 1.3 a client is connected before the server has looked at its certificate, and one
    that is refused mostly sees nothing but the end of the connection.
    """
    hung_up = isinstance(broken, aiohttp.ClientOSError | aiohttp.ServerDisconnectedError)
    if not hung_up or isinstance(broken, aiohttp.ClientConnectorError):
        return ""
    return ", and whether it accepts the certificate in tls.certFile"


def _ssl_error(broken: BaseException) -> ssl.SSLError | None:
    # aiohttp's own errors are of the same type, and keep OpenSSL's as an attribute or a cause.
    for error in (
        getattr(broken, "certificate_error", None),
        getattr(broken, "os_error", None),
        broken.__cause__,
        broken.__context__,
        broken,
    ):
        if isinstance(error, ssl.SSLError):
            return error
    return None
