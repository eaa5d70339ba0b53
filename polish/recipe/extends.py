"""``extends``: a recipe that takes another and patches its steps by id.

The rule, for `steps` and `deliver` alike:

- an entry whose `id` (or, without one, whose name) is an id of the base changes that entry:
  its settings are laid over the base's, groups key by key, anything else whole;
- any other entry is new and comes last, or where ``after: ID`` or ``before: ID`` puts it;
  these two also move an entry of the base;
- ``remove: yes`` takes an entry of the base out;
- a second step of a stage that the base has under another id must be given an id, because
  it could as well be meant to change that one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from .nodes import Entry, Group, Text
from .outline import Item
from .source import Mistakes
from .words import guess, one_of, quote


def patched(base: Sequence[Item], patches: Sequence[Item], mistakes: Mistakes) -> tuple[Item, ...]:
    """The entries of a recipe that extends `base` by `patches`."""
    items = list(base)
    moved: dict[str, str] = {}
    for patch in patches:
        known = next((item for item in items if item.id == patch.id and patch.id in _ids(base)), None)
        if patch.remove:
            if known is None:
                what = f"there is no {quote(patch.id)} to remove{guess(patch.id, _ids(items))}"
                mistakes.add(patch.place, what, one_of(_ids(items)))
            else:
                items.remove(known)
        elif known is None:
            if _is_clear(patch, base, mistakes):
                items.append(patch)
                _move(items, patch, moved, mistakes)
        elif patch.name not in (known.name, known.id):
            what = f"{quote(known.id)} is a {quote(known.name)} in {known.place.said(patch.place)}, not a "
            mistakes.add(patch.place, what + quote(patch.name), "another `id` adds a step of its own")
        else:
            item = over(known, patch)
            items[items.index(known)] = item
            _move(items, item, moved, mistakes)
    return tuple(replace(item, after=None, before=None) for item in items)


def over(base: Item, patch: Item) -> Item:
    """`base` with what `patch` says laid over it."""
    return replace(
        base,
        settings=merged(base.settings, patch.settings),
        optional=base.optional if patch.optional is None else patch.optional,
        after=patch.after,
        before=patch.before,
    )


def merged(base: Mapping[str, Entry], patch: Mapping[str, Entry]) -> dict[str, Entry]:
    """Settings laid over settings: groups key by key, anything else whole."""
    result = dict(base)
    for name, entry in patch.items():
        below = base.get(name)
        if below and isinstance(below.node, Group) and isinstance(entry.node, Group):
            node = Group(merged(below.node.entries, entry.node.entries), entry.node.place)
            result[name] = Entry(entry.key, node)
        else:
            result[name] = entry
    return result


def _is_clear(patch: Item, base: Sequence[Item], mistakes: Mistakes) -> bool:
    """Whether a new entry cannot be meant as a change of one there is."""
    alike = [item for item in base if item.name == patch.name and not patch.id_given]
    for item in alike:
        there = f"{quote(item.id)} in {item.place.said(patch.place)}"
        what = f"this may be a second {quote(patch.name)} or a change of {there}"
        hint = f"`id: {item.id}` changes that one, any other `id` adds one"
        mistakes.add(patch.place, what, hint)
        return False
    return True


def _move(items: list[Item], item: Item, moved: dict[str, str], mistakes: Mistakes) -> None:
    """Put an entry beside another; several behind the same one keep their order."""
    anchor = item.after or item.before
    if not isinstance(anchor, Text):
        return
    wanted = anchor.value or ""
    others = [other for other in items if other is not item]
    if wanted not in _ids(others):
        what = f"there is no step {quote(wanted)} to stand beside{guess(wanted, _ids(others))}"
        mistakes.add(anchor.place, what, one_of(_ids(others)))
        return
    items.remove(item)
    if item.before:
        items.insert(_ids(items).index(wanted), item)
    else:
        last = moved.get(wanted, wanted)
        items.insert(_ids(items).index(last if last in _ids(items) else wanted) + 1, item)
        moved[wanted] = item.id


def _ids(items: Sequence[Item]) -> list[str]:
    return [item.id for item in items]
