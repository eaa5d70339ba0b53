"""``polish separate``: mixes into stems that sum to them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..errors import BatchFailed, ModelUnavailable, PolishError, UsageError
from .console import emit_json, json_option, offline_option, say, stage_bar, table

if TYPE_CHECKING:
    from ..audio import Format

_ABOUT = {
    "out": "Where DIR/STEM.wav go; for many files DIR/TITLE/STEM.wav.",
    "stems": "Only these, as in vocals,drums; one alone brings the accompaniment with it.",
    "mode": "Every last bit of the network, or faster with a small error that is measured.",
    "shifts": "Demucs: the mean over so many shifted passes.",
    "residual": "What the engine leaves over: shared out among the stems, or kept as one.",
}


@click.command()
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@click.option("-o", "--out", required=True, metavar="DIR", help=_ABOUT["out"])
@click.option("--model", default="auto", show_default=True, help="htdemucs, htdemucs_ft, …, builtin or auto.")
@click.option("--stems", metavar="NAME,…", help=_ABOUT["stems"])
@click.option("--mode", type=click.Choice(["auto", "exact", "fast"]), default="auto", help=_ABOUT["mode"])
@click.option("--shifts", type=click.IntRange(min=0), default=0, show_default=True, help=_ABOUT["shifts"])
@click.option("--residual", type=click.Choice(["share", "keep"]), default="share", help=_ABOUT["residual"])
@click.option("--format", "format_", default="wav 24-bit", show_default=True, help="As in a recipe.")
@click.option("--seed", default=0, show_default=True, help="Seed for everything random.")
@offline_option
@json_option
def separate(
    files: tuple[str, ...], out: str, model: str, stems: str | None, mode: str, shifts: int, residual: str,
    format_: str, seed: int, offline: bool, as_json: bool,
) -> None:  # fmt: skip
    """Separate each FILE into stems of its own length and rate that sum to it.

    Many files, or a folder of them, get a folder each. One that cannot be used stops no other.
    """
    from ..batch import stems as over
    from ..stages.separate import Separate

    wanted = [name.strip() for name in (stems or "").split(",") if name.strip()]
    stage = Separate.model_validate(
        {"model": model, "stems": wanted, "mode": mode, "shifts": shifts, "residual": residual}
    )
    format = _format(format_)
    places = over.places(files, Path(out))
    over.see_room(places, stage.makes(offline=offline), format)
    many = places[0].folder != Path(out)
    rows: list[dict[str, Any]] = []
    told: set[str] = set()
    for place in places:

        def notice(sentence: str, title: str = place.title) -> None:
            if sentence not in told:
                told.add(sentence)
                say(f"note: {title}: {sentence}" if many else f"note: {sentence}")

        try:
            with stage_bar(f"{place.title} · separate" if many else "separate", as_json) as context:
                terms = replace(context, offline=offline, seed=seed, notice=notice)
                rows.append(over.separated(place, stage, format, terms))
        except (ModelUnavailable, UsageError):
            raise
        except PolishError as error:
            if not many:
                raise
            say(f"error: {error}")
            rows.append({"file": str(place.file), "error": str(error), "exit_code": error.exit_code})
        else:
            if not as_json:
                click.echo(_told(rows[-1]))
    if as_json:
        emit_json(rows if many else rows[0])
    if failed := [row for row in rows if "error" in row]:
        raise BatchFailed(f"{len(failed)} of {len(rows)} songs failed", hint="see above why")


def _format(written: str) -> Format:
    from ..audio import Format

    try:
        return Format.parse(written)
    except ValueError as error:
        raise UsageError(str(error), where="--format") from error


def _told(row: Mapping[str, Any]) -> str:
    """The stems of a song for people, and how they were made."""
    stems = [
        [
            path,
            row["stems"][name]["peak_dbfs"],
            None if (share := row["energy_share"][name]) is None else 100 * share,
        ]
        for path, name in zip(row["files"], row["stems"], strict=True)
    ]
    how = f"{row['engine']}: {row['how']}" if row["engine"] else row["why"]
    return table(["stem", "peak dBFS", "energy %"], stems) + f"\n{how}\n"
