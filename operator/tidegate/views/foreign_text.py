"""What other people and programs wrote, made fit for a terminal."""

import re
from collections.abc import Mapping
from typing import Any, Final

# Line breaks would break "one line a change"; escape codes could repaint the reader's terminal;
# direction marks could show a sentence in another order than it has.
_CONTROL: Final = re.compile(
    "[\x00-\x1f\x7f-\x9f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]+"
)


def clean(text: str) -> str:
    """The text with every run of control characters turned into one space."""
    return _CONTROL.sub(" ", text)


def bare(body: Mapping[str, Any]) -> dict[str, Any]:
    """An object without managedFields, as kubectl prints it."""
    meta = {key: value for key, value in body["metadata"].items() if key != "managedFields"}
    return {**body, "metadata": meta}
