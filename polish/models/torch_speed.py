"""What a process lets torch do, while our networks run; put back afterwards."""

from __future__ import annotations

import ctypes
import mmap
import os
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import lru_cache
from typing import Any, TypeVar

from threadpoolctl import threadpool_info, threadpool_limits

_TRIM_THRESHOLD, _MMAP_THRESHOLD, _ARENA_MAX = -1, -3, -8
"""Of glibc's ``mallopt`` (``malloc.h``)."""
_FIRST_BYTES = 128 << 10
"""Both thresholds as glibc starts out with them."""
_USUAL_BYTES = 32 << 20
"""What glibc lets its thresholds grow to with what a process lets go, until they are set by hand."""
_KEPT_BYTES = 1 << 30
_ROOM_BYTES = 768 << 20
"""What the tensors of a segment take, less than is kept."""
_LARGE_PAGE_BYTES = 2 << 20
_SOFTLY = 1
"""``omp_pause_soft``: what the threads know is kept."""

Result = TypeVar("Result")

_lock = threading.Lock()
_running: set[object] = set()


@contextmanager
def memory_kept() -> Iterator[None]:
    """Let what tensors leave be used for the next ones, not be given back and asked for again.

    glibc maps every large block anew, and the kernel fills it with zeros a page at a time: a
    fifth of the time of a segment. Threads that begin in here share what is kept, rather than
    each keeping some. Afterwards memory is given back. Elsewhere than on glibc nothing is changed.
    """
    libc = _glibc()
    if libc is None:
        yield
        return
    one = object()
    with _lock:
        _running.add(one)
        _thresholds(libc, _KEPT_BYTES)
        libc.mallopt(_ARENA_MAX, 1)
        _ask_for_large_pages(libc)
    try:
        yield
    finally:
        with _lock:
            _running.remove(one)
            if not _running:
                _thresholds(libc, _USUAL_BYTES)
                libc.mallopt(_ARENA_MAX, 0)  # as usual, unless it has settled: glibc looks but once
                libc.malloc_trim(0)


@contextmanager
def lasting() -> Iterator[None]:
    """Let what is made in here, which stays, not lie between tensors that come and go: the gaps that these
    leave would be too small to be used again."""
    libc = _glibc()
    if libc is None:
        yield
        return
    with _lock:
        libc.mallopt(_MMAP_THRESHOLD, _FIRST_BYTES)
    try:
        yield
    finally:
        with _lock:
            libc.mallopt(_MMAP_THRESHOLD, _KEPT_BYTES if _running else _USUAL_BYTES)


def side_by_side(work: Callable[..., Result], parts: Iterable[tuple[int, int]]) -> list[Result]:
    """What ``work(first, last)`` gives for each part, in as many threads as torch has.

    Each of them takes one part after the other, and lets torch do one thing at a time. torch's own threads
    are sent to rest first, unless they do that by themselves: they would go on waiting for work, which takes
    a core each, for some milliseconds.
    """
    import torch

    parts = list(parts)
    made: list[Any] = [None] * len(parts)
    turns = iter(range(len(parts)))

    def take_turns(_thread: int) -> None:
        for turn in turns:
            made[turn] = work(*parts[turn])

    threads = torch.get_num_threads()
    for rest in _resting():
        rest(_SOFTLY)
    for _ in _threads(threads).map(take_turns, range(threads)):
        pass
    return made


def shared_out(count: int) -> list[tuple[int, int]]:
    """Parts of ``range(count)``, some for every thread of torch, so that all end at about the same time."""
    import torch

    parts = min(count, 4 * torch.get_num_threads())
    return [(count * part // parts, count * (part + 1) // parts) for part in range(parts)]


@lru_cache(maxsize=1)
def _threads(count: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(count, initializer=_alone)


def _alone() -> None:
    """Give this thread no helpers of OpenMP."""
    import torch

    torch.get_num_threads()  # torch sets its own number when a thread first asks
    threadpool_limits(1, user_api="openmp")


@lru_cache(maxsize=1)
def _resting() -> list[Callable[[int], int]]:
    """What sends the idle threads of torch's OpenMP to rest, where it can (OpenMP 5.0, 3.2.18), and where no
    one has told them how soon to rest."""
    told = {"libgomp"} if os.environ.get("GOMP_SPINCOUNT") else set[str]()
    found = []
    for library in threadpool_info():
        if library["user_api"] == "openmp" and library["prefix"] not in told:
            rest = getattr(ctypes.CDLL(library["filepath"]), "omp_pause_resource_all", None)
            found += [rest] if rest is not None else []
    return found


def give_back() -> None:
    """Hand memory that nothing uses now back to the system, on glibc."""
    if (libc := _glibc()) is not None:
        libc.malloc_trim(0)
        if _running:
            _ask_for_large_pages(libc)


def _ask_for_large_pages(libc: Any) -> None:
    """Let the memory that tensors will come to lie in consist of large pages: filling it with zeros in
    small ones takes a second on some virtual machines. Only room is taken, no memory."""
    if not hasattr(mmap, "MADV_HUGEPAGE"):
        return
    room = libc.malloc(ctypes.c_size_t(_ROOM_BYTES))
    if not room:
        return
    first = -(-room // _LARGE_PAGE_BYTES) * _LARGE_PAGE_BYTES
    size = (room + _ROOM_BYTES - first) // _LARGE_PAGE_BYTES * _LARGE_PAGE_BYTES
    libc.madvise(ctypes.c_void_p(first), ctypes.c_size_t(size), mmap.MADV_HUGEPAGE)
    libc.free(ctypes.c_void_p(room))  # glibc keeps it, as `_KEPT_BYTES` are more


def _thresholds(libc: Any, size: int) -> None:
    libc.mallopt(_MMAP_THRESHOLD, size)
    libc.mallopt(_TRIM_THRESHOLD, size)


def _glibc() -> Any:
    """The C library, where it is glibc."""
    if not sys.platform.startswith("linux"):
        return None
    try:
        libc = ctypes.CDLL(None)
        libc.gnu_get_libc_version  # noqa: B018 (raises where it is another)
        libc.malloc.restype = ctypes.c_void_p
        return libc
    except (OSError, AttributeError):
        return None


def half_pays() -> bool:
    """Whether this machine multiplies faster in half precision: a GPU, or a CPU with bfloat16 of its own."""
    import torch

    if torch.cuda.is_available():
        return True
    try:
        able = torch.cpu.get_capabilities()
    except (AttributeError, RuntimeError):  # a torch that does not say
        return False
    return any(able.get(name, False) for name in ("avx512_bf16", "amx_bf16", "amx_tile"))
