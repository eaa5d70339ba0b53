"""The shape of a recipe: its top-level keys, its steps, its deliveries.

Nothing here knows which stages there are; that is for the check.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from .catalogue import PLACING, RESERVED
from .nodes import Entry, Group, Items, Node, Text
from .source import Mistakes, Source, Spot, mistake
from .words import guess, one_of, quote

VERSION = "1"
KEYS = ("polish", "about", "extends", "steps", "deliver")
ID = "[A-Za-z0-9][A-Za-z0-9_-]{0,59}"
"""What an id looks like, as a regular expression."""
_SPECIAL = {**RESERVED, **PLACING}
_YES = {"yes": True, "true": True, "on": True, "no": False, "false": False, "off": False}


@dataclass(frozen=True, eq=False)
class Item:
    """One entry of `steps` or `deliver`.

    Attributes:
        name: the word before the colon: a stage, a delivery, or the id of a step to patch.
        place: where that word stands.
        id: the id given, or the one it has without; `id_given` tells which.
        settings: as written, without the reserved keys.
        optional: as written; `None` when nothing is said.
        after, before: the id of the step to stand beside, and where it is written.
    """

    name: str
    place: Spot
    id: str
    id_given: bool = False
    settings: Mapping[str, Entry] = field(default_factory=dict)
    optional: bool | None = None
    after: Text | None = None
    before: Text | None = None
    remove: Spot | None = None

    @property
    def noun(self) -> str:
        """How messages call it: its name, and its id where that is another."""
        return quote(self.name) if self.id == self.name else f"{quote(self.name)} ({self.id})"


@dataclass(frozen=True, eq=False)
class Outline:
    """A recipe as it is written in one file; `deliver` is `None` when it has no such list."""

    source: Source
    place: Spot
    about: str = ""
    extends: Text | None = None
    steps: tuple[Item, ...] = ()
    deliver: tuple[Item, ...] | None = None


def outline(source: Source, root: Node) -> Outline:
    """See the shape of a recipe.

    Raises:
        RecipeError: it has not the shape of a recipe.
    """
    if not isinstance(root, Group):
        hint = "begin with `polish: 1` and a list of `steps:`"
        raise mistake(root.place, "a recipe is made of `name: value` lines", hint)
    mistakes = Mistakes()
    _keys(root, mistakes)
    nodes = {name: entry.node for name, entry in root.entries.items()}
    extends = _text(
        nodes.get("extends"), "`extends`", "a recipe to build on, such as `extends: streaming`", mistakes
    )
    reader = _Reader(mistakes, patching="extends" in nodes)
    found = Outline(
        source,
        root.place,
        about=_about(nodes.get("about"), mistakes),
        extends=extends,
        steps=reader.read(root.entries.get("steps"), "step", "check") or (),
        deliver=reader.read(root.entries.get("deliver"), "delivery", "report"),
    )
    mistakes.stop()
    return found


def _keys(root: Group, mistakes: Mistakes) -> None:
    unknown = [name for name in root.entries if name not in KEYS]
    for name in unknown:
        what = f"a recipe has no {quote(name)}{guess(name, KEYS)}"
        mistakes.add(root.entries[name].key, what, one_of(KEYS))
    if "polish" in root.entries:
        _version(root.entries["polish"].node, mistakes)
    elif not unknown:
        mistakes.add(_first(root), "the recipe does not say its version", "begin it with `polish: 1`")
    if not unknown and not {"steps", "extends"} & set(root.entries):
        mistakes.add(_first(root), "the recipe has no steps", "add a list of `steps:`")


def _first(root: Group) -> Spot:
    return next((entry.key for entry in root.entries.values()), root.place)


def _version(node: Node, mistakes: Mistakes) -> None:
    if isinstance(node, Text) and node.value == VERSION:
        return
    written = quote(node.value) if isinstance(node, Text) and node.value else "something else"
    newer = isinstance(node, Text) and (node.value or "").isdecimal()
    hint = "install a newer polish" if newer else "`polish: 1`"
    mistakes.add(node.place, f"this polish reads recipes of version 1, not {written}", hint)


def _about(node: Node | None, mistakes: Mistakes) -> str:
    if isinstance(node, Text) and node.value is None:
        return ""
    found = _text(node, "`about`", "a sentence on what the recipe is for", mistakes)
    return " ".join((found.value or "").split()) if found else ""


def _text(node: Node | None, whose: str, what: str, mistakes: Mistakes) -> Text | None:
    if node is None:
        return None
    if isinstance(node, Text) and node.value:
        return node
    mistakes.add(node.place, f"{whose} is {what}")
    return None


class _Reader:
    """Reads the lists of steps and of deliveries."""

    def __init__(self, mistakes: Mistakes, *, patching: bool) -> None:
        self._mistakes = mistakes
        self._patching = patching

    def read(self, entry: Entry | None, what: str, example: str) -> tuple[Item, ...] | None:
        """The items of a list, with ids that are all different."""
        if entry is None:
            return None
        whose = "`steps`" if what == "step" else "`deliver`"
        node = entry.node
        if (isinstance(node, Text) and node.value is None) or (isinstance(node, Items) and not node.nodes):
            self._mistakes.add(entry.key, f"{whose} is empty", f"a list, such as `- {example}`")
            return ()
        if not isinstance(node, Items):
            self._mistakes.add(
                entry.key, f"{whose} is a list", f"begin each {what} with a dash: `- {example}`"
            )
            return ()
        items: dict[str, Item] = {}
        for each in node.nodes:
            if item := self._item(each, what, example):
                self._name(item, what, items)
        return tuple(items.values())

    def _name(self, item: Item, what: str, items: dict[str, Item]) -> None:
        first = items.get(item.id)
        if first is None:
            items[item.id] = item
        elif what == "delivery" and not item.id_given:
            number = next(n for n in range(2, len(items) + 3) if f"{item.id}-{n}" not in items)
            items[f"{item.id}-{number}"] = replace(item, id=f"{item.id}-{number}")
        else:
            plural = "steps" if what == "step" else "deliveries"
            say = f"two {plural} are called {quote(item.id)}"
            self._mistakes.add(item.place, say, "give one of them an `id` of its own", [first.place])

    def _item(self, node: Node, what: str, example: str) -> Item | None:
        if isinstance(node, Text) and node.value:
            return Item(node.value, node.place, id=node.value)
        if isinstance(node, Group) and node.entries:
            return self._from_group(node, what)
        say = f"a {what} is a name, such as `- {example}`, or a name with settings"
        self._mistakes.add(node.place, say, f"`- {example}: {{…}}`")
        return None

    def _from_group(self, group: Group, what: str) -> Item | None:
        (name, entry), *others = group.entries.items()
        if others:
            beside = others[0][1].key
            say = f"{quote(others[0][0])} stands beside {quote(name)}, not under it"
            hint = (
                f"indent the settings of {quote(name)} by two more spaces, or begin a new {what} with a dash"
            )
            self._mistakes.add(beside, say, hint)
            return None
        node = entry.node
        if isinstance(node, Text) and node.value is None:
            return Item(name, entry.key, id=name)
        if not isinstance(node, Group):
            say = f"what follows {quote(name)} is not a group of settings"
            self._mistakes.add(node.place, say, f"`{name}: {{setting: value}}`")
            return None
        return self._with_settings(name, entry.key, node)

    def _with_settings(self, name: str, place: Spot, group: Group) -> Item:
        special = {key: entry for key, entry in group.entries.items() if key in _SPECIAL}
        item_id = self._id(special.get("id"))
        placed = {key: self._where(key, special[key]) for key in ("after", "before") if key in special}
        if len(placed) == 2:
            self._mistakes.add(
                special["before"].key, "a step stands `after` one step or `before` one, not both"
            )
        remove = self._remove(special.get("remove"))
        settings = {key: entry for key, entry in group.entries.items() if key not in _SPECIAL}
        if remove and (settings or set(special) - {"id", "remove"}):
            self._mistakes.add(remove, "`remove` stands alone: what is removed needs no settings")
        return Item(
            name, place, id=item_id or name, id_given=item_id is not None, settings=settings,
            optional=self._flag("optional", special.get("optional")), remove=remove, **placed,
        )  # fmt: skip

    def _id(self, entry: Entry | None) -> str | None:
        if entry is None:
            return None
        node = entry.node
        if isinstance(node, Text) and node.value and re.fullmatch(ID, node.value) and node.value != "deliver":
            return node.value
        written = quote(node.value) if isinstance(node, Text) and node.value else "that"
        hint = "letters, digits, - and _, such as `id: stream`"
        self._mistakes.add(node.place, f"an `id` is one word, and {written} is not one for it", hint)
        return None

    def _where(self, key: str, entry: Entry) -> Text | None:
        if not self._may_place(key, entry):
            return None
        return _text(entry.node, quote(key), "the id of a step", self._mistakes)

    def _remove(self, entry: Entry | None) -> Spot | None:
        if entry is None or not self._may_place("remove", entry):
            return None
        return entry.key if self._flag("remove", entry) else None

    def _may_place(self, key: str, entry: Entry) -> bool:
        if not self._patching:
            say = f"{quote(key)} is for a recipe that extends another"
            self._mistakes.add(entry.key, say, "put the steps of this recipe in the order they should run")
        return self._patching

    def _flag(self, key: str, entry: Entry | None) -> bool | None:
        return yes_or_no(key, entry.node, self._mistakes) if entry else None


def yes_or_no(key: str, node: Node, mistakes: Mistakes) -> bool | None:
    """The value of a reserved key that is yes or no."""
    value = _YES.get((node.value or "").lower()) if isinstance(node, Text) else None
    if value is None:
        mistakes.add(node.place, f"{quote(key)} is yes or no")
    return value
