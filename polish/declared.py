"""One declaration, many uses.

A stage or a delivery declares its settings once, as pydantic fields with a unit, a range,
a default and a sentence. The recipe check, ``polish explain``, the docs pages, the JSON
Schema and the cache key all come from that declaration.
"""

from __future__ import annotations

import types
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, ConfigDict
from pydantic.fields import FieldInfo

from .units import Quantity

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

    holds: Literal["sound", "text"]


class Declared(BaseModel):
    """Base of everything a recipe can name. The class docstring's first line says what it does.

    Class attributes:
        name: as written in a recipe.
        reads: slots that must be filled before it can run.
        uses: slots it also looks at when they are filled.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True, allow_inf_nan=False)

    name: ClassVar[str]
    reads: ClassVar[tuple[str, ...]] = ()
    uses: ClassVar[tuple[str, ...]] = ()

    @classmethod
    def about(cls) -> str:
        """The first line of the docstring."""
        return (cls.__doc__ or "").strip().splitlines()[0]

    @classmethod
    def settings(cls) -> tuple[Setting, ...]:
        """The settings in the order they are declared."""
        return tuple(_setting(name, info) for name, info in cls.model_fields.items())

    def files(self) -> dict[str, str]:
        """Settings marked as `File` that are given: name to path."""
        return {
            name: value
            for name, info in type(self).model_fields.items()
            if _marked(File, info) and (value := getattr(self, name))
        }

    def resolved(self) -> dict[str, Any]:
        """Every setting with its value, as JSON values."""
        return self.model_dump(mode="json")


def _setting(name: str, info: FieldInfo) -> Setting:
    quantity = _marked(Quantity, info)
    return Setting(
        name=name,
        kind=_kind(info.annotation, quantity),
        range=_range(info, quantity),
        default=None if info.is_required() else show(info.get_default(call_default_factory=True), quantity),
        about=" ".join((info.description or "").split()),
    )


def _marked(mark: type[T], info: FieldInfo) -> T | None:
    """The first mark of that class anywhere inside a field's type, if any."""
    return _inside(mark, (info.annotation, *info.metadata))


def _inside(mark: type[T], parts: tuple[Any, ...]) -> T | None:
    for part in parts:
        if isinstance(part, mark):
            return part
        if get_origin(part) is Literal:
            continue
        nested = (*get_args(part), *getattr(part, "__metadata__", ()))
        if (found := _inside(mark, nested)) is not None:
            return found
    return None


def _kind(annotation: Any, quantity: Quantity | None) -> str:
    origin, inside = get_origin(annotation), get_args(annotation)
    if origin in (Union, types.UnionType):
        inside = tuple(part for part in inside if part is not type(None))
        return " or ".join(dict.fromkeys(_kind(part, quantity) for part in inside))
    if origin is Literal:
        return "one of " + ", ".join(map(str, inside))
    if origin in (list, tuple):
        return f"list of {_kind(inside[0], quantity)}"
    if origin is dict:
        return f"{_kind(inside[1], quantity)} by name"
    if hasattr(annotation, "__metadata__"):
        return _kind(inside[0], quantity)
    if annotation is float and quantity:
        return quantity.unit
    plain = {bool: "yes or no", int: "whole number", float: "number", str: "text"}
    return plain.get(annotation, getattr(annotation, "__name__", str(annotation)).lower())


def _range(info: FieldInfo, quantity: Quantity | None) -> str:
    if quantity:
        return quantity.range
    low = next((m.ge for m in info.metadata if hasattr(m, "ge")), None)
    high = next((m.le for m in info.metadata if hasattr(m, "le")), None)
    if low is not None and high is not None:
        return f"{low} to {high}"
    return f"at least {low}" if low is not None else f"at most {high}" if high is not None else ""


def show(value: Any, quantity: Quantity | None = None) -> str:
    """A value as a recipe would write it."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (int, float)) and quantity:
        return quantity.show(value)
    if isinstance(value, dict):
        return "{" + ", ".join(f"{k}: {show(v, quantity)}" for k, v in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(show(v, quantity) for v in value) + "]"
    return str(value)
