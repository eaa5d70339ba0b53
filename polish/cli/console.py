"""Words, tables and bars: results on stdout, the rest on stderr."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from rich.progress import Progress

    from ..run import Event
    from ..song import Song
    from ..stages.base import Context

json_option = click.option("--json", "as_json", is_flag=True, help="Print the result as JSON on stdout.")
offline_option = click.option("--offline", is_flag=True, help="Fetch nothing; use what is on this machine.")


def say(text: str) -> None:
    """A sentence for the person at the terminal."""
    click.echo(text, err=True)


def opened(file: str) -> Song:
    """The song of a file or a folder of stems; what there is to say of how it was read is said."""
    from ..song import Song

    song = Song.read(file)
    for notice in song.notices:
        say(f"note: {notice}")
    return song


def emit_json(value: Any) -> None:
    """The result as JSON on stdout; a NaN in it would be a bug and is refused."""
    click.echo(json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False))


def table(header: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """Columns aligned for a terminal: numbers to the right, None as an en dash."""
    cells = [[_cell(value) for value in row] for row in rows]
    widths = [max(len(row[i]) for row in [list(header), *cells]) for i in range(len(header))]
    numeric = [any(isinstance(row[i], (int, float)) for row in rows) for i in range(len(header))]
    lines = [list(header), ["─" * width for width in widths], *cells]
    return "\n".join(
        "  ".join(
            text.rjust(width) if right else text.ljust(width)
            for text, width, right in zip(line, widths, numeric, strict=True)
        ).rstrip()
        for line in lines
    )


def _cell(value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.2f}" if isinstance(value, float) else str(value)


@contextmanager
def song_bar(quiet: bool = False) -> Iterator[Callable[[Event], None]]:
    """One bar for a song with the stage's name; on a pipe, one line a finished step.

    Yields the watcher that `polish.run.run` calls with its events.
    """
    if quiet:
        yield lambda event: None
    elif not sys.stderr.isatty():
        yield _line
    else:
        with _progress() as progress:
            yield _Bar(progress)


class _Bar:
    """The bar of a song: its title and the step it is at."""

    def __init__(self, progress: Progress) -> None:
        self.progress = progress
        self.title = ""
        self.task = progress.add_task("reading the draft", total=1.0)

    def __call__(self, event: Event) -> None:
        if event.kind == "notice":
            self.progress.console.print(f"[yellow]note:[/] {_plain(event.message)}", highlight=False)
        elif event.kind == "run_started":
            self.title = event.message
        elif event.step:
            doing = "writing files" if event.kind == "delivered" else event.step
            words = _plain(f"{self.title} · {doing}")
            self.progress.update(self.task, description=words, completed=event.fraction or 0.0)


def _line(event: Event) -> None:
    if event.kind == "notice":
        say(f"note: {event.message}")
    elif event.kind == "step_done":
        say(f"{event.step}: from an earlier run" if event.data.get("cached") else f"{event.step}: done")
    elif event.kind == "step_skipped":
        say(f"{event.step}: skipped, {event.message}")


@contextmanager
def stage_bar(name: str, quiet: bool = False) -> Iterator[Context]:
    """A bar for one stage run by itself; yields the context to run it with."""
    from ..stages.base import Context

    def notice(text: str) -> None:
        say(f"note: {text}")

    if quiet or not sys.stderr.isatty():
        yield Context(notice=notice)
        return
    with _progress() as progress:
        task = progress.add_task(name, total=1.0)
        yield Context(progress=lambda share: progress.update(task, completed=share), notice=notice)


def _progress() -> Progress:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    return Progress(
        TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(),
        TimeRemainingColumn(elapsed_when_finished=True),
        console=Console(stderr=True), transient=True,
    )  # fmt: skip


def _plain(text: str) -> str:
    """Text without rich's markup meaning."""
    return text.replace("[", r"\[")


def figures(measured: Mapping[str, Any]) -> list[tuple[str, Any, str]]:
    """A measurement as (what, value, unit) for people, in a fixed order."""
    return [
        (what, measured.get(key), unit)
        for key, what, unit in (
            ("integrated_lufs", "integrated loudness", "LUFS"),
            ("momentary_max_lufs", "loudest moment", "LUFS"),
            ("short_term_max_lufs", "loudest 3 s", "LUFS"),
            ("loudness_range_lu", "loudness range", "LU"),
            ("true_peak_dbtp", "true peak", "dBTP"),
            ("sample_peak_dbfs", "sample peak", "dBFS"),
            ("plr_db", "peak to loudness", "dB"),
            ("psr_db", "peak to loudest 3 s", "dB"),
            ("crest_db", "crest factor", "dB"),
            ("clipped_samples", "clipped samples", ""),
            ("clipped_runs", "clipped in a row", ""),
            ("dc_offset_dbfs", "DC offset", "dBFS"),
            ("correlation", "left/right correlation", ""),
            ("mono_loss_lu", "loss in mono", "LU"),
            ("bandwidth_hz", "bandwidth", "Hz"),
            ("duration_s", "duration", "s"),
            ("sample_rate_hz", "sample rate", "Hz"),
            ("channels", "channels", ""),
        )
    ]
