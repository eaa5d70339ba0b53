"""A checked plan: what would run, with which values, from where."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from ..declared import Declared, marked
from ..declared import show as show_value
from ..deliver.base import Delivery
from ..models.engines import Choice
from ..stages.base import Stage
from ..units import Quantity


@dataclass(frozen=True, eq=False)
class Step:
    """A step that is ready to run, or the reason why it is skipped.

    Attributes:
        id: under which masters, measurements and ``--set`` know it.
        stage: its settings; files are absolute paths here, see `Declared.identity`.
        optional: whether the run goes on when it fails.
        where: ``file:line:column``, for messages.
        origins: setting to ``default``, ``streaming.yaml:12`` or ``--set``; parts of a group by their
            dotted names, ``gains.vocals``.
        choice: the engine that does its work; `None` for a stage without engines.
        skipped: why it does not run; `None` when it does.
    """

    id: str
    stage: Stage
    optional: bool = False
    where: str = ""
    origins: Mapping[str, str] = field(default_factory=dict)
    choice: Choice | None = None
    skipped: str | None = None


@dataclass(frozen=True, eq=False)
class PlannedDelivery:
    """A delivery, or the reason why it is skipped."""

    id: str
    delivery: Delivery
    where: str = ""
    origins: Mapping[str, str] = field(default_factory=dict)
    skipped: str | None = None


@dataclass(frozen=True, eq=False)
class Plan:
    """A checked recipe.

    Attributes:
        name: ``streaming``.
        source: the recipe file's name, without folders.
    """

    name: str
    source: str
    about: str
    steps: tuple[Step, ...]
    deliveries: tuple[PlannedDelivery, ...]

    @cached_property
    def digest(self) -> str:
        """SHA-256 of what would be done: the same on every machine, whatever the recipe's layout."""
        steps = [
            [
                step.id,
                step.stage.name,
                step.stage.version,
                step.stage.identity(),
                step.choice and step.choice.name,
            ]
            for step in self.steps
            if step.skipped is None
        ]
        deliveries = [[each.id, each.delivery.name, each.delivery.identity()] for each in self.deliveries]
        text = json.dumps([steps, deliveries], sort_keys=True, separators=(",", ":"), allow_nan=False)
        return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def describe(plan: Plan) -> dict[str, Any]:
    """The plan as JSON values."""
    return {
        "name": plan.name,
        "source": plan.source,
        "about": plan.about,
        "digest": plan.digest,
        "steps": [
            {
                "id": step.id,
                "stage": step.stage.name,
                "optional": step.optional,
                "engine": step.choice.name if step.choice else None,
                "engine_why": step.choice.why if step.choice else None,
                "skipped": step.skipped,
                "settings": _described(step.stage, step.origins),
            }
            for step in plan.steps
        ],
        "deliver": [
            {
                "id": each.id,
                "delivery": each.delivery.name,
                "skipped": each.skipped,
                "settings": _described(each.delivery, each.origins),
            }
            for each in plan.deliveries
        ],
    }


def _described(made: Declared, origins: Mapping[str, str]) -> dict[str, Any]:
    return {name: {"value": value, "origin": origins[name]} for name, value in made.resolved().items()}


def show(plan: Plan) -> str:
    """The plan as text: every step with its values and where each comes from."""
    lines = [f"{plan.name}: {plan.about}" if plan.about else plan.name, "", "steps"]
    for step in plan.steps:
        why = step.choice.why if step.choice and step.skipped is None else None
        notes = ["optional" if step.optional else None, _skipped(step), why]
        lines += [_head(step.id, step.stage, notes), *_rows(step.stage, step.origins)]
    lines += ["", "deliver"]
    for each in plan.deliveries:
        lines += [_head(each.id, each.delivery, [_skipped(each)]), *_rows(each.delivery, each.origins)]
    return "\n".join(lines)


def _skipped(entry: Step | PlannedDelivery) -> str | None:
    return f"skipped: {entry.skipped}" if entry.skipped else None


def _head(item_id: str, made: Declared, notes: list[str | None]) -> str:
    name = made.name if item_id == made.name else f"{made.name} (id: {item_id})"
    said = "; ".join(filter(None, notes))
    return f"  {name}  [{said}]" if said else f"  {name}"


def _rows(made: Declared, origins: Mapping[str, str]) -> list[str]:
    values = _values(made)
    widths = [max((len(row[column]) for row in values), default=0) for column in (0, 1)]
    return [f"    {name:<{widths[0]}}  {value:<{widths[1]}}  {origins[name]}" for name, value in values]


def _values(made: Declared) -> list[tuple[str, str]]:
    """Settings as a recipe would write them."""
    fields = type(made).model_fields
    return [
        (info.alias or name, show_value(getattr(made, name), marked(Quantity, info)))
        for name, info in fields.items()
    ]
