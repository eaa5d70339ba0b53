"""Long sounds lie on the disk, and are the same sounds."""

from __future__ import annotations

import errno
import mmap
import os

import numpy as np
import pytest
import sounds

from polish import audio
from polish.audio import scratching
from polish.audio.sound import Sound
from polish.errors import OutputError


@pytest.fixture
def small_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """What takes more than 100 kB is long."""
    monkeypatch.setattr(scratching, "MOST_IN_MEMORY", 100_000)


def mapped(array: np.ndarray) -> bool:
    base: object = array
    while isinstance(base, np.ndarray):
        base = base.base
    return isinstance(base, mmap.mmap)


@pytest.mark.usefixtures("small_memory")
def test_room_for_a_long_sound_is_on_the_disk_and_has_no_name(tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(scratching.tempfile, "tempdir", None)
    room = audio.scratch((2, 100_000))
    assert mapped(room)
    assert not room.any()
    assert not list(tmp_path.iterdir())
    room[:] = 0.25
    audio.rest(room)
    assert (room == 0.25).all()


def test_room_for_a_song_is_in_memory():
    room = audio.scratch((2, 60 * 44_100))
    assert not mapped(room)
    audio.rest(room)


def test_sounds_share_the_memory_there_is_for_them_and_give_it_back(monkeypatch):
    monkeypatch.setattr(scratching, "_taken", scratching._Taken())
    monkeypatch.setattr(scratching, "MOST_IN_MEMORY", 1_000_000)
    first, second = audio.scratch((2, 100_000)), audio.scratch((2, 50_000))  # 800 and 400 kB
    assert not mapped(first)
    assert mapped(second)
    view = Sound(first, 44_100).samples[:, 10:]
    del first
    assert mapped(audio.scratch((2, 50_000))), "a view still holds the first"
    del view
    assert not mapped(audio.scratch((2, 100_000)))


@pytest.mark.usefixtures("small_memory")
@pytest.mark.parametrize("name", ["x.wav", "x.flac", "x.mp3"])
def test_a_long_sound_reads_as_it_would_in_memory(tmp_path, name, monkeypatch):
    path = audio.write(tmp_path / name, sounds.noise(7.0), {"x.mp3": "mp3 128k"}.get(name, name[2:]))
    read = audio.read(path)
    assert mapped(read.samples)
    monkeypatch.setattr(scratching, "MOST_IN_MEMORY", 1 << 30)
    assert np.array_equal(read.samples, audio.read(path).samples)


@pytest.mark.usefixtures("small_memory")
def test_long_sounds_add_up_on_the_disk():
    parts = [sounds.noise(2.0, seed=seed) for seed in range(3)]
    total = audio.add(parts)
    assert mapped(total.samples)
    assert np.allclose(total.samples, sum(part.samples for part in parts), atol=1e-6)
    assert audio.peak(total) == pytest.approx(np.abs(total.samples).max())


@pytest.mark.usefixtures("small_memory")
@pytest.mark.skipif(not hasattr(os, "posix_fallocate"), reason="the disk is asked for room where it can be")
def test_a_disk_without_room_is_a_clear_error(monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(OutputError, match="no room to work in") as caught:
        audio.add([Sound(np.ones((2, 100_000), np.float32), 44_100)])
    assert caught.value.exit_code == 5
    assert "TMPDIR" in str(caught.value)
