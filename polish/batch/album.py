"""Tracks that belong together: before each is run, all are measured and get one gain.

A recipe with the step `album` is meant. The gain is told to the runs as settings of that
step, so that everything else (cache, journal, what is done already) works as for any batch.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ..errors import PolishError
from .worker import Job

Work = Callable[[Job], Mapping[str, Any]]
Results = Generator[tuple[Job, Mapping[str, Any]]]
Run = Callable[[Sequence[Job], Work], Results]
"""Does work on jobs, on this machine or a cluster; see `polish.batch.local.run`."""


@dataclass(frozen=True)
class Album:
    """What a set of tracks shares.

    Attributes:
        sets: what each run is told, as ``--set`` would.
        facts: ``gain_db``, ``before_lufs``, ``loudness_lufs`` and ``true_peak_dbtp`` of the tracks
            together, ``target_lufs``, ``reason`` (why the target is not reached, or None).
    """

    sets: tuple[str, ...]
    facts: dict[str, Any]


def step_of(plan: Any) -> Any | None:
    """The step that makes an album of the songs, unless the recipe gives the gain itself."""
    steps = [step for step in plan.steps if step.stage.name == "album" and step.skipped is None]
    return steps[-1] if steps and steps[-1].stage.gain is None else None


def together(step: Any, jobs: Sequence[Job], run: Run) -> Album:
    """Measure the tracks as they reach the step, and find the gain they share.

    A track that cannot be read or that fails on the way is left out; its run will say why.

    Args:
        step: of `step_of`.
        jobs: one a track.
    """
    from ..dsp.album import Track, highest_dbtp, shared_gain

    found: dict[str, Track] = {}

    def measured(gain_db: float | None) -> list[Track]:
        sets = () if gain_db is None else (f"{step.id}.gain={gain_db:.3f}",)
        named = [replace(job, step=step.id, sets=(*job.sets, *sets)) for job in jobs]
        rows = {job.name: row.get("track") for job, row in run(named, survey)}
        tracks = {job.name: rows.get(job.name) for job in named}
        found.update({name: track for name, track in tracks.items() if track is not None and gain_db is None})
        return [track for track in tracks.values() if track is not None]

    stage = step.stage
    shared = shared_gain(measured, stage.loudness, stage.ceiling, limiting=stage.dynamics == "reach")
    reason = stage.why_not_reached(shared)
    highest = highest_dbtp(list(found.values()))
    if reason and shared.loudness_lufs is not None and stage.dynamics == "protect":
        reason += (
            f": {next(n for n, track in found.items() if track.true_peak_dbtp == highest)} leaves no more"
        )
    sets = [f"{step.id}.gain={shared.gain_db:.3f}"]
    if shared.loudness_lufs is not None:
        sets += [f"{step.id}.album_loudness={shared.loudness_lufs:.2f}"]
        sets += [f"{step.id}.album_peak={shared.true_peak_dbtp:.2f}"]
    facts = {
        "step": step.id, "gain_db": shared.gain_db, "before_lufs": shared.before_lufs,
        "loudness_lufs": shared.loudness_lufs, "true_peak_dbtp": shared.true_peak_dbtp,
        "target_lufs": stage.loudness, "reason": reason,
    }  # fmt: skip
    return Album(tuple(sets), facts)


def survey(job: Job) -> dict[str, Any]:
    """What the album needs to know of one track, in whatever process: a row with ``track``."""
    from ..run.arrival import arriving
    from ..run.runner import planned

    try:
        plan = planned(job.recipe, job.file, sets=job.sets, offline=job.offline)
        song = arriving(plan, job.file, job.step, offline=job.offline, fresh=job.fresh, seed=job.seed)
        stage = next(step.stage for step in plan.steps if step.id == job.step)
        return {"file": job.name, "track": stage.surveyed(song.mix)}
    except PolishError:
        return {"file": job.name}


def tracks(facts: Mapping[str, Any], rows: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The table of an album: each track before and after, as read back from its file."""
    return [
        {
            "track": row["file"], "before_lufs": row["before"]["integrated_lufs"],
            "after_lufs": made["integrated_lufs"], "true_peak_dbtp": made["true_peak_dbtp"],
            "gain_db": facts["gain_db"],
        }
        for row in rows if row["status"] == "done"
        for made in row["masters"] if made["id"] == facts["step"]
    ]  # fmt: skip
