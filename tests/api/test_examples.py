from pathlib import Path

import pytest
import yaml

from tidegate.api.actions import Action
from tidegate.api.policy_checks import read_policy
from tidegate.api.rollout import Rollout
from tidegate.api.support import unsupported
from tidegate.api.validation import problems

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


def documents(kind):
    for path in sorted(EXAMPLES.rglob("*.yaml")):
        for number, document in enumerate(yaml.safe_load_all(path.read_text())):
            if document and document["kind"] == kind:
                yield pytest.param(document, id=f"{path.relative_to(EXAMPLES)}-{number}")


@pytest.mark.parametrize("document", list(documents("Rollout")))
def test_an_example_has_no_problem_and_asks_only_for_what_is_built(document):
    spec = Rollout.parse(document).spec
    assert problems(spec) == ()
    assert unsupported(spec) == ()


@pytest.mark.parametrize("document", list(documents("RolloutPolicy")))
def test_an_example_of_a_policy_has_no_problem(document):
    assert read_policy(document).problem == ""


@pytest.mark.parametrize("document", list(documents("RolloutAction")))
def test_an_example_of_an_action_can_be_read(document):
    assert not Action.parse(document).done
