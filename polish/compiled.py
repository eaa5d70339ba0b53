"""Functions compiled to machine code once and kept on disk, safely so when processes start side by side.

numba keeps the machine code of a function beside an index of its signatures, and renews the two
without a lock. When two processes compile the same function at once, the index may point from one
signature to the code of another: later processes then crash or read wrong numbers, until somebody
deletes the files. A batch on a fresh machine is exactly that. Here every renewal waits for a lock.

A function that another calls becomes part of it (`njit` forces it inline). Were it called, the process that
compiles both would call another copy of it than those that load them from disk, and the two copies may
add up in another order: the first run after an installation would give other bits than all later ones.

The lock is enough for our own functions. librosa's are compiled in two halves (`guvectorize`: the body
and the loop around it), which must come from the same process: they are used inside `alone`.
"""

from __future__ import annotations

import functools
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numba
from filelock import FileLock
from numba.core.caching import IndexDataCacheFile

__all__ = ["alone", "njit"]

njit = functools.partial(numba.njit, forceinline=True)


@contextmanager
def alone() -> Iterator[None]:
    """No other process of this user is in here: the first may compile and keep functions of librosa."""
    user = os.getuid() if hasattr(os, "getuid") else ""  # a folder of the user's own on Windows
    with FileLock(Path(tempfile.gettempdir(), f"polish-{user}-compiling.lock")):
        yield


def _locked(save: Any) -> Any:
    """``save`` of numba's cache files, one process at a time in a folder."""

    @functools.wraps(save)
    def one_at_a_time(cache: Any, key: Any, data: Any) -> None:
        with FileLock(Path(cache._cache_path, "numba-cache.lock")):
            save(cache, key, data)

    return one_at_a_time


IndexDataCacheFile.save = _locked(IndexDataCacheFile.save)
