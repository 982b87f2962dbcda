"""Fills the variables into a user's PromQL; a value can never become more than a value.

`{{namespace}}`, `{{rollout}}` and `{{revision}}` (the revision that the check is about) stand
only inside a quoted label value, `{label="…{{revision}}…"}`, and are escaped for the quotes and,
after `=~` and `!~`, for the regular expression as well. `{{window}}` stands only where PromQL
takes a duration: in a range, `[{{window}}]`, or after `offset`. In comments nothing is filled in.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from tidegate.adapters.prometheus.counting import duration
from tidegate.ports.metrics import Subject

TEXT_VARIABLES = ("namespace", "rollout", "revision")
WINDOW = "window"
KNOWN = ", ".join(f"{{{{{name}}}}}" for name in (*TEXT_VARIABLES, WINDOW))

_VARIABLE = re.compile(r"\{\{\s*([^{}]*?)\s*\}\}")
_PIECE = re.compile(
    r"""(?P<comment>\#[^\n]*)
      | (?P<text>"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|`[^`]*`)
      | (?P<variable>\{\{[^{}]*\}\})
      | (?P<unclosed>["'`]|\{\{)
      | (?P<word>[A-Za-z_][A-Za-z0-9_]*)
      | (?P<operator>=~|!~|!=|==|<=|>=|.)""",
    re.VERBOSE | re.DOTALL,
)
_REGEX_OPERATORS = ("=~", "!~")
_VALUE_OPERATORS = ("=", "!=", *_REGEX_OPERATORS)
_REGEX_SPECIAL = frozenset(r"\.+*?()|[]{}^$-")
_ESCAPES = {"\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t", '"': '\\"', "'": "\\'"}


class RenderError(Exception):
    """The query cannot be filled in; the message is one sentence for its author."""


@dataclass(frozen=True, slots=True)
class _Before:
    """What stands to the left: the last piece that is no space, and how deep in `{` and `[`."""

    piece: str = ""
    braces: int = 0
    brackets: int = 0

    def then(self, piece: str) -> _Before:
        if piece.isspace():
            return self
        braces = self.braces + (piece == "{") - (piece == "}")
        brackets = self.brackets + (piece == "[") - (piece == "]")
        return _Before(piece, braces, brackets)


def render(query: str, subject: Subject, window_s: float) -> str:
    """The query for one subject; raises RenderError for a variable unknown or out of place."""
    values = {
        "namespace": subject.namespace,
        "rollout": subject.rollout,
        "revision": subject.revision,
    }
    return fill(query, values, window_s)


def fill(query: str, values: Mapping[str, str], window_s: float) -> str:
    """The query with `values` (keys: TEXT_VARIABLES) and the window filled in."""
    out: list[str] = []
    before = _Before()
    for match in _PIECE.finditer(query):
        piece = match.group()
        match match.lastgroup:
            case "comment":
                out.append(piece)
                continue
            case "text":
                out.append(_text(piece, before, values))
            case "variable":
                out.append(_window(piece, before, window_s))
            case "unclosed":
                raise RenderError(f"the query has a {piece} that is never closed")
            case _:
                out.append(piece)
        before = before.then(piece)
    return "".join(out)


def _text(piece: str, before: _Before, values: Mapping[str, str]) -> str:
    quote, inner = piece[0], piece[1:-1]
    if "{{" not in inner:
        return piece
    if "{{" in _VARIABLE.sub(" ", inner):
        raise RenderError("the query has a {{ that is never closed")
    is_value = before.braces == 1 and before.piece in _VALUE_OPERATORS

    def value_of(match: re.Match[str]) -> str:
        name = _known(match.group(1))
        if name == WINDOW or not is_value:
            raise RenderError(_out_of_place(name))
        value = values[name]
        if before.piece in _REGEX_OPERATORS:
            value = "".join("\\" + c if c in _REGEX_SPECIAL else c for c in value)
        return _quoted(value, quote)

    return quote + _VARIABLE.sub(value_of, inner) + quote


def _quoted(value: str, quote: str) -> str:
    if quote != "`":
        return "".join(_ESCAPES.get(c, c) if c != _other(quote) else c for c in value)
    if "`" in value:
        raise RenderError('a value holds a backtick, which a `…` text cannot hold: use "…"')
    return value


def _other(quote: str) -> str:
    return "'" if quote == '"' else '"'


def _window(piece: str, before: _Before, window_s: float) -> str:
    name = _known(piece.strip("{} \t\r\n"))
    in_range = before.brackets == 1 and before.piece in ("[", ":")
    if name != WINDOW or not (in_range or before.piece == "offset"):
        raise RenderError(_out_of_place(name))
    return duration(window_s)


def _known(name: str) -> str:
    if name in TEXT_VARIABLES or name == WINDOW:
        return name
    raise RenderError(f"the query uses an unknown variable {{{{{name[:64]}}}}}; known are {KNOWN}")


def _out_of_place(name: str) -> str:
    if name == WINDOW:
        return "the query may use {{window}} only as a range, as in [{{window}}]"
    return (
        f'the query may use {{{{{name}}}}} only inside a label value, as in {{x="{{{{{name}}}}}"}}'
    )
