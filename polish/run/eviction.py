"""Keeping the cache under its size: what has not been used for longest goes first."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from filelock import FileLock, Timeout

STRAY_S = 3600.0
"""A sound that no entry refers to, or a file half written, is left alone for this long: another run
may be about to use it."""


def files(folder: Path) -> Iterator[tuple[Path, int, float]]:
    """Every file of the cache: path, bytes, and when it was last used (s)."""
    for path in folder.glob("*/*/*"):
        with suppress(OSError):  # another run may remove it meanwhile
            stat = path.stat()
            yield path, stat.st_size, stat.st_mtime


def size(folder: Path) -> int:
    """Bytes in the cache."""
    return sum(nbytes for _, nbytes, _ in files(folder))


def evict(folder: Path, limit: int, *, keep: frozenset[str]) -> int:
    """Remove entries, the longest unused first, with the sounds that only they need.

    Args:
        folder: the cache.
        limit: the bytes that may remain.
        keep: keys of entries and hashes of sounds that are in use and stay.

    Returns:
        The bytes that remain. When another run is evicting just now, nothing is removed.
    """
    try:
        with FileLock(folder / "lock", timeout=0):
            return _evict(folder, limit, keep)
    except Timeout:
        return size(folder)


def _evict(folder: Path, limit: int, keep: frozenset[str]) -> int:
    entries: list[tuple[float, Path, int, frozenset[str]]] = []
    sounds: dict[str, tuple[Path, int, float]] = {}
    remain = 0
    for path, nbytes, used_s in files(folder):
        remain += nbytes
        if path.suffix == ".json":
            entries.append((used_s, path, nbytes, _sounds(path)))
        else:
            sounds[path.name] = (path, nbytes, used_s)
    users = dict.fromkeys(sounds, 0)
    for _, _, _, needed in entries:
        for digest in needed & users.keys():
            users[digest] += 1

    def drop(digest: str) -> int:
        path, nbytes, _ = sounds[digest]
        return nbytes if digest not in keep and _removed(path) else 0

    now_s = time.time()
    for digest, count in users.items():
        if count == 0 and now_s - sounds[digest][2] > STRAY_S:
            remain -= drop(digest)
    for _, path, nbytes, needed in sorted(entries):
        if remain <= limit:
            break
        if path.stem in keep or not _removed(path):
            continue
        remain -= nbytes
        for digest in needed & users.keys():
            users[digest] -= 1
            if users[digest] == 0:
                remain -= drop(digest)
    return remain


def _sounds(entry: Path) -> frozenset[str]:
    try:
        return frozenset(json.loads(entry.read_text(encoding="utf-8").partition("\n")[2])["sounds"])
    except (OSError, ValueError, KeyError, TypeError):
        return frozenset()


def _removed(path: Path) -> bool:
    try:
        path.unlink()
    except OSError:
        return False
    return True
