"""One song of a batch, in whatever process it is worked on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import PolishError
from . import rows


@dataclass(frozen=True)
class Job:
    """One song and what to do with it.

    Attributes:
        recipe, file, out: a name or absolute paths: a cluster's workers have folders of their own.
        name: the draft as it was given, for the row.
        title: the song's; the name of its folder in `out`.
        replaces: whether an earlier batch worked on this file: what it left there may be replaced.
        step: the id of a step to which the song is carried, for work that goes no further.
    """

    recipe: str
    out: str
    file: str = ""
    name: str = ""
    title: str = ""
    sets: tuple[str, ...] = ()
    offline: bool = False
    fresh: bool = False
    seed: int = 0
    replaces: bool = False
    step: str = ""


def work(job: Job) -> dict[str, Any]:
    """Run the recipe over the song: its row, whether that went well or not."""
    from ..run import hashing
    from ..run.runner import perform, planned

    try:
        plan = planned(job.recipe, job.file, sets=job.sets, offline=job.offline)
        result = perform(
            plan, job.file, out=job.out, offline=job.offline, fresh=job.fresh, replaces=job.replaces,
            seed=job.seed, title=job.title,
        )  # fmt: skip
        return rows.done(job, result.facts, plan.digest, hashing.of_file(Path(job.file)))
    except PolishError as error:
        return rows.failed(job, str(error).replace(job.file, job.name), error.exit_code)
    except Exception as error:
        return rows.failed(job, f"{type(error).__name__}: {error}", 1)
