"""Rollouts are counted anew only when other ones may match."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from tests.controller.fakes import SetClock
from tests.controller.worlds import body_of
from tests.core.scenes import in_phase
from tidegate.api.policy import Policy
from tidegate.controller.policy_reports import PolicyReporter


class CountedPolicies:
    """Policies of which one matches each Rollout; counts how often that is looked at."""

    def __init__(self) -> None:
        self.version = 0
        self.looks = 0

    def matching(self, *_about: object) -> tuple[Policy, ...]:
        self.looks += 1
        return (Policy(name="house"),)


@pytest.fixture
def cluster() -> SimpleNamespace:
    rollouts = {("shop", name): body_of(in_phase()) for name in "abc"}
    return SimpleNamespace(policies=CountedPolicies(), rollouts=rollouts)


@pytest.fixture
def reporter(cluster: SimpleNamespace) -> PolicyReporter:
    return PolicyReporter(cast("Any", None), cast("Any", cluster), SetClock())


def test_at_rest_nothing_is_counted_again(cluster, reporter):
    assert [reporter._counts()["house"] for _ in range(3)] == [3, 3, 3]
    assert cluster.policies.looks == 3
    cluster.rollouts["shop", "a"] = body_of(in_phase(), version="11")
    assert reporter._counts()["house"] == 3
    assert cluster.policies.looks == 3, "its labels are the same"


def test_what_can_change_a_count_is_counted(cluster, reporter):
    reporter._counts()
    del cluster.rollouts["shop", "c"]
    assert reporter._counts()["house"] == 2
    cluster.rollouts["shop", "a"] = body_of(in_phase(), labels={"tier": "one"})
    reporter._counts()
    cluster.policies.version += 1
    reporter._counts()
    assert cluster.policies.looks == 3 + 2 + 2 + 2
