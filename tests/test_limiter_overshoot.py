"""The limiter keeps its ceiling between the samples, and touches nothing it need not."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.signal
import sounds
from hypothesis import given, settings
from hypothesis import strategies as st

from polish.dsp.limiter import find_peaks, limit, reduction_db
from polish.dsp.loudness import integrated_lufs
from polish.dsp.peak import true_peak_dbtp

RATE_HZ = 44_100
CEILING_DBTP = -1.0


def reference_dbtp(samples: np.ndarray, taps: int) -> float:
    """True peak through a 16-fold Kaiser-windowed sinc of `taps` taps a phase, in float64."""
    kernel = 16 * scipy.signal.firwin(16 * taps + 1, 1 / 16, window=("kaiser", 8.0))
    return 20 * np.log10(np.abs(scipy.signal.upfirdn(kernel, samples.astype(np.float64), up=16)).max())


def hot(name: str) -> np.ndarray:
    """Signals that break limiters, ``(channels, frames)``, all far above the ceiling."""
    rng = np.random.default_rng(7)
    t = sounds.times(1.5)
    noise = rng.standard_normal((2, t.size))
    made = {
        "clipped noise": lambda: np.clip(noise, -1, 1),
        "loud noise": lambda: noise,
        "square-ish bass": lambda: 2 * np.tanh(8 * np.sin(2 * np.pi * 50.3 * t))[None],
        "square": lambda: 2 * np.sign(np.sin(2 * np.pi * 110.7 * t))[None],
        "quarter of the rate at 45 degrees": lambda: 2 * np.sin(np.pi / 2 * (np.arange(t.size) + 0.5))[None],
        "one-sample spikes": lambda: np.where(rng.random(noise.shape) < 1e-3, 4 * noise, 0),
        "one hot side": lambda: np.array([[2.0], [0.05]]) * noise,
        "bursts of sibilance": lambda: scipy.signal.sosfilt(
            scipy.signal.butter(4, (5000, 12_000), "bandpass", fs=RATE_HZ, output="sos"), 4 * noise
        ) * (np.sin(2 * np.pi * 5 * t) > 0),
        "a band, 12 dB up": lambda: 4 * sounds.total(sounds.band(1.5)).samples,
        "cut into at its loudest": lambda: 3 * np.cos(2 * np.pi * 700 * t)[None],
    }  # fmt: skip
    return made[name]().astype(np.float32)


HOT = (
    "clipped noise", "loud noise", "square-ish bass", "square", "quarter of the rate at 45 degrees",
    "one-sample spikes", "one hot side", "bursts of sibilance", "a band, 12 dB up", "cut into at its loudest",
)  # fmt: skip


@pytest.mark.parametrize("name", HOT)
def test_no_overshoot_by_sincs_of_any_usual_length(name):
    limited = limit(hot(name), RATE_HZ, CEILING_DBTP)
    for taps in (20, 64, 128):
        over_db = max(reference_dbtp(channel, taps) for channel in limited) - CEILING_DBTP
        assert over_db <= 0.1, (taps, over_db)


@pytest.mark.real
@pytest.mark.parametrize("draft", ["diffrhythm-07", "yue-02"])
def test_no_overshoot_of_a_real_draft_12_db_up(real, draft):
    from polish.audio import read

    sound = read(real / "drafts" / f"{draft}.mp3").cut(30, 36)
    limited = limit(sound.samples, sound.rate_hz, CEILING_DBTP, gain_db=12)
    assert max(reference_dbtp(channel, 64) for channel in limited) <= CEILING_DBTP + 0.1


def test_what_lies_under_the_ceiling_comes_back_as_it_is():
    samples = sounds.sine(440, 2, 0.5).samples
    assert limit(samples, RATE_HZ, -1.0) is samples


def test_far_from_a_peak_nothing_changes():
    samples = sounds.sine(440, 6, 0.5).samples.copy()
    samples[:, RATE_HZ] = 3.0
    limited = limit(samples, RATE_HZ, -1.0)
    assert np.array_equal(limited[:, : RATE_HZ - 600], samples[:, : RATE_HZ - 600])
    assert np.array_equal(limited[:, 5 * RATE_HZ :], samples[:, 5 * RATE_HZ :])
    assert abs(limited[0, RATE_HZ]) < 0.9


def test_both_sides_get_the_same_gain():
    samples = hot("one hot side")
    limited = limit(samples, RATE_HZ, -1.0)
    loud = np.abs(samples).min(axis=0) > 1e-2
    gains = limited[:, loud] / samples[:, loud]
    assert np.allclose(gains[0], gains[1], rtol=1e-5)


def test_nothing_moves_in_time():
    samples = hot("a band, 12 dB up")
    limited = limit(samples, RATE_HZ, -1.0)
    lag = np.argmax(scipy.signal.correlate(limited[0], samples[0], "full", "fft")) - samples.shape[1] + 1
    assert limited.shape == samples.shape
    assert lag == 0


def test_the_gain_is_smooth():
    samples = sounds.sine(1000, 2, 0.5).samples.copy()
    samples[:, RATE_HZ : RATE_HZ + 400] *= 4
    peaks = find_peaks(samples, RATE_HZ, above=0.1)
    reduction = reduction_db(peaks, 0.5)
    assert reduction.max() == pytest.approx(12.04, abs=0.1)
    per_ms_db = np.abs(np.diff(reduction)).max() / (1000 * peaks.length / RATE_HZ)
    assert per_ms_db < 8


def test_a_lone_peak_is_forgotten_sooner_than_a_dense_passage():
    lone, dense = (sounds.sine(1000, 6, 0.5).samples.copy() for _ in range(2))
    lone[:, RATE_HZ : RATE_HZ + 200] *= 2
    dense[:, : RATE_HZ + 200] *= 2
    after = int(1.12 * 2004)
    of_lone, of_dense = (reduction_db(find_peaks(s, RATE_HZ, above=0.1), 0.5)[after] for s in (lone, dense))
    assert of_lone < 0.5
    assert of_dense > 2


def test_the_same_bits_every_time_whatever_the_memory_layout():
    samples = hot("loud noise")
    once = limit(samples, RATE_HZ, -3.0)
    assert np.array_equal(once, limit(samples.copy(), RATE_HZ, -3.0))
    assert np.array_equal(once, limit(np.ascontiguousarray(samples.T).T, RATE_HZ, -3.0))


@pytest.mark.parametrize("rate_hz", [8000, 22_050, 96_000, 192_000])
def test_the_ceiling_holds_at_any_rate(rate_hz):
    samples = sounds.noise(0.5, 1.0, rate_hz=rate_hz, pink=True).samples
    assert true_peak_dbtp(limit(samples, rate_hz, -2.0), rate_hz) <= -1.95


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 4000), st.integers(1, 7), st.floats(-20, 0), st.floats(0, 24), st.integers(0, 2**31))
def test_any_sound_stays_under_any_ceiling(frames, channels, ceiling_dbtp, gain_db, seed):
    rng = np.random.default_rng(seed)
    samples = scipy.signal.lfilter([0.5, 0.5], [1], rng.uniform(-1, 1, (channels, frames))).astype(np.float32)
    limited = limit(samples, RATE_HZ, ceiling_dbtp, gain_db=gain_db)
    assert limited.shape == samples.shape
    assert (true_peak_dbtp(limited, RATE_HZ) or -200) <= ceiling_dbtp + 0.1


def test_silence_stays_silent_and_nothing_stays_nothing():
    assert not limit(sounds.silence().samples, RATE_HZ, -1.0, gain_db=12).any()
    assert limit(np.zeros((2, 0), np.float32), RATE_HZ, -1.0, gain_db=12).shape == (2, 0)


def test_limiting_costs_little_loudness():
    samples = sounds.total(sounds.band(6)).samples
    peak_dbtp = true_peak_dbtp(samples, RATE_HZ)
    limited = limit(samples, RATE_HZ, peak_dbtp - 3)
    assert integrated_lufs(samples, RATE_HZ) - integrated_lufs(limited, RATE_HZ) < 1.5
