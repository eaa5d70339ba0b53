"""What pydantic found wrong with a step's settings, each fault once, where it stands, in plain words."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from ..declared import Declared, marked, show
from ..units import Quantity
from .nodes import Entry, Group, Items, Node, Text, plain
from .outline import Item
from .source import Mistakes, Spot
from .words import guess, one_of, printable, quote

_EXPECTED = {
    "bool_parsing": "yes or no", "bool_type": "yes or no",
    "int_parsing": "a whole number", "int_type": "a whole number", "int_from_float": "a whole number",
    "int_parsing_size": "a whole number",
    "float_parsing": "a number", "float_type": "a number", "finite_number": "a number",
    "string_type": "text",
    "list_type": "a list, such as `[a, b]`", "tuple_type": "a list, such as `[a, b]`",
    "dict_type": "a group, such as `{name: value}`", "model_type": "a group, such as `{name: value}`",
}  # fmt: skip
_SUCH_AS = re.compile(r"such as [-+0-9.]+ \S+$")
_NOT_A_VALUE = re.compile("expected (.*), got .*", re.DOTALL)
_WORD = re.compile(r"'([^']*)'|(-?[0-9]+(?:\.[0-9]+)?)")
_SIZES = {
    "string_too_short": ("min_length", "too short: {} or more characters"),
    "string_too_long": ("max_length", "too long: {} characters at most"),
    "too_short": ("min_length", "too few: {} or more"),
    "too_long": ("max_length", "too many: {} at most"),
}
_BOUNDS = {
    "greater_than_equal": ("ge", "at least"), "greater_than": ("gt", "above"),
    "less_than_equal": ("le", "at most"), "less_than": ("lt", "below"),
}  # fmt: skip


@dataclass
class _Fault:
    """All that is wrong with one node: one error, or one from each branch of a union."""

    path: tuple[str | int, ...]
    key: Spot
    node: Node
    errors: list[ErrorDetails] = field(default_factory=list)

    @property
    def label(self) -> str:
        return quote(".".join(part for part in self.path if isinstance(part, str)))

    @property
    def written(self) -> str:
        if isinstance(self.node, Text):
            return "empty" if self.node.value is None else quote(self.node.value)
        return "a list" if isinstance(self.node, Items) else "a group"


def report(
    error: ValidationError,
    item: Item,
    cls: type[Declared],
    settings: Mapping[str, Entry],
    mistakes: Mistakes,
    *,
    missing: bool,
    spoilt: Collection[str],
) -> None:
    """Note what pydantic found, one mistake for each place that is wrong.

    Args:
        settings: the entries pydantic was given.
        missing: whether required settings that are absent are noted.
        spoilt: settings that are written but already known to be wrong.
    """
    faults: dict[int, _Fault] = {}
    for each in error.errors(include_url=False):
        located = _locate(each["loc"], settings)
        if located:
            faults.setdefault(id(located.node), located).errors.append(each)
        elif each["type"] != "missing":
            mistakes.add(item.place, f"{item.noun}: {_message(each)}")
        elif missing and each["loc"][0] not in spoilt:
            name = str(each["loc"][0])
            about = next(setting.about for setting in cls.settings() if setting.name == name)
            hint = f"add `{name}: …` ({about.rstrip('.')})"
            mistakes.add(item.place, f"{item.noun} needs {quote(name)}", hint)
    paths = [fault.path for fault in faults.values()]
    for fault in faults.values():
        # Of a union's branches, the one that got deepest is the one that was meant.
        if sum(path[: len(fault.path)] == fault.path for path in paths) == 1:
            _note(fault, item, cls, mistakes)


def _locate(loc: tuple[str | int, ...], settings: Mapping[str, Entry]) -> _Fault | None:
    """Follow pydantic's location down the nodes; the names of union branches in it are passed over."""
    if not loc or loc[0] not in settings:
        return None
    entry = settings[str(loc[0])]
    key, node, path = entry.key, entry.node, [loc[0]]
    for part in loc[1:]:
        if isinstance(node, Group) and part in node.entries:
            key, node = node.entries[str(part)].key, node.entries[str(part)].node
        elif isinstance(node, Items) and isinstance(part, int) and part < len(node.nodes):
            node = node.nodes[part]
            key = node.place
        else:
            continue
        path.append(part)
    return _Fault(tuple(path), key, node)


