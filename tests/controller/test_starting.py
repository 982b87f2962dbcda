"""An operator that cannot start ends, so that whoever watches it can start it anew."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import kopf
import pytest

from tidegate.controller.handlers import registry_for
from tidegate.controller.operator import Operator, StartError
from tidegate.controller.settings import Settings


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


class UnreadablePolicies:
    """The API server says who may not list them."""

    async def start(self, _timeout_s: float, *, refused_s: float) -> str:
        return "no right to list rolloutpolicies"


async def test_an_operator_for_all_namespaces_does_not_start_without_seeing_the_policies():
    cluster: Any = SimpleNamespace(policies=UnreadablePolicies())
    with pytest.raises(StartError, match="could not be listed: no right to list"):
        await Operator(Settings())._read_policies(cluster)


async def test_one_for_some_namespaces_says_that_there_are_none_for_it(caplog):
    cluster: Any = SimpleNamespace(policies=UnreadablePolicies())
    await Operator(Settings(namespaces=("shop",)))._read_policies(cluster)
    assert "none holds for the namespaces served here" in caplog.text
    assert "no right to list rolloutpolicies" in caplog.text
