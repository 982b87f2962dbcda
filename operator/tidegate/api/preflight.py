"""The pre-flight: what must be true before a release makes its first pod."""

from typing import ClassVar, Final, Literal

from pydantic import Field

from tidegate.api import limits
from tidegate.api.approvals import Approval
from tidegate.api.base import ATOMIC, ApiModel, Rule, keyed_by
from tidegate.api.checks import Gate
from tidegate.api.hooks import Hook
from tidegate.api.phases import Phase
from tidegate.api.scalars import DurationS

PREFLIGHT: Final = "preflight"
"""Its name where phases have one: in the status, in the ids of its checks, and for approvals."""


class Preflight(ApiModel):
    """Hooks, gates and approvals of a release before its first pod; traffic stays as it is."""

    RULES: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel="has(self.gates) && self.gates.size() > 0 || "
            "has(self.hooks) && self.hooks.size() > 0 || has(self.approval)",
            message="set at least one of gates, hooks and approval, or leave preflight out",
            holds=lambda one: bool(one.gates or one.hooks) or one.approval is not None,
        ),
        Rule(
            cel="!has(self.onTimeout) || has(self.deadline)",
            message="onTimeout says what happens after the deadline: set deadline, too",
            holds=lambda one: one.on_timeout is None or one.deadline_s is not None,
            field=".onTimeout",
        ),
        Rule(
            cel="!has(self.hooks) || self.hooks.all(h, !has(h.when) || h.when == 'before')",
            message="hooks of the pre-flight run in it: leave when out",
            holds=lambda one: all(hook.when == "before" for hook in one.hooks),
            field=".hooks",
        ),
        Rule(
            cel="!has(self.gates) || self.gates.all(g, !has(g.compare) && !has(g.scorecard))",
            message="there are no pods of the new revision yet to compare or to score: use min and "
            "max",
            holds=lambda one: all((g.compare, g.scorecard) == (None, None) for g in one.gates),
            field=".gates",
        ),
        Rule(
            cel="!has(self.gates) || self.gates.all(g, !has(g.delay))",
            message="delay counts from the hold of a phase, and the pre-flight has none; use for",
            holds=lambda one: all(gate.delay_s is None for gate in one.gates),
            field=".gates",
        ),
        Rule(
            # CEL keeps the word `for` for itself; the API server calls the field so.
            cel="!has(self.deadline) || !has(self.gates) || self.gates.all(g, "
            "!has(g.__for__) || duration(self.deadline) > duration(g.__for__))",
            message="deadline must be longer than the for of every gate, or it could never pass in "
            "time",
            holds=lambda one: (
                one.deadline_s is None or all((g.for_s or 0.0) < one.deadline_s for g in one.gates)
            ),
            field=".deadline",
        ),
    )

    gates: tuple[Gate, ...] = Field(
        (),
        max_length=limits.MAX_GATES,
        description="Checks that must pass, all at once, before the first pod is made: of the "
        "cluster or of what serves now, by queries without {{revision}}.",
        json_schema_extra=ATOMIC,
    )
    hooks: tuple[Hook, ...] = Field(
        (),
        max_length=limits.MAX_HOOKS,
        description="Jobs and calls that come first, one after the other, such as a backup.",
        json_schema_extra=keyed_by("name"),
    )
    approval: Approval | None = Field(
        None, description="Approvals needed once all else of it has passed: the go or no-go."
    )
    deadline_s: DurationS | None = Field(
        None,
        description="Time it may take from its start or from the last resume until it passes, "
        "waiting for people aside; left out, any.",
    )
    on_timeout: Literal["hold", "revert", "pause"] | None = Field(
        None,
        description="What happens after the deadline: hold (say so, and go on once it passes), "
        "revert (end the run before it has a pod) or pause; left out, hold.",
    )

    @property
    def as_phase(self) -> Phase:
        """The same as a phase without traffic, for whatever asks phases for their door."""
        return Phase(
            name=PREFLIGHT,
            weight=0,
            gates=self.gates,
            hooks=self.hooks,
            approval=self.approval,
            deadline_s=self.deadline_s,
            on_timeout=self.on_timeout,
        )


PREFLIGHT_RULES: Final = (
    Rule(
        cel=f"!has(self.phases) || self.phases.all(p, p.name != '{PREFLIGHT}')",
        message=f"{PREFLIGHT} is what spec.preflight is called; give the phase another name",
        holds=lambda spec: all(phase.name != PREFLIGHT for phase in spec.phases),
        field=".phases",
    ),
    # `validation.problems` says the same with the name that is wrong and those there are.
    Rule(
        cel="!has(self.preflight) || !has(self.preflight.gates) || self.preflight.gates.all(g, "
        "!has(g.metric) || g.metric.contains('/') || has(self.metrics) && "
        "self.metrics.exists(m, m.name == g.metric))",
        message="every gate of the pre-flight must name a metric of spec.metrics",
        field=".preflight",
    ),
)
