"""An operator whose wall clock a test can move; there is no switch for that in the product."""

from __future__ import annotations

import shutil
import struct
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from demo.operator_process import Process, launch_python

SOURCE = Path(__file__).with_name("clock_offset.c")
COMPILE_S = 60.0


def compiler() -> str | None:
    """The C compiler of this machine, if it has one."""
    return shutil.which("cc") or shutil.which("gcc")


class WallClock:
    """One offset, shared with the operators that its `launch` starts."""

    def __init__(self, folder: Path) -> None:
        self._offset = folder / "offset"
        self._library = folder / "clock_offset.so"
        command = [compiler() or "cc", "-shared", "-fPIC", "-O1", "-o", str(self._library)]
        subprocess.run([*command, str(SOURCE), "-ldl"], check=True, timeout=COMPILE_S)
        self._offset.write_bytes(struct.pack("q", 0))

    def jump(self, seconds: int) -> None:
        """From now on the wall clock is off by so much; the file is mapped, so it is one write."""
        with self._offset.open("r+b") as file:
            file.write(struct.pack("q", seconds))

    def launch(
        self, arguments: Sequence[str], environment: Mapping[str, str], log: Path
    ) -> Process:
        """Start an operator that lives by this clock."""
        moved = {"LD_PRELOAD": str(self._library), "CLOCK_OFFSET_FILE": str(self._offset)}
        return launch_python(arguments, {**environment, **moved}, log)