def _note(fault: _Fault, item: Item, cls: type[Declared], mistakes: Mistakes) -> None:
    """Note the one mistake behind the errors at a node."""
    place = fault.node.place
    first = fault.errors[0]
    decisive = next((each for each in fault.errors if not _expectation(each)), None)
    if first["type"] == "extra_forbidden":
        names = _names_at(cls, fault.path[:-1])
        whose = quote(".".join(map(str, (item.id, *fault.path[:-1]))))
        name = str(fault.path[-1])
        mistakes.add(fault.key, f"{whose} has no setting {quote(name)}{guess(name, names)}", one_of(names))
    elif first["type"] == "missing":
        mistakes.add(fault.key, f"{fault.label} needs {quote(str(first['loc'][-1]))}")
    elif "[key]" in first["loc"]:
        mistakes.add(fault.key, f"{fault.label}: {_message(first)}")
    elif decisive:
        said = _bound(decisive, fault, cls) or _message(decisive, fault.node)
        mistakes.add(place, f"{fault.label}: {said}")
    else:
        words_first = sorted(fault.errors, key=lambda each: not _choices(each))
        expected = ", or ".join(dict.fromkeys(filter(None, map(_expectation, words_first))))
        if example := _example(fault, cls):
            expected = _SUCH_AS.sub(f"such as {example}", expected)
        words = [word for each in fault.errors for word in _choices(each)]
        near = guess(fault.node.value or "", words) if isinstance(fault.node, Text) else ""
        each = "each of " if isinstance(fault.path[-1], int) else ""
        mistakes.add(place, f"{each}{fault.label} is {expected}, not {fault.written}{near}")


def _expectation(error: ErrorDetails) -> str | None:
    """What should stand there, for an error that is no more than «not one of those»."""
    if choices := _choices(error):
        return quote(choices[0]) if len(choices) == 1 else f"one of {', '.join(choices)}"
    if error["type"] == "value_error" and (found := _NOT_A_VALUE.match(_message(error))):
        return found[1]
    return _EXPECTED.get(error["type"])


def _example(fault: _Fault, cls: type[Declared]) -> str | None:
    """The default, when that is a number."""
    info = cls.fields()[str(fault.path[0])]
    default = None if info.is_required() else info.get_default(call_default_factory=True)
    number = isinstance(default, (int, float)) and not isinstance(default, bool)
    return show(default, marked(Quantity, info)) if number and len(fault.path) == 1 else None


def _choices(error: ErrorDetails) -> list[str]:
    if error["type"] not in ("literal_error", "enum"):
        return []
    return [word or figure for word, figure in _WORD.findall(error["ctx"]["expected"])]


def _bound(error: ErrorDetails, fault: _Fault, cls: type[Declared]) -> str | None:
    if error["type"] not in _BOUNDS:
        return None
    key, word = _BOUNDS[error["type"]]
    bound = error["ctx"][key]
    whole = next((each.range for each in cls.settings() if fault.path == (each.name,)), "")
    return f"{printable(str(plain(fault.node)))} is out of range: {whole or f'{word} {bound}'}"


def _message(error: ErrorDetails, node: Node | None = None) -> str:
    """What a validator says, or pydantic; a long value in it is cut."""
    if error["type"] in _SIZES:
        key, words = _SIZES[error["type"]]
        return words.format(error["ctx"][key])
    said = str(error["ctx"]["error"]) if error["type"] == "value_error" else error["msg"]
    if isinstance(node, Text) and node.value and len(node.value) > len(printable(node.value)):
        said = said.replace(node.value, printable(node.value))
    return said[:1].lower() + said[1:] if error["type"] != "value_error" else said


def _names_at(cls: type[BaseModel], path: tuple[str | int, ...]) -> list[str]:
    """The names of the settings of the group at `path`."""
    model: type[BaseModel] | None = cls
    for part in path:
        info = _fields(model).get(str(part))
        model = _model_in(info.annotation) if info else model
    return list(_fields(model))


def _fields(model: type[BaseModel] | None) -> dict[str, FieldInfo]:
    return {info.alias or name: info for name, info in model.model_fields.items()} if model else {}


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next(filter(None, map(_model_in, get_args(annotation))), None)
