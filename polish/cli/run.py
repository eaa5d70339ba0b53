"""``polish run``: a recipe over one draft."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from .console import emit_json, figures, json_option, offline_option, say, song_bar, table

set_option = click.option(
    "--set", "sets", multiple=True, metavar="STEP.SETTING=VALUE",
    help="Change a setting of the recipe, as in stream.ceiling=-2dBTP. May be repeated.",
)  # fmt: skip
fresh_option = click.option("--fresh", is_flag=True, help="Use nothing of earlier runs.")


@click.command()
@click.argument("recipe")
@click.argument("draft", required=False)
@click.option("-o", "--out", default="polished", show_default=True, metavar="DIR", help="Where results go.")
@set_option
@offline_option
@fresh_option
@click.option("--seed", default=0, show_default=True, help="Seed for everything random.")
@json_option
@click.option("--events", metavar="FILE", help="Write what happens as JSON lines into FILE.")
def run(
    recipe: str, draft: str | None, out: str, sets: tuple[str, ...], offline: bool, fresh: bool,
    seed: int, as_json: bool, events: str | None,
) -> None:  # fmt: skip
    """Run RECIPE (a shipped name or a file) over DRAFT.

    DRAFT is a sound file, or a folder of stems (vocals.wav, drums.wav, …). A recipe that
    generates its song needs none.
    """
    from ..run import run as carry

    with song_bar(quiet=as_json) as watch:
        result = carry(
            recipe, draft, out=out, sets=sets, offline=offline, fresh=fresh, events=events, watch=watch,
            seed=seed,
        )  # fmt: skip
    if as_json:
        emit_json({"folder": str(result.folder), **result.facts})
        return
    click.echo(before_after(result.facts))
    for reason in reasons(result.facts):
        say(f"note: {reason}")
    click.echo(f"\n{len(result.files)} files in {result.folder}")
    report = Path(result.folder) / "report.html"
    if report.exists():
        click.echo(f"report: {report}")


def before_after(facts: Mapping[str, Any]) -> str:
    """A short table: the draft's figures beside each master's, as read back from the files."""
    masters = facts.get("masters") or []
    columns = [figures(facts.get("before") or {}), *(figures(master["measured"]) for master in masters)]
    names = ["before", *(master["id"] for master in masters)]
    shown = {"integrated loudness", "loudness range", "true peak", "peak to loudness"}
    rows = [
        [f"{what} ({unit})" if unit else what, *(column[i][1] for column in columns)]
        for i, (what, _, unit) in enumerate(columns[0])
        if what in shown
    ]
    return table([facts.get("title", "song"), *names], rows)


def reasons(facts: Mapping[str, Any]) -> list[str]:
    """Why a master is not what was asked for, in the run's own words."""
    return [f"{m['id']}: {m['reason']}" for m in facts.get("masters") or [] if m.get("reason")]
