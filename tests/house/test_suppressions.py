"""A rule may be switched off for a line, by name and for a reason that is written there."""

import re

import pytest

from tests.house.tree import comments, python_files, short

SUPPRESSION = re.compile(
    r"#\s*(?:ruff:\s*|flake8:\s*)?noqa|#\s*type:\s*ignore|#\s*mypy:", re.IGNORECASE
)
REASON = r"\S.{3,}"
ALLOWED = (
    re.compile(rf"# noqa: [A-Z]+\d+(?:, ?[A-Z]+\d+)* — {REASON}"),
    re.compile(rf"# type: ignore\[[a-z-]+(?:, ?[a-z-]+)*\]\s+# {REASON}"),
)


def explained(comment: str) -> bool:
    return not SUPPRESSION.search(comment) or any(form.search(comment) for form in ALLOWED)


def test_every_suppression_names_its_rule_and_its_reason():
    bare = [
        f"{short(path)}:{line}: {comment}"
        for path in python_files()
        for line, comment in comments(path)
        if not explained(comment)
    ]
    assert bare == []


@pytest.mark.parametrize(
    "comment",
    [
        "# noqa",
        "# noqa: BLE001",
        "# noqa: BLE001 — why",
        "# noqa BLE001 — one bad object must not stop the others",
        "# ruff: noqa",
        "# ruff: noqa: D",
        "# type: ignore",
        "# type: ignore[arg-type]",
        "# mypy: ignore-errors",
    ],
)
def test_a_bare_suppression_is_seen(comment: str):
    assert not explained(comment)


@pytest.mark.parametrize(
    "comment",
    [
        "# noqa: BLE001 — one bad object must not stop the others",
        "# noqa: C901, PLR0912 — the table is easier to read in one piece",
        "# type: ignore[no-untyped-call]  # the client ships no hints",
        "# ordinary words",
    ],
)
def test_an_explained_suppression_passes(comment: str):
    assert explained(comment)
