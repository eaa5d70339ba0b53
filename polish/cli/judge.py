"""``polish beats``, ``sections`` and ``check``: what a song is, and what is wrong with it."""

from __future__ import annotations

from typing import Any

import click

from ..units import clock
from .console import emit_json, json_option, opened, stage_bar, table
from .drawing import drawing_into


@click.command()
@click.argument("file")
@json_option
def beats(file: str, as_json: bool) -> None:
    """Find tempo, beats, downbeats and key of FILE."""
    song = _through(file, ("beats",), as_json)
    found = _beats(song)
    if as_json:
        emit_json({"file": file, **found})
        return
    click.echo(_tempo(found))


@click.command()
@click.argument("file")
@click.option("--lyrics", metavar="FILE", help="Known lyrics with [verse] and [chorus] tags.")
@click.option("--labels", metavar="FILE", help="Take the sections from labels (Audacity, CSV, JSON).")
@click.option("--plot", metavar="FILE", help="Draw all that is known, findings too, as .svg or .png.")
@json_option
def sections(file: str, lyrics: str | None, labels: str | None, plot: str | None, as_json: bool) -> None:
    """Find the sections of FILE: where they begin, which repeat, what they are."""
    drawing = plot and drawing_into(plot)
    given = {name: value for name, value in (("lyrics", lyrics), ("labels", labels)) if value}
    stages = ("beats", "sections", "check") if plot else ("beats", "sections")
    song = _through(file, stages, as_json, {"sections": given})
    if drawing:
        from ..report import picture

        drawing(picture.picture(song, song.title))
    found = [section.model_dump(mode="json") for section in song.sections]
    if as_json:
        emit_json({"file": file, **_beats(song), "sections": found})
        return
    click.echo(_tempo(_beats(song)) + "\n")
    rows = [
        [clock(s.start_s), clock(s.end_s), s.group, s.label, s.confidence, s.loudness_lufs]
        for s in song.sections
    ]
    click.echo(table(["start", "end", "group", "label", "confidence", "LUFS"], rows))


@click.command()
@click.argument("file")
@json_option
def check(file: str, as_json: bool) -> None:
    """List what is wrong with FILE, where, how much, and the step that mends it."""
    song = _through(file, ("beats", "sections", "check"), as_json)
    if as_json:
        found = [finding.model_dump(mode="json") for finding in song.findings]
        emit_json({"file": file, "findings": found})
        return
    if not song.findings:
        click.echo("nothing found")
        return
    rows = [
        [f.severity, f"{clock(f.start_s)}–{clock(f.end_s)}", f.message, f.mend or "–"] for f in song.findings
    ]
    click.echo(table(["severity", "where", "finding", "mend"], rows))


def _through(
    file: str, names: tuple[str, ...], quiet: bool, settings: dict[str, dict[str, Any]] | None = None
) -> Any:
    """The song of `file` after the named stages."""
    from .. import stages

    song = opened(file)
    for name in names:
        with stage_bar(name, quiet) as context:
            song = stages.find(name)(**(settings or {}).get(name, {})).run(song, context)
    return song


def _beats(song: Any) -> dict[str, Any]:
    """The beats slot as the contract has it."""
    return song.beats.model_dump(mode="json")


def _tempo(found: dict[str, Any]) -> str:
    if found["tempo_bpm"] is None:
        return f"no steady beat; key {found['key'] or 'unknown'}"
    metre = f"{found['beats_per_bar']} beats a bar" if found["beats_per_bar"] else "no bars"
    return (
        f"{found['tempo_bpm']:.1f} BPM, {metre}, "
        f"key {found['key'] or 'unknown'}, {len(found['beats_s'])} beats, {len(found['downbeats_s'])} bars"
    )
