"""Hooks: Jobs made from a CronJob, and calls to a Service, around a phase or a whole run."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, ClassVar, Final, Literal

from pydantic import Field

from tidegate.api import limits
from tidegate.api.base import ApiModel, Rule
from tidegate.api.scalars import DnsLabel, DurationS, ObjectName, format_duration

if TYPE_CHECKING:
    from tidegate.api.phases import Phase
    from tidegate.api.rollout import RolloutSpec

PATH_PATTERN: Final = r"^/[-A-Za-z0-9._~/]*$"
PORT_USUAL: Final = 80
PATH_USUAL: Final = "/"

_CALL_LONGEST: Final = format_duration(limits.MAX_CALL_S)


class HookWork(ApiModel):
    """What a hook runs, how long it may take, and how often it is tried."""

    RULES: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel="has(self.cronJob) != has(self.service)",
            message="set exactly one of cronJob and service",
            holds=lambda hook: (hook.cron_job is None) != (hook.service is None),
        ),
        Rule(
            cel="has(self.service) || !has(self.port) && !has(self.path)",
            message="port and path are for a service; leave them out",
            holds=lambda hook: (
                hook.service is not None or (hook.port is None and hook.path is None)
            ),
        ),
        Rule(
            cel="!has(self.timeout) || duration(self.timeout) >= duration('1s')",
            message="timeout must be at least 1s",
            holds=lambda hook: hook.timeout_s >= limits.MIN_HOOK_S,
            field=".timeout",
        ),
        Rule(
            cel="!has(self.service) || !has(self.timeout) || "
            f"duration(self.timeout) <= duration('{_CALL_LONGEST}')",
            message=f"a call may take at most {_CALL_LONGEST}; run longer work from a cronJob",
            holds=lambda hook: hook.service is None or hook.timeout_s <= limits.MAX_CALL_S,
            field=".timeout",
        ),
    )

    name: DnsLabel = Field(description="Name of the hook, shown in status and events.")
    cron_job: ObjectName | None = Field(
        None, description="CronJob of this namespace whose job template is run once a try."
    )
    service: ObjectName | None = Field(None, description="Service of this namespace to call.")
    port: int | None = Field(
        None,
        ge=1,
        le=limits.MAX_PORT,
        description="Port of the Service; left out, 80.",
    )
    path: (
        Annotated[str, Field(pattern=PATH_PATTERN, max_length=limits.MAX_HOOK_PATH_CHARS)] | None
    ) = Field(None, description="Path that is called; left out, /.")
    timeout_s: DurationS = Field(300.0, description="Time one try may take (default 5m).")
    retries: int = Field(
        0, ge=0, le=limits.MAX_RETRIES, description="Number of tries after the first (default 0)."
    )


class Hook(HookWork):
    """A job made from a CronJob, or a call to a Service, around a phase."""

    RULES: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel="!has(self.onFailure) || !has(self.when) || self.when != 'revert'",
            message="a failed hook after a revert is only told; leave onFailure out",
            holds=lambda hook: hook.on_failure is None or hook.when != "revert",
            field=".onFailure",
        ),
    )

    when: Literal["before", "after", "revert"] = Field(
        "before", description="When it runs: before, after or revert (default before)."
    )
    on_failure: Literal["hold", "revert", "ignore"] | None = Field(
        None,
        description="What happens once no try is left: hold (say so and wait for a person), "
        "revert or ignore; left out, hold.",
    )


class RunHook(HookWork):
    """A job or a call after the whole run; nothing waits for what it says."""

    when: Literal["promoted", "revert"] = Field(
        description="When it runs: promoted (after the promotion) or revert (after any revert)."
    )


def _hooks_of(phases: "tuple[Phase, ...]") -> int:
    return sum(len(phase.hooks) for phase in phases)


HOOK_RULES: Final = (
    Rule(
        cel="!has(self.phases) || "
        "self.phases.map(p, has(p.hooks) ? p.hooks.size() : 0).sum() <= "
        f"{limits.MAX_PHASE_HOOKS}",
        message=f"all phases together may have at most {limits.MAX_PHASE_HOOKS} hooks",
        holds=lambda spec: _hooks_of(spec.phases) <= limits.MAX_PHASE_HOOKS,
        field=".phases",
    ),
)


def hook_lists(spec: "RolloutSpec") -> Iterator[tuple[str, list[str]]]:
    """The path of each list of hooks, and the names in it."""
    for index, phase in enumerate(spec.phases):
        yield f"spec.phases[{index}].hooks", [hook.name for hook in phase.hooks]
    if spec.preflight is not None:
        yield "spec.preflight.hooks", [hook.name for hook in spec.preflight.hooks]
    yield "spec.hooks", [hook.name for hook in spec.hooks]
