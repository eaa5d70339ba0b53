"""The cache: whole entries or none, each sound once, never more than its size, never fatal."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import numpy as np
import pytest
import run_fakes as fakes
import sounds
from run_fakes import Find, Finish, Gain, Split, calls

from polish.errors import UsageError
from polish.run import cache as caches
from polish.run import carry, hashing, slots
from polish.run.cache import Cache, Spoiled
from polish.run.eviction import STRAY_S, evict, size
from polish.song import Line, Lyrics, Song, Word

PLAN = fakes.plan(Split(), Find(), Gain(), Finish()).steps


@pytest.fixture(autouse=True)
def _no_calls():
    calls.clear()


def song(seed: int = 0) -> Song:
    mix = sounds.noise(0.25, seed=seed)
    return Song(draft=mix, mix=mix)


def entries(folder: Path) -> list[Path]:
    return sorted(folder.glob("entries/*/*"))


def objects(folder: Path) -> list[Path]:
    return sorted(folder.glob("objects/*/*"))


def test_a_stored_sound_is_named_by_its_own_hash(tmp_path):
    carry(PLAN, song(), Cache(tmp_path))
    assert len(objects(tmp_path)) == 5
    for path in objects(tmp_path):
        assert hashing.of_file(path) == path.name


def test_equal_sounds_are_stored_once_and_are_one_object(tmp_path):
    cache = Cache(tmp_path)
    first, again = cache.keep(sounds.noise(0.1)), cache.keep(sounds.noise(0.1))
    assert first is again
    assert cache.keep(first) is first
    assert len(objects(tmp_path)) == 1
    wide, narrow = sounds.silence(0.1, channels=2), sounds.silence(0.2, channels=1)
    assert cache.keep(wide).samples.shape != cache.keep(narrow).samples.shape


def test_lyrics_and_facts_come_back_as_they_went_in(tmp_path):
    word = Word(start_s=1.0, end_s=2.5, text="né\u2028")
    given = song().having(lyrics=Lyrics(lines=(Line(start_s=1.0, end_s=2.5, text="né", words=(word,)),)))
    cache = Cache(tmp_path)
    given = slots.replaced(given, cache.keep)
    cache.put("ab12", given, ("lyrics", "mix"), facts={"a": 1.1e-300}, notices=["né"])
    entry = Cache(tmp_path).get("ab12")
    assert entry["slots"]["lyrics"] == given.lyrics
    assert entry["facts"] == {"a": 1.1e-300}


@pytest.mark.parametrize("harm", ["cut", "empty", "gone", "changed", "longer"])
@pytest.mark.parametrize("what", [entries, objects])
def test_a_harmed_file_is_made_anew(tmp_path, what, harm):
    wanted, _ = carry(PLAN, song(), Cache(tmp_path))
    samples = wanted.masters["finish"].sound.samples.copy()
    stems = {name: stem.samples.copy() for name, stem in wanted.stems.items()}
    for path in what(tmp_path):
        data = path.read_bytes()
        path.unlink()
        if harm != "gone":
            middle = len(data) // 2
            flipped = data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :]
            path.write_bytes(
                {"cut": data[:middle], "empty": b"", "changed": flipped, "longer": data + b"\0"}[harm]
            )
    calls.clear()
    out = carried(tmp_path)
    np.testing.assert_array_equal(out.masters["finish"].sound.samples, samples)
    for name, stem in stems.items():
        np.testing.assert_array_equal(out.stems[name].samples, stem)
    assert calls["split"] == 1
    for path in objects(tmp_path):
        assert hashing.of_file(path) == path.name


def carried(folder: Path) -> Song:
    """Carry and use every sound, as a run does: again without what turns out to be spoiled."""
    cache = Cache(folder)
    for _ in range(10):
        try:
            out, _ = carry(PLAN, song(), cache)
            return cache.check(out)
        except Spoiled:
            continue
    raise AssertionError("never done")


def test_fresh_finds_nothing_but_leaves_what_it_made(tmp_path):
    carry(PLAN, song(), Cache(tmp_path))
    carry(PLAN, song(), Cache(tmp_path, fresh=True))
    assert calls["split"] == 2
    carry(PLAN, song(), Cache(tmp_path))
    assert calls["split"] == 2


def test_a_cache_that_cannot_be_written_is_told_of_once_and_does_not_matter(tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("")
    told: list[str] = []
    out, done = carry(PLAN, song(), Cache(blocked / "cache", notice=told.append))
    assert [each.status for each in done] == ["done"] * 4
    assert np.abs(out.masters["finish"].sound.samples).max() == pytest.approx(0.9, abs=1e-6)
    assert len(told) == 1
    assert "working in memory" in told[0]


def test_a_full_disk_first_costs_old_entries_and_only_then_the_cache(tmp_path, monkeypatch):
    carry(PLAN, song(1), Cache(tmp_path))
    for path in objects(tmp_path):
        os.utime(path, (0, 0))
    told: list[str] = []
    cache = Cache(tmp_path, notice=told.append)
    real, full = cache.objects.keep, iter([True])

    def keep(sound):
        if next(full, False):
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(sound)

    monkeypatch.setattr(cache.objects, "keep", keep)
    carry(PLAN, song(), cache)
    assert not told
    assert cache.writable
    assert len(entries(tmp_path)) == 5
    assert len(objects(tmp_path)) == 5


def test_the_longest_unused_goes_first(tmp_path):
    for seed, used_s in ((1, 1_000), (2, 3_000), (3, 2_000)):
        known = set(entries(tmp_path))
        carry(PLAN, song(seed), Cache(tmp_path))
        for path in set(entries(tmp_path)) - known:
            os.utime(path, (used_s, used_s))
    one_song = size(tmp_path) / 3
    remain = evict(tmp_path, round(2.2 * one_song), keep=frozenset())
    assert remain == size(tmp_path) <= 2.2 * one_song
    calls.clear()
    for seed in (2, 3, 1):
        carry(PLAN, song(seed), Cache(tmp_path))
        assert calls["split"] == (seed == 1)


def test_the_size_is_kept_while_songs_go_by(tmp_path):
    carry(PLAN, song(), Cache(tmp_path))
    one_song = size(tmp_path)
    for seed in range(1, 6):
        carry(PLAN, song(seed), Cache(tmp_path, limit=round(2.5 * one_song)))
        for path in tmp_path.glob("*/*/*"):
            os.utime(path, (seed, seed))
    assert one_song < size(tmp_path) <= 2.5 * one_song
    carry(PLAN, song(5), Cache(tmp_path))
    assert calls["split"] == 6


def test_what_a_run_uses_is_never_evicted(tmp_path):
    cache = Cache(tmp_path, limit=0)
    out, _ = carry(PLAN, song(), cache)
    assert cache.writable
    for _, sound in slots.sounds(out):
        assert hashing.of_samples(sound) == hashing.of_sound(sound)
    assert len(entries(tmp_path)) == 5


def test_strays_go_when_they_are_old(tmp_path):
    carry(PLAN, song(), Cache(tmp_path))
    kept = objects(tmp_path)
    folder = kept[0].parent
    (folder / ".part-old").write_bytes(b"half")
    (folder / ".part-new").write_bytes(b"half")
    old_s = (folder / ".part-new").stat().st_mtime - 2 * STRAY_S
    os.utime(folder / ".part-old", (old_s, old_s))
    evict(tmp_path, 10**9, keep=frozenset())
    assert set(objects(tmp_path)) == {*kept, folder / ".part-new"}


def test_two_evictions_do_not_meet(tmp_path):
    from filelock import FileLock

    carry(PLAN, song(), Cache(tmp_path))
    with FileLock(tmp_path / "lock"):
        assert evict(tmp_path, 0, keep=frozenset()) > 0
    assert evict(tmp_path, 0, keep=frozenset()) == 0 == len(entries(tmp_path))


@pytest.mark.parametrize("given", ["-1", "nan", "many", "inf"])
def test_a_size_that_is_none_is_refused(monkeypatch, given):
    monkeypatch.setenv("POLISH_CACHE_GB", given)
    with pytest.raises(UsageError, match="POLISH_CACHE_GB"):
        caches.limit_bytes()


def test_a_size_is_given_in_gigabytes(monkeypatch):
    monkeypatch.setenv("POLISH_CACHE_GB", "0.5")
    assert caches.limit_bytes() == 500_000_000
