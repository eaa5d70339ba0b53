"""Sounds that are no songs, or songs without a beat to count: low confidence, never an exception."""

from __future__ import annotations

import numpy as np
import pytest
import sounds

from polish.audio import Sound
from polish.song import Song
from polish.stages.beats import Beats
from polish.stages.check import Check
from polish.stages.sections import Sections

RATE_HZ = 22_050


def understood(sound: Sound) -> Song:
    return Check().run(Sections().run(Beats(engine="builtin").run(Song(mix=sound))))


def played(times_s: np.ndarray, seconds: float, seed: int = 0) -> Sound:
    """Short plucked notes at these times."""
    rng = np.random.default_rng(seed)
    samples = 0.001 * rng.standard_normal(round(seconds * RATE_HZ))
    t = np.arange(round(0.35 * RATE_HZ)) / RATE_HZ
    for time_s in times_s[times_s < seconds - 0.5]:
        hz = 220 * 2 ** (rng.integers(0, 12) / 12)
        note = sum(np.sin(2 * np.pi * hz * k * t) / k for k in (1, 2, 3)) * np.exp(-t * 8)
        start = round(float(time_s) * RATE_HZ)
        samples[start : start + t.size] += 0.2 * note
    return Sound(samples[None].astype(np.float32), RATE_HZ)


def speech(seconds: float = 14, seed: int = 1) -> Sound:
    """Syllables of uneven length and pitch, with pauses, as of somebody who talks."""
    rng = np.random.default_rng(seed)
    samples, at = np.zeros(round(seconds * RATE_HZ)), 0.2
    while at < seconds - 0.6:
        length = rng.uniform(0.08, 0.32)
        t = np.arange(round(length * RATE_HZ)) / RATE_HZ
        hz = rng.uniform(90, 160) * (1 - 0.2 * t / length)
        wave = sum(np.sin(2 * np.pi * np.cumsum(hz) / RATE_HZ * k) / k for k in range(1, 12))
        start = round(at * RATE_HZ)
        samples[start : start + t.size] += 0.1 * wave * np.hanning(t.size)
        at += length + (rng.uniform(0.3, 0.9) if rng.random() < 0.2 else rng.uniform(0.0, 0.08))
    samples += 0.001 * rng.standard_normal(samples.size)
    return Sound(samples[None].astype(np.float32), RATE_HZ)


RUBATO = np.cumsum(np.random.default_rng(3).uniform(0.35, 1.1, 60))
CHANGING = np.cumsum(np.r_[np.full(24, 60 / 100), np.full(40, 60 / 132)])


def test_speech_has_no_firm_beat() -> None:
    assert understood(speech()).beats.confidence < 0.35


def test_rubato_has_no_firm_beat() -> None:
    song = understood(played(RUBATO, 26))
    assert song.beats.confidence < 0.35 and song.sections[-1].end_s == pytest.approx(26)


def test_a_tempo_that_changes_in_the_middle_is_a_finding_or_no_beat() -> None:
    song = understood(played(CHANGING, 32))
    kinds = {finding.kind for finding in song.findings}
    assert song.beats.tempo_bpm is None or song.beats.confidence < 0.5 or "tempo_drift" in kinds


@pytest.mark.parametrize("seconds", [0.0, 0.02, 0.5, 2.0])
def test_short_sounds_are_one_part_without_a_beat(seconds: float) -> None:
    song = understood(sounds.noise(4, rate_hz=RATE_HZ).cut(0, seconds))
    assert song.beats.tempo_bpm is None and len(song.sections) == 1


@pytest.mark.slow
def test_a_mix_of_forty_minutes_is_understood_in_little_memory() -> None:
    """Tables grow by some kilobytes a second; what is held at once stays under half a gigabyte."""
    import tracemalloc

    piece = sounds.total(sounds.band(60, bpm=120, rate_hz=8000)).samples[:1]
    sound = Sound(np.tile(piece, (1, 40)), 8000)
    tracemalloc.start()
    song = understood(sound)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert song.beats.tempo_bpm == pytest.approx(120, rel=0.01) and song.sections[-1].end_s == 2400
    assert peak < 500e6
