"""The most memory that a process has had."""

from __future__ import annotations

import resource
import sys
from pathlib import Path

IMPORT = f"import sys\nsys.path.insert(0, {str(Path(__file__).parent)!r})\nfrom peak_memory import peak_mb\n"
"""What a program of its own begins with to tell its peak."""


def peak_mb() -> float:
    """Since the program began: on Linux `ru_maxrss` of a child begins at what its parent had."""
    if sys.platform == "linux":
        told = Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0]
        return int(told) * 1024 / 1e6
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
