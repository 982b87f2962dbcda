"""Do errors come one by one, or in bursts? Bursts on one side look like a bad release.

Given the errors of a window, how many are the canary's varies binomially when they come one by
one. Here it is measured how much more it varies: each block of windows is foretold from those
before it, and the squared surprise is compared with the variance it should have (Pearson's
statistic, on recursive residuals, so that a release that is steadily worse is no surprise).
"""

from dataclasses import dataclass

from tidegate.core.statistics.window import Window, canary_chance

BLOCK_VARIANCE = 2.0
"""Errors squared. Windows are gathered into one block until they could vary by this much: one
rare error in a thin window is no burst."""
RESIDUALS_LEAST = 5
"""With fewer surprises than this, nothing is said about bursts."""
_PSEUDO_ERRORS = 0.5
"""Errors a side at a ratio of 1 that stand in before the first; they fade as errors come."""


@dataclass(frozen=True, slots=True)
class Dispersion:
    """What is kept of the windows so far; the part from `open_canary` on is of the open block."""

    canary: float = 0.0
    """Canary errors, each weighed with stable's share (Mantel-Haenszel)."""
    stable: float = 0.0
    """Stable errors, each weighed with the canary's share."""
    errors: float = 0.0
    blocks: int = 0
    squares: float = 0.0
    """Squared surprises, each over the variance it should have."""
    open_canary: float = 0.0
    open_stable: float = 0.0
    open_errors: float = 0.0
    open_hits: float = 0.0
    """Canary errors, unweighed."""
    open_foretold: float = 0.0
    """How many they should have been."""
    open_variance: float = 0.0
    """Of the canary's errors, were it as good as stable: how much the block can tell."""

    @property
    def factor(self) -> float:
        """Times that the variance is larger than it should be; at least 1."""
        residuals = self.blocks - 1  # the first block only shows what to foretell
        return max(1.0, self.squares / residuals) if residuals >= RESIDUALS_LEAST else 1.0

    @property
    def ratio(self) -> float | None:
        """The canary's error rate over stable's, all windows weighed together; None without any."""
        canary, stable = self.canary + self.open_canary, self.stable + self.open_stable
        return canary / stable if stable > 0.0 else None


def with_window(before: Dispersion, window: Window) -> Dispersion:
    """Add one window; it closes the block when that has errors enough."""
    foretold = before.canary / before.stable if before.stable > 0.0 else 1.0
    chance, _ = canary_chance(window, foretold)
    first = before == Dispersion()
    pseudo = _PSEUDO_ERRORS * window.canary_share * window.stable_share if first else 0.0
    after = Dispersion(
        before.canary,
        before.stable,
        before.errors,
        before.blocks,
        before.squares,
        before.open_canary + window.canary_errors * window.stable_share + pseudo,
        before.open_stable + window.stable_errors * window.canary_share + pseudo,
        before.open_errors + window.errors,
        before.open_hits + window.canary_errors,
        before.open_foretold + window.errors * chance,
        before.open_variance + window.errors * window.canary_share * window.stable_share,
    )
    return _closed(after) if after.open_variance >= BLOCK_VARIANCE else after


def _closed(block: Dispersion) -> Dispersion:
    """Close the open block: judge it by what was foretold, then learn from it."""
    canary, stable = block.canary + block.open_canary, block.stable + block.open_stable
    surplus = block.open_hits - block.open_foretold
    variance = _variance(block)
    square = surplus * surplus / variance if variance > 0.0 else 0.0
    return Dispersion(
        canary=canary,
        stable=stable,
        errors=block.errors + block.open_errors,
        blocks=block.blocks + 1,
        squares=block.squares + square,
    )


def _variance(block: Dispersion) -> float:
    """How much the canary's errors of the block should vary about what was foretold.

    By the ratio that the block itself has a part in, as in a test of two samples: one that too few
    errors foretold too low would make any error a surprise. And what is foretold varies, too: the
    more, the fewer errors it rests on. 0 for the first block, which nothing was foretold of.
    """
    others = block.open_errors - block.open_foretold
    if block.blocks == 0 or min(others, block.errors, block.canary, block.stable) <= 0.0:
        return 0.0
    grown = (1.0 + block.open_canary / block.canary) / (1.0 + block.open_stable / block.stable)
    odds = block.open_foretold / others * grown
    one_error = odds / (1.0 + odds) / (1.0 + odds)
    return block.open_errors * one_error * (1.0 + block.open_errors / block.errors)
