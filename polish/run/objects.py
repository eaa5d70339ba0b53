"""Sounds on disk, by content: each is stored once, and opened as a memory map.

A file holds nothing but the samples (float32, little-endian, one channel after the other)
and is named by its own SHA-256. It appears whole, by renaming. It is not flushed to the
disk one by one: after a power cut a file may be wrong, and `right` finds that out before
anything is made of it.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any
from weakref import WeakValueDictionary

import numpy as np

from .. import audio
from ..audio import Sound
from . import hashing


class Objects:
    """The sounds under one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.used: set[str] = set()
        """The content of what is open in this process."""
        self._right: set[str] = set()
        """The content that this process has written or checked."""
        self._open: WeakValueDictionary[tuple[str, int, int, int], Sound] = WeakValueDictionary()

    def path(self, digest: str) -> Path:
        return self.folder / digest[:2] / digest

    def keep(self, sound: Sound) -> Sound:
        """Store a sound and return it as a memory map of what is stored.

        Raises:
            OSError: it cannot be written.
        """
        digest = hashing.of_sound(sound)
        if self._open.get(_form(digest, sound)) is sound:
            return sound
        if not self._stored(digest, sound.samples.nbytes):
            self._write(sound, self.path(digest))
            self._right.add(digest)
        return self._mapped(*_form(digest, sound))

    def _stored(self, digest: str, nbytes: int) -> bool:
        try:
            return self.path(digest).stat().st_size == nbytes
        except FileNotFoundError:
            return False

    def _write(self, sound: Sound, target: Path) -> None:
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=".part-", dir=target.parent)
        try:
            with os.fdopen(handle, "wb") as part:
                for channel in sound.samples:
                    part.write(np.ascontiguousarray(channel, dtype="<f4").data)
            try:
                os.replace(name, target)
            except PermissionError:
                # Windows keeps a file that is mapped; what is there has the same name, so the same content.
                if not target.exists():
                    raise
        finally:
            with suppress(FileNotFoundError):
                os.unlink(name)

    def open(self, written: Mapping[str, Any]) -> Sound:
        """The sound that `slots.written` describes; its size is checked here, its content by `right`.

        Raises:
            OSError: it is not there, or its size is wrong.
        """
        digest, channels, frames = written["sha256"], written["channels"], written["frames"]
        if (size := self.path(digest).stat().st_size) != 4 * channels * frames:
            raise OSError(f"{size} bytes where {4 * channels * frames} were stored")
        return self._mapped(digest, written["rate_hz"], channels, frames)

    def _mapped(self, digest: str, rate_hz: int, channels: int, frames: int) -> Sound:
        """The one sound of that content: slots that hold the same hold the same object."""
        form = (digest, rate_hz, channels, frames)
        if (known := self._open.get(form)) is not None:
            return known
        shape = (channels, frames)
        # An empty file cannot be mapped. As a plain array, for what is compiled for those.
        samples = (
            np.memmap(self.path(digest), "<f4", "r", shape=shape) if channels * frames else np.zeros(shape)
        )
        sound = Sound(np.asarray(samples, np.float32), rate_hz)
        hashing.remember(sound, digest)
        self._open[form] = sound
        self.used.add(digest)
        return sound

    def right(self, sound: Sound) -> bool:
        """Read a stored sound through, once a process: whether it is what its name says.

        One that is not is thrown away.
        """
        digest = hashing.of_sound(sound)
        if digest in self._right or self._open.get(_form(digest, sound)) is not sound:
            return True
        if hashing.of_samples(sound) != digest:
            self.discard(digest)
            return False
        self._right.add(digest)
        return True

    def rest(self) -> None:
        """Let the pages of all that is open go: they are read from the disk again when they are wanted."""
        audio.rest(*(sound.samples for sound in list(self._open.values())))

    def discard(self, digest: str) -> None:
        """Throw a stored sound away, and forget what is open of it."""
        for form in [form for form in self._open if form[0] == digest]:
            del self._open[form]
        with suppress(OSError):
            self.path(digest).unlink()


def _form(digest: str, sound: Sound) -> tuple[str, int, int, int]:
    return digest, sound.rate_hz, sound.channels, sound.frames
