"""Content hashes: two sounds, files or settings with the same hash are the same.

SHA-256 throughout. With the SHA instructions of current processors it reads 1.8 GB/s, two
and a half times as fast as BLAKE2b, and the hash of a draft can be checked by anyone.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

from ..audio import Sound
from ..files import sha256

_known: WeakKeyDictionary[Sound, str] = WeakKeyDictionary()


def of_sound(sound: Sound) -> str:
    """SHA-256 of the samples: float32, little-endian, one channel after the other.

    A `Sound` is never changed in place, so each is hashed once and remembered.
    """
    if sound not in _known:
        _known[sound] = of_samples(sound)
    return _known[sound]


def of_samples(sound: Sound) -> str:
    """The same hash, computed now whatever is remembered."""
    running = hashlib.sha256()
    for channel in sound.samples:
        running.update(np.ascontiguousarray(channel, dtype="<f4").data)
    return running.hexdigest()


def remember(sound: Sound, digest: str) -> None:
    """Note the hash of a sound that was opened from where its hash is written."""
    _known[sound] = digest


def of_value(value: Any) -> str:
    """SHA-256 of a JSON value, whatever the order of its keys.

    Raises:
        ValueError: a NaN or an infinity is in it.
    """
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def of_file(path: str | Path) -> str:
    """SHA-256 of a file; of a folder, of the names and hashes of the files right in it."""
    path = Path(path)
    if not path.is_dir():
        return sha256(path)
    return of_value({file.name: sha256(file) for file in path.iterdir() if file.is_file()})


def plain(value: Any) -> Any:
    """A value as it comes back from JSON: numpy numbers and tuples become plain ones.

    What a step has measured looks the same whether it has just run or comes out of the cache.

    Raises:
        ValueError: a NaN or an infinity is in it.
        TypeError: something that is no JSON value.
    """
    return json.loads(json.dumps(value, allow_nan=False, default=_unwrapped))


def _unwrapped(value: Any) -> Any:
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        return value.tolist()
    raise TypeError(f"{type(value).__name__} is no JSON value")
