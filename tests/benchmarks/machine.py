"""What a benchmark ran on, and where the real songs are."""

from __future__ import annotations

import os
import platform
from pathlib import Path

REAL = Path(os.environ.get("POLISH_TEST_AUDIO", Path(__file__).parents[3] / "shared" / "audio"))
"""The folder of real songs, of which none is part of the project; the same as the tests'."""
_ABOUT = Path("/proc/cpuinfo")


def processor() -> str:
    """How many cores of what."""
    lines = _ABOUT.read_text().splitlines() if _ABOUT.exists() else []
    name = next((line.split(": ")[1] for line in lines if line.startswith("model name")), platform.machine())
    return f"{os.cpu_count()} cores of {name}"
