"""Stems of many songs, one after the other: which file goes where, and whether there is room."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .. import audio
from ..audio import Format, scratching
from ..deliver.stems import Stems
from ..errors import BadInput, UsageError
from ..files import writing_errors
from ..run import folder
from ..song import Song
from ..stages.base import Context
from ..stages.separate import Separate
from . import inputs


@dataclass(frozen=True)
class Place:
    """A song, and the folder that gets its stems."""

    file: Path
    folder: Path

    @property
    def title(self) -> str:
        return self.file.resolve().name if self.file.is_dir() else self.file.stem


def places(files: Sequence[str], out: Path) -> list[Place]:
    """Where the stems of each song go: into `out` for a single file, else into a folder each.

    Args:
        files: sound files, folders of them, and patterns (see `polish.batch.inputs.songs`).

    Raises:
        UsageError: there is no song in them.
    """
    songs = inputs.songs(files)
    if not songs:
        raise UsageError(
            "there are no sound files in what was given", hint="give sound files, or folders of them"
        )
    if [str(song) for song in songs] == [str(Path(file)) for file in files] and len(songs) == 1:
        return [Place(songs[0], out)]
    taken: set[str] = set()
    untitled = [Place(song, out) for song in songs]
    return [Place(each.file, out / folder.free(folder.title(each.title), taken)) for each in untitled]


def see_room(places: Iterable[Place], names: Sequence[str], format: Format) -> None:
    """See that the stems can be written, and that there is room for them and to work in.

    Args:
        names: of the stems that each song will have.

    Raises:
        OutputError: there is no room, or no permission.
        UsageError: a stem would be written over a song that was handed in.
    """
    places = list(places)
    songs = {os.path.realpath(place.file) for place in places}
    written = working = 0
    for place in places:
        with writing_errors(place.folder), tempfile.TemporaryFile(dir=folder.nearest(place.folder)):
            pass
        for name in names:
            target = place.folder / f"{name}{format.suffix}"
            if os.path.realpath(target) in songs:
                raise UsageError(
                    "is a song that was given, and would be written over", where=target, hint="another -o"
                )
        nbytes = _nbytes(place.file)
        written += round(nbytes * len(names) * (0.1 if format.lossy else (format.bits or 32) / 32))
        if nbytes > scratching.MOST_IN_MEMORY:  # the mix twice, the engine's stems, and those that add up
            working = max(working, nbytes * 2 * (1 + len(names)))
    first, scratch = folder.nearest(places[0].folder), scratching.folder()
    if working and first.stat().st_dev == scratch.stat().st_dev:
        written, working = written + working, 0
    folder.see_room(places[0].folder, written)
    folder.see_room(scratch, working, "point $TMPDIR at another disk")


def _nbytes(file: Path) -> int:
    """What a song takes as samples, by its header; 0 for one that cannot be read, as its turn will tell."""
    try:
        probe = audio.probe(file)
    except BadInput:
        return 0
    return 4 * probe.channels * (probe.frames or round((probe.duration_s or 0) * probe.rate_hz))


def separated(place: Place, stage: Separate, format: Format, context: Context) -> dict[str, Any]:
    """Separate one song and write its stems.

    Returns:
        JSON values: the files, and what the stage and the delivery state.

    Raises:
        PolishError: nothing is left in the folder then.
    """
    song = stage.run(Song.read(place.file), context)
    delivered = Stems(format=format).write_into(song, place.folder)
    for notice in delivered.notices:
        context.notice(notice)
    files = [str(path) for path in delivered.files]
    return {
        "file": str(place.file), "files": files, **song.measurements[stage.step(context)], **delivered.facts,
    }  # fmt: skip
