"""What a process lets torch do while networks run, and how it leaves the process behind."""

from __future__ import annotations

import subprocess
import sys

import pytest
from peak_memory import IMPORT

from polish.models.torch_speed import shared_out, side_by_side

AFTERWARDS = """
import resource
import numpy as np
from polish.models.torch_speed import memory_kept

with memory_kept():
    np.ones(1 << 18)
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(50):
    np.ones(1 << 18)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""
PAGES = (8 << 18) // 4096


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="malloc is told on glibc alone")
def test_what_comes_after_a_network_uses_memory_again_that_it_let_go():
    told = subprocess.run(
        [sys.executable, "-c", AFTERWARDS], capture_output=True, text=True, timeout=60, check=True
    )
    assert int(told.stdout) < 5 * PAGES  # 50 times as many when each array is mapped anew


ROOM = f"""{IMPORT}
from polish.models.torch_speed import give_back, memory_kept

with memory_kept():
    before = peak_mb()
    give_back()
with memory_kept():
    print(peak_mb() - before)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="malloc is told on glibc alone")
def test_room_for_what_tensors_will_take_is_no_memory():
    told = subprocess.run(
        [sys.executable, "-c", ROOM], capture_output=True, text=True, timeout=60, check=True
    )
    assert float(told.stdout) < 8  # MB, where the room is a hundred times that


def test_parts_worked_on_side_by_side_come_in_order_and_each_once():
    seen: list[int] = []

    def work(first: int, last: int) -> int:
        seen.append(first)
        return sum(range(first, last))

    parts = shared_out(1001)
    assert sum(side_by_side(work, parts)) == sum(range(1001))
    assert side_by_side(work, iter([(3, 5), (0, 2), (7, 8)])) == [7, 1, 7]
    assert sorted(seen[: len(parts)]) == [first for first, _ in parts]
    assert side_by_side(work, []) == []


def test_an_error_in_one_part_reaches_who_asked():
    def work(first: int, _last: int) -> None:
        if first == 2:
            raise ValueError("part 2")

    with pytest.raises(ValueError, match="part 2"):
        side_by_side(work, [(each, each + 1) for each in range(9)])
    assert side_by_side(lambda first, _: first, [(1, 2)]) == [1]
