"""Text to located nodes: YAML without anything that could surprise.

PyYAML's safe loader composes a node tree and no more; nothing is constructed, so no value
has a type yet and nothing in a recipe can name Python to run. Refused: tags, anchors and
aliases, merge keys, duplicate keys, several documents, deep nesting, an empty text.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from ..errors import RecipeError
from .slips import explained
from .source import Place, Source, Spot, mistake
from .words import quote

DEEPEST = 20
"""Levels of nesting a recipe may have; a real one has six."""

MOST = 10_000
"""Names, values, lists and groups a recipe may have; a real one has a hundred."""


@dataclass(frozen=True, eq=False)
class Text:
    """A scalar as it is written; `None` for an empty one, ``null`` or ``~``."""

    value: str | None
    place: Spot
    quoted: bool = False


@dataclass(frozen=True, eq=False)
class Items:
    """A list."""

    nodes: tuple[Node, ...]
    place: Spot


@dataclass(frozen=True, eq=False)
class Entry:
    """A key of a mapping with its value."""

    key: Spot
    node: Node


@dataclass(frozen=True, eq=False)
class Group:
    """A mapping."""

    entries: Mapping[str, Entry]
    place: Spot


Node = Text | Items | Group


def plain(node: Node) -> Any:
    """The node as text, `None`, lists and dictionaries; types come from the settings it fills."""
    if isinstance(node, Text):
        return node.value
    if isinstance(node, Items):
        return [plain(each) for each in node.nodes]
    return {name: plain(entry.node) for name, entry in node.entries.items()}


def spots(node: Node) -> Iterator[Spot]:
    """The places of everything inside a node, and of the node itself."""
    yield node.place
    if isinstance(node, Items):
        for each in node.nodes:
            yield from spots(each)
    elif isinstance(node, Group):
        for entry in node.entries.values():
            yield from spots(entry.node)


def parse(source: Source) -> Node:
    """Read a recipe's text.

    Raises:
        RecipeError: it is not YAML, or uses a part of YAML that recipes do without.
    """
    try:
        root = yaml.compose(source.text, Loader=_Loader)
    except _Refused as refused:
        raise mistake(_place(source, *refused.marks), refused.what, refused.hint) from None
    except yaml.YAMLError as error:
        raise explained(source, error) from None
    if root is None:
        first = Place(source, 1, 1)
        raise mistake(first, "the recipe is empty", "begin with `polish: 1` and a list of `steps:`")
    return _located(source, root)


class _Refused(Exception):
    """Something that YAML has and recipes do without."""

    def __init__(self, event: yaml.Event, what: str, hint: str | None) -> None:
        self.marks = (event.start_mark, event.end_mark)
        self.what = what
        self.hint = hint


class _Loader(yaml.SafeLoader):
    """Composes; sees tags, anchors, depth and number before they do anything."""

    _depth = 0
    _nodes = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        event = self.peek_event()
        if isinstance(event, yaml.AliasEvent) or event.anchor:
            what = "a recipe has no anchors (`&name`) and no aliases (`*name`)"
            raise _Refused(event, what, "write the value out; a text that begins with & or * goes in quotes")
        if event.tag:
            hint = "write the plain value; a text that begins with ! goes in quotes"
            raise _Refused(event, "a recipe has no tags (`!name`)", hint)
        if self._depth == DEEPEST:
            raise _Refused(event, f"nested deeper than {DEEPEST} levels", "a recipe needs six at most")
        if self._nodes == MOST:
            raise _Refused(event, f"more than {MOST} names and values", "a recipe needs a hundred or two")
        self._nodes += 1
        self._depth += 1
        node = super().compose_node(parent, index)
        self._depth -= 1
        return node


def _place(source: Source, start: yaml.Mark, end: yaml.Mark) -> Place:
    length = end.column - start.column if end.line == start.line else _rest(source, start)
    return Place(source, start.line + 1, start.column + 1, max(1, length))


def _rest(source: Source, start: yaml.Mark) -> int:
    return len(source.lines[start.line].rstrip()) - start.column


def _located(source: Source, node: yaml.Node) -> Node:
    place = _place(source, node.start_mark, node.end_mark)
    if isinstance(node, yaml.ScalarNode):
        null = node.style is None and node.tag == "tag:yaml.org,2002:null"
        return Text(None if null else node.value, place, quoted=node.style is not None)
    if isinstance(node, yaml.SequenceNode):
        return Items(tuple(_located(source, each) for each in node.value), place)
    entries: dict[str, Entry] = {}
    for key, value in node.value:
        at = _place(source, key.start_mark, key.end_mark)
        name = _key(key, at)
        if name in entries:
            both = [entries[name].key]
            raise mistake(at, f"{quote(name)} is given twice", "keep one of the two", both)
        entries[name] = Entry(at, _located(source, value))
    return Group(entries, place)


def _key(key: yaml.Node, at: Place) -> str:
    if not isinstance(key, yaml.ScalarNode):
        raise mistake(at, "a name is expected before the colon, not a list or a mapping")
    if key.style is None and key.value == "<<":
        raise _merge(at)
    if not key.value:
        raise mistake(at, "a name is missing before the colon")
    return key.value


def _merge(at: Place) -> RecipeError:
    hint = "write the settings out, or build on another recipe with `extends`"
    return mistake(at, "a recipe has no merge keys (`<<`)", hint)
