"""``polish plan``, ``recipes``, ``explain`` and ``schema``: what would run, and what there is."""

from __future__ import annotations

import click

from .console import emit_json, json_option, offline_option, table
from .run import set_option


@click.command()
@click.argument("recipe")
@set_option
@offline_option
@json_option
def plan(recipe: str, sets: tuple[str, ...], offline: bool, as_json: bool) -> None:
    """Show what RECIPE would do, with the origin of every value."""
    from .. import recipe as recipes

    checked = recipes.check(recipes.load(recipe, sets=sets), offline=offline)
    if as_json:
        emit_json(recipes.describe(checked))
    else:
        click.echo(recipes.show(checked))


@click.command()
@json_option
def recipes(as_json: bool) -> None:
    """List the shipped recipes."""
    from .. import recipe

    shipped = recipe.shipped()
    if as_json:
        emit_json([{"name": name, "about": about} for name, about in shipped.items()])
    else:
        click.echo(table(["recipe", "what it does"], list(shipped.items())))


@click.command()
@click.argument("name")
def explain(name: str) -> None:
    """Explain a stage or a delivery: what it does and every setting. `targets` lists loudness targets."""
    if name == "targets":
        click.echo(_targets())
        return
    from .. import recipe

    click.echo(recipe.explain(name))


def _targets() -> str:
    from ..stages.targets import TARGETS

    rows = [
        [
            name, float(target.loudness_lufs), float(target.ceiling_dbtp), target.official, target.year,
            "; ".join(filter(None, (target.source, target.note))),
        ]
        for name, target in TARGETS.items()
    ]  # fmt: skip
    return table(["target", "LUFS", "dBTP", "official", "as of", "who says so"], rows)


@click.command()
def schema() -> None:
    """Print the JSON Schema of recipes, for editors."""
    from .. import recipe

    emit_json(recipe.schema())
