"""Manifests as people write them: several documents a file, and the line of every field."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from tidegate.api.constants import GROUP
from tidegate.api.problems import FieldProblem, SpecError
from tidegate.api.rollout import Rollout
from tidegate.api.support import unsupported
from tidegate.api.validation import problems
from tidegate.cli.errors import UsageError

BYTES_MAX: Final = 4 * 1024 * 1024
"""More than any object may have in etcd, times what a file may hold of them."""
NODES_MAX: Final = 100_000
"""Values of one document with its aliases written out: a few lines can stand for billions."""
STDIN: Final = "-"
ENDINGS: Final = (".yaml", ".yml")
KIND: Final = "Rollout"
POLICY: Final = "RolloutPolicy"


class _Loader(yaml.SafeLoader):
    """As kubectl reads YAML: what looks like a date stays a text."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, form) for tag, form in found if not tag.endswith(":timestamp")]
    for first, found in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


@dataclass(frozen=True, slots=True)
class Document:
    """One object of a file: `body` for the models, `node` for the lines."""

    file: str
    node: yaml.Node
    body: Mapping[str, Any]

    @property
    def title(self) -> str:
        """Kind and name, as far as they are there."""
        metadata = self.body.get("metadata")
        name = metadata.get("name") if isinstance(metadata, Mapping) else None
        return " ".join(str(part) for part in (self.body.get("kind"), name) if part)

    @property
    def group(self) -> str:
        """The API group."""
        return str(self.body.get("apiVersion") or "").rpartition("/")[0]

    @property
    def is_rollout(self) -> bool:
        """Whether it is one of ours; other projects have Rollouts, too."""
        return self.body.get("kind") == KIND and self.group == GROUP

    @property
    def is_policy(self) -> bool:
        """Whether it is a RolloutPolicy."""
        return self.body.get("kind") == POLICY and self.group == GROUP

    @property
    def line(self) -> int:
        """The line it begins at, from 1."""
        return _line(self.node)

    def line_of(self, path: str) -> int:
        """The line of a field such as spec.phases[1].weight, or of the nearest that is there."""
        return _line_of(self.node, path)


@dataclass(frozen=True, slots=True)
class Broken:
    """A place where a file cannot be read any further."""

    file: str
    line: int
    message: str


def files(names: list[str]) -> Iterator[str]:
    """The files that are meant: those named, and every YAML file below a folder."""
    for name in names:
        path = Path(name)
        if name != STDIN and path.is_dir():
            yield from sorted(str(p) for p in path.rglob("*") if p.suffix in ENDINGS)
        else:
            yield name


def text_of(name: str) -> str:
    """The text of a file or of stdin; UsageError when it cannot be read."""
    try:
        if name == STDIN:
            raw = sys.stdin.buffer.read(BYTES_MAX + 1)
        else:
            with Path(name).open("rb") as file:
                raw = file.read(BYTES_MAX + 1)
        if len(raw) > BYTES_MAX:
            raise UsageError(f"{name} is longer than {BYTES_MAX} bytes; split it")
        return raw.decode("utf-8-sig")
    except OSError as error:
        raise UsageError(f"{name} cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{name} is no UTF-8 text (byte {error.start})") from error


