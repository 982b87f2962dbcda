"""Phases: each one picture of traffic and capacity, and what must be true to go on."""

from typing import ClassVar, Literal

from pydantic import Field

from tidegate.api import limits
from tidegate.api.approvals import Approval
from tidegate.api.base import ATOMIC, ApiModel, Rule, keyed_by
from tidegate.api.checks import Gate, Guard
from tidegate.api.experiments import Experiment
from tidegate.api.hooks import Hook
from tidegate.api.matching import HttpMatch
from tidegate.api.mirroring import Mirror
from tidegate.api.scalars import DnsLabel, DurationS, IntOrPercent, Percent
from tidegate.api.variants import Shares, VariantWeight, shares_of

ALL = 100


class Phase(ApiModel):
    """One desired picture: traffic, capacity, how long, and what must be true to go on."""

    RULES: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel="!has(self.deadline) || !has(self.hold) || "
            "duration(self.deadline) > duration(self.hold)",
            message="deadline must be longer than hold, or the phase could never pass in time",
            holds=lambda phase: phase.deadline_s is None or phase.deadline_s > phase.hold_s,
            field=".deadline",
        ),
        Rule(
            cel="!has(self.onTimeout) || has(self.deadline)",
            message="onTimeout says what happens after the deadline: set deadline, too",
            holds=lambda phase: phase.on_timeout is None or phase.deadline_s is not None,
            field=".onTimeout",
        ),
        Rule(
            cel="!has(self.mirror) || self.weight == 0",
            message="copies go to the canary while nobody is answered by it: set weight to 0, and "
            "let the next phase have the weight",
            holds=lambda phase: phase.mirror is None or phase.weight == 0,
            field=".mirror",
        ),
        Rule(
            cel="!has(self.mirror) || !has(self.variants) || self.variants.size() == 0",
            message="copies are of what stable answers alone: leave mirror out of a phase with "
            "variants, and give it a phase of its own",
            holds=lambda phase: phase.mirror is None or not phase.variants,
            field=".mirror",
        ),
        Rule(
            cel="!has(self.variants) || self.variants.size() == 0 || "
            "self.weight + self.variants.map(v, v.weight).sum() < 100",
            message="weight and those of the variants must leave 1 % or more to stable, which is "
            "what they are compared with",
            holds=lambda phase: (
                not phase.variants or phase.weight + sum(one.weight for one in phase.variants) < ALL
            ),
            field=".variants",
        ),
        Rule(
            cel="!has(self.variants) || self.variants.size() == 0 || !has(self.match) || "
            "self.match.size() == 0",
            message="who has which headers is no fair lot: leave match out of a phase with "
            "variants",
            holds=lambda phase: not phase.variants or not phase.match,
            field=".variants",
        ),
        Rule(
            cel="!has(self.experiment) || self.weight < 100 && (self.weight > 0 || "
            "has(self.variants) && self.variants.size() > 0)",
            message="an experiment compares arms with stable: give the canary or a variant a "
            "share, and leave 1 % or more to stable",
            holds=lambda phase: (
                phase.experiment is None
                or (phase.weight < ALL and (phase.weight or phase.variants))
            ),
            field=".experiment",
        ),
        Rule(
            cel="!has(self.experiment) || !has(self.match) || self.match.size() == 0",
            message="who has which headers is no fair lot: leave match out of a phase with an "
            "experiment",
            holds=lambda phase: phase.experiment is None or not phase.match,
            field=".experiment",
        ),
    )

    name: DnsLabel = Field(description="Name of the phase, unique in the Rollout.")
    weight: Percent = Field(description="Share of requests the canary gets, in percent.")
    replicas: IntOrPercent | None = Field(
        None,
        description="Canary pods, as a count or as a percentage of spec.replicas; "
        "left out, as many as the weight needs.",
    )
    hold_s: DurationS = Field(
        0.0, description="Time the phase lasts at least, once traffic is there (default 0s)."
    )
    deadline_s: DurationS | None = Field(
        None,
        description="Time the phase may take from its start or from the last resume until it "
        "passes; left out, any.",
    )
    on_timeout: Literal["hold", "revert", "pause"] | None = Field(
        None,
        description="What happens after the deadline: hold (say so, and go on once it passes), "
        "revert or pause; left out, hold.",
    )
    gates: tuple[Gate, ...] = Field(
        (),
        max_length=limits.MAX_GATES,
        description="Checks that must pass before the phase ends.",
        json_schema_extra=ATOMIC,
    )
    guards: tuple[Guard, ...] = Field(
        (),
        max_length=limits.MAX_PHASE_GUARDS,
        description="Guards while the phase is on, in place of the Rollout's on the same metric.",
        json_schema_extra=ATOMIC,
    )
    match: tuple[HttpMatch, ...] = Field(
        (),
        max_length=limits.MAX_MATCHES,
        description="Requests that go to the canary whatever the weight says; any one may match.",
        json_schema_extra=ATOMIC,
    )
    mirror: Mirror | None = Field(
        None,
        description="Copies of requests that the canary gets while weight is 0; what it answers "
        "to them is thrown away, what it writes is not.",
    )
    variants: tuple[VariantWeight, ...] = Field(
        (),
        max_length=limits.MAX_VARIANTS,
        description="Variants that get requests while the phase is on, beside the canary; guards "
        "and gates are about each of them, too.",
        json_schema_extra=keyed_by("name"),
    )
    experiment: Experiment | None = Field(
        None, description="What the phase finds out about its arms; left out, nothing."
    )
    approval: Approval | None = Field(None, description="Approvals needed before the phase starts.")
    hooks: tuple[Hook, ...] = Field(
        (),
        max_length=limits.MAX_HOOKS,
        description="Jobs and calls around the phase.",
        json_schema_extra=keyed_by("name"),
    )

    @property
    def shares(self) -> Shares:
        """What its variants get, by name."""
        return shares_of(self.variants)
