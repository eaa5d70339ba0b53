"""``polish lyrics``: what is sung, and when."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import click

from ..units import clock
from .console import emit_json, json_option, offline_option, opened, say, stage_bar, table
from .drawing import drawing_into


@click.command()
@click.argument("file")
@click.option(
    "--text", metavar="LYRICS.txt", help="The words, when they are known: then only times are found."
)
@click.option(
    "--engine", default="auto", show_default=True, help="whisper-turbo, whisper-small, …, builtin or auto."
)
@click.option("--language", metavar="CODE", help="As in en, fr, ja; found out when not given.")
@click.option("--plot", metavar="FILE", help="Draw the words over the voice's spectrogram, as .svg or .png.")
@offline_option
@json_option
def lyrics(
    file: str, text: str | None, engine: str, language: str | None, plot: str | None, offline: bool,
    as_json: bool,
) -> None:  # fmt: skip
    """Find the words of FILE and their times, or the times of known words."""
    from ..stages.lyrics import Lyrics

    drawing = plot and drawing_into(plot)
    stage = Lyrics(text=text, engine=engine, language=language)
    song = opened(file)
    with stage_bar(stage.name, as_json) as context:
        song, voice = stage.heard(song, replace(context, offline=offline))
    if drawing and song.lyrics:
        from ..report.sung import sung

        drawing(sung(voice, song.lyrics, song.title))
    found: dict[str, Any] = song.lyrics.model_dump(mode="json") if song.lyrics else {"lines": []}
    if as_json:
        emit_json({"file": file, **found})
        return
    rows = [
        [clock(line["start_s"]), "?" if line["doubtful"] else "", line["text"]] for line in found["lines"]
    ]
    click.echo(table(["start", "", "line"], rows))
    for line in found["unmatched"]:
        say(f"note: not found in the song: {line}")
