"""What other people's programs said, cut and made harmless before it goes into a status."""

from __future__ import annotations

import re
from typing import Final

from tidegate.api.limits import MAX_DETAIL_CHARS

# Control characters, line ends and direction marks: they could repaint a reader's terminal, or
# show a sentence in another order than it has.
_CONTROL: Final = re.compile(
    "[\x00-\x1f\x7f-\x9f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]+"
)


def harmless(text: str) -> str:
    """One line of at most MAX_DETAIL_CHARS characters, without anything but what can be read."""
    one_line = _CONTROL.sub(" ", text[: 4 * MAX_DETAIL_CHARS]).strip()
    if len(one_line) <= MAX_DETAIL_CHARS:
        return one_line
    return f"{one_line[: MAX_DETAIL_CHARS - 1]}…"
