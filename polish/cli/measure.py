"""``polish measure``: the figures of sound files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from .console import emit_json, figures, json_option, say, table


@click.command()
@click.argument("files", nargs=-1, required=True)
@click.option("--series", is_flag=True, help="With --json: momentary and short-term loudness over time.")
@json_option
def measure(files: tuple[str, ...], series: bool, as_json: bool) -> None:
    """Measure loudness, peaks, dynamics, width and bandwidth of FILES, of any length and layout."""
    measured = [measure_file(file, series=series and as_json) for file in files]
    if as_json:
        emit_json(measured[0] if len(measured) == 1 else measured)
        return
    header = ["", *(Path(one["file"]).name for one in measured)]
    columns = [figures(one) for one in measured]
    rows = [
        [f"{what} ({unit})" if unit else what, *(column[i][1] for column in columns)]
        for i, (what, _, unit) in enumerate(columns[0])
    ]
    click.echo(table(header, rows))
    say(f"true peak: {measured[0]['true_peak_filter']}; loudness: BS.1770-5, EBU Tech 3341 and 3342")


def measure_file(file: str, *, series: bool = False) -> dict[str, Any]:
    """The figures of one file, with its name; the file is read once, block by block."""
    from .. import audio
    from ..dsp.measure import Meter

    with audio.blocks(file) as blocks:
        meter = Meter(blocks.rate_hz, blocks.channels, speakers=blocks.speakers)
        for block in blocks:
            meter.feed(block)
    return {"file": file, **meter.figures(series=series)}
