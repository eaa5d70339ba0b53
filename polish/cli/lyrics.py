"""``polish lyrics``: what is sung, and when."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import click

from ..units import clock
from .console import emit_json, json_option, offline_option, opened, say, stage_bar, table


@click.command()
@click.argument("file")
@click.option(
    "--text", metavar="LYRICS.txt", help="The words, when they are known: then only times are found."
)
@click.option(
    "--engine", default="auto", show_default=True, help="whisper-turbo, whisper-small, …, builtin or auto."
)
@click.option("--language", metavar="CODE", help="As in en, fr, ja; found out when not given.")
@offline_option
@json_option
def lyrics(
    file: str, text: str | None, engine: str, language: str | None, offline: bool, as_json: bool
) -> None:
    """Find the words of FILE and their times, or the times of known words."""
    from ..stages.lyrics import Lyrics

    stage = Lyrics(text=text, engine=engine, language=language)
    song = opened(file)
    with stage_bar(stage.name, as_json) as context:
        song = stage.run(song, replace(context, offline=offline))
    found: dict[str, Any] = song.lyrics.model_dump(mode="json") if song.lyrics else {"lines": []}
    if as_json:
        emit_json({"file": file, **found})
        return
    click.echo(table(["start", "line"], [[clock(line["start_s"]), line["text"]] for line in found["lines"]]))
    for line in found["unmatched"]:
        say(f"note: not found in the song: {line}")
