"""A step's settings as written, to the stage they make; what is wrong with them goes to `faults`."""

from __future__ import annotations

import os
import types
from typing import Any, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from ..declared import Declared, File, marked, show
from ..units import Quantity
from .catalogue import RESERVED, Shelf
from .faults import report
from .nodes import Entry, Group, Text, plain
from .outline import Item
from .source import Mistakes, Option
from .words import guess, one_of, quote, visible


def build(item: Item, shelf: Shelf, other: Shelf, mistakes: Mistakes) -> Declared | None:
    """The stage or delivery an entry describes, or `None` when its settings are wrong.

    Args:
        shelf: where it is from.
        other: what else there is; a setting of something there may be what was meant.
    """
    cls = shelf.find(item.name)
    fields = cls.fields()
    found = len(mistakes)
    values: dict[str, Any] = {}
    spoilt = set()
    for name, entry in item.settings.items():
        if name not in fields:
            what, hint = _unknown(item, name, shelf, other)
            mistakes.add(entry.key, what, hint)
        elif _empty(name, entry, fields[name], mistakes):
            spoilt.add(name)
        else:
            values[name] = _value(name, entry, fields[name], mistakes)
    unknown = any(name not in fields for name in item.settings)
    try:
        made = cls.model_validate(values)
    except ValidationError as error:
        known = {name: entry for name, entry in item.settings.items() if name in values}
        # A missing setting beside an unknown or an empty one is most likely that one.
        report(error, item, cls, known, mistakes, missing=not unknown, spoilt=spoilt)
        return None
    return made if len(mistakes) == found else None


def origins(item: Item, cls: type[Declared]) -> dict[str, str]:
    """Where each setting's value comes from: ``default``, ``streaming.yaml:12`` or ``--set``.

    The parts of a group come after it by their dotted names, ``gains.vocals``.
    """
    result: dict[str, str] = {}
    for name in cls.fields():
        entry = item.settings.get(name)
        result[name] = entry.key.origin if entry else "default"
        if entry and isinstance(entry.node, Group):
            result.update(_parts(name, entry.node))
    return result


def _parts(name: str, group: Group) -> dict[str, str]:
    result: dict[str, str] = {}
    for part, entry in group.entries.items():
        result[f"{name}.{part}"] = entry.key.origin
        if isinstance(entry.node, Group):
            result.update(_parts(f"{name}.{part}", entry.node))
    return result


def _unknown(item: Item, name: str, shelf: Shelf, other: Shelf) -> tuple[str, str]:
    """That there is no such setting, and what to try: the nearest one, or whose it is."""
    fields = list(shelf.find(item.name).fields())
    near = guess(name, [*fields, *RESERVED])
    here, there = ([], []) if near else (shelf.with_setting(name), other.with_setting(name))
    if here:
        hint = f"{quote(name)} is a setting of {', '.join(map(quote, here))}"
    elif there:
        hint = f"under `{other.home}:`, {quote(name)} is a setting of {', '.join(map(quote, there))}"
    else:
        hint = one_of(fields) if fields else f"take it out: {quote(item.name)} has no settings"
    return f"{item.noun} has no setting {quote(name)}{near}", hint


def holds_group(info: FieldInfo) -> bool:
    """Whether a setting has parts: a dictionary or a model."""
    return any(
        get_origin(part) is dict or part is dict or (isinstance(part, type) and issubclass(part, BaseModel))
        for part in _branches(info.annotation)
    )


def _branches(annotation: Any) -> tuple[Any, ...]:
    """The types a setting may have, without their marks."""
    if hasattr(annotation, "__metadata__"):
        return _branches(get_args(annotation)[0])
    if get_origin(annotation) in (Union, types.UnionType):
        return tuple(part for inside in get_args(annotation) for part in _branches(inside))
    return (annotation,)


def _empty(name: str, entry: Entry, info: FieldInfo, mistakes: Mistakes) -> bool:
    """Note a setting without a value, unless it may have none."""
    given = not isinstance(entry.node, Text) or entry.node.value is not None
    if given or type(None) in _branches(info.annotation):
        return False
    default = None if info.is_required() else info.get_default(call_default_factory=True)
    example = "…" if default in (None, "", {}, [], ()) else show(default, marked(Quantity, info))
    line = f"`{name}: {example}`, or take the line out"
    hint = f"{entry.key}={example}" if isinstance(entry.key, Option) else line
    mistakes.add(entry.key, f"{quote(name)} is empty", hint)
    return True


def _value(name: str, entry: Entry, info: FieldInfo, mistakes: Mistakes) -> Any:
    """What pydantic gets: text, `None`, lists and dictionaries; files by their absolute path."""
    node = entry.node
    if not isinstance(node, Text) or node.value is None:
        return plain(node)
    if node.value == "none" and not node.quoted and type(None) in _branches(info.annotation):
        return None
    if not marked(File, info):
        return node.value
    path = os.path.abspath(node.place.folder / os.path.expanduser(node.value))
    if not os.path.isfile(path) or not os.access(path, os.R_OK):
        mistakes.add(node.place, f"{quote(name)}: {_why_not(path)}: {visible(path)}", _start(node))
    return path


def _why_not(path: str) -> str:
    if os.path.isfile(path):
        return "no permission to read"
    return "is a folder, not a file" if os.path.isdir(path) else "no such file"


def _start(node: Text) -> str:
    where = "the working folder" if isinstance(node.place, Option) else "the recipe's folder"
    return f"a relative path starts at {where}"
