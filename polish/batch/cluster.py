"""Songs on a Ray cluster: a task each, on one CPU."""

from __future__ import annotations

import logging
from collections.abc import Callable, Generator, Iterable, Mapping
from itertools import islice
from typing import Any

from ..errors import UsageError
from . import rows
from .worker import Job, work


def run(
    jobs: Iterable[Job], address: str, work: Callable[[Job], Mapping[str, Any]] = work
) -> Generator[tuple[Job, Mapping[str, Any]]]:
    """Work on the songs on a cluster; rows as they come, failed ones too.

    Drafts and results lie where every node sees them under the same path, and polish is
    installed on every node.

    Args:
        address: ``auto``, ``local`` (a cluster on this machine, for this batch), ``ray://HOST:PORT``.

    Raises:
        UsageError: Ray is not installed, or there is no cluster at that address.
    """
    try:
        import ray
    except ImportError:
        raise UsageError(
            "Ray is not installed", where="--ray", hint="pip install 'polish-audio[ray]'"
        ) from None
    ours = not ray.is_initialized()
    if ours:
        try:
            ray.init(
                address=address,
                include_dashboard=False if address == "local" else None,
                log_to_driver=False,
                logging_level=logging.ERROR,
            )
        except (ConnectionError, ValueError, RuntimeError) as error:
            what = f"no Ray cluster answers: {str(error).splitlines()[0]}"
            raise UsageError(what, where=address, hint="--ray local starts one on this machine") from error
    try:
        # A song that kills its worker would kill the next one too: it is not tried again.
        task = ray.remote(num_cpus=1, max_retries=0)(work)
        waiting = iter(jobs)
        ahead = 2 * max(1, int(ray.cluster_resources().get("CPU", 1)))
        busy = {task.remote(job): job for job in islice(waiting, ahead)}
        while busy:
            for reference in ray.wait(list(busy))[0]:
                job = busy.pop(reference)
                try:
                    yield job, ray.get(reference)
                except ray.exceptions.RayError as error:
                    what = str(error).strip().splitlines()[0]
                    yield job, rows.failed(job, f"the worker that had it died: {what}", 1)
                busy.update({task.remote(job): job for job in islice(waiting, 1)})
    finally:
        if ours:
            ray.shutdown()
