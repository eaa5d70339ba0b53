"""Compiled functions kept on disk stay true to their signatures when processes start side by side."""

from __future__ import annotations

import os
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


ADDS_UP = """
import hashlib
import numpy as np
from polish.models.demixing.halves import added, normalised
rng = np.random.default_rng(0)
rows, gains, offsets = (rng.standard_normal(shape, np.float32) for shape in ((40, 512), 512, 512))
halves, out = np.empty(rows.shape, np.int16), np.empty_like(rows)
normalised(rows, gains, offsets, 1e-5, halves)
sums = np.array(added(rows, halves, gains, out))
print(hashlib.sha256(b"".join(each.tobytes() for each in (halves, out, sums))).hexdigest())
"""


def test_the_run_that_compiles_gives_the_bits_of_those_that_load(tmp_path: Path):
    here = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)}
    told = [subprocess.check_output([sys.executable, "-c", ADDS_UP], env=here) for _ in range(2)]
    assert any(tmp_path.rglob("*.nbc"))
    assert told[0] == told[1]
