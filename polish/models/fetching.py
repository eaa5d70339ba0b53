"""Fetching weights: to a ``.part``, resumed where it stopped, verified, then renamed.

For files of a hub repository whose hash is not known yet, the hub is asked for the commit,
sizes and hashes over TLS; once the files have arrived and match, the hashes are written to
``pins.json`` beside them and hold ever after.
"""

from __future__ import annotations

import os
import shutil
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from functools import partial
from pathlib import Path

from filelock import FileLock

from ..errors import ModelUnavailable, OutputError
from ..files import sha256, write_json, writing_errors

TIMEOUT_S = 20
_BLOCK = 1 << 20


@dataclass(frozen=True)
class Wanted:
    """A file to fetch.

    Attributes:
        name: its name in the model's folder.
        sha256: the full hash; empty for a small text file the hub states none for.
        size: bytes, when known beforehand.
    """

    name: str
    url: str
    sha256: str
    size: int | None


def reachable(url: str) -> bool:
    """Whether the server behind `url` answers within three seconds."""
    request = urllib.request.Request(url, method="HEAD")
    try:
        with urllib.request.urlopen(request, timeout=3):
            return True
    except urllib.error.HTTPError:
        return True
    except (urllib.error.URLError, OSError):
        return False


def hub_files(name: str, repo: str, patterns: Sequence[str], pinned: Mapping[str, str]) -> list[Wanted]:
    """The files of a hub repository that match `patterns`, with the hashes the hub states.

    Raises:
        ModelUnavailable: the hub does not answer, or states another hash than the pinned one.
    """
    from huggingface_hub import HfApi, hf_hub_url

    try:
        info = HfApi().model_info(repo, files_metadata=True, timeout=TIMEOUT_S)
    except Exception as error:  # its HTTP library, and so its exceptions, change with its version
        raise _unreachable(name, f"https://huggingface.co/{repo}", error) from error
    files = []
    for sibling in info.siblings or ():
        if not any(fnmatch(sibling.rfilename, pattern) for pattern in patterns):
            continue
        stated = sibling.lfs.sha256 if sibling.lfs else ""
        known = pinned.get(sibling.rfilename, stated)
        if stated and known != stated:
            raise ModelUnavailable(
                f"{sibling.rfilename} is another file on the hub now than when it was first fetched",
                where=name,
                hint="delete its folder under `polish models path` to take the new one",
            )
        url = hf_hub_url(repo, sibling.rfilename, revision=info.sha)
        files.append(Wanted(sibling.rfilename, url, known, sibling.size))
    return files


def fetch_all(name: str, files: Sequence[Wanted], folder: Path, progress: Callable[[float], None]) -> None:
    """Fetch the files that are not there yet, one process at a time, and pin their hashes.

    Raises:
        ModelUnavailable: the server fails, or a file is not what it should be.
        OutputError: the disk is full or the folder cannot be written.
    """
    with writing_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
    total = sum(file.size or 0 for file in files) or 1
    done = 0
    with FileLock(folder / ".lock"):
        for file in files:
            target = folder / file.name
            if not (target.is_file() and (not file.sha256 or sha256(target) == file.sha256)):
                _fetch(name, file, target, partial(_share, progress, done, total))
            done += file.size or 0
        pins = {file.name: file.sha256 or sha256(folder / file.name) for file in files}
        write_json(folder / "pins.json", {"sha256": pins})
    progress(1.0)


def _share(progress: Callable[[float], None], before: int, total: int, got: int) -> None:
    progress(min(1.0, (before + got) / total))


def _fetch(name: str, file: Wanted, target: Path, progress: Callable[[int], None]) -> None:
    part = target.with_name(target.name + ".part")
    have = part.stat().st_size if part.is_file() else 0
    headers = {"Range": f"bytes={have}-"} if have else {}
    try:
        with urllib.request.urlopen(
            urllib.request.Request(file.url, headers=headers), timeout=TIMEOUT_S
        ) as answer:
            resumed = have and answer.status == 206
            length = int(answer.headers.get("Content-Length") or 0)
            expected = length + (have if resumed else 0)
            _room(target, length)
            _receive(answer, part, have if resumed else 0, progress)
    except urllib.error.HTTPError as error:
        if error.code != 416:  # 416: the part is already whole
            raise _unreachable(name, file.url, error) from error
        expected = have
    except (urllib.error.URLError, TimeoutError, ConnectionError) as error:
        raise _unreachable(name, file.url, error) from error
    got = part.stat().st_size
    if expected and got < expected:
        raise ModelUnavailable(
            f"{file.name} broke off after {got} of {expected} bytes", where=name,
            hint=f"polish models fetch {name} goes on where it stopped",
        )  # fmt: skip
    if file.sha256 and sha256(part) != file.sha256:
        part.unlink()
        raise ModelUnavailable(
            f"{file.name} as fetched is not the file it should be (SHA-256 differs); it was thrown away",
            where=name,
            hint=f"polish models fetch {name}",
        )
    os.replace(part, target)


def _receive(answer: object, part: Path, start: int, progress: Callable[[int], None]) -> None:
    with writing_errors(part), open(part, "ab" if start else "wb") as out:
        got = start
        while block := answer.read(_BLOCK):  # type: ignore[attr-defined]
            out.write(block)
            got += len(block)
            progress(got)
        out.flush()
        os.fsync(out.fileno())


def _room(target: Path, wanted: int) -> None:
    free = shutil.disk_usage(target.parent).free
    if wanted > free:
        raise OutputError(
            f"needs {wanted / 1e9:.1f} GB, and {free / 1e9:.1f} GB are free",
            where=target.parent,
            hint="free some space, or point $POLISH_MODELS at another disk",
        )


def _unreachable(name: str, url: str, error: Exception) -> ModelUnavailable:
    reason = str(getattr(error, "reason", None) or error).splitlines()[0]
    return ModelUnavailable(
        f"cannot be fetched from {url}: {reason}",
        where=name,
        hint=f"fetch it on a machine with a network and copy it to $POLISH_MODELS/{name}/",
    )
