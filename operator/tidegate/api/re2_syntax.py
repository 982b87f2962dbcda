"""The regular expressions that routers take, and how large a program each of them becomes.

Routers read RE2's syntax. One expression that a proxy refuses is worse than a wrong one: Envoy
throws the whole table of routes away that it stands in, and with it what others changed. So what is
let through is a grammar that RE2, Go (which Istio's validation asks) and Python read in the same
way, and nothing else; and its size is never estimated below what RE2 makes of it.
"""

import re
from dataclasses import dataclass
from typing import Final

MAX_REPEATS: Final = 1000
"""How often RE2 repeats something, repeats within repeats multiplied."""
MAX_DEPTH: Final = 32
"""Groups within groups. RE2 takes more; nobody reads more."""

# Instructions of RE2's program, each rounded up.
CHARACTER: Final = 4
"""A character has at most four bytes."""
RANGE: Final = 2
"""A range of characters within ASCII: one byte, and a way on."""
WIDE: Final = 24
"""A range beyond ASCII: the sequences of bytes that it is cut into."""
ANY: Final = 12
"""Any character but the end of a line."""
JOINT: Final = 2
"""What holds parts together: a branch, a loop, the two ends of a group."""
ENDS: Final = 8
"""Around the whole: begin, end, and the loop in front."""

_REPEAT: Final = re.compile(r"[*+?]|\{(?P<least>[0-9]+)(?P<comma>,(?P<most>[0-9]*))?\}")
_FLAGS: Final = re.compile(r"\(\?(?P<flags>[ims]+)(?P<end>[:)])")
_NAMED: Final = re.compile(r"\(\?P<(?P<name>[A-Za-z_][A-Za-z0-9_]*)>")
_HEX: Final = re.compile(r"\\x[0-7][0-9A-Fa-f]")
_KINDS: Final = "dDsSwW"
_PLACES: Final = "AbB"
_CONTROLS: Final = "afnrtv"
_KIND: Final = 5 * RANGE + WIDE
"""Of such as `\\W`: at most five ranges, one of them up to the last character there is."""
_FOREIGN: Final = {
    "(?=": "look-ahead",
    "(?!": "look-ahead",
    "(?<": "look-behind, and named groups only as (?P<name>…)",
    "(?>": "atomic groups",
    "(?(": "conditions",
    "(?P=": "back-references",
    "(?P>": "recursion",
    "(?#": "comments",
}


class NotRe2(ValueError):
    """An expression that a router refuses or reads otherwise; the text says why and what to do."""


@dataclass(frozen=True, slots=True)
class _Part:
    """A piece of an expression: its instructions, and the repeats within it, multiplied."""

    size: int
    repeats: int = 1
    repeatable: bool = True


def program_size(expression: str) -> int:
    """Instructions of RE2's program for that, never fewer than it makes. Raises NotRe2."""
    reader = _Reader(expression)
    whole = reader.branches(depth=0)
    if reader.at < len(expression):
        raise NotRe2("closes a group that was never opened; write \\) for the character")
    if reader.folded and not expression.isascii():
        raise NotRe2("has (?i) beside characters beyond ASCII; write out both cases instead")
    return whole.size + ENDS


