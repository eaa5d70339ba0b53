"""Where weights lie, and whether they are what they should be.

Weights live under ``$POLISH_MODELS``, else under the user's cache folder; one folder a
model. A file is named by its path in there: ``htdemucs/htdemucs.yaml``. A file put there
by hand is used. A file with a known hash (the manifest's, or the one pinned at its first
fetch) must match it; without one, only formats that cannot carry code are read. A pickle
whose name has eight digits of its hash, as demucs' own ``.th`` files, has no known hash.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

from ..errors import ModelUnavailable
from ..files import sha256
from . import fetching, manifest

State = Literal["here", "fetchable", "missing"]

PLAIN_FORMATS = {".safetensors", ".json", ".yaml", ".txt", ".model"}
"""Formats that hold data and nothing to run; any other needs a hash that matches."""


def root() -> Path:
    """The models folder; it need not exist yet."""
    if given := os.environ.get("POLISH_MODELS"):
        return Path(given).expanduser()
    import platformdirs

    return Path(platformdirs.user_cache_dir("polish")) / "models"


@dataclass(frozen=True)
class Status:
    """One model, for ``polish models list``.

    Attributes:
        here: whether its files are in the models folder.
        bytes: their size; None when it is not here.
        files: their names, relative to the models folder.
    """

    name: str
    model: manifest.Model
    here: bool
    bytes: int | None
    files: tuple[str, ...]


def listing() -> list[Status]:
    """Every model of the manifest."""
    return [status(name) for name in manifest.load(root())]


def status(name: str) -> Status:
    """One model.

    Raises:
        ModelUnavailable: no model has that name.
    """
    model = _model(name)
    folder = root() / name
    pattern = model.files or (model.file_name(),)
    found = sorted({path for each in pattern for path in folder.glob(each) if path.is_file()})
    wanted = {*pins(name), *(each for each in pattern if "*" not in each)}
    here = bool(found) and all((folder / each).is_file() for each in wanted)
    files = tuple(path.relative_to(root()).as_posix() for path in found)
    return Status(name, model, here, sum(path.stat().st_size for path in found) if here else None, files)


def here(file: str) -> bool:
    """Whether a file is here; nobody is asked over the network."""
    return (root() / file).is_file()


def state(file: str) -> State:
    """Whether a file is ``here``, ``fetchable`` now, or ``missing``; nothing is loaded."""
    if here(file):
        return "here"
    name = file.split("/", 1)[0]
    if os.environ.get("HF_HUB_OFFLINE") == "1" or name not in manifest.load(root()):
        return "missing"
    return "fetchable" if _reachable(manifest.load(root())[name].source) else "missing"


_reachable = cache(fetching.reachable)


def path(file: str) -> Path:
    """The file, verified.

    Raises:
        ModelUnavailable: it is not here, its hash does not match, or it could carry code
            and no hash is known for it.
    """
    found = root() / file
    name = file.split("/", 1)[0]
    if not found.is_file():
        raise ModelUnavailable(
            f"the weights of {name} are not here ({found}){_instead(found)}", where=name,
            hint=f"polish models fetch {name}",
        )  # fmt: skip
    _verified(found, file, found.stat().st_size, found.stat().st_mtime_ns)
    return found


def _instead(absent: Path) -> str:
    """A word about the pickle of a Demucs that lies where its safetensors should."""
    if absent.suffix != ".safetensors" or not (found := sorted(absent.parent.glob(f"{absent.stem}*.th"))):
        return ""
    return (
        f"; {found[0].name} is, but it is a pickle, which can run code, and eight digits of a hash "
        "are no proof of what it is"
    )


@cache
def _verified(found: Path, file: str, _size: int, _changed_ns: int) -> None:
    """Hash a file once a process; size and time are part of the key, so a change is seen."""
    wanted = known_hash(file)
    if wanted is None:
        if found.suffix not in PLAIN_FORMATS:
            raise ModelUnavailable(
                "this format can carry code, and no SHA-256 is known for it, so it is not opened",
                where=found,
                hint=f"use safetensors, or state its url and sha256 in {root() / 'manifest.yaml'}",
            )
        return
    if (got := sha256(found)) != wanted:
        raise ModelUnavailable(
            f"not the file it should be: SHA-256 {got[:12]}…, expected {wanted[:12]}…",
            where=found,
            hint=f"delete it and run: polish models fetch {file.split('/', 1)[0]}",
        )


def known_hash(file: str) -> str | None:
    """The full SHA-256 that a file must have, as far as it is known."""
    name, _, rest = file.partition("/")
    model = manifest.load(root()).get(name)
    if model and model.sha256 and rest == model.file_name():
        return model.sha256
    return pins(name).get(rest)


def pins(name: str) -> dict[str, str]:
    """The hashes written down when a model was first fetched: file to SHA-256."""
    return _noted(name).get("sha256", {})


def _noted(name: str) -> dict[str, Any]:
    noted = root() / name / "pins.json"
    try:
        return json.loads(noted.read_text(encoding="utf-8")) if noted.is_file() else {}
    except ValueError as error:
        raise ModelUnavailable(
            f"its hashes cannot be read: {error}",
            where=noted,
            hint=f"delete it and run: polish models fetch {name}",
        ) from error


def files(name: str) -> tuple[str, ...]:
    """The files of a model that are here.

    Raises:
        ModelUnavailable: no model has that name, or none of its files is here.
    """
    found = status(name).files
    if not found:
        raise ModelUnavailable("its weights are not here", where=name, hint=f"polish models fetch {name}")
    return found


def fetch(name: str, progress: Callable[[float], None] = lambda _: None) -> tuple[Path, ...]:
    """Fetch a model (a file's name fetches its model), verify it, and return its files.

    Raises:
        ModelUnavailable: unknown, unreachable, or not what it should be.
        OutputError: it cannot be written.
    """
    name = name.split("/", 1)[0]
    model = _model(name)
    if model.url:
        known = model.sha256 or pins(name).get(model.file_name(), "")
        wanted = [fetching.Wanted(model.file_name(), model.url, known, None)]
    else:
        revision = _noted(name).get("commit") or model.revision
        wanted = fetching.hub_files(name, model.hub or "", model.files, pins(name), revision)
    fetching.fetch_all(name, wanted, root() / name, progress)
    return tuple(path(file) for file in status(name).files)


def licence(engine: str) -> tuple[str, bool] | None:
    """The licence of an engine's weights and whether it lets one sell; None without weights."""
    model = manifest.load(root()).get(engine)
    return (model.licence, model.sells) if model else None


def _model(name: str) -> manifest.Model:
    models = manifest.load(root())
    if name not in models:
        raise ModelUnavailable("no model has that name", where=name, hint="polish models list")
    return models[name]
