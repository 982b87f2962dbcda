"""What a Rollout may say about hooks, and what is said to one that may not."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.samples import changed, parsed
from tidegate.api.problems import SpecError
from tidegate.api.support import unsupported
from tidegate.api.validation import problems


def _said(hooks: list[dict[str, Any]], where: str = "phase") -> list[str]:
    try:
        spec = parsed(changed(("phases.0.hooks" if where == "phase" else "hooks", hooks)))
    except SpecError as error:
        return [str(one) for one in error.problems]
    return [str(one) for one in (*problems(spec), *unsupported(spec))]


@pytest.mark.parametrize(
    "hook",
    [
        {"cronJob": "preload"},
        {"cronJob": "preload", "timeout": "2h", "retries": 3, "onFailure": "ignore"},
        {"service": "checker", "port": 8080, "path": "/a/b-c_d.e~f", "when": "after"},
        {"cronJob": "clear", "when": "revert"},
    ],
)
def test_hooks_that_are_fine(hook):
    assert _said([{"name": "one"} | hook]) == []


@pytest.mark.parametrize(
    ("hook", "words"),
    [
        ({}, "set exactly one of cronJob and service"),
        ({"cronJob": "a", "service": "b"}, "set exactly one of cronJob and service"),
        ({"cronJob": "a", "port": 80}, "port and path are for a service"),
        ({"cronJob": "a", "timeout": "500ms"}, "timeout must be at least 1s"),
        ({"service": "a", "timeout": "11m"}, "a call may take at most 10m"),
        ({"cronJob": "a", "when": "revert", "onFailure": "hold"}, "leave onFailure out"),
        ({"service": "a", "path": "http://b/"}, "path"),
        ({"service": "a", "path": "/a?b=c"}, "path"),
        ({"cronJob": "a", "namespace": "other"}, "is not a field"),
        ({"service": "a", "url": "http://b"}, "is not a field"),
    ],
)
def test_hooks_that_are_not(hook, words):
    said = _said([{"name": "one"} | hook])
    assert len(said) == 1
    assert words in said[0]


def test_two_hooks_of_one_name_are_told_apart_by_nobody():
    twin = {"name": "one", "cronJob": "a"}
    assert "already taken" in _said([twin, twin])[0]
    assert "already taken" in _said([twin | {"when": "promoted"}] * 2, "run")[0]


def test_a_hook_of_the_run_has_its_own_moments():
    assert _said([{"name": "one", "cronJob": "a", "when": "promoted"}], "run") == []
    assert "when" in _said([{"name": "one", "cronJob": "a", "when": "before"}], "run")[0]


def test_all_phases_together_have_a_bound():
    hooks = [{"name": f"h{i}", "cronJob": "a"} for i in range(8)]
    phases = [{"name": f"p{i}", "weight": 10, "hooks": hooks} for i in range(9)]
    said = [str(one) for one in problems(parsed(changed(("phases", phases))))]
    assert said == ["spec.phases: all phases together may have at most 64 hooks"]
