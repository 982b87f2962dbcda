"""A wall clock that is wrong, or jumps, neither shortens a hold nor makes it endless."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults.arena import Arena
from tests.faults.budget import TALLY
from tests.faults.calls import Call
from tests.faults.scenarios import BY_NAME, ended, halfway
from tests.faults.trial import Trial
from tests.faults.wall_clock import WallClock, compiler

pytestmark = [
    pytest.mark.api,
    pytest.mark.faults,
    pytest.mark.skipif(compiler() is None, reason="no C compiler to make a wrong clock with"),
]

HOLD_S = 4
SLACK_S = 15.0
HOUR_S = 3600
WRITE_S = 30.0


def _raises_to(weight: int) -> Callable[[Call], bool]:
    def fits(call: Call) -> bool:
        if call.method != "PATCH" or call.kind != "virtualservices" or not call.accepted:
            return False
        operations = json.loads(call.body)
        return any(o.get("value") == weight and o["path"].endswith("/weight") for o in operations)

    return fits


@pytest.mark.parametrize("seconds", [HOUR_S, -HOUR_S], ids=["ahead", "behind"])
@pytest.mark.parametrize("midway", [True, False], ids=["jumps", "from the start"])
def test_a_hold_lasts_as_long_as_it_should(
    arena: Arena, tmp_path: Path, seconds: int, midway: bool
):
    clock = WallClock(tmp_path)
    with Trial(arena, BY_NAME["promote"]) as trial:
        trial.operator.launch = clock.launch
        if not midway:
            clock.jump(seconds)
        trial.install()
        trial.release("v2", ({"name": "half", "weight": 50, "hold": f"{HOLD_S}s"},))
        trial.await_status(halfway, "half of the traffic")
        clock.jump(seconds)
        trial.await_status(ended("Promoted"), "promoted")
        since = trial.began
        half = trial.proxy.log.await_call(_raises_to(50), WRITE_S, "50 %", since=since)
        full = trial.proxy.log.await_call(_raises_to(100), WRITE_S, "100 %", since=half.number)
        assert HOLD_S <= full.at_s - half.at_s <= HOLD_S + SLACK_S
        assert "Traceback" not in trial.log_text()
    TALLY.add("clock jumps")


def test_the_clock_of_an_operator_really_moves(tmp_path: Path):
    """Else the tests above would prove nothing."""
    clock = WallClock(tmp_path)
    clock.jump(HOUR_S)
    code = "import time, datetime; print(time.time(), datetime.datetime.now().timestamp())"
    environment = {
        "LD_PRELOAD": str(tmp_path / "clock_offset.so"),
        "CLOCK_OFFSET_FILE": str(tmp_path / "offset"),
    }
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, check=True, timeout=60
    )
    for told in map(float, done.stdout.split()):
        assert told - time.time() > HOUR_S - 60
