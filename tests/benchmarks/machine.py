"""What a benchmark ran on."""

from __future__ import annotations

import os
import platform
from pathlib import Path

_ABOUT = Path("/proc/cpuinfo")


def processor() -> str:
    """How many cores of what."""
    lines = _ABOUT.read_text().splitlines() if _ABOUT.exists() else []
    name = next((line.split(": ")[1] for line in lines if line.startswith("model name")), platform.machine())
    return f"{os.cpu_count()} cores of {name}"
