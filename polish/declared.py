"""One declaration, many uses.

A stage or a delivery declares its settings once, as pydantic fields with a unit, a range,
a default and a sentence. The recipe check, ``polish explain``, the docs pages, the JSON
Schema and the cache key all come from that declaration.
"""

from __future__ import annotations

import types
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Union, get_args, get_origin

from pydantic import BaseModel, ConfigDict
from pydantic.fields import FieldInfo

from .units import Quantity


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

    def resolved(self) -> dict[str, Any]:
        """Every setting with its value, as JSON values."""
        return self.model_dump(mode="json")


def _setting(name: str, info: FieldInfo) -> Setting:
    parts = [info.annotation, *info.metadata]
    quantity = next((found for part in parts if (found := _quantity(part))), None)
    return Setting(
        name=name,
        kind=_kind(info.annotation, quantity),
        range=_range(info, quantity),
        default=None if info.is_required() else show(info.get_default(call_default_factory=True), quantity),
        about=" ".join((info.description or "").split()),
    )


def _quantity(annotation: Any) -> Quantity | None:
    """The quantity named anywhere inside a type, if any."""
    if isinstance(annotation, Quantity):
        return annotation
    if get_origin(annotation) is Literal:
        return None
    inside = (*get_args(annotation), *getattr(annotation, "__metadata__", ()))
    return next((found for part in inside if (found := _quantity(part))), None)


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
