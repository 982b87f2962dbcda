"""RolloutPolicy: what an administrator sets for many Rollouts at once: guards, and when to wait."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final, Literal

from pydantic import Field

from tidegate.api import limits
from tidegate.api.base import ATOMIC, ApiModel, Rule, keyed_by
from tidegate.api.blind import Blind
from tidegate.api.checks import Guard, Metric
from tidegate.api.meta import Meta
from tidegate.api.problems import SpecError
from tidegate.api.scalars import Count, LabelValue, Message, Reason, ShortText, Timestamp
from tidegate.api.selector import LabelRequirement
from tidegate.api.waits import Dependency, FreezeWindow, Frozen, OneAtATime
from tidegate.api.wire import as_object, read_leniently, read_strictly

ID_PREFIX: Final = "policy"
Mode = Literal["enforce", "observe"]


class ObjectSelector(ApiModel):
    """Which objects are meant, by their labels; without any condition all of them."""

    match_labels: dict[str, LabelValue] = Field(
        default_factory=dict,
        max_length=limits.MAX_SELECTOR_LABELS,
        description="Labels an object must have, by key.",
    )
    match_expressions: tuple[LabelRequirement, ...] = Field(
        (),
        max_length=limits.MAX_SELECTOR_EXPRESSIONS,
        description="Further conditions on labels; all must hold.",
        json_schema_extra=ATOMIC,
    )


class PolicyTargets(ApiModel):
    """Which Rollouts a policy holds for; both conditions must hold."""

    namespace_selector: ObjectSelector | None = Field(
        None, description="Labels of the namespaces whose Rollouts are meant; left out, all."
    )
    selector: ObjectSelector | None = Field(
        None,
        description="Labels of the Rollouts that are meant; left out, all. Who may write a Rollout "
        "may change its labels.",
    )


class RolloutPolicySpec(ApiModel):
    """Which Rollouts are watched by which guards and wait for what, whatever they say."""

    RULES: ClassVar[tuple[Rule, ...]] = (
        # `policy_checks` says the same with the name that is wrong and those there are.
        Rule(
            cel="!has(self.guards) || self.guards.all(g, !has(g.metric) || "
            "has(self.metrics) && self.metrics.exists(m, m.name == g.metric))",
            message="every guard must name a metric of spec.metrics of the policy",
            field=".guards",
        ),
        Rule(
            cel="!has(self.guards) || self.guards.all(g, !has(g.scorecard))",
            message="a policy has no scorecards: name a metric in each guard",
            holds=lambda spec: all(guard.scorecard is None for guard in spec.guards),
            field=".guards",
        ),
        Rule(
            cel="!has(self.guards) || self.guards.filter(g, has(g.compare) && "
            f"has(g.compare.test)).size() <= {limits.MAX_POLICY_TESTS}",
            message=f"at most {limits.MAX_POLICY_TESTS} guards of a policy may have a test: all "
            "share one chance of a mistake; give others min or max",
            holds=lambda spec: (
                sum(1 for guard in spec.guards if guard.compare and guard.compare.test)
                <= limits.MAX_POLICY_TESTS
            ),
            field=".guards",
        ),
    )

    rollouts: PolicyTargets = Field(
        default_factory=lambda: PolicyTargets(),  # noqa: PLW0108 — mypy wants the call, not the class
        description="Which Rollouts it holds for (default all).",
    )
    mode: Mode = Field(
        "enforce",
        description="enforce, or observe: only tell what it would have reverted or held "
        "(default enforce).",
    )
    allow_observe: bool = Field(
        default=False,
        description="Whether its guards only tell, too, in a Rollout with mode observe "
        "(default false: they hold and revert there all the same).",
    )
    metrics: tuple[Metric, ...] = Field(
        (),
        max_length=limits.MAX_POLICY_METRICS,
        description="Numbers that its guards refer to; a Rollout may, too, as policy/metric.",
        json_schema_extra=keyed_by("name"),
    )
    guards: tuple[Guard, ...] = Field(
        (),
        max_length=limits.MAX_POLICY_GUARDS,
        description="Checks that must never fail in a release of any of these Rollouts.",
        json_schema_extra=ATOMIC,
    )
    blind: Blind | None = Field(
        None,
        description="What to do when its guards cannot be read; left out, what the Rollout says.",
    )
    freeze: tuple[FreezeWindow, ...] = Field(
        (),
        max_length=limits.MAX_FREEZE_WINDOWS,
        description="Times in which no run begins, enters a phase or is promoted; all that takes "
        "traffic back goes on.",
        json_schema_extra=keyed_by("name"),
    )
    one_at_a_time: OneAtATime | None = Field(
        None, description="Lets at most one of these Rollouts, or of each group, have a run on."
    )
    depends_on: tuple[Dependency, ...] = Field(
        (),
        max_length=limits.MAX_DEPENDENCIES,
        description="Rollouts that have to be healthy and at rest before a run begins.",
        json_schema_extra=ATOMIC,
    )


class PolicyCondition(ApiModel):
    """A condition in the Kubernetes convention."""

    type: ShortText = Field(description="Name of the condition: Accepted.")
    status: Literal["True", "False", "Unknown"] = Field(description="True, False or Unknown.")
    reason: Reason = Field(description="Why, as one CamelCase word.")
    message: Message = Field("", description="Why and what next, in one sentence.")
    last_transition_time: Timestamp = Field(description="When status last changed, in UTC.")


class RolloutPolicyStatus(ApiModel):
    """Whether the policy is understood, and how many Rollouts it holds for."""

    observed_generation: Count = Field(0, description="metadata.generation that this speaks of.")
    rollouts: Count = Field(0, description="Number of Rollouts that it matches now.")
    conditions: tuple[PolicyCondition, ...] = Field(
        (),
        max_length=limits.MAX_CONDITIONS,
        description="Accepted: True, or False with what is wrong.",
        json_schema_extra=keyed_by("type"),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """A RolloutPolicy as the controller reads it; with a `problem` none of its guards is watched.

    Unless it `stands_in`: then its spec is the last one that was understood. Where even its
    selectors cannot be read it is taken to match everything: what an administrator forbids must not
    be allowed by a mistake.
    """

    name: str
    generation: int = 0
    spec: RolloutPolicySpec = field(default_factory=RolloutPolicySpec)
    problem: str = ""
    surplus: str = ""
    """Why nothing goes on though its guards are watched: others match that may not. Mode or not."""
    stands_in: bool = False
    frozen: tuple[Frozen, ...] = ()
    """When its windows are on, in UTC, from now on for some days; filled in as time goes."""

    @classmethod
    def parse(cls, body: Mapping[str, Any]) -> "Policy":
        """Read a policy's body. Raises SpecError when it has no name; other problems are kept."""
        meta = Meta.parse(body)
        found = as_object(body).get("spec")
        try:
            spec, problem = read_strictly(RolloutPolicySpec, found, "spec"), ""
        except SpecError as error:
            spec, problem = _readable(found), str(error)
        return cls(name=meta.name, generation=meta.generation, spec=spec, problem=problem)

    @property
    def metrics(self) -> tuple[Metric, ...]:
        """The metrics that can be asked for."""
        return self.spec.metrics if self._understood else ()

    @property
    def guards(self) -> tuple[Guard, ...]:
        """The guards that are watched."""
        return self.spec.guards if self._understood else ()

    @property
    def windows(self) -> tuple[FreezeWindow, ...]:
        """The freeze windows that count."""
        return self.spec.freeze if self._understood else ()

    @property
    def one_at_a_time(self) -> OneAtATime | None:
        """Whether its Rollouts take turns, and how."""
        return self.spec.one_at_a_time if self._understood else None

    @property
    def depends_on(self) -> tuple[Dependency, ...]:
        """What its Rollouts wait for before a run."""
        return self.spec.depends_on if self._understood else ()

    @property
    def enforced(self) -> bool:
        """Whether what it makes wait does wait; a Rollout's own mode says nothing of that."""
        return self.spec.mode == "enforce"

    @property
    def _understood(self) -> bool:
        return self.stands_in or not self.problem

    def tells_only(self, mode: Mode) -> bool:
        """Whether its guards neither hold nor revert in a Rollout of that mode."""
        return self.spec.mode == "observe" or (mode == "observe" and self.spec.allow_observe)


def check_id(policy: str, place: int) -> str:
    """The id of a policy's guard, by its place in `spec.guards`."""
    return f"{ID_PREFIX}/{policy}/{place}"


def policy_of_id(check: str) -> str:
    """The name of the policy whose guard has that id; "" for the Rollout's own checks."""
    match check.split("/"):
        case [prefix, name, _] if prefix == ID_PREFIX:
            return name
        case _:
            return ""


def _readable(spec: object) -> RolloutPolicySpec:
    """What is left of a spec that cannot be read: its mode and whom it is for, if these can be."""
    found = as_object(spec)
    modes = {name: found[name] for name in ("mode", "allowObserve") if name in found}
    left = read_leniently(RolloutPolicySpec, modes)
    try:
        targets = read_strictly(PolicyTargets, found.get("rollouts") or {}, "spec.rollouts")
    except SpecError:
        return left
    return left.model_copy(update={"rollouts": targets})
