"""What the administrator says about hooks that call Services."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class HookConfig:
    """`signing_key_file` holds the key that calls are signed with; None leaves them unsigned."""

    signing_key_file: Path | None = None
