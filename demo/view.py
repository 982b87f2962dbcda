"""What the demo shows while it runs: one block on a terminal, one line a change in a pipe."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from demo.manifests import Shop
from demo.stage import Stage
from sandbox import Load

REFRESH_S = 0.5
BAR_CELLS = 40


class View:
    """Prints what it is told, and the Rollout's state while something is waited for."""

    def __init__(self, stage: Stage, shop: Shop) -> None:
        self._stage = stage
        self._shop = shop
        self._began = time.monotonic()
        self._last = ""
        self.console = Console(highlight=False)

    def say(self, text: str) -> None:
        """One line of the story, with the seconds since the beginning."""
        elapsed_s = time.monotonic() - self._began
        self.console.print(f"[dim]{elapsed_s:6.1f}s[/dim]  {text}")

    def watch_until(
        self, load: Load, done: Callable[[dict[str, Any]], bool], deadline_s: float
    ) -> bool:
        """Show the Rollout until its status satisfies `done`; False when the deadline is over."""
        end = time.monotonic() + deadline_s
        if not self.console.is_terminal:
            return self._watch_lines(load, done, end)
        with Live(console=self.console, refresh_per_second=4, transient=True) as live:
            while time.monotonic() < end:
                body = self._stage.rollout(self._shop)
                live.update(self._block(body, load))
                if self._settled(body, done):
                    return True
                time.sleep(REFRESH_S)
        return False

    def _watch_lines(self, load: Load, done: Callable[[dict[str, Any]], bool], end: float) -> bool:
        while time.monotonic() < end:
            body = self._stage.rollout(self._shop)
            line = _line(body.get("status", {}))
            if line != self._last:
                self._last = line
                self.say(f"{line}  ({self._counts(load)})")
            if self._settled(body, done):
                return True
            time.sleep(REFRESH_S)
        return False

    @staticmethod
    def _settled(body: dict[str, Any], done: Callable[[dict[str, Any]], bool]) -> bool:
        status = body.get("status", {})
        seen = status.get("observedGeneration") == body["metadata"]["generation"]
        return bool(seen and done(status))

    def _counts(self, load: Load) -> str:
        records = load.records()
        failed = sum(record.failed for record in records)
        return f"{len(records)} requests, {failed} failed"

    def _block(self, body: dict[str, Any], load: Load) -> Group:
        status = body.get("status", {})
        weight = int(status.get("weight", 0))
        cells = round(BAR_CELLS * weight / 100)
        bar = Text("stable ") + Text("█" * (BAR_CELLS - cells), "green")
        bar += Text("█" * cells, "yellow") + Text(f" canary {weight} %")
        table = Table(box=None, padding=(0, 2), show_header=False)
        for check in status.get("checks", ()):
            value = check.get("value")
            shown = "-" if value is None else f"{value:.4g}"
            table.add_row(check["metric"], shown, check.get("bound", ""), check["verdict"])
        head = Text(f"{status.get('state', '')}  ", "bold") + Text(_phase(status))
        message = Text(status.get("message", ""), "dim")
        return Group(head, bar, table, message, Text(self._counts(load), "dim"))


def _phase(status: dict[str, Any]) -> str:
    phase = status.get("phase")
    return f"phase {phase['name']}" if phase else ""


def _line(status: dict[str, Any]) -> str:
    checks = ", ".join(f"{c['metric']} {c['verdict']}" for c in status.get("checks", ()))
    parts = [status.get("state", "-"), _phase(status), f"canary {status.get('weight', 0)} %"]
    parts.append(status.get("message", ""))
    parts.append(checks if status.get("run") else "")
    return " · ".join(part for part in parts if part)
