"""Room for long sounds: in memory while they are short, else in a file that goes away with them.

An hour of stereo at 44.1 kHz is 1.3 GB, and its four stems are 5 GB. What does not fit into
the memory set aside for all sounds together lies in a file without a name, mapped into memory;
the pages that nobody looks at any more can be let go with `rest`, so that memory does not grow
with the length.
"""

from __future__ import annotations

import mmap
import os
import tempfile
import threading
import weakref
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import OutputError
from ..files import writing_errors
from .sound import Samples

MOST_IN_MEMORY = 64 << 20
"""Bytes that all sounds made here may take in memory at a time: three minutes of stereo at 44.1 kHz."""
_USUAL = Path("/var/tmp")


class _Taken:
    """The bytes that sounds take in memory."""

    def __init__(self) -> None:
        self.nbytes = 0
        self._lock = threading.RLock()  # an array may go, and be counted, while another one is counted

    def more(self, nbytes: int) -> bool:
        """Count bytes that are taken, or given back; not those for which there is no room."""
        with self._lock:
            fits = nbytes <= 0 or self.nbytes + nbytes <= MOST_IN_MEMORY
            self.nbytes += nbytes if fits else 0
        return fits


_taken = _Taken()


def folder() -> Path:
    """Where scratch files lie: ``$TMPDIR``, else ``/var/tmp``, because ``/tmp`` is memory on some systems."""
    if not os.environ.get("TMPDIR") and os.access(_USUAL, os.W_OK):
        return _USUAL
    return Path(tempfile.gettempdir())


def scratch(shape: tuple[int, ...]) -> Samples:
    """Zeros to be filled, float32; in a file when, with what is there already, they are more than
    `MOST_IN_MEMORY`.

    Raises:
        OutputError: the disk has no room for them.
    """
    size = 4 * int(np.prod(shape, dtype=np.int64))
    if _taken.more(size):
        made = np.zeros(shape, np.float32)
        weakref.finalize(made, _taken.more, -size).atexit = False
        return made
    place = folder()
    try:
        with writing_errors(place), tempfile.TemporaryFile(prefix="polish-", dir=place) as file:
            # Reserved at once: a disk that is found full when a page is written kills the process.
            if hasattr(os, "posix_fallocate"):
                os.posix_fallocate(file.fileno(), 0, size)
            else:
                file.truncate(size)
            # As a plain array, for what is compiled for those.
            return np.asarray(np.memmap(file, np.float32, "r+", shape=shape))
    except OutputError as error:
        raise OutputError(
            f"no room to work in, {size / 1e9:.1f} GB are needed ({error.what})",
            where=place,
            hint="free some space, or point $TMPDIR at another disk",
        ) from error


def rest(*arrays: np.ndarray) -> None:
    """Let the pages of mapped arrays go: they are read from the disk again when they are wanted.

    Nothing is lost. Arrays in memory stay as they are.
    """
    for array in arrays:
        base: Any = array
        while isinstance(base, np.ndarray):
            base = base.base
        if isinstance(base, mmap.mmap) and hasattr(mmap, "MADV_DONTNEED"):
            base.madvise(mmap.MADV_DONTNEED)
