"""``--set stream.ceiling=-2dBTP``: a setting changed from the command line.

The key is the id of a step and a setting of it, ``deliver.`` and the same of a delivery, or
goes on into a group: ``mix.gains.vocals=+1 dB``. What it names must exist.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace

from ..errors import RecipeError, UsageError
from .catalogue import PLACING, RESERVED, Catalogue, Shelf
from .extends import merged
from .nodes import Entry, Group, Items, Node, Text, parse
from .outline import Item, yes_or_no
from .settings import holds_group
from .source import Mistakes, Option, Source
from .words import guess, one_of, printable, quote

_NULLS = ("", "~", "null")


@dataclass(frozen=True, eq=False)
class Set:
    """One change: where to, and what."""

    key: tuple[str, ...]
    value: Node
    option: Option


def read_sets(written: Iterable[str]) -> tuple[Set, ...]:
    """Read changes written ``KEY=VALUE``.

    Raises:
        UsageError: one has no ``=``.
        RecipeError: a value that begins with a bracket or a quote is not YAML.
    """
    return tuple(_read(each) for each in written)


def _read(written: str) -> Set:
    key, equals, value = (part.strip() for part in written.partition("="))
    option = Option(key)
    if not equals or not all(key.split(".")):
        where = f"--set {printable(written)}"
        raise UsageError("not written KEY=VALUE", where=where, hint="--set stream.ceiling=-2dBTP")
    if not value.startswith(("[", "{", "'", '"')):
        return Set(tuple(key.split(".")), Text(None if value in _NULLS else value, option), option)
    try:
        node = parse(Source(str(option), option.folder, value))
    except RecipeError as error:
        raise RecipeError(error.what, where=option, hint=error.hint) from None
    return Set(tuple(key.split(".")), _from_option(node, option), option)


def _from_option(node: Node, option: Option) -> Node:
    """The same node, standing on the command line."""
    if isinstance(node, Text):
        return Text(node.value, option, node.quoted)
    if isinstance(node, Items):
        return Items(tuple(_from_option(each, option) for each in node.nodes), option)
    entries = {name: Entry(option, _from_option(entry.node, option)) for name, entry in node.entries.items()}
    return Group(entries, option)


def changed(
    steps: Sequence[Item],
    deliver: Sequence[Item],
    sets: Sequence[Set],
    catalogue: Catalogue,
    mistakes: Mistakes,
) -> tuple[tuple[Item, ...], tuple[Item, ...]]:
    """The steps and the deliveries with the changes of the command line."""
    lists = {
        "": _List("", "step", catalogue.stages, {item.id: item for item in steps}),
        "deliver.": _List("deliver.", "delivery", catalogue.deliveries, {item.id: item for item in deliver}),
    }
    for change in sets:
        prefix = "deliver." if change.key[0] == "deliver" else ""
        path = change.key[1:] if prefix else change.key
        found = _problem(path, lists[prefix], lists["" if prefix else "deliver."])
        if found:
            mistakes.add(change.option, *found)
        else:
            lists[prefix].change(path, change, mistakes)
    return tuple(lists[""].items.values()), tuple(lists["deliver."].items.values())


@dataclass
class _List:
    """The steps, or the deliveries: how keys for them begin, and what they are called."""

    prefix: str
    noun: str
    shelf: Shelf
    items: dict[str, Item]

    def fields(self, item_id: str) -> Collection[str]:
        cls = self.shelf.get(self.items[item_id].name)
        return tuple(cls.fields()) if cls else ()

    def having(self, setting: str) -> list[str]:
        """Keys of that setting in these items."""
        found = [item_id for item_id in self.items if setting in self.fields(item_id)]
        return [f"{self.prefix}{item_id}.{setting}" for item_id in found]

    def change(self, path: Sequence[str], change: Set, mistakes: Mistakes) -> None:
        """Lay a change over the item it names."""
        item_id, name, *parts = path
        item = self.items[item_id]
        if name == "optional":
            self.items[item_id] = replace(item, optional=yes_or_no(name, change.value, mistakes))
            return
        node = change.value
        for part in reversed(parts):
            node = Group({part: Entry(change.option, node)}, change.option)
        settings = merged(item.settings, {name: Entry(change.option, node)})
        self.items[item_id] = replace(item, settings=settings)


def _problem(path: Sequence[str], here: _List, there: _List) -> tuple[str, str | None] | None:
    """Why a key names nothing that can be set, and what to try."""
    item_id, name, *parts = [*path, "", ""][: max(2, len(path))]
    if item_id not in here.items:
        meant = here.having(item_id) if not name else there.having(name) if item_id in there.items else []
        near = "" if meant else guess(item_id, here.items)
        return f"there is no {here.noun} {quote(item_id)}{near}", one_of(meant or list(here.items))
    item = here.items[item_id]
    cls = here.shelf.get(item.name)
    if cls is None:
        return None  # the check names the unknown stage, where it stands
    fields = cls.fields()
    if not name:
        keys = [f"{here.prefix}{item_id}.{each}" for each in fields]
        return f"{quote(item_id)} is a whole {here.noun}, not one of its settings", one_of(keys)
    if name == "optional" and not parts:
        return None
    if name in RESERVED or name in PLACING:
        return f"{quote(name)} belongs in the recipe, not on the command line", None
    if name not in fields:
        near = guess(name, fields)
        meant = [] if near else there.having(name)
        return f"{item.noun} has no setting {quote(name)}{near}", one_of(meant or list(fields))
    if parts and not holds_group(fields[name]):
        return f"{quote(name)} has no parts", f"--set {here.prefix}{item_id}.{name}=…"
    return None