class _Reader:
    """Reads one expression from left to right."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.folded = False
        self.names: set[str] = set()

    def branches(self, depth: int) -> _Part:
        """All up to the end of the group, or of the text."""
        if depth > MAX_DEPTH:
            raise NotRe2(f"has more than {MAX_DEPTH} groups within groups; use fewer")
        parts = [self._sequence(depth)]
        while self._take("|"):
            parts.append(self._sequence(depth))
        size = sum(part.size + JOINT for part in parts)
        return _Part(size, max(part.repeats for part in parts))

    def _sequence(self, depth: int) -> _Part:
        size, repeats = 0, 1
        flags = _FLAGS.match(self.text, self.at)
        if flags and flags["end"] == ")":  # for the rest of the group: where it begins, or nowhere
            self.folded = self.folded or "i" in flags["flags"]
            self.at = flags.end()
        while self.at < len(self.text) and self.text[self.at] not in "|)":
            part = self._repeated(self._atom(depth))
            size, repeats = size + part.size, max(repeats, part.repeats)
        return _Part(size, repeats)

    def _repeated(self, part: _Part) -> _Part:
        found = _REPEAT.match(self.text, self.at)
        if found is None:
            return part
        if not part.repeatable:
            raise NotRe2(f"repeats a place, with '{found[0]}'; a place cannot be repeated")
        self.at = found.end()
        self._take("?")
        if _REPEAT.match(self.text, self.at):
            raise NotRe2(
                f"has two repeats in a row, '{found[0]}{self.text[self.at]}': possessive ones "
                "RE2 does not know; put a group around what is repeated twice"
            )
        return _repeat(part, found)

    def _atom(self, depth: int) -> _Part:
        here = self.text[self.at]
        if here == "(":
            return self._group(depth)
        if here == "[":
            return self._class()
        if here == "\\":
            return self._escape()
        if found := _REPEAT.match(self.text, self.at):
            raise NotRe2(f"has nothing before '{found[0]}' that it could repeat; mend it")
        if here == "{":
            raise NotRe2("has a '{' that begins no repeat; write \\{ for the character")
        self.at += 1
        if here in "^$":
            return _Part(JOINT, repeatable=False)
        if here == ".":
            return _Part(ANY)
        return self._character(here)

    def _character(self, here: str) -> _Part:
        if "\ud800" <= here <= "\udfff":
            raise NotRe2("has half a character; mend it")
        return _Part(WIDE if self.folded else CHARACTER)  # the sign for kelvin is a k, too

    def _group(self, depth: int) -> _Part:
        if flags := _FLAGS.match(self.text, self.at):
            if flags["end"] == ")":
                raise NotRe2(f"has '{flags[0]}' in its middle; put it at the beginning")
            self.folded = self.folded or "i" in flags["flags"]
            self.at = flags.end()
        elif named := _NAMED.match(self.text, self.at):
            if named["name"] in self.names:
                raise NotRe2(f"has two groups named {named['name']}; give no names")
            self.names.add(named["name"])
            self.at = named.end()
        elif self.text.startswith("(?", self.at) and not self.text.startswith("(?:", self.at):
            raise NotRe2(self._foreign())
        else:
            self.at += 3 if self.text.startswith("(?:", self.at) else 1
        inner = self.branches(depth + 1)
        if not self._take(")"):
            raise NotRe2("opens a group and never closes it; add the ')', or write \\(")
        return _Part(inner.size + JOINT, inner.repeats)

    def _foreign(self) -> str:
        for begin, what in _FOREIGN.items():
            if self.text.startswith(begin, self.at):
                return f"has '{begin}', and RE2 knows no {what}; say it without"
        begin = self.text[self.at : self.at + 3]
        return f"has '{begin}', which is no group of RE2; of flags there are i, m and s"

    def _escape(self) -> _Part:
        letter = self.text[self.at + 1 : self.at + 2]
        if hexadecimal := _HEX.match(self.text, self.at):
            self.at = hexadecimal.end()
            return _Part(WIDE if self.folded else CHARACTER)
        if not letter or not (letter.isascii() and _escapable(letter)):
            raise NotRe2(_bad_escape(letter))
        self.at += 2
        if letter in _PLACES:
            return _Part(JOINT, repeatable=False)
        return _Part(_KIND if letter in _KINDS else CHARACTER)

    def _class(self) -> _Part:
        """One character out of several: `[a-z_]`, `[^;]`."""
        begin = self.at
        negated = self.text.startswith("[^", self.at)
        self.at += 2 if negated else 1
        size, first = RANGE, True
        while first or not self.text.startswith("]", self.at):
            if self.at >= len(self.text):
                raise NotRe2(f"never closes '{self.text[begin : begin + 8]}'; add the ']'")
            size += self._range(first=first)
            first = False
        self.at += 1
        if self.folded:
            size = 2 * size + WIDE
        return _Part(size + RANGE + WIDE if negated else size)

    def _range(self, *, first: bool) -> int:
        """The instructions of one member of a class: a character, a range, or a kind of them."""
        if self._in_the_middle() and not first:
            raise NotRe2("has a '-' in the middle of a class; write \\- for the character")
        low = self._member()
        if not self._in_the_middle():
            return _member_size(low)
        self.at += 1
        high = self._member()
        if not low or not high or low > high:
            raise NotRe2(f"has a range in a class that is none, '{low}-{high}'; mend it")
        return _member_size(high)

    def _in_the_middle(self) -> bool:
        """Whether a '-' stands here that is not the last of its class."""
        return self.text.startswith("-", self.at) and not self.text.startswith("-]", self.at)

    def _member(self) -> str:
        """The character of a class that stands here; "" for a kind of characters."""
        if self.text.startswith("[:", self.at):
            raise NotRe2("has a named class '[:'; write its characters, such as a-z")
        if self.at >= len(self.text):
            raise NotRe2("never closes a class; add the ']'")
        here = self.text[self.at]
        if here != "\\":
            self._character(here)
            self.at += 1
            return here
        letter = self.text[self.at + 1 : self.at + 2]
        if letter in _PLACES:
            raise NotRe2(f"has a place, '\\{letter}', in a class; take it out")
        begin = self.at
        self._escape()
        return "" if letter in _KINDS else _meant(self.text[begin : self.at])

    def _take(self, character: str) -> bool:
        if not self.text.startswith(character, self.at):
            return False
        self.at += 1
        return True


def _repeat(part: _Part, found: re.Match[str]) -> _Part:
    """That part, repeated as it says. Raises NotRe2."""
    if found["least"] is None:
        return _Part(part.size + JOINT, part.repeats)
    least = int(found["least"])
    most = int(found["most"]) if found["most"] else least
    if most < least:
        raise NotRe2(f"has '{found[0]}', at most fewer than at least; turn them round")
    times = part.repeats * max(most, 1)
    if times > MAX_REPEATS:
        raise NotRe2(
            f"repeats something {times} times with '{found[0]}', repeats within it multiplied; "
            f"RE2 takes {MAX_REPEATS}"
        )
    copies = max(most, 1) + (1 if found["comma"] and not found["most"] else 0)
    return _Part((part.size + JOINT) * copies, times)


def _member_size(last: str) -> int:
    """The instructions of a range that ends with that character; "" for a kind of them."""
    if not last:
        return _KIND
    return RANGE if last.isascii() else WIDE


def _escapable(letter: str) -> bool:
    return letter in _KINDS + _PLACES + _CONTROLS or not (letter.isalnum() or letter == "_")


def _bad_escape(letter: str) -> str:
    if not letter:
        return "ends in a '\\'; write \\\\ for the character"
    if letter.isdigit():
        return f"has '\\{letter}': RE2 knows no back-references; write a character as \\x2d"
    return f"has '\\{letter}', which routers do not know or read otherwise; write it without"


def _meant(escaped: str) -> str:
    """The character that an escape of one stands for."""
    if _HEX.fullmatch(escaped):
        return bytes.fromhex(escaped[2:]).decode("ascii")
    letter = escaped[1]
    return dict(zip(_CONTROLS, "\a\f\n\r\t\v", strict=True)).get(letter, letter)
