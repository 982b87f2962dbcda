"""An authority, and certificates that it signs, made by the openssl of this machine."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

OPENSSL_S_MAX = 60

WITH_OPENSSL = pytest.mark.skipif(
    shutil.which("openssl") is None,
    reason="no openssl on the PATH; on Debian: apt-get install openssl",
)
"""The mark of tests that need certificates."""


@dataclass(frozen=True)
class Pair:
    cert: Path
    key: Path


@dataclass(frozen=True)
class Authority:
    """Signs certificates, all in one folder."""

    folder: Path
    name: str

    @classmethod
    def made(cls, folder: Path, name: str) -> Authority:
        authority = cls(folder, name)
        pair = authority.own
        subject = ["-subj", f"/CN={name}", "-days", "2", "-nodes"]
        _openssl("req", "-x509", *_KEY, "-keyout", pair.key, "-out", pair.cert, *subject)
        return authority

    @property
    def own(self) -> Pair:
        return Pair(self.folder / f"{self.name}.crt", self.folder / f"{self.name}.key")

    def signed(self, name: str, alternative: str = "") -> Pair:
        """A certificate for `name`, with an alternative name such as IP:127.0.0.1 or DNS:x."""
        pair = Pair(self.folder / f"{name}.crt", self.folder / f"{name}.key")
        request: list[str | Path] = [
            "req", "-x509", *_KEY, "-keyout", pair.key, "-out", pair.cert, "-nodes", "-days", "2",
            "-subj", f"/CN={name}", "-CA", self.own.cert, "-CAkey", self.own.key,
            "-addext", "basicConstraints=critical,CA:FALSE",
        ]  # fmt: skip
        if alternative:
            request += ["-addext", f"subjectAltName={alternative}"]
        _openssl(*request)
        return pair


def encrypted(key: Path, password: str) -> Path:
    """The same key, under a password."""
    target = key.with_suffix(".enc")
    _openssl("pkey", "-in", key, "-out", target, "-aes256", "-passout", f"pass:{password}")
    return target


_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256")


def _openssl(*arguments: str | Path) -> None:
    command = ["openssl", *map(str, arguments)]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=OPENSSL_S_MAX, check=False
    )
    assert done.returncode == 0, done.stderr