def documents(file: str, text: str) -> Iterator[Document | Broken]:
    """Every object of a file in written order; lists of objects are taken apart."""
    loader = _Loader(text)
    try:
        while loader.check_node():
            node = loader.get_node()
            if node is not None:
                yield from _objects(file, node, loader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        said = " ".join(filter(None, (error.context, error.problem)))
        yield Broken(file, mark.line + 1 if mark else 1, f"is no YAML: {said}")
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        yield Broken(file, 1, f"is no YAML: {type(error).__name__}: {error}")
    finally:
        loader.dispose()


def the_rollout(file: str, name: str | None) -> Rollout:
    """The one Rollout of a file that commands play; UsageError for none, several or a bad one."""
    found: list[Document] = []
    for one in documents(file, text_of(file)):
        if isinstance(one, Broken):
            raise UsageError(f"{file}:{one.line}: {one.message}")
        if one.is_rollout and name in (None, one.title.partition(" ")[2]):
            found.append(one)
    if len(found) != 1:
        asked = f"Rollout {name}" if name else "Rollout"
        names = ", ".join(one.title for one in found)
        several = f"{file} has {len(found)} of them ({names}); choose one with --name"
        raise UsageError(several if found else f"{file} has no {asked} of {GROUP}")
    try:
        rollout = Rollout.parse(found[0].body)
        wrong = (*problems(rollout.spec), *unsupported(rollout.spec))
    except SpecError as error:
        wrong = error.problems
        raise UsageError(_refused(file, wrong)) from error
    if wrong:
        raise UsageError(_refused(file, wrong))
    return rollout


def _refused(file: str, wrong: tuple[FieldProblem, ...]) -> str:
    more = f" (and {len(wrong) - 1} more)" if len(wrong) > 1 else ""
    return f"{file} would be Invalid: {wrong[0]}{more}; see `tidegate lint {file}`"


def _objects(file: str, node: yaml.Node, loader: _Loader) -> Iterator[Document | Broken]:
    if _size(node, {}, set()) > NODES_MAX:
        yield Broken(file, _line(node), f"has more than {NODES_MAX} values, or contains itself")
        return
    twice = list(_twice(node))
    yield from (Broken(file, line, f"key {key!r} is written twice") for key, line in twice)
    body = loader.construct_document(node) if not twice else None
    if body is None:
        return
    if not isinstance(body, dict):
        yield Broken(file, _line(node), "is no Kubernetes object")
        return
    items = _value(node, "items")
    if body.get("kind") == "List" and isinstance(items, yaml.SequenceNode):
        for item, found in zip(items.value, body["items"], strict=True):
            if isinstance(found, dict):
                yield Document(file, item, found)
            else:
                yield Broken(file, _line(item), "is no Kubernetes object")
        return
    yield Document(file, node, body)


def _size(node: yaml.Node, known: dict[int, int], above: set[int]) -> int:
    """How many values a node stands for; more than NODES_MAX if it contains itself."""
    if id(node) in above:
        return NODES_MAX + 1
    if id(node) not in known:
        above.add(id(node))
        known[id(node)] = 1 + sum(_size(child, known, above) for child in _children(node))
        above.discard(id(node))
    return known[id(node)]


def _children(node: yaml.Node) -> Iterator[yaml.Node]:
    if isinstance(node, yaml.MappingNode):
        for pair in node.value:
            yield from pair
    elif isinstance(node, yaml.SequenceNode):
        yield from node.value


def _twice(node: yaml.Node) -> Iterator[tuple[str, int]]:
    """Keys that stand twice in one object: PyYAML takes the last, the API server refuses."""
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and key.value in seen and key.value != "<<":
                yield key.value, _line(key)
            seen.add(str(key.value))
    for child in _children(node):
        yield from _twice(child)


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1


def _line_of(node: yaml.Node, path: str) -> int:
    """Go down as far as the path leads; keys may have dots in them, so the longest that fits."""
    line = _line(node)
    while path:
        if path.startswith("["):
            index, _, path = path[1:].partition("]")
            if not isinstance(node, yaml.SequenceNode) or int(index) >= len(node.value):
                return line
            node = node.value[int(index)]
            line = _line(node)
            continue
        path = path.removeprefix(".")
        pairs = node.value if isinstance(node, yaml.MappingNode) else ()
        fits = [pair for pair in pairs if _leads(str(pair[0].value), path)]
        if not fits:
            return line
        key, node = max(fits, key=lambda pair: len(str(pair[0].value)))
        path, line = path[len(key.value) :], _line(key)
    return line


def _leads(key: str, path: str) -> bool:
    return path.startswith(key) and path[len(key) : len(key) + 1] in ("", ".", "[")


def _value(node: yaml.Node, name: str) -> yaml.Node | None:
    pairs = node.value if isinstance(node, yaml.MappingNode) else ()
    return next((value for key, value in pairs if key.value == name), None)
