"""An operator that cannot start ends, so that whoever watches it can start it anew."""

from __future__ import annotations

from typing import Any

import kopf
import pytest

from tidegate.controller.handlers import registry_for
from tidegate.controller.operator import StartError


class Unstartable:
    """An operator whose first list fails."""

    async def start(self) -> None:
        raise StartError("ReplicaSets could not be listed: no answer")


async def test_a_start_that_fails_is_not_tried_again_in_the_same_process():
    """The second try would find the first one's port and connections in its way, for ever."""
    operator: Any = Unstartable()
    registry = registry_for(operator)
    found = {handler.fn.__name__: handler for handler in registry._activities.get_all_handlers()}
    assert found["start"].errors is kopf.ErrorsMode.PERMANENT
    start: Any = found["start"].fn
    with pytest.raises(kopf.PermanentError, match="ReplicaSets could not be listed: no answer"):
        await start(settings=kopf.OperatorSettings())
