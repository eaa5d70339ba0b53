"""True peak against a 16-fold windowed sinc, and what its blocks promise the limiter."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.signal
import sounds
from hypothesis import given, settings
from hypothesis import strategies as st

from polish.dsp.peak import FILTER, TruePeak, block_peaks, true_peak, true_peak_dbtp

RATE_HZ = 44_100


def reference_dbtp(samples: np.ndarray, taps: int = 64) -> float:
    """True peak through a 16-fold Kaiser-windowed sinc of `taps` taps a phase, in float64."""
    kernel = 16 * scipy.signal.firwin(16 * taps + 1, 1 / 16, window=("kaiser", 8.0))
    padded = np.pad(samples.astype(np.float64), ((0, 0), (taps, taps)))
    return 20 * np.log10(np.abs(scipy.signal.upfirdn(kernel, padded, up=16, axis=1)).max())


def bursts(low: float, high: float, seed: int) -> np.ndarray:
    """Short noises between two shares of the rate, faded, one second."""
    rng = np.random.default_rng(seed)
    wave = np.zeros(RATE_HZ)
    band = scipy.signal.firwin(401, [2 * low, 2 * high], pass_zero=False)
    for _ in range(6):
        noise = rng.standard_normal(rng.integers(400, 2400))
        at = rng.integers(0, wave.size - noise.size)
        wave[at : at + noise.size] += np.convolve(noise, band, mode="same") * np.hanning(noise.size)
    return 0.9 * wave[None] / np.abs(wave).max()


def hot() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(1)
    t = np.arange(RATE_HZ)
    clipped = np.clip(1.5 * sounds.noise(1, 1.0, pink=True).samples, -1, 1)
    quarter = 0.9 * np.sin(np.pi / 2 * t + np.pi / 4)
    high = 0.8 * np.sin(2 * np.pi * 0.42 * t + 0.3) * np.hanning(t.size)
    return {
        "clipped noise": clipped,
        "square bass": 0.9 * np.sign(np.sin(2 * np.pi * 50.3 * t / RATE_HZ))[None],
        "quarter of the rate": quarter[None],
        "third of the rate": (0.9 * np.sin(2 * np.pi / 3 * t + 0.5) * np.hanning(t.size))[None],
        "bursts from 0.30 to 0.35 of the rate": bursts(0.30, 0.35, 3),
        "bursts from 0.40 to 0.45 of the rate": bursts(0.40, 0.45, 4),
        "high tone": high[None],
        "spikes": np.where(rng.random((2, t.size)) < 1e-3, rng.uniform(-1, 1, (2, t.size)), 0),
        "band": sounds.total(sounds.band(2)).samples,
        "alternating": np.pad([[1.0, -1.0, 1.0]], ((0, 0), (300, 300))),
    }


@pytest.mark.parametrize("name", hot())
def test_true_peak_agrees_with_a_16_fold_sinc(name):
    samples = hot()[name].astype(np.float32)
    assert true_peak_dbtp(samples, RATE_HZ) == pytest.approx(reference_dbtp(samples), abs=0.1)


@pytest.mark.parametrize("seed", range(4))
def test_true_peak_of_what_reaches_to_nyquist_is_that_of_the_filter_named(seed):
    """Up there every filter has its own peaks, by tenths of a dB: ours are those of a sinc as long as it."""
    assert "128 taps" in FILTER
    for samples in (bursts(0.45, 0.49, seed), np.random.default_rng(seed).uniform(-1, 1, (1, 20_000))):
        found = true_peak_dbtp(samples.astype(np.float32), RATE_HZ)
        assert found == pytest.approx(reference_dbtp(samples.astype(np.float32), 128), abs=0.02)


def test_a_sound_in_blocks_has_the_true_peak_it_has_whole():
    samples = np.hstack([hot()["clipped noise"], 0.9 * hot()["clipped noise"]]).astype(np.float32)
    whole = 20 * np.log10(true_peak(samples, RATE_HZ))
    for cuts in ([1, 2, 3], range(0, samples.shape[1], 1000), [44_100]):
        meter = TruePeak(samples.shape[0])
        for block in np.split(samples, list(cuts), axis=1):
            meter.feed(block)
        assert 20 * np.log10(meter.amplitude()) == pytest.approx(whole, abs=0.02)


@pytest.mark.real
def test_true_peak_of_a_real_draft_agrees_with_a_16_fold_sinc(real):
    from polish.audio import read

    sound = read(real / "drafts" / "diffrhythm-07.mp3").cut(40, 45)
    found = true_peak_dbtp(sound.samples, sound.rate_hz)
    assert found == pytest.approx(reference_dbtp(sound.samples), abs=0.05)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**31), st.integers(1, 3000), st.integers(1, 3))
def test_true_peak_is_never_below_the_sample_peak(seed, frames, channels):
    samples = np.random.default_rng(seed).uniform(-1, 1, (channels, frames)).astype(np.float32)
    assert true_peak_dbtp(samples, RATE_HZ) >= 20 * np.log10(np.abs(samples).max()) - 1e-6


@pytest.mark.parametrize("rate_hz", [8000, 44_100, 192_000])
def test_true_peak_at_any_rate(rate_hz):
    quarter = np.sin(np.pi / 2 * np.arange(2000) + np.pi / 4) * scipy.signal.windows.tukey(2000)
    assert true_peak_dbtp(0.5 * quarter[None].astype(np.float32), rate_hz) == pytest.approx(-6.02, abs=0.1)


@pytest.mark.parametrize("length", [4, 22, 96, 500])
def test_block_peaks_cover_every_sample(length):
    samples = sounds.noise(0.3, 0.3).samples
    peaks = block_peaks(samples, length, above=0.1)
    assert peaks.size == -(-samples.shape[1] // length)
    for block in range(0, peaks.size, 7):
        part = np.abs(samples[:, block * length : (block + 1) * length]).max()
        assert peaks[block] >= part * (1 - 1e-6)


def test_block_peaks_are_those_between_the_frames():
    samples = sounds.noise(0.3, 0.3, channels=1, pink=True).samples
    peaks = block_peaks(samples, 20, above=0.01)
    dense = np.abs(scipy.signal.resample_poly(samples[0].astype(float), 16, 1))
    blocks = dense[: dense.size // 320 * 320].reshape(-1, 320).max(axis=1)
    # The last quarter of a block's last frame may count for the block that follows.
    found = np.maximum(peaks, np.append(peaks[1:], 0))[: blocks.size]
    assert np.all(found >= 0.985 * blocks)
    assert np.median(peaks[: blocks.size] / blocks) == pytest.approx(1, abs=0.01)


@pytest.mark.parametrize("frames", [0, 1, 2, 3, 30])
def test_tiny_sounds_have_peaks(frames):
    samples = np.full((2, frames), 0.5, np.float32)
    found = true_peak_dbtp(samples, RATE_HZ)
    assert found is None if frames == 0 else found >= -6.03
    assert block_peaks(samples, 22, above=0.1).size == -(-frames // 22)


def test_silence_has_no_peak():
    assert true_peak_dbtp(sounds.silence().samples, RATE_HZ) is None
