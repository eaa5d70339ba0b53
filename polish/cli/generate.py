"""``polish generate``: a song from words, a melody, or a beginning."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import click

from ..errors import UsageError
from .console import emit_json, json_option, offline_option, stage_bar, table


@click.command()
@click.option("--prompt", default="", help="What it should sound like, in words.")
@click.option("--melody", metavar="FILE", help="A sound whose melody it follows.")
@click.option("--continue", "continue_from", metavar="FILE", help="A sound it begins with and goes on from.")
@click.option("--seconds", default="60", show_default=True, help="About how long.")
@click.option("--takes", default=1, show_default=True, help="How many to make; the best is first.")
@click.option("--seed", default=0, show_default=True, help="Seed of the first take.")
@click.option("--engine", default="auto", show_default=True, help="musicgen-small, …, builtin or auto.")
@click.option("-o", "--out", required=True, metavar="DIR", help="Where the takes go.")
@offline_option
@json_option
def generate(
    prompt: str, melody: str | None, continue_from: str | None, seconds: str, takes: int, seed: int,
    engine: str, out: str, offline: bool, as_json: bool,
) -> None:  # fmt: skip
    """Generate takes, rank them, and write them into DIR, the best as take-1.wav."""
    from pydantic import ValidationError

    from .. import audio
    from ..stages import generate as stage

    if melody and continue_from:
        raise click.UsageError("give --melody or --continue, not both")
    given = {"melody": melody, "continue_from": continue_from}
    try:
        settings = stage.Generate(
            prompt=prompt, seconds=seconds, takes=takes, engine=engine,  # type: ignore[arg-type]
            **{key: value for key, value in given.items() if value},
        )  # fmt: skip
    except ValidationError as error:
        first = error.errors()[0]
        option = "--" + str(first["loc"][0]) if first["loc"] else "generate"
        raise UsageError(first["msg"].removeprefix("Value error, "), where=option) from error
    with stage_bar("generate", as_json) as context:
        ranked = stage.takes(settings, replace(context, seed=seed, offline=offline))
    rows = []
    for rank, scored in enumerate(ranked, start=1):
        path = audio.write(Path(out) / f"take-{rank}.wav", scored.take.mix, "wav 32-float")
        rows.append({"rank": rank, "file": str(path), "seed": scored.seed, "score": scored.score,
                     "parts": dict(scored.parts)})  # fmt: skip
    if as_json:
        emit_json({"takes": rows})
        return
    click.echo(table(["take", "score", "seed"], [[row["file"], row["score"], row["seed"]] for row in rows]))
