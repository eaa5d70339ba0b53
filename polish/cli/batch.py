"""``polish batch``: one run a song, many songs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from .console import emit_json, json_option, offline_option, say, table
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

    A second call goes on where the first stopped. With a recipe that has the step `album`, as
    the recipe `album`, INPUTS are the tracks of one album and share one gain.
    """
    from ..batch import batch as over

    summary = over(
        recipe, inputs, out=out, workers=workers, ray=ray, sets=sets, offline=offline, fresh=fresh,
        watch=None if as_json else say,
    )  # fmt: skip
    if as_json:
        emit_json(summary.facts())
    else:
        if summary.album:
            click.echo(_album(summary.album))
        click.echo(str(summary))
    summary.raise_for_failures()


def _album(album: Mapping[str, Any]) -> str:
    """The tracks before and after, in LUFS and dB, and all of them together."""
    keys = ("before_lufs", "after_lufs", "gain_db", "true_peak_dbtp")
    rows = [[Path(track["track"]).name, *(track[key] for key in keys)] for track in album["tracks"]]
    whole = [album["before_lufs"], album["loudness_lufs"], album["gain_db"], album["true_peak_dbtp"]]
    header = ["track", "before (LUFS)", "after (LUFS)", "gain (dB)", "true peak (dBTP)"]
    return table(header, [*rows, ["all together", *whole]]) + "\n"
