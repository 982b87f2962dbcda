"""When a provider that does not answer is left alone for a moment: a circuit breaker, as a value.

    closed ──FAILURES_MAX unanswered in a row──▶ doubtful ──probe unanswered──▶ open
      ▲                                             │                            │ pause over
      └──────────────── any answer ─────────────────┴──────── half-open ◀────────┘

Only a probe opens it, a query of ours that every server can answer: queries that are merely slow
belong to one Rollout and must not take the others' answers away. For the same reason what counts
is silence alone: any HTTP answer, an error too, came from somebody who is there.

A probe that goes unanswered doubles the pause, from PAUSE_S_FIRST to PAUSE_S_MAX, which is the
longest that an answer can be withheld from a check.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum

FAILURES_MAX = 5
"""Queries without any answer, in a row, after which the next one waits for a probe."""
PAUSE_S_FIRST = 1.0
PAUSE_S_MAX = 5.0


class Stance(Enum):
    """What a query should do now."""

    ASK = "ask"
    PROBE = "probe"
    GIVE_UP = "give up"


@dataclass(frozen=True, slots=True)
class Breaker:
    """The state of one provider; times are steady seconds.

    `failures` counts unanswered queries since the last answer. `pause_s` is 0 unless it is open;
    it opened, or was probed last, so that it stays open until `until_s`.
    """

    failures: int = 0
    pause_s: float = 0.0
    until_s: float = 0.0

    @property
    def is_open(self) -> bool:
        """Whether a probe went unanswered and nothing was answered since."""
        return self.pause_s > 0

    def stance(self, now_s: float) -> Stance:
        """What a query that comes now should do."""
        if self.is_open:
            return Stance.GIVE_UP if self.left_s(now_s) > 0 else Stance.PROBE
        return Stance.PROBE if self.failures >= FAILURES_MAX else Stance.ASK

    def left_s(self, now_s: float) -> float:
        """Seconds until it is probed again; 0 when it is not open, or the pause is over."""
        return max(0.0, self.until_s - now_s)

    def answered(self) -> Breaker:
        """After any answer, to whomever."""
        return Breaker()

    def unanswered(self) -> Breaker:
        """After a query without an answer; those sent before it opened change nothing."""
        return self if self.is_open else replace(self, failures=self.failures + 1)

    def unproven(self, now_s: float) -> Breaker:
        """After a probe without an answer."""
        pause_s = min(self.pause_s * 2 or PAUSE_S_FIRST, PAUSE_S_MAX)
        return replace(self, pause_s=pause_s, until_s=now_s + pause_s)
