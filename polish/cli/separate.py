"""``polish separate``: a mix into stems that sum to it."""

from __future__ import annotations

from pathlib import Path

import click

from .console import emit_json, json_option, offline_option, stage_bar, table


@click.command()
@click.argument("file")
@click.option("-o", "--out", required=True, metavar="DIR", help="Where DIR/STEM.wav go.")
@click.option("--model", default="auto", show_default=True, help="htdemucs, htdemucs_ft, …, builtin or auto.")
@click.option("--stems", metavar="NAME,…", help="Only these, as in vocals,drums.")
@click.option("--format", "format_", default="wav 24-bit", show_default=True, help="As in a recipe.")
@offline_option
@json_option
def separate(
    file: str, out: str, model: str, stems: str | None, format_: str, offline: bool, as_json: bool
) -> None:
    """Separate FILE into stems of its own length and rate that sum to it."""
    from dataclasses import replace

    from .. import audio
    from ..deliver.stems import Stems
    from ..song import Song
    from ..stages.separate import Separate

    wanted = [name.strip() for name in stems.split(",")] if stems else []
    song = Song.read(file)
    with stage_bar("separate", as_json) as context:
        song = Separate(model=model, stems=wanted).run(song, replace(context, offline=offline))
    delivered = Stems(format=audio.Format.parse(format_)).write_into(song, Path(out))
    facts = {**song.measurements["separate"], **delivered.facts}
    if as_json:
        emit_json({"files": [str(path) for path in delivered.files], **facts})
        return
    click.echo(table(["stem"], [[str(path)] for path in delivered.files]))
