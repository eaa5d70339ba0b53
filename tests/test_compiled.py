"""Compiled functions kept on disk stay true to their signatures when processes start side by side."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

from numba.core.caching import IndexDataCacheFile

import polish.compiled  # noqa: F401

SAVES = """
import sys, time
import polish.compiled
from numba.core.caching import IndexDataCacheFile
kept = IndexDataCacheFile(sys.argv[1], "function", "stamp")
while time.time() < float(sys.argv[2]):
    pass
keys = list(range(40))
for key in keys if sys.argv[3] == "up" else keys[::-1]:
    kept.save(key, f"code of {key}")
"""


def test_processes_that_compile_at_once_leave_every_signature_its_own_code(tmp_path: Path):
    start = str(time.time() + 4)
    orders = ["up", "down", "up", "down"]
    sides = [subprocess.Popen([sys.executable, "-c", SAVES, tmp_path, start, order]) for order in orders]
    assert [side.wait() for side in sides] == [0, 0, 0, 0]
    kept = IndexDataCacheFile(str(tmp_path), "function", "stamp")
    assert [kept.load(key) for key in range(40)] == [f"code of {key}" for key in range(40)]
