"""The only door through which sound comes in or goes out."""

from __future__ import annotations

from .sound import Samples, Sound

__all__ = ["Samples", "Sound"]
