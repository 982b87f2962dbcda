"""Anything in any order, through the real loop: few histories by default, many on request.

TIDEGATE_SEED replays a search of TIDEGATE_FAULTS=all; it is printed when it is drawn.
"""

import os
import random

import pytest
from hypothesis import seed, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.model.machine import Broken, Healing
from tests.model.scopes import WHOLE

FEW = settings(
    max_examples=6, stateful_step_count=20, derandomize=True, deadline=None, database=None
)
MANY = settings(max_examples=100, stateful_step_count=40, deadline=None, database=None)


@pytest.mark.parametrize("machine", [Healing, Broken])
def test_whatever_happens_it_stays_safe_and_ends(machine, capsys):
    if not WHOLE:
        run_state_machine_as_test(machine, settings=FEW)
        return
    number = int(os.environ.get("TIDEGATE_SEED", random.randrange(2**32)))
    with capsys.disabled():
        print(f"\nTIDEGATE_SEED={number}", end=" ")
    run_state_machine_as_test(seed(number)(machine), settings=MANY)
