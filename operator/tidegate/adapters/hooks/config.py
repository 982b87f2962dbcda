"""What the administrator says about hooks that call Services."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

SIGNING_KEY_FILE: Final = "hooks.signingKeyFile"
SIGNING_KEY_FILES: Final = "hooks.signingKeyFiles"


@dataclass(frozen=True, slots=True)
class SigningKey:
    """The file with a key, and the field that names it."""

    field: str
    file: Path


@dataclass(frozen=True, slots=True)
class HookConfig:
    """The files with the keys that calls are signed with; without one they are unsigned.

    `signing_key_files` are those of single namespaces, `signing_key_file` is for all others.
    Whoever can check a signature can make one: a namespace with a key of its own trusts no other.
    """

    signing_key_file: Path | None = None
    signing_key_files: Mapping[str, Path] = field(default_factory=dict)

    def key_of(self, namespace: str) -> SigningKey | None:
        """The key for calls to that namespace; None leaves them unsigned."""
        own = self.signing_key_files.get(namespace)
        if own is not None:
            return SigningKey(f"{SIGNING_KEY_FILES}.{namespace}", own)
        if self.signing_key_file is not None:
            return SigningKey(SIGNING_KEY_FILE, self.signing_key_file)
        return None
