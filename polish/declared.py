"""One declaration, many uses.

A stage or a delivery declares its settings once, as pydantic fields with a unit, a range,
a default and a sentence. The recipe check, ``polish explain``, the docs pages, the JSON
Schema and the cache key all come from that declaration.
"""

from __future__ import annotations

import types
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal, TypeVar, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt
from pydantic import BaseModel, ConfigDict
from pydantic.fields import FieldInfo

from .files import sha256
from .units import Quantity, number

T = TypeVar("T")


@dataclass(frozen=True)
class Setting:
    """One setting as shown to people.

    Attributes:
        name: as written in a recipe.
        kind: ``LUFS``, ``text``, ``number``, ``yes or no``, ``one of …``, ``dB by name`` …
        range: the range in words, or empty.
        default: the default as a recipe would write it; ``None`` when it must be given.
        about: what it does.
    """

    name: str
    kind: str
    range: str
    default: str | None
    about: str


@dataclass(frozen=True)
class File:
    """Marks a text setting as the path of a file: ``Annotated[str, File("sound")]``.

    The recipe check sees that the file is there; its content goes into the cache key. A
    relative path in a recipe starts at the recipe's folder.
    """

    holds: Literal["sound", "text", "picture"]


@dataclass(frozen=True)
class StepId:
    """Marks a text setting as the id of a step that fills a slot: ``Annotated[str, StepId("masters")]``.

    The recipe check sees that there is such a step.
    """

    slot: str


class Declared(BaseModel):
    """Base of everything a recipe can name. The class docstring's first line says what it does.

    Class attributes:
        name: as written in a recipe.
        reads: slots that must be filled before it can run.
        uses: slots it also looks at when they are filled.
    """

    model_config = ConfigDict(
        frozen=True, extra="forbid", validate_default=True, allow_inf_nan=False, populate_by_name=True
    )

    name: ClassVar[str]
    reads: ClassVar[tuple[str, ...]] = ()
    uses: ClassVar[tuple[str, ...]] = ()

    @classmethod
    def about(cls) -> str:
        """The first line of the docstring."""
        return next(iter((cls.__doc__ or "").strip().splitlines()), "")

    @classmethod
    def fields(cls) -> dict[str, FieldInfo]:
        """The settings by the name a recipe writes: the alias, for a name Python keeps to itself."""
        return {info.alias or name: info for name, info in cls.model_fields.items()}

    @classmethod
    def settings(cls) -> tuple[Setting, ...]:
        """The settings in the order they are declared."""
        return tuple(_setting(name, info) for name, info in cls.fields().items())

    def files(self) -> dict[str, str]:
        """Settings marked as `File` that are given: name to path."""
        return {name: value for name, value in self._marked_as(File).items() if value}

    def step_ids(self) -> dict[str, tuple[str, str]]:
        """Settings marked as `StepId` that are given: name to the id and the slot that step fills."""
        return {
            name: (value, marked(StepId, type(self).fields()[name]).slot)  # type: ignore[union-attr]
            for name, value in self._marked_as(StepId).items()
            if value
        }

    def resolved(self) -> dict[str, Any]:
        """Every setting with its value, as JSON values."""
        return self.model_dump(mode="json", by_alias=True)

    def identity(self) -> dict[str, Any]:
        """As `resolved`, but files by the SHA-256 of their content, not by where they lie."""
        return self.resolved() | {name: f"sha256:{sha256(Path(path))}" for name, path in self.files().items()}

    def _marked_as(self, mark: type) -> dict[str, Any]:
        return {
            info.alias or name: getattr(self, name)
            for name, info in type(self).model_fields.items()
            if marked(mark, info)
        }


def _setting(name: str, info: FieldInfo) -> Setting:
    quantity = marked(Quantity, info)
    return Setting(
        name=name,
        kind=_held(info) or kind(info.annotation, quantity),
        range=_range(info, quantity),
        default=None if info.is_required() else show(info.get_default(call_default_factory=True), quantity),
        about=" ".join((info.description or "").split()),
    )


def _held(info: FieldInfo) -> str | None:
    """What a text stands for, when it is marked."""
    if file := marked(File, info):
        return f"{file.holds} file"
    return "id of a step" if marked(StepId, info) else None


def marked(mark: type[T], info: FieldInfo) -> T | None:
    """The first mark of that class anywhere inside a field's type, if any."""
    return _inside(mark, (info.annotation, *info.metadata))


def _inside(mark: type[T], parts: tuple[Any, ...]) -> T | None:
    for part in parts:
        if isinstance(part, mark):
            return part
        if get_origin(part) is Literal:
            continue
        nested = (*get_args(part), *getattr(part, "__metadata__", ()))
        if isinstance(part, FieldInfo):
            nested += tuple(part.metadata)
        if (found := _inside(mark, nested)) is not None:
            return found
    return None


def kind(annotation: Any, quantity: Quantity | None = None) -> str:
    """What a setting holds, in words: ``LUFS``, ``yes or no``, ``list of text`` …"""
    origin, inside = get_origin(annotation), get_args(annotation)
    if origin in (Union, types.UnionType):
        inside = tuple(part for part in inside if part is not type(None))
        return " or ".join(dict.fromkeys(kind(part, quantity) for part in inside))
    if origin is Literal:
        words = [show(word) for word in inside]
        return words[0] if len(words) == 1 else "one of " + ", ".join(words)
    if origin in (list, tuple, set, frozenset):
        return f"list of {kind(inside[0], quantity)}" if inside else "list"
    if origin is dict:
        return f"{kind(inside[1], quantity)} by name"
    if hasattr(annotation, "__metadata__"):
        return kind(inside[0], _inside(Quantity, annotation.__metadata__) or quantity)
    if annotation is float and quantity:
        return quantity.unit
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return "group of settings"
    plain = {bool: "yes or no", int: "whole number", float: "number", str: "text"}
    return plain.get(annotation, getattr(annotation, "__name__", str(annotation)).lower())


def _range(info: FieldInfo, quantity: Quantity | None) -> str:
    if quantity:
        return quantity.range
    parts = (info.annotation, *info.metadata)
    bounds = {mark: _inside(mark, parts) for mark in (Ge, Gt, Le, Lt)}
    low, above, high, below = (b and number(getattr(b, m.__name__.lower())) for m, b in bounds.items())
    if low and high:
        return f"{low} to {high}"
    words = {"at least": low, "above": above, "at most": high, "below": below}
    return ", ".join(f"{word} {bound}" for word, bound in words.items() if bound)


def show(value: Any, quantity: Quantity | None = None) -> str:
    """A value as a recipe would write it."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (int, float)):
        return quantity.show(value) if quantity else number(value) if isinstance(value, float) else str(value)
    if isinstance(value, BaseModel):
        fields = type(value).model_fields.items()
        parts = {
            info.alias or name: show(getattr(value, name), marked(Quantity, info)) for name, info in fields
        }
        return "{" + ", ".join(f"{name}: {shown}" for name, shown in parts.items()) + "}"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{k}: {show(v, quantity)}" for k, v in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(show(v, quantity) for v in value) + "]"
    return str(value) or '""'
