"""What a pass noted and could not store is not known."""

from __future__ import annotations

import pytest

from tests.controller.fakes import KEY
from tests.controller.worlds import bench_of
from tests.core.scenes import in_phase
from tidegate.core.decision import SetWeight
from tidegate.ports.cluster import Conflict


async def test_after_a_conflict_nothing_is_believed_that_was_not_stored():
    bench = bench_of(in_phase(weights=(90,)))
    apply = bench.cluster.apply

    async def once(rollout, effect):
        if bench.cluster.effects:
            raise Conflict("the world moved on")
        await apply(rollout, effect)

    bench.cluster.apply = once
    with pytest.raises(Conflict):
        await bench.run_pass()
    assert bench.cluster.effects == [SetWeight("shop", 10)]
    memory = bench.loop._memories[KEY]
    assert memory.working == memory.stored
