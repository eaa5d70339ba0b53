"""Repairs that work in the spectrum: the same bits in blocks of any size, and the law of a leak."""

from __future__ import annotations

import numpy as np
import pytest
import sounds

from polish.dsp import bands, bleed, denoise, filters, leak, shimmer
from polish.song import Song
from polish.stages.clean import Clean
from polish.stages.repairs import REPAIRS

SIZES = (7, 100, 1 << 16)


@pytest.fixture(scope="module")
def parted() -> dict[str, np.ndarray]:
    """A lead that rests every other second, noise in bursts, a hum of chords: ``(channels, frames)`` each."""
    seconds = 6.0
    t = sounds.times(seconds)
    lead = 0.2 * np.sin(2 * np.pi * 330 * t) * (t % 2 < 1)
    bursts = sounds.noise(seconds, 0.1, pink=True).samples * (0.2 + ((t * 4) % 1 < 0.4))
    chords = sum(0.05 * np.sin(2 * np.pi * hz * t + hz) for hz in (220, 277, 415)) * (1 + np.sin(3 * t))
    hush = sounds.noise(seconds, 1e-4, seed=2).samples
    return {
        "vocals": (lead + hush).astype(np.float32),
        "drums": bursts.astype(np.float32),
        "other": (chords + hush[::-1]).astype(np.float32),
    }


@pytest.fixture(scope="module")
def leaky(parted) -> np.ndarray:
    """The lead with the others in it, duller."""
    around = 0.1 * parted["drums"] + 0.2 * parted["other"]
    dull = filters.apply(around.astype(np.float32), filters.high_shelf(sounds.RATE_HZ, 3000, -6))
    return parted["vocals"] + dull


def found(samples: np.ndarray, parted: dict[str, np.ndarray]) -> leak.Leak | None:
    others = {name: parted[name] for name in ("drums", "other")}
    grid = bands.measure(samples, sounds.RATE_HZ)
    around = {name: bands.measure(other, sounds.RATE_HZ) for name, other in others.items()}
    return leak.find(samples, others, grid, bleed.pauses(grid, around))


@pytest.fixture(scope="module")
def leaks(leaky, parted) -> leak.Leak:
    got = found(leaky, parted)
    assert got is not None
    assert set(got.filters) == {"drums", "other"}
    return got


def test_a_leak_is_the_same_in_blocks_of_any_size(leaky, parted, leaks, monkeypatch):
    source, gains = parted["drums"], leaks.filters["drums"]
    taken = leak.of(source, gains)
    left = leak.without(leaky, taken)
    for size in SIZES:
        monkeypatch.setattr(leak, "_COLUMNS", max(size, 16))
        monkeypatch.setattr(leak, "_FILTERED_COLUMNS", size)
        monkeypatch.setattr(leak, "_BLOCK", max(size, 100))
        again = found(leaky, parted)
        assert again.lower_db == leaks.lower_db
        assert all(np.array_equal(again.filters[name], own) for name, own in leaks.filters.items())
        assert np.array_equal(leak.of(source, gains), taken)
        assert np.array_equal(leak.without(leaky, taken), left)


@pytest.mark.parametrize("repair", ["shimmer", "noise"])
def test_treble_and_noise_are_calmed_alike_in_blocks_of_any_size(parted, repair, monkeypatch):
    rng = np.random.default_rng(4)
    samples = parted["drums"] + parted["vocals"]
    lone = rng.standard_normal(samples.shape[1]) * (rng.random(samples.shape[1]) < 1e-3)
    samples = (samples + lone).astype(np.float32)
    module, rate_hz = {"shimmer": shimmer, "noise": denoise}[repair], sounds.RATE_HZ

    def repaired() -> tuple[object, np.ndarray]:
        if repair == "shimmer":
            monkeypatch.setattr(shimmer, "EDGE", 0.0)
            return shimmer.find(samples, rate_hz).share, shimmer.without(samples, rate_hz)
        noise = denoise.find(samples, rate_hz)
        return noise.power.tolist(), denoise.without(samples, rate_hz, noise, deepest_db=6.0)

    known, whole = repaired()
    assert not np.array_equal(whole, samples)
    for size in SIZES:
        monkeypatch.setattr(module, "_BLOCK", size)
        again, parts = repaired()
        assert again == known
        assert np.array_equal(parts, whole)


def test_what_leaks_is_a_filter_of_its_stem(parted, leaks):
    """It adds up, grows with its stem, comes later when its stem does, and is silent where its stem is."""
    one, other, gains = parted["drums"], parted["other"], leaks.filters["drums"]
    of_one, of_other = leak.of(one, gains), leak.of(other, gains)
    assert sounds.snr_db(of_one + of_other, leak.of(one + other, gains)) > 100
    assert np.array_equal(leak.of(one * np.float32(0.25), gains), of_one * np.float32(0.25))
    hop = (gains.size - 1) // 2
    later = np.pad(one[:, : -3 * hop], ((0, 0), (3 * hop, 0)))
    middle = slice(20 * hop, -20 * hop)
    shifted = np.pad(of_one, ((0, 0), (3 * hop, 0)))[:, : one.shape[1]]
    assert sounds.snr_db(shifted[:, middle], leak.of(later, gains)[:, middle]) > 100
    assert not leak.of(np.zeros_like(one), gains).any()


def test_the_filters_are_those_that_leak(parted, leaks):
    """A tenth and a fifth, half of it in the treble: what was put in comes out of its own stem."""
    size = 2 * (leaks.filters["drums"].size - 1)
    hz = np.arange(leaks.filters["drums"].size) * sounds.RATE_HZ / size
    for name, level, span_hz in (("drums", 0.1, (100, 1500)), ("other", 0.2, (200, 430))):
        gains = np.abs(leaks.filters[name])[(hz > span_hz[0]) & (hz < span_hz[1])]
        assert np.median(gains) == pytest.approx(level, rel=0.05)
    assert np.median(np.abs(leaks.filters["drums"])[hz > 8000]) == pytest.approx(0.05, rel=0.1)


def test_without_a_leak_nothing_is_touched(parted):
    assert found(parted["vocals"], parted) is None
    song = Song(stems={name: sounds.Sound(samples, sounds.RATE_HZ) for name, samples in parted.items()})
    done = Clean(**dict.fromkeys(set(REPAIRS) - {"bleed"}, False)).run(song)
    assert all(done.stems[name] is stem for name, stem in song.stems.items())
