"""Many songs: on the cores of this machine, or on a Ray cluster."""

from __future__ import annotations

from .many import Summary, batch

__all__ = ["Summary", "batch"]
