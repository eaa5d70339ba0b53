"""A recipe to a checked plan: settings, slot flow and engines, before any work starts.

All mistakes in settings are reported together, a few at a time; slots and engines are
looked at when there are none, so that one mistake never shows as several.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from .catalogue import Catalogue, Shelf
from .flow import Flow
from .load import Recipe
from .outline import Item
from .plan import Plan, PlannedDelivery, Step
from .sets import changed
from .settings import build, origins
from .source import Mistakes
from .words import guess, one_of, quote

DRAFT = frozenset({"draft", "mix"})
"""The slots a sound file fills; a folder of stems also fills `stems`."""

_DELIVERED = ("master", "report")
"""What leaves when a recipe has no `deliver`, as far as its steps make it."""


def check(
    recipe: Recipe,
    *,
    given: Collection[str] = DRAFT,
    offline: bool = True,
    catalogue: Catalogue | None = None,
) -> Plan:
    """Check a recipe against the stages and deliveries there are.

    Args:
        given: the slots that are filled when the first step begins.
        offline: whether fetching weights is forbidden.
        catalogue: what a recipe can name; what is installed unless said otherwise.

    Raises:
        RecipeError: a setting, a step or a delivery is wrong, or a slot is empty where it is needed.
        ModelUnavailable: a step that is not optional asks for weights that cannot be had.
    """
    catalogue = catalogue or Catalogue.installed()
    mistakes = Mistakes()
    deliver = _usual(recipe, given, catalogue) if recipe.deliver is None else recipe.deliver
    steps, deliver = changed(recipe.steps, deliver, recipe.sets, catalogue, mistakes)
    if not steps:
        mistakes.add(recipe.place, "the recipe has no steps left", "remove fewer of them")
    stages = _made(steps, catalogue.stages, catalogue.deliveries, mistakes)
    deliveries = _made(deliver, catalogue.deliveries, catalogue.stages, mistakes)
    mistakes.stop()
    return _plan(recipe, Flow(stages, set(given), catalogue, offline, mistakes), deliveries)


def _plan(recipe: Recipe, flow: Flow, deliveries: Sequence[tuple[Item, Any]]) -> Plan:
    steps, delivered = [], []
    for number, (item, stage) in enumerate(flow.steps):
        verdict = flow.step(number)
        step = Step(
            item.id, stage, bool(item.optional), str(item.place), origins(item, type(stage)),
            verdict.choice, verdict.skipped,
        )  # fmt: skip
        steps.append(step)
    for item, made in deliveries:
        skipped = flow.delivery(item, made).skipped
        delivered.append(PlannedDelivery(item.id, made, str(item.place), origins(item, type(made)), skipped))
    flow.mistakes.stop()
    if flow.unavailable:
        raise flow.unavailable
    return Plan(recipe.name, recipe.source, recipe.about, tuple(steps), tuple(delivered))


def _usual(recipe: Recipe, given: Collection[str], catalogue: Catalogue) -> tuple[Item, ...]:
    classes = filter(None, (catalogue.stages.get(item.name) for item in recipe.steps))
    filled = set(given).union(*(cls.writes for cls in classes))
    found = {name: catalogue.deliveries.get(name) for name in _DELIVERED}
    return tuple(
        Item(name, recipe.place, id=name) for name, cls in found.items() if cls and set(cls.reads) <= filled
    )


def _made(items: Sequence[Item], shelf: Shelf, other: Shelf, mistakes: Mistakes) -> list[tuple[Item, Any]]:
    """Each entry with what it describes; those that are wrong are left out, and noted."""
    made = []
    for item in items:
        if item.name not in shelf.names():
            _unknown(item, shelf, other, mistakes)
        elif instance := build(item, shelf, other, mistakes):
            made.append((item, instance))
    return made


def _unknown(item: Item, shelf: Shelf, other: Shelf, mistakes: Mistakes) -> None:
    near = guess(item.name, shelf.names())
    if item.name in other.names() and not near:
        hint = f"put it under `{other.home}:`"
        mistakes.add(item.place, f"{quote(item.name)} is a {other.noun}, not a {shelf.noun}", hint)
    else:
        mistakes.add(item.place, f"there is no {shelf.noun} {quote(item.name)}{near}", one_of(shelf.names()))
