"""Spectra: nothing is lost on the way there and back, and levels are what they claim."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.ndimage
import sounds
from hypothesis import given, settings
from hypothesis import strategies as st

from polish.dsp import spectrum


@settings(max_examples=40, deadline=None)
@given(
    frames=st.integers(0, 5000),
    channels=st.integers(1, 3),
    overlaps=st.sampled_from([2, 4, 8]),
    block=st.integers(1, 70),
    seed=st.integers(0, 99),
)
def test_an_unchanged_spectrum_gives_the_sound_back(frames, channels, overlaps, block, seed):
    samples = np.random.default_rng(seed).standard_normal((channels, frames)).astype(np.float32)
    size = 256
    there_and_back = spectrum.through(samples, size, size // overlaps, lambda s, _: s, block=block)
    assert there_and_back.shape == samples.shape
    assert there_and_back.dtype == np.float32
    if frames:
        assert np.max(np.abs(there_and_back - samples)) < 1e-5


def test_blocks_are_the_columns_of_the_whole():
    samples = sounds.noise(0.5).samples
    whole = spectrum.stft(samples, 1024, 256)
    parts = [part for _, part in spectrum.stft_blocks(samples, 1024, 256, block=7)]
    assert np.array_equal(np.concatenate(parts, axis=2), whole)
    assert np.allclose(spectrum.istft(whole, samples.shape[1], 1024, 256), samples, atol=1e-6)


@pytest.mark.parametrize("overlaps", [2, 4, 8])
def test_blocks_of_any_size_give_the_same_bits(overlaps):
    """Also where a column's change looks at the columns beside it."""
    samples = sounds.noise(0.5).samples

    def beside(block: spectrum.Spectrum, _: int) -> spectrum.Spectrum:
        return block * scipy.ndimage.convolve1d(np.abs(block), np.ones(5), axis=2)

    def through(block: int) -> spectrum.Samples:
        return spectrum.through(samples, 1024, 1024 // overlaps, beside, reach=2, block=block)

    whole = through(10_000)
    assert all(np.array_equal(through(block), whole) for block in (1, 2, 7, 50))


def test_threads_do_not_change_a_bit():
    samples = sounds.noise(1.0).samples
    one = spectrum.through(samples, 2048, 512, lambda s, _: s * 0.5, workers=1)
    two = spectrum.through(samples, 2048, 512, lambda s, _: s * 0.5, workers=2)
    assert np.array_equal(one, two)


def test_a_hop_that_does_not_divide_the_window_is_refused():
    with pytest.raises(ValueError, match="does not divide"):
        spectrum.stft(sounds.noise(0.1).samples, 1000, 300)


@pytest.mark.parametrize("rate_hz", [8_000, 44_100, 192_000])
def test_power_adds_up_to_the_mean_square(rate_hz):
    samples = sounds.noise(2.0, rate_hz=rate_hz).samples
    _, power = spectrum.power_spectrum(samples, rate_hz)
    assert power.sum() == pytest.approx(np.mean(samples.astype(float) ** 2), rel=1e-3)


@pytest.mark.parametrize("rate_hz", [8_000, 44_100, 96_000])
def test_a_full_scale_sine_reads_minus_three_in_its_own_band(rate_hz):
    hz, level_db = spectrum.third_octave_levels_db(
        sounds.sine(1000, 4, 1.0, rate_hz=rate_hz).samples, rate_hz
    )
    assert hz[np.argmax(level_db)] == pytest.approx(1000)
    assert level_db.max() == pytest.approx(-3.01, abs=0.05)
    assert np.sort(level_db)[-2] < -40


def test_pink_noise_has_equal_bands():
    samples = sounds.noise(20.0, pink=True, channels=1).samples
    hz, level_db = spectrum.third_octave_levels_db(samples, sounds.RATE_HZ)
    assert np.ptp(level_db[hz > 100]) < 2.0


def test_bands_are_those_of_the_standard():
    hz, _ = spectrum.third_octave_levels_db(sounds.noise(0.5).samples, 44_100)
    # IEC 61260-1:2014 annex E, exact base-ten midband frequencies.
    assert hz[0] == pytest.approx(19.953, abs=1e-3)
    assert np.any(np.isclose(hz, 3981.07, atol=0.01))
    assert hz[-1] == pytest.approx(19952.6, abs=0.1)


@pytest.mark.parametrize("frames", [0, 1, 100])
def test_silence_and_next_to_nothing_read_the_floor(frames):
    _, level_db = spectrum.third_octave_levels_db(np.zeros((2, frames), np.float32), 44_100)
    assert np.all(level_db == spectrum.FLOOR_DB)
