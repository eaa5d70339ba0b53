"""``polish batch``: one run a song, many songs."""

from __future__ import annotations

import click

from .console import emit_json, json_option, offline_option, say
from .run import fresh_option, set_option


@click.command()
@click.argument("recipe")
@click.argument("inputs", nargs=-1, required=True)
@click.option("-o", "--out", required=True, metavar="DIR", help="Where results and facts.jsonl go.")
@click.option("--workers", type=click.IntRange(1, 256), default=1, show_default=True, help="Songs at a time.")
@click.option("--ray", metavar="ADDRESS", help="Run on a Ray cluster: `auto`, `local`, or ray://HOST:PORT.")
@set_option
@offline_option
@fresh_option
@json_option
def batch(
    recipe: str, inputs: tuple[str, ...], out: str, workers: int, ray: str | None, sets: tuple[str, ...],
    offline: bool, fresh: bool, as_json: bool,
) -> None:  # fmt: skip
    """Run RECIPE over INPUTS: sound files, and folders of them.

    A second call goes on where the first stopped.
    """
    from ..batch import batch as over

    summary = over(
        recipe, inputs, out=out, workers=workers, ray=ray, sets=sets, offline=offline, fresh=fresh,
        watch=None if as_json else say,
    )  # fmt: skip
    if as_json:
        emit_json(summary.facts())
    else:
        click.echo(str(summary))
    summary.raise_for_failures()
