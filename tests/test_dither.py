"""Dither: the error of fewer bits is noise that does not follow the music, and silence stays silent."""

from __future__ import annotations

import numpy as np
import pytest
import sounds

from polish import audio
from polish.audio import Sound, quantise, shaping


def integers(sound: Sound, bits: int = 16, **options) -> np.ndarray:
    """What is to be written, ``(channels, frames)``."""
    return np.concatenate(list(quantise.blocks(sound, bits, **options))).T


def error(sound: Sound, bits: int = 16, **options) -> np.ndarray:
    """In steps."""
    return integers(sound, bits, **options) - sound.samples * 2.0 ** (bits - 1)


def test_dither_makes_the_error_independent_of_the_sound(tmp_path) -> None:
    """A tone of a third of a step survives 16 bits, and the error has the variance 1/4 step²
    (Lipshitz et al. 1992: 1/12 of the rounding plus 2/12 of triangular dither)."""
    step = 2.0**-15
    quiet = sounds.sine(441.0, 4.0, step / 3, channels=1)
    back = audio.read(audio.write(tmp_path / "a.wav", quiet, "wav 16-bit"))
    left = (back.samples.astype(float) - quiet.samples) / step
    assert np.var(left) == pytest.approx(0.25, rel=0.02)
    assert abs(np.mean(left)) < 0.01
    assert abs(np.corrcoef(left[0], quiet.samples[0])[0, 1]) < 0.01


@pytest.mark.parametrize("bits", [16, 24])
def test_mean_and_power_of_the_error_are_the_same_wherever_the_sound_lies_between_steps(bits) -> None:
    steps = np.repeat(np.linspace(0.1, 1.1, 11), 50_000)
    level = (steps * 2.0 ** (1 - bits)).astype(np.float32)[None]
    left = error(Sound(level, 44_100), bits).reshape(11, -1)
    assert np.abs(left.mean(axis=1)).max() < 0.012
    assert np.abs(left.var(axis=1) - 0.25).max() < 0.01
    plain = error(Sound(level, 44_100), bits, dither="none").reshape(11, -1)
    assert np.ptp(plain.mean(axis=1)) > 0.5 and plain.var(axis=1).max() < 1e-6


def heard_db(noise: np.ndarray, rate_hz: int) -> float:
    """Power weighted by the threshold of hearing turned over (ISO 389-7)."""
    spectrum = np.mean(np.abs(np.fft.rfft(noise.reshape(-1, 4096) * np.hanning(4096))) ** 2, axis=0)
    at_hz = np.fft.rfftfreq(4096, 1 / rate_hz)
    threshold_db = np.interp(
        np.log(at_hz + 1), np.log([*shaping.THRESHOLD_DB]), [*shaping.THRESHOLD_DB.values()]
    )
    return 10 * np.log10((spectrum * 10 ** (-threshold_db / 10)).sum())


@pytest.mark.parametrize(("rate_hz", "quieter_db"), [(8_000, 2), (44_100, 14), (48_000, 15), (96_000, 22)])
def test_shaped_noise_is_heard_less(rate_hz, quieter_db) -> None:
    sound = sounds.sine(997, 4096 * 40 / rate_hz, 0.1, channels=1, rate_hz=rate_hz)
    plain, shaped = (error(sound, dither=kind) for kind in ("tpdf", "shaped"))
    assert heard_db(plain, rate_hz) - heard_db(shaped, rate_hz) > quieter_db
    assert abs(shaped.mean()) < 0.01
    assert np.var(shaped) == pytest.approx(0.25 * (1 + np.sum(shaping.noise_filter(rate_hz) ** 2)), rel=0.1)


@pytest.mark.parametrize("rate_hz", [8_000, 44_100, 192_000])
def test_shaped_noise_stays_small_and_settles(rate_hz) -> None:
    loud = sounds.noise(2, 0.3, rate_hz=rate_hz)
    left = error(Sound(np.clip(loud.samples, -0.999, 0.999), rate_hz), dither="shaped")
    assert np.abs(left).max() < 2**7


def test_dither_depends_on_the_seed_alone(tmp_path) -> None:
    sound = sounds.noise(0.3)
    for dither in ("tpdf", "shaped"):
        a, b, c = (
            audio.write(tmp_path / "a.wav", sound, "wav 16-bit", dither=dither, seed=seed).read_bytes()
            for seed in (1, 1, 2)
        )
        assert a == b != c


@pytest.mark.parametrize("dither", ["tpdf", "shaped"])
@pytest.mark.parametrize("bits", [16, 24])
def test_silence_and_sounds_on_the_grid_are_not_dithered(bits, dither) -> None:
    assert not integers(sounds.silence(0.2), bits, dither=dither).any()
    once = integers(sounds.noise(0.2), bits, dither=dither)
    again = Sound((once * 2.0 ** (1 - bits)).astype(np.float32), 44_100)
    assert np.array_equal(integers(again, bits, dither=dither, seed=9), once)


@pytest.mark.parametrize("dither", ["tpdf", "shaped"])
def test_digital_silence_around_a_sound_stays_silent_and_a_pause_within_does_not(dither) -> None:
    samples = np.zeros((2, 40_000), np.float32)
    samples[0, 10_000:12_000] = samples[1, 20_000:30_000] = 0.01234
    made = integers(Sound(samples, 44_100), dither=dither)
    assert not made[:, :10_000].any() and not made[:, 30_000:].any()
    assert made[:, 12_000:20_000].any()


@pytest.mark.parametrize("dither", ["tpdf", "shaped", "none"])
def test_blocks_do_not_show(monkeypatch, dither) -> None:
    sound = sounds.noise(0.2)
    whole = integers(sound, seed=3, dither=dither)
    monkeypatch.setattr(quantise, "BLOCK_FRAMES", 777)
    assert np.array_equal(integers(sound, seed=3, dither=dither), whole)
