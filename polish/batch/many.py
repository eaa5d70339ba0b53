"""Many songs: what is left to do, done by processes or a cluster, one row each."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..errors import BatchFailed, UsageError
from . import album, cluster, inputs, local
from .album import Results, Run, Work
from .rows import Row, Rows
from .worker import Job, work

Watch = Callable[[str], None]


@dataclass(frozen=True)
class Summary:
    """A batch at its end.

    Attributes:
        folder: where the results are.
        rows: one a song, in order, as in ``facts.jsonl``.
        skipped: how many were done before.
        album: what the tracks of an album share, ``tracks`` among it (see `polish.batch.album`);
            None for songs that do not belong together.
    """

    folder: Path
    rows: tuple[Row, ...]
    skipped: int
    album: Mapping[str, Any] | None = None

    @property
    def path(self) -> Path:
        """The file of rows."""
        return self.folder / "facts.jsonl"

    @property
    def failed(self) -> tuple[Row, ...]:
        """The rows of the songs that failed."""
        return tuple(row for row in self.rows if row["status"] == "failed")

    def facts(self) -> dict[str, Any]:
        """The batch as JSON values."""
        return {
            "folder": str(self.folder), "facts": str(self.path), "songs": len(self.rows),
            "done": len(self.rows) - len(self.failed), "skipped": self.skipped, "failed": len(self.failed),
            "failures": [
                {"file": row["file"], "error": row["error"], "exit_code": row["exit_code"]}
                for row in self.failed
            ],
            **({"album": self.album} if self.album else {}),
        }  # fmt: skip

    def __str__(self) -> str:
        before = f" ({self.skipped} of them before)" if self.skipped else ""
        done = len(self.rows) - len(self.failed)
        return f"{_songs(len(self.rows))}: {done} done{before}, {len(self.failed)} failed\nfacts: {self.path}"

    def raise_for_failures(self) -> None:
        """Say that songs have failed, when any has.

        Raises:
            BatchFailed: with their number.
        """
        if self.failed:
            raise BatchFailed(
                f"{len(self.failed)} of {_songs(len(self.rows))} failed",
                where=self.path,
                hint="each row with status failed says why; the same command again tries those alone",
            )


def _songs(count: int) -> str:
    return f"{count} song" if count == 1 else f"{count} songs"


def batch(
    recipe: str | Path,
    inputs: Iterable[str | Path],
    *,
    out: str | Path,
    workers: int = 1,
    ray: str | None = None,
    sets: Sequence[str] = (),
    offline: bool = False,
    fresh: bool = False,
    watch: Watch | None = None,
    seed: int = 0,
) -> Summary:
    """Run a recipe over many songs; a second call goes on where the first stopped.

    A song that fails stops no other. Songs whose row says that this recipe has done them,
    and whose content is still the same, are not touched.

    Args:
        recipe: a shipped name or a file.
        inputs: sound files, folders, patterns (see `polish.batch.inputs.songs`).
        out: the folder that gets ``facts.jsonl`` and a folder for each song.
        workers: how many songs at a time, each in a process of its own.
        ray: the address of a Ray cluster, instead of `workers`.
        watch: called with a line for the user after each song.

    Raises:
        RecipeError, ModelUnavailable: nothing can run, so nothing is begun.
        UsageError: no songs, another batch in the folder, no Ray.
        OutputError: `out` cannot be written.
    """
    from ..run import folder
    from ..run.runner import planned

    songs = _songs_in(inputs)
    if workers < 1:
        raise UsageError(f"{workers} workers", hint="--workers 2")
    plan = planned(recipe, next(filter(os.path.exists, songs), songs[0]), sets=sets, offline=offline)
    out = Path(out)
    run = _runner(workers, ray)
    with folder.locked(out / folder.HIDDEN):
        rows = Rows(out / "facts.jsonl")
        base = Job(
            _recipe(recipe), os.path.abspath(out), sets=tuple(sets), offline=offline, fresh=fresh, seed=seed
        )
        together = _album(plan, songs, base, run)
        if together:
            base = replace(base, sets=(*base.sets, *together.sets))
            if watch and together.facts["reason"]:
                watch(f"note: {together.facts['reason']}")
        jobs, skipped = _to_do(songs, base, rows)
        rows.begin()
        count = skipped
        with closing(run(jobs, work)) as results:
            for job, row in results:
                rows.add(row)
                count += 1
                if watch:
                    told = "done" if row["status"] == "done" else f"failed: {row['error']}"
                    watch(f"[{count}/{len(songs)}] {job.name}: {told}")
        rows.end(str(song) for song in songs)
        ended = tuple(rows.known[str(song)] for song in songs)
        if together is None:
            return Summary(out, ended, skipped)
        tracks = album.tracks(together.facts, ended)
        return Summary(out, ended, skipped, {**together.facts, "tracks": tracks})


def _runner(workers: int, ray: str | None) -> Run:
    """Does work on jobs, as many at a time as was asked for, here or on the cluster."""

    def run(jobs: Sequence[Job], work: Work) -> Results:
        return cluster.run(jobs, ray, work) if ray else local.run(jobs, min(workers, len(jobs)), work)

    return run


def _album(plan: Any, songs: Sequence[Path], base: Job, run: Run) -> album.Album | None:
    """What the songs share, where the recipe makes an album of them."""
    step = album.step_of(plan)
    if step is None:
        return None
    jobs = [replace(base, file=os.path.abspath(song), name=str(song)) for song in songs]
    return album.together(step, jobs, run)


def _recipe(recipe: str | Path) -> str:
    """A shipped recipe's name, or the absolute path of a file."""
    from ..recipe import shipped

    written = os.fspath(recipe)
    return written if written in shipped() else os.path.abspath(written)


def _songs_in(given: Iterable[str | Path]) -> list[Path]:
    if isinstance(given, (str, Path)):
        given = [given]
    songs = inputs.songs(given)
    if not songs:
        raise UsageError(
            "there are no sound files in what was given", hint="give sound files, or folders of them"
        )
    return songs


def _to_do(songs: Sequence[Path], base: Job, rows: Rows) -> tuple[list[Job], int]:
    """The jobs that are left, each with a title of its own, and how many songs are done already."""
    from ..run import folder

    digests: dict[bool, str] = {}
    titles = {row["folder"].casefold() for row in rows.known.values()}
    jobs: list[Job] = []
    skipped = 0
    for song in songs:
        file = str(song)
        known = rows.known.get(file)
        if known and not base.fresh and _is_done(known, song, base, digests):
            skipped += 1
            continue
        if known:
            title = known["folder"]
        else:
            title = folder.free(folder.title(song.resolve().name if song.is_dir() else song.stem), titles)
        job = replace(base, file=os.path.abspath(song), name=file, title=title, replaces=known is not None)
        jobs.append(job)
    return jobs, skipped


def _is_done(row: Row, song: Path, base: Job, digests: dict[bool, str]) -> bool:
    """Whether a row says that this recipe has done this very song."""
    from ..run import hashing
    from ..run.runner import planned

    if row["status"] != "done" or row["seed"] != base.seed:
        return False
    if not (Path(base.out) / row["folder"] / "facts.json").is_file() or not os.path.exists(song):
        return False
    stems = song.is_dir()
    if stems not in digests:
        digests[stems] = planned(base.recipe, song, sets=base.sets, offline=base.offline).digest
    return row.get("digest") == digests[stems] and row.get("content_sha256") == hashing.of_file(song)
