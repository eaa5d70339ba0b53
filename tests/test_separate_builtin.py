"""The built-in separator: sums, silence, any rate, the same bits; and what it reaches on known stems."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path

import imageio_ffmpeg
import numpy as np
import pytest
import soundfile
import sounds

from polish import audio
from polish.audio import Sound
from polish.models import separation
from polish.models.separation import BuiltinSeparator

NAMES = ("drums", "bass", "other", "vocals")


def separated(mix: Sound, **more) -> Mapping[str, Sound]:
    return BuiltinSeparator("builtin").separate(mix, seed=0, progress=lambda _: None, **more).stems


def sdr_db(truth: Sound, estimate: Sound) -> float:
    """Signal-to-distortion ratio, 10 log10(|s|² / |s − ŝ|²)."""
    return sounds.snr_db(truth.samples, estimate.samples)


@pytest.mark.parametrize(
    ("channels", "rate_hz", "frames"),
    [(1, 44_100, 44_100), (2, 8_000, 8_000), (2, 48_000, 48_000), (2, 192_000, 96_000), (2, 22_050, 22_051),
     (1, 44_100, 1), (2, 44_100, 2), (2, 44_100, 1000), (1, 8_000, 100)],
)  # fmt: skip
def test_stems_sum_to_the_mix(channels, rate_hz, frames):
    rng = np.random.default_rng(0)
    mix = Sound((3 * rng.standard_normal((channels, frames)) + 0.1).astype(np.float32), rate_hz)
    stems = separated(mix)
    assert tuple(stems) == NAMES
    assert all(stem.samples.shape == mix.samples.shape and stem.rate_hz == rate_hz for stem in stems.values())
    total = sum(stem.samples.astype(np.float64) for stem in stems.values())
    assert np.abs(total - mix.samples).max() < 1e-5


def test_a_song_of_several_blocks_sums_across_their_fades():
    rate_hz = 8_000
    mix = sounds.noise(75.0, rate_hz=rate_hz)
    assert len(list(separation._blocks(mix.frames, rate_hz))) == 4
    total = sum(stem.samples.astype(np.float64) for stem in separated(mix).values())
    assert np.abs(total - mix.samples).max() < 1e-6


@pytest.mark.parametrize("seconds", [0.5, 19.0, 26.9, 27.1, 40.0, 600.0])
def test_blocks_cover_the_song_once(seconds):
    frames = round(seconds * 1000)
    gains = np.zeros(frames)
    for block in separation._blocks(frames, 1000):
        gains[block.frames] += block.fades()
        assert block.frames.stop <= frames
        assert block.frames.stop - block.frames.start <= 30_000
    assert np.allclose(gains, 1)


@pytest.mark.parametrize("channels", [1, 2])
def test_silence_stays_silent(channels):
    stems = separated(sounds.silence(1.0, channels=channels))
    assert all(stem.silent for stem in stems.values())


def test_the_same_mix_gives_the_same_bits():
    mix = sounds.total(sounds.band(4.0))
    first, second = separated(mix), separated(mix)
    assert all(np.array_equal(first[name].samples, second[name].samples) for name in NAMES)


def test_one_stem_alone_is_the_same_stem():
    mix = sounds.total(sounds.band(4.0))
    alone = separated(mix, stems=("bass",))
    assert list(alone) == ["bass"]
    assert np.array_equal(alone["bass"].samples, separated(mix)["bass"].samples)


def test_mono_and_two_equal_channels_are_separated_alike():
    mono = Sound(sounds.total(sounds.band(4.0)).samples.mean(axis=0, keepdims=True), sounds.RATE_HZ)
    twice = Sound(np.repeat(mono.samples, 2, axis=0), mono.rate_hz)
    ones, twos = separated(mono), separated(twice)
    for name in NAMES:
        assert np.allclose(ones[name].samples[0], twos[name].samples[0], atol=1e-3)


def test_every_stem_of_a_band_comes_nearer_than_the_mix():
    band = sounds.band(12.0)
    mix = sounds.total(band)
    stems = separated(mix)
    for name in NAMES:
        assert sdr_db(band[name], stems[name]) > sdr_db(band[name], mix) + 3, name


def test_a_kick_is_drums_and_a_low_tone_is_bass():
    t = sounds.times(8.0)
    since = t % 0.5
    kick = np.sin(2 * np.pi * (50 + 60 * np.exp(-since * 40)) * since) * np.exp(-since * 25)
    tone = 0.3 * np.sin(2 * np.pi * 82.4 * t)
    for wave, name in ((kick, "drums"), (tone, "bass")):
        stems = separated(Sound(np.tile(wave.astype(np.float32), (2, 1)), sounds.RATE_HZ))
        energies = {each: float(np.sum(stem.samples.astype(float) ** 2)) for each, stem in stems.items()}
        assert max(energies, key=energies.get) == name, energies


def test_composed_songs_come_apart():
    from polish.models.composer import compose

    take = compose(7, seconds=20)
    stems = separated(take.mix)
    reached = {name: sdr_db(take.stems[name], stems[name]) for name in NAMES}
    assert np.mean(list(reached.values())) > 3.3, reached


def test_a_cell_is_told_what_its_neighbours_are():
    rng, grid = np.random.default_rng(0), separation.Grid.at(44_100)
    magnitudes = rng.uniform(0.5, 1, (60, 200)).astype(np.float32)
    found = np.zeros((4, *magnitudes.shape), np.float32)
    found[3] = 1
    found[:, 30, 100] = (1, 0, 0, 0)
    around = separation._around(magnitudes, found, grid)
    for field in ("near", "wide"):
        assert np.allclose(sum(around[f"{name} {field}"] for name in NAMES), 1, atol=1e-4)
    assert around["vocals wide"][30, 100] > around["vocals near"][30, 100] > 0.9
    assert around["drums near"][30, 100] > 0
    assert around["drums near"][40, 100] == pytest.approx(0, abs=1e-6)


@pytest.mark.real
def test_the_voice_of_a_real_song(real):
    folder = real / "stems" / "so-easy"
    mix, voice = audio.read(folder / "mix.mp3"), audio.read(folder / "vocals.mp3")
    assert sdr_db(voice, separated(mix)["vocals"]) > 6.0


@pytest.mark.real
def test_the_four_stems_of_a_real_song(real, tmp_path: Path):
    parts = []
    for stream in range(5):
        out = tmp_path / f"{stream}.wav"
        source = real / "stems" / "80s-rock" / "80s-rock.stem.mp4"
        command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-i", source, "-map", f"0:{stream}", out]
        subprocess.run(command, check=True)
        samples, rate_hz = soundfile.read(out, dtype="float32", always_2d=True)
        parts.append(Sound(np.ascontiguousarray(samples.T), rate_hz))
    mix, truth = parts[0], dict(zip(NAMES, parts[1:], strict=True))
    stems = separated(mix)
    reached = {name: sdr_db(truth[name], stems[name]) for name in NAMES}
    assert np.mean(list(reached.values())) > 6.0, reached
    assert min(reached.values()) > 3.3, reached


def test_the_bits_do_not_depend_on_how_many_threads_there_are() -> None:
    from threadpoolctl import threadpool_limits

    mix = sounds.total(sounds.band(12.0))
    made = []
    for threads in (1, 2):
        with threadpool_limits(threads):
            made.append(separated(mix))
    for name in made[0]:
        assert np.array_equal(made[0][name].samples, made[1][name].samples)
