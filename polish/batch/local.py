"""Songs on this machine: a process each, so that one that dies takes no other with it.

A pool of `concurrent.futures` is lost as a whole when one of its workers is killed for
memory, and does not say whose song it was. Here every worker has its own pipe: when that
closes, its song has failed, and a new worker takes the next.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection, wait
from typing import Any

from . import rows
from .worker import Job, work

Work = Callable[[Job], Mapping[str, Any]]
_THREADS = (
    "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
)  # fmt: skip
_FAREWELL_S = 10.0


def run(jobs: Iterable[Job], workers: int, work: Work = work) -> Generator[tuple[Job, Mapping[str, Any]]]:
    """Work on `workers` songs at a time; rows as they come, failed ones too.

    Args:
        work: what is done with a job, a function that a fresh process can import.
    """
    waiting = iter(jobs)
    busy: dict[Connection, _Worker] = {}

    def start(worker: _Worker | None) -> None:
        job = next(waiting, None)
        if job is not None:
            worker = worker or _Worker(work, max(1, _cores() // workers))
            worker.begin(job)
            busy[worker.pipe] = worker
        elif worker:
            worker.end()

    try:
        for _ in range(workers):
            start(None)
        while busy:
            ready = wait(list(busy))
            for worker in [busy[pipe] for pipe in list(busy) if pipe in ready]:
                del busy[worker.pipe]
                row = worker.row()
                yield worker.job, row
                start(worker if worker.alive else None)
    finally:
        for worker in busy.values():
            worker.process.terminate()
        for worker in busy.values():
            worker.stop()


class _Worker:
    """A process that works on one song after the other."""

    def __init__(self, work: Work, threads: int) -> None:
        context = multiprocessing.get_context("spawn")
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(target=_serve, args=(theirs, work))
        self.alive = True
        with _few_threads(threads):
            self.process.start()
        theirs.close()

    def begin(self, job: Job) -> None:
        self.job = job
        with suppress(OSError):  # it has died: `row` says so
            self.pipe.send(job)

    def row(self) -> Mapping[str, Any]:
        """The row of its song; a failed one when the process is gone."""
        try:
            return self.pipe.recv()
        except (EOFError, OSError):
            self.alive = False
            self.process.join()
            code = self.process.exitcode or 0
            why = signal.Signals(-code).name if code < 0 else f"exit code {code}"
            hint = "; was there too little memory?" if code == -signal.SIGKILL else ""
            return rows.failed(self.job, f"the process that worked on it died ({why}{hint})", 1)

    def end(self) -> None:
        """Let it go: it ends when its pipe closes."""
        self.pipe.close()
        self.process.join()

    def stop(self) -> None:
        """See that it ends, after it was told to: it tidies up first."""
        self.process.join(_FAREWELL_S)
        self.process.kill()
        self.process.join()
        self.pipe.close()


def _cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextmanager
def _few_threads(threads: int) -> Iterator[None]:
    """Have numerical libraries of a process that starts now use few threads, unless told otherwise."""
    added = [name for name in _THREADS if name not in os.environ]
    os.environ.update(dict.fromkeys(added, str(threads)))
    try:
        yield
    finally:
        for name in added:
            del os.environ[name]


def _serve(pipe: Connection, work: Work) -> None:
    """Take jobs until the pipe closes. An interrupt comes from the parent, as SIGTERM."""

    def interrupted(*_: Any) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        raise KeyboardInterrupt

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, interrupted)
    with suppress(KeyboardInterrupt, EOFError, OSError):
        while True:
            pipe.send(work(pipe.recv()))
