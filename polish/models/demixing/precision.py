"""How near to the last bit the Demucs networks work.

``exact``   the same sums in the same order, in pieces that stay in the cache: the same bits.
``single``  float32 in whatever order is quickest; rounding differs, by −110 dB at the stems or less.
``half``    the transformer multiplies in bfloat16 (on a GPU: float16). What flows from layer
            to layer, its normalisations and the convolutions stay in float32.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

Kind = Literal["exact", "single", "half"]


class Precision:
    """How near to the last bit the layers of one network work; they share it."""

    def __init__(self) -> None:
        self.kind: Kind = "exact"

    @contextmanager
    def of(self, kind: Kind) -> Iterator[None]:
        """Work like that inside the block."""
        before, self.kind = self.kind, kind
        try:
            yield
        finally:
            self.kind = before
