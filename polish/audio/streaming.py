"""Sound block by block, for what needs no more of it at a time: memory does not grow with the length."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .decoding import decoding
from .sound import Samples


@dataclass(frozen=True)
class Blocks:
    """A file being read: to be iterated once, from its beginning to its end.

    Attributes:
        rate_hz, channels: of all blocks.
        speakers: which loudspeakers the channels are for, as WAV's channel mask has it; `None`
            where the file does not say.
    """

    rate_hz: int
    channels: int
    speakers: int | None
    _samples: Iterator[Samples]

    def __iter__(self) -> Iterator[Samples]:
        """Blocks ``(channels, frames)``, float32, of any length above 0.

        Raises:
            BadInput: at the end, what `read` refuses: a file that is cut short, NaN, infinity.
        """
        return self._samples


@contextmanager
def blocks(path: str | Path) -> Iterator[Blocks]:
    """Open a sound file of any format that `read` takes, to be read block by block.

    Raises:
        BadInput: as `read`; see `Blocks`.
    """
    with decoding(Path(path)) as source:
        samples = (np.ascontiguousarray(block.T) for block in source.blocks)
        yield Blocks(source.rate_hz, source.channels, source.speakers, samples)
