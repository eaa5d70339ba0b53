"""Text to located nodes to a checked plan.

    plan = check(load("streaming", sets=["stream.ceiling=-2 dBTP"]))

`load` reads a recipe and what it extends; `check` fits its settings to the stages there
are, follows the slots and chooses the engines. Every mistake is a `RecipeError` that names
file, line and column. `explain`, `schema` and `show` come from the same declarations.
"""

from .catalogue import Catalogue
from .check import DRAFT, check
from .explain import explain
from .load import Recipe, load, shipped
from .plan import Plan, PlannedDelivery, Step, describe, show
from .schema import schema

__all__ = [
    "DRAFT", "Catalogue", "Plan", "PlannedDelivery", "Recipe", "Step", "check", "describe", "explain",
    "load", "schema", "shipped", "show",
]  # fmt: skip
