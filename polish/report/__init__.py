"""Facts in, one HTML page out: what came in, what was done, what goes out."""

from __future__ import annotations

from .page import page
from .series import series
from .similarity import likeness

__all__ = ["likeness", "page", "series"]
