"""The folder of one song's results: its name, its lock, its room on the disk."""

from __future__ import annotations

import os
import shutil
import tempfile
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from ..errors import OutputError, UsageError
from ..files import writing_errors

HIDDEN = ".polish"
LONGEST_BYTES = 120
_FORBIDDEN = str.maketrans(dict.fromkeys('/\\:*?"<>|', "_"))
_BLANK = {"Cc", "Cs", "Zl", "Zp", "Zs"}
_RESERVED = {"con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in range(1, 10))}


def title(name: str) -> str:
    """A name that every file system takes: ``AC/DC: live.`` becomes ``AC_DC_ live``.

    Separators and marks that Windows forbids become ``_``; control characters and bytes
    that are no text become spaces; dots and spaces at the ends go; at most 120 bytes.
    """
    text = unicodedata.normalize("NFC", name).translate(_FORBIDDEN)
    text = "".join(" " if unicodedata.category(mark) in _BLANK else mark for mark in text)
    text = " ".join(text.split()).lstrip(". ")
    text = text.encode("utf-8")[:LONGEST_BYTES].decode("utf-8", "ignore").rstrip(". ")
    if text.split(".")[0].strip().lower() in _RESERVED:
        text = f"_{text}"
    return text or "song"


def free(title: str, taken: set[str]) -> str:
    """A title that no other song has, ``song``, ``song (2)`` …, which is taken from now on."""
    number, free = 1, title
    while free.casefold() in taken:
        number += 1
        free = f"{title} ({number})"
    taken.add(free.casefold())
    return free


@contextmanager
def held(folder: Path) -> Iterator[Path]:
    """Make `folder`, see that it can be written, and hold it against other runs.

    What a killed run left half written in there is swept away. Yields the hidden folder
    with the journal.

    Raises:
        OutputError: it cannot be written.
        UsageError: another run is at work in it.
    """
    with locked(folder / HIDDEN):
        for part in folder.rglob(".part-*"):
            with suppress(OSError):
                part.unlink()
        yield folder / HIDDEN


@contextmanager
def locked(hidden: Path) -> Iterator[None]:
    """Hold the folder that `hidden` lies in, alone; both are made, and seen to be writable.

    Raises:
        OutputError: they cannot be written.
        UsageError: another run holds it.
    """
    folder = hidden.parent
    with writing_errors(folder):
        hidden.mkdir(parents=True, exist_ok=True)
        for each in (folder, hidden):
            with tempfile.TemporaryFile(dir=each):
                pass
        lock = FileLock(hidden / "lock", timeout=0)
        try:
            lock.acquire()
        except Timeout:
            raise UsageError(
                "another run is at work in this folder",
                where=folder,
                hint="wait for it to end, or choose another folder with -o",
            ) from None
    try:
        yield
    finally:
        lock.release()


def nearest(folder: Path) -> Path:
    """The folder itself, or the nearest above it that is there."""
    return next((each for each in (folder, *folder.absolute().parents) if each.exists()), folder)


def see_room(folder: Path, needed_bytes: int, hint: str = "choose another folder with -o") -> None:
    """See that the disk has room for what will be written into `folder`, which need not be there yet.

    Raises:
        OutputError: it has not.
    """
    with writing_errors(folder):
        free_bytes = shutil.disk_usage(nearest(folder)).free
    if free_bytes < needed_bytes:
        raise OutputError(
            f"the disk is full: {free_bytes / 1e6:.0f} MB free, about {needed_bytes / 1e6:.0f} MB needed",
            where=folder,
            hint=f"free some space, or {hint}",
        )


def apart(folder: Path, draft: Path) -> None:
    """See that results are not written over the draft.

    Raises:
        UsageError: the draft lies in the folder for its results.
    """
    ours, theirs = (Path(os.path.abspath(each)) for each in (folder, draft))
    if ours == theirs or ours in theirs.parents:
        raise UsageError(
            f"the draft lies in the folder its results go to, {folder}",
            where=draft,
            hint="choose another folder with -o",
        )
