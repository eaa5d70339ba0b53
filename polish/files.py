"""Files are whole or they are not there.

Everything polish writes goes through `whole_file`: written beside its target, flushed to
the disk and renamed over it, so that a reader never meets half a file and a stopped run
leaves nothing behind.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from .errors import BadInput, OutputError

_REASONS = {
    errno.ENOSPC: ("the disk is full", "free some space, or choose another folder with -o"),
    errno.EDQUOT: ("the disk quota is used up", "free some space, or choose another folder with -o"),
    errno.EROFS: ("the file system is read-only", "choose another folder with -o"),
    errno.EACCES: ("no permission to write there", "choose another folder with -o"),
    errno.EPERM: ("no permission to write there", "choose another folder with -o"),
    errno.ENOTDIR: ("a part of the path is a file, not a folder", "choose another folder with -o"),
    errno.ENAMETOOLONG: ("the name is too long for this file system", "give a shorter name"),
}


@contextmanager
def whole_file(target: Path) -> Iterator[Path]:
    """Yield a temporary path beside `target` that becomes `target` when the block ends well.

    The temporary file keeps the target's suffix, because encoders choose by it. On any
    exception it is removed and `target` stays as it was.

    Raises:
        OutputError: the file or its folder cannot be written.
    """
    target = Path(target)
    with writing_errors(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=".part-", suffix=target.suffix, dir=target.parent)
        os.close(handle)
    part = Path(name)
    try:
        with writing_errors(target):
            yield part
            _flush(part)
            part.chmod(0o644)
            os.replace(part, target)
    finally:
        with suppress(FileNotFoundError):
            part.unlink()


@contextmanager
def writing_errors(target: Path) -> Iterator[None]:
    """Turn an `OSError` raised while `target` is written into an `OutputError`."""
    try:
        yield
    except OSError as error:
        what, hint = _REASONS.get(error.errno or 0, (error.strerror or str(error), None))
        raise OutputError(f"cannot be written: {what}", where=target, hint=hint) from error


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def read_text(path: str | Path) -> str:
    """Read a UTF-8 text file (a byte order mark is dropped).

    Raises:
        BadInput: it is missing, unreadable, or not UTF-8.
    """
    try:
        return Path(path).read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadInput(f"not UTF-8 text (byte {error.start})", where=path, hint="save it as UTF-8") from error
    except OSError as error:
        raise BadInput(f"cannot be read: {error.strerror}", where=path) from error


def write_text(target: Path, text: str) -> Path:
    """Write UTF-8 text, whole."""
    with whole_file(target) as part:
        part.write_text(text, encoding="utf-8", newline="\n")
    return target


def write_json(target: Path, value: Any) -> Path:
    """Write JSON, whole; NaN and infinity are refused with `ValueError`."""
    return write_text(target, json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def sha256(path: Path) -> str:
    """SHA-256 of a file, as hexadecimal digits."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
