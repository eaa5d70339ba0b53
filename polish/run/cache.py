"""What earlier runs worked out, by the hash of everything that goes into it.

    entries/ab/abcd….json   what a step returned: slots, facts, notices; sounds by content
    objects/ab/abcd…        the samples (see `objects`)

An entry that is torn, or whose sounds are gone, counts as absent and is made anew. The
folder is kept under a size; what has not been used for longest goes first, never what the
run at work uses. Where it cannot be written the run goes on in memory, and says so.
"""

from __future__ import annotations

import errno
import json
import os
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from .. import __version__
from ..audio import Sound
from ..errors import UsageError
from ..song import Song
from . import hashing, slots
from .eviction import evict, size
from .objects import Objects

FULL = (errno.ENOSPC, errno.EDQUOT)


def root() -> Path:
    """``$POLISH_CACHE``, else a folder of the user's cache folder."""
    if given := os.environ.get("POLISH_CACHE"):
        return Path(given).expanduser()
    import platformdirs

    return Path(platformdirs.user_cache_dir("polish")) / "runs"


def limit_bytes() -> int:
    """``$POLISH_CACHE_GB`` in bytes, 20 GB by default.

    Raises:
        UsageError: it is not a number of zero or more.
    """
    given = os.environ.get("POLISH_CACHE_GB", "20")
    try:
        if (limit := float(given)) >= 0:
            return round(limit * 1e9)
    except (ValueError, OverflowError):
        pass
    raise UsageError(f"{given!r} is not a size in GB", where="POLISH_CACHE_GB", hint="POLISH_CACHE_GB=20")


class Spoiled(Exception):
    """Stored sounds are not what they were; they are thrown away, and what needs them can be made anew."""


class Cache:
    """The cache of one run.

    Args:
        folder: where it lies; `root` by default.
        limit: the most bytes it may hold; `limit_bytes` by default.
        fresh: find nothing of earlier runs, but write as always.
        notice: called with a sentence for the user.
    """

    def __init__(
        self,
        folder: Path | None = None,
        *,
        limit: int | None = None,
        fresh: bool = False,
        notice: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.folder = folder or root()
        self.limit = limit_bytes() if limit is None else limit
        self.fresh = fresh
        self.notice = notice
        self.objects = Objects(self.folder / "objects")
        self.writable = True
        self._made: set[str] = set()
        self._used: set[str] = set()
        self._size: int | None = None

    def get(self, key: str) -> dict[str, Any] | None:
        """What was put under `key`, if all of it is there; with its slots opened under ``slots``."""
        if self.fresh and key not in self._made:
            return None
        path = self._path(key)
        try:
            digest, _, text = path.read_text(encoding="utf-8").partition("\n")
            entry = json.loads(text)
            if digest != hashing.of_value(entry):
                raise ValueError("torn")
            entry["slots"] = {
                slot: slots.decode(slot, value, self.objects.open) for slot, value in entry["slots"].items()
            }
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            with suppress(OSError):
                path.unlink()
            return None
        self._used.add(key)
        with suppress(OSError):
            os.utime(path)
        return entry

    def put(self, key: str, song: Song, filled: tuple[str, ...], **facts: Any) -> None:
        """Keep slots of a song and JSON facts under `key`. The slots' sounds are kept already."""
        entry = {
            "slots": {slot: slots.encode(song, slot) for slot in filled},
            "sounds": sorted({hashing.of_sound(sound) for _, sound in slots.sounds(song, filled)}),
            **facts,
        }
        text = f"{hashing.of_value(entry)}\n{json.dumps(entry)}\n"
        if self.writable and self._written(lambda: self._write(self._path(key), text), len(text)):
            self._made.add(key)
            self._used.add(key)

    def keep(self, sound: Sound) -> Sound:
        """The same sound, mapped from disk; the sound itself where the disk cannot take it."""
        if not self.writable:
            return sound
        kept: list[Sound] = []
        self._written(lambda: kept.append(self.objects.keep(sound)), sound.samples.nbytes)
        return kept[0] if kept else sound

    def opened(self, song: Song) -> Song:
        """A song as it comes in, its sounds on disk under an entry of their own."""
        song = slots.replaced(song, self.keep)
        sounds = ("draft", "mix", "stems", "masters")
        key = hashing.of_value(["opened", slots.content(song, sounds)])
        if key not in self._made:
            self.put(key, song, sounds)
        return song

    def worked_out(self, what: str, of: Any, make: Callable[[], Any]) -> Any:
        """A JSON value that follows from `of` (JSON too), made when it is not here yet."""
        key = hashing.of_value([what, __version__, of])
        if (entry := self.get(key)) is not None:
            return entry["value"]
        value = hashing.plain(make())
        self.put(key, Song(), (), value=value)
        return value

    def check(self, song: Song) -> Song:
        """The same song, after every sound of it that an earlier run stored was read through.

        Raises:
            Spoiled: some are not what they were.
        """
        spoiled = [name for name, sound in slots.sounds(song) if not self.objects.right(sound)]
        if spoiled:
            raise Spoiled(", ".join(spoiled))
        return song

    def _written(self, write: Callable[[], None], nbytes: int) -> bool:
        """Write, making room if need be; when the disk will not have it, go on in memory."""
        try:
            self._make_room(nbytes)
            try:
                write()
            except OSError as error:
                if error.errno not in FULL:
                    raise
                evict(self.folder, 0, keep=self._pinned())
                write()
        except OSError as error:
            self.give_up(error.strerror or str(error))
        return self.writable

    def give_up(self, reason: str) -> None:
        """Go on in memory from here on."""
        self.writable = False
        self.fresh = True
        self._made.clear()
        self.notice(f"the cache at {self.folder} cannot be used ({reason}): working in memory")

    def _make_room(self, nbytes: int) -> None:
        if self._size is None:
            self._size = size(self.folder)
        self._size += nbytes
        if self._size > self.limit:
            self._size = nbytes + evict(self.folder, self.limit - nbytes, keep=self._pinned())

    def _pinned(self) -> frozenset[str]:
        return frozenset(self._used | self.objects.used)

    def _path(self, key: str) -> Path:
        return self.folder / "entries" / key[:2] / f"{key}.json"

    def _write(self, path: Path, text: str) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=".part-", dir=path.parent)
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as part:
                part.write(text)
            os.replace(name, path)
        finally:
            with suppress(FileNotFoundError):
                os.unlink(name)
