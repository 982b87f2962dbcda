"""Every example of the repository is rehearsed: what a reader copies must hold up.

Long waits are shortened, so that all of them together take a few seconds: a play costs by the
time that passes in it, and no end depends on how long a healthy release is watched.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from tidegate.api.checks import Guard
from tidegate.api.problems import FieldProblem
from tidegate.api.rollout import Rollout
from tidegate.api.status import State
from tidegate.api.support import unsupported
from tidegate.api.validation import problems
from tidegate.api.walk import walk
from tidegate.rehearsal.doubts import doubts
from tidegate.rehearsal.horizon import horizon_s
from tidegate.rehearsal.playing import End, Player
from tidegate.rehearsal.scenario import Change, Scenario, Script
from tidegate.rehearsal.setting import setting_of
from tidegate.rehearsal.stories import STORIES

ROOT = Path(__file__).parents[2] / "examples"
LONGEST_S = 120.0
SCRAPE_S = 15.0
WAITS = ("experiment",)
"""Folders whose release waits for what arms that are all alike never show."""
BUSY_RPS = dict.fromkeys(("compare", "improvement", "hybrid", "hybrid-full"), 20_000.0)
"""Requests a second where a test has to show something within the shortened holds."""


def found() -> list[Path]:
    every = sorted(path for path in ROOT.rglob("*.yaml") if "actions" not in path.parts)
    return [path for path in every if "\nkind: Rollout\n" in path.read_text()]


def rollouts(path: Path) -> list[Rollout]:
    documents = yaml.safe_load_all(path.read_text())
    return [Rollout.parse(body) for body in documents if body and body["kind"] == "Rollout"]


def shortened(rollout: Rollout) -> Rollout:
    """The same with no hold, bake or deadline longer than LONGEST_S."""
    spec = rollout.spec
    phases = tuple(
        phase.model_copy(
            update={
                "hold_s": min(phase.hold_s, LONGEST_S),
                "gates": tuple(
                    gate.model_copy(update={"for_s": min(gate.for_s, LONGEST_S)})
                    if gate.for_s
                    else gate
                    for gate in phase.gates
                ),
            }
        )
        for phase in spec.phases
    )
    bake = spec.bake and spec.bake.model_copy(
        update={"duration_s": min(spec.bake.duration_s, LONGEST_S)}
    )
    spec = spec.model_copy(update={"phases": phases, "bake": bake})
    return Rollout(**{**{f: getattr(rollout, f) for f in rollout.__slots__}, "spec": spec})


EXAMPLES = [
    pytest.param(path, rollout, id=f"{path.parent.relative_to(ROOT)}-{rollout.name}")
    for path in found()
    for rollout in rollouts(path)
]


def played(path: Path, rollout: Rollout, scenario: str) -> Player:
    rollout = shortened(rollout)
    told = STORIES[scenario](rollout.spec)
    rate = BUSY_RPS.get(path.parent.name, told.rate)
    told = told.model_copy(update={"rate": rate})
    player = Player(rollout, setting_of(rollout.name, rollout.spec, told, scrape_s=SCRAPE_S))
    player.release(horizon_s(rollout.spec, told.pods.ready_after_s))
    return player


def seen_by_a_guard(rollout: Rollout) -> bool:
    """Whether a guard that reverts is there; a bad value is bad for every one of them."""
    guards = [place.value for place in walk(rollout.spec, "spec")]
    return any(isinstance(one, Guard) and one.then == "revert" for one in guards)


def test_all_folders_are_found():
    assert len(EXAMPLES) >= 15


@pytest.mark.parametrize(("path", "rollout"), EXAMPLES)
def test_lint_has_no_error_to_tell_of_it(path, rollout):
    wrong: tuple[FieldProblem, ...] = (*problems(rollout.spec), *unsupported(rollout.spec))
    assert not wrong, path
    unused = [one for one in doubts(rollout.spec, SCRAPE_S) if "uses metric" in one.message]
    assert not unused, path


@pytest.mark.parametrize(("path", "rollout"), EXAMPLES)
def test_a_good_release_of_it_is_promoted(path, rollout):
    player = played(path, rollout, "good")
    waits = path.parent.name in WAITS
    assert player.end is (End.STUCK if waits else End.PROMOTED), player.status.message
    assert ("until its experiment shows a winner" in player.status.message) is waits


@pytest.mark.parametrize("better", ["variant-a", "variant-b"])
def test_an_experiment_names_the_text_that_converts_better(better):
    path = ROOT / "experiment" / "rollout.yaml"
    (rollout,) = rollouts(path)
    (phase,) = rollout.spec.phases
    often = tuple(
        one.model_copy(update={"interval_s": SCRAPE_S}) for one in phase.experiment.metrics
    )
    asks = phase.experiment.model_copy(update={"metrics": often})
    spec = rollout.spec.model_copy(
        update={"phases": (phase.model_copy(update={"experiment": asks}),)}
    )
    script = Script(
        stable=(Change(value=0.1),),
        canary=(Change(value=0.1),),
        variants={better: (Change(value=0.2),)},
    )
    scenario = Scenario(rate=400.0, metrics={"conversion_rate": script})
    quick = shortened(replace(rollout, spec=spec))
    player = Player(quick, setting_of(rollout.name, quick.spec, scenario, scrape_s=SCRAPE_S))
    player.release(LONGEST_S * 4)
    assert player.status.experiment.winner == better, player.status.message
    assert player.status.state is State.AWAITING_APPROVAL
    assert f"give spec.template the patch of variant {better}" in player.status.message


@pytest.mark.parametrize(("path", "rollout"), EXAMPLES)
def test_a_bad_release_of_it_is_sent_back_where_a_guard_can_see_it(path, rollout):
    end = played(path, rollout, "bad").end
    assert (end is End.REVERTED) == seen_by_a_guard(rollout)
