"""Fetching weights: to a ``.part``, resumed where it stopped, verified, then renamed.

For files of a hub repository whose hash is not known yet, the hub is asked for the commit,
sizes and hashes over TLS; once the files have arrived and match, commit and hashes are written
to ``pins.json`` beside them and hold ever after. A file that nobody states a hash for is taken
over TLS alone, and only if it looks like what its name says: a page of HTML is no network.
"""

from __future__ import annotations

import http.client
import ipaddress
import os
import shutil
import urllib.error
import urllib.parse
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
        sha256: the full hash; empty where nobody states one.
        size: bytes, when known beforehand.
        commit: the commit of the repository it is from; empty for a plain url.
    """

    name: str
    url: str
    sha256: str
    size: int | None
    commit: str = ""


def trustworthy(url: str) -> bool:
    """Whether what comes from there is known to come from there: TLS, or this very machine."""
    parts = urllib.parse.urlsplit(url)
    if parts.scheme == "https":
        return True
    try:
        return parts.scheme == "http" and ipaddress.ip_address(parts.hostname or "").is_loopback
    except ValueError:
        return parts.hostname == "localhost"


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


def hub_files(
    name: str, repo: str, patterns: Sequence[str], pinned: Mapping[str, str], revision: str | None = None
) -> list[Wanted]:
    """The files of a hub repository that match `patterns`, with the hashes the hub states.

    Args:
        pinned: hashes of an earlier fetch, by file.
        revision: a branch, or the commit of the earlier fetch; the newest by default.

    Raises:
        ModelUnavailable: the hub does not answer, has no such files, or states another hash
            than the pinned one.
    """
    from huggingface_hub import HfApi, hf_hub_url

    try:
        info = HfApi().model_info(repo, revision=revision, files_metadata=True, timeout=TIMEOUT_S)
    except Exception as error:  # its HTTP library, and so its exceptions, change with its version
        raise _unreachable(name, f"https://huggingface.co/{repo}", error) from error
    files = []
    for sibling in info.siblings or ():
        if "/" in sibling.rfilename or not any(fnmatch(sibling.rfilename, each) for each in patterns):
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
        files.append(Wanted(sibling.rfilename, url, known, sibling.size, info.sha or ""))
    if not any(file.name.endswith(".safetensors") for file in files):
        raise ModelUnavailable(f"there are no safetensors in https://huggingface.co/{repo}", where=name)
    return files


def fetch_all(name: str, files: Sequence[Wanted], folder: Path, progress: Callable[[float], None]) -> None:
    """Fetch the files that are not there yet, one process at a time, and pin their hashes.

    Raises:
        ModelUnavailable: the server fails, or a file is not what it should be.
        OutputError: the disk is full or the folder cannot be written.
    """
    with writing_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
    total = sum(file.size or 0 for file in files)
    done = 0
    with FileLock(folder / ".lock"):
        missing = [file for file in files if not _there(file, folder)]
        _room(folder, sum((file.size or 0) - _have(folder / file.name) for file in missing))
        for file in files:
            if file in missing:
                _fetch(name, file, folder / file.name, partial(_told, progress, total, done))
            done += file.size or 0
        pins = {file.name: file.sha256 or sha256(folder / file.name) for file in files}
        commits = {file.commit for file in files if file.commit}
        write_json(folder / "pins.json", {"commit": next(iter(commits), None), "sha256": pins})
    progress(1.0)


def _there(file: Wanted, folder: Path) -> bool:
    """Whether the very file is there; one that is held to no hash may have come from anywhere."""
    target = folder / file.name
    return bool(file.sha256) and target.is_file() and sha256(target) == file.sha256


def _part(target: Path) -> Path:
    return target.with_name(target.name + ".part")


def _have(target: Path) -> int:
    """Bytes that an earlier fetch has left."""
    part = _part(target)
    return part.stat().st_size if part.is_file() else 0


def _told(progress: Callable[[float], None], total: int, before: int, got: int, expected: int) -> None:
    """Tell the share of all files, or of this one where the sizes of all are not known."""
    whole = total or expected
    progress(min(1.0, (before + got) / whole) if whole else 0.0)


def _fetch(name: str, file: Wanted, target: Path, progress: Callable[[int, int], None]) -> None:
    part, have = _part(target), _have(target)
    if not file.sha256 and not trustworthy(file.url):
        raise ModelUnavailable(f"{file.name} has no known hash, and {file.url} is not https", where=name)
    headers = {"Range": f"bytes={have}-"} if have else {}
    try:
        request = urllib.request.Request(file.url, headers=headers)
        with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:
            start = have if answer.status == 206 else 0
            length = int(answer.headers.get("Content-Length") or 0)
            expected = start + length if length else file.size or 0
            _room(target.parent, length)
            _receive(answer, part, start, lambda got: progress(got, expected))
    except urllib.error.HTTPError as error:
        if error.code != 416:  # 416: the part is already whole
            raise _unreachable(name, file.url, error) from error
        expected = file.size or have
    except (urllib.error.URLError, http.client.HTTPException, TimeoutError, ConnectionError) as error:
        raise _unreachable(name, file.url, error) from error
    got = part.stat().st_size
    if got < expected:
        raise ModelUnavailable(
            f"{file.name} broke off after {got} of {expected} bytes", where=name,
            hint=f"polish models fetch {name} goes on where it stopped",
        )  # fmt: skip
    if wrong := _wrong(file, part):
        part.unlink()
        raise ModelUnavailable(
            f"{file.name} as fetched is not the file it should be ({wrong}); it was thrown away",
            where=name,
            hint=f"polish models fetch {name}",
        )
    os.replace(part, target)


def _wrong(file: Wanted, part: Path) -> str | None:
    """What is wrong with a fetched file: its hash, or without a known one its size or its first bytes."""
    if file.sha256:
        return None if sha256(part) == file.sha256 else "SHA-256 differs"
    if file.size is not None and part.stat().st_size != file.size:
        return f"{part.stat().st_size} bytes instead of {file.size}"
    with open(part, "rb") as content:
        head = content.read(512)
    if head.lstrip()[:1] == b"<" and file.name.rpartition(".")[2] not in ("xml", "html"):
        return "it is a web page"
    if file.name.endswith(".safetensors") and head[8:9] != b"{":
        return "no safetensors"
    if file.name.endswith((".pt", ".pth", ".ckpt", ".th")) and head[:2] not in (b"PK", b"\x80\x02"):
        return "no PyTorch checkpoint"
    return None


def _receive(
    answer: http.client.HTTPResponse, part: Path, start: int, progress: Callable[[int], None]
) -> None:
    with writing_errors(part), open(part, "ab" if start else "wb") as out:
        got = start
        while block := answer.read(_BLOCK):
            out.write(block)
            got += len(block)
            progress(got)
        out.flush()
        os.fsync(out.fileno())


def _room(folder: Path, wanted: int) -> None:
    free = shutil.disk_usage(folder).free
    if wanted > free:
        raise OutputError(
            f"needs {wanted / 1e9:.1f} GB, and {free / 1e9:.1f} GB are free",
            where=folder,
            hint="free some space, or point $POLISH_MODELS at another disk",
        )


def _unreachable(name: str, url: str, error: Exception) -> ModelUnavailable:
    reason = str(getattr(error, "reason", None) or error).splitlines()[0]
    return ModelUnavailable(
        f"cannot be fetched from {url}: {reason}",
        where=name,
        hint=f"fetch it on a machine with a network and copy it to $POLISH_MODELS/{name}/",
    )
