"""``polish master``: one file in, one master out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from ..errors import UsageError
from .console import emit_json, json_option, opened, say, stage_bar
from .measure import measure_file
from .run import before_after

_REACHED_LU = 0.1


@click.command()
@click.argument("file")
@click.option("-o", "--out", required=True, metavar="OUT", help="The master; its suffix names the format.")
@click.option(
    "--target", metavar="NAME", help="A service's loudness and ceiling; see `polish explain targets`."
)
@click.option("--loudness", metavar="LUFS", help="Integrated loudness to reach, as in -14LUFS.")
@click.option("--ceiling", metavar="DBTP", help="True peak not to exceed, as in -1dBTP.")
@click.option("--reference", metavar="FILE", help="First match the tone to this file.")
@click.option(
    "--dynamics", type=click.Choice(["protect", "reach"]), help="Keep the dynamics, or reach the loudness."
)
@click.option(
    "--dither", type=click.Choice(["tpdf", "shaped", "none"]), default="tpdf", show_default=True,
    help="Noise where bits are lost: triangular, moved to where it is heard least, or none.",
)  # fmt: skip
@json_option
def master(
    file: str, out: str, target: str | None, loudness: str | None, ceiling: str | None,
    reference: str | None, dynamics: str | None, dither: str, as_json: bool,
) -> None:  # fmt: skip
    """Master FILE to a loudness under a true-peak ceiling, and write OUT."""
    if target and loudness:
        raise click.UsageError("--target names a loudness already: give --target or --loudness, not both")
    format_ = _format(out)
    if Path(out).resolve() == Path(file).resolve():
        raise UsageError("is the draft itself, which is never overwritten", where=out, hint="another -o")
    settings = {"target": target, "loudness": loudness, "ceiling": ceiling, "dynamics": dynamics}
    song = _master(file, {k: v for k, v in settings.items() if v is not None}, reference, as_json)
    made = next(iter(song.masters.values()))
    from ..deliver.master import Master as Delivery

    # A ceiling that is asked for is kept by the file as it decodes, whatever its codec adds.
    limit_dbtp = made.facts["target"]["ceiling_dbtp"] if ceiling and format_.lossy else None
    done = Delivery(format=format_, ceiling=limit_dbtp, dither=dither).put(made, Path(out), tags=song.tags)
    (written,) = done.files
    facts = {**made.facts, "after": measure_file(str(written)), "codec": done.facts["codec"]}
    if done.facts["gain_db"] < -_REACHED_LU:
        facts |= {"reached": False, "reason": facts["reason"] or done.notices[-1]}
    for notice in done.notices:
        if notice != facts["reason"]:
            say(f"note: {notice}")
    if as_json:
        emit_json(facts)
        return
    shown = {"title": Path(file).name, "before": facts["before"]}
    click.echo(before_after({**shown, "masters": [{"id": "after", "measured": facts["after"]}]}))
    if facts["reason"]:
        say(f"note: {facts['reason']}")
    click.echo(f"\n{written}")


def _master(file: str, settings: dict[str, Any], reference: str | None, quiet: bool) -> Any:
    from pydantic import ValidationError

    from ..stages.master import Master
    from ..stages.match import Match

    try:
        stage = Master(**settings)
    except ValidationError as error:
        first = error.errors()[0]
        option = "--" + ".".join(str(part) for part in first["loc"])
        raise UsageError(first["msg"].removeprefix("Value error, "), where=option) from error
    song = opened(file)
    with stage_bar("master", quiet) as context:
        if reference:
            song = Match(reference=reference).run(song, context)
        return stage.run(song, context)


def _format(out: str) -> Any:
    from ..audio import Format

    suffix = Path(out).suffix.lower().removeprefix(".")
    try:
        return Format.parse(suffix)
    except ValueError as error:
        raise UsageError(
            str(error), where=out, hint="a name that ends in .wav, .flac, .mp3, .m4a …"
        ) from error
