"""What to work on: the songs behind files, folders and patterns."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

SUFFIXES = frozenset({
    ".wav", ".wave", ".bwf", ".rf64", ".w64", ".aif", ".aiff", ".aifc", ".caf", ".flac", ".mp3", ".mp2",
    ".ogg", ".oga", ".opus", ".m4a", ".m4b", ".aac", ".mp4", ".webm", ".mka", ".wma", ".wv", ".ape",
})  # fmt: skip
"""Endings by which sound files are found in folders; a file that is named itself may have any."""
_STEMS = frozenset({
    "vocals", "lead_vocals", "backing_vocals", "drums", "bass", "guitar", "piano", "keys", "synth",
    "strings", "other", "instrumental",
})  # fmt: skip


def songs(inputs: Iterable[str | Path]) -> list[Path]:
    """The songs behind `inputs`, each once, in order.

    A folder is searched with all that is in it, by name; a folder that holds nothing but
    stems (``vocals.wav``, ``drums.wav`` …) is one song. ``*``, ``?`` and ``**`` in what is
    no file are patterns. What is not there stays in the list, to be told of when its turn
    comes.
    """
    found: dict[str, Path] = {}
    for each in inputs:
        for path in _behind(os.fspath(each)):
            found.setdefault(os.path.realpath(path), path)
    return list(found.values())


def _behind(written: str) -> Iterator[Path]:
    if os.path.isdir(written):
        yield from _within(Path(written))
    elif not os.path.exists(written) and (matches := sorted(glob.glob(written, recursive=True))):
        for match in matches:
            if os.path.isdir(match):
                yield from _within(Path(match))
            elif Path(match).suffix.lower() in SUFFIXES:
                yield Path(match)
    else:
        yield Path(written)


def _within(folder: Path) -> Iterator[Path]:
    """The songs in a folder. Hidden ones and folders that hold a run's results are passed over."""
    if (folder / ".polish" / "journal.jsonl").exists():
        return
    try:
        inside = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    except OSError:
        yield folder
        return
    files = [path for path in inside if path.suffix.lower() in SUFFIXES and path.is_file()]
    if _stems(files):
        yield folder
        files = []
    for path in inside:
        if path in files:
            yield path
        elif path.is_dir():
            yield from _within(path)


def _stems(files: list[Path]) -> bool:
    """Whether these files are the stems of one song."""
    names = [path.stem.lower().replace(" ", "_").replace("-", "_") for path in files]
    return len(names) > 1 and len(set(names)) == len(names) and _STEMS.issuperset(names)
