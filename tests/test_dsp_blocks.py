"""Sounds on the disk, gone through block by block."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from polish.audio import scratching
from polish.dsp import filters
from polish.dsp.blocks import pieces


def resident_kb() -> int:
    """What of the files that sounds lie in is in memory."""
    found, mapped = 0, False
    for line in Path("/proc/self/smaps").read_text(encoding="utf-8").splitlines():
        if line.startswith("Rss:"):
            found += int(line.split()[1]) * mapped
        elif "-" in line.split()[0]:
            mapped = line.endswith("(deleted)") and str(scratching.folder()) in line
    return found


@pytest.fixture
def on_disk(monkeypatch: pytest.MonkeyPatch) -> np.ndarray:
    monkeypatch.setattr(scratching, "MOST_IN_MEMORY", 0)
    made = scratching.scratch((2, 3 << 20))
    made[:] = 0.1
    return made


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_what_was_gone_through_does_not_stay_in_memory(on_disk: np.ndarray):
    before = resident_kb()
    assert before >= on_disk.nbytes // 1024
    assert sum(float(on_disk[:, part].sum()) for part in pieces(3 << 20, 1 << 18, on_disk)) > 0
    assert resident_kb() <= before - on_disk.nbytes // 1024


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_filter_without_phase_leaves_nothing_in_memory(on_disk: np.ndarray):
    before = resident_kb()
    made = filters.apply_zero_phase(on_disk, filters.high_pass(44_100, 30.0), 44_100)
    assert made.shape == on_disk.shape
    assert resident_kb() <= before - on_disk.nbytes // 1024
