"""What `measure` promises: keys, laws, agreement with pyloudnorm, and an answer to odd sounds."""

from __future__ import annotations

import json

import numpy as np
import pyloudnorm
import pytest
import scipy.signal
import sounds
from hypothesis import given, settings
from hypothesis import strategies as st

from polish.dsp.loudness import channel_weights, integrated_lufs, k_weighting, momentary_lufs, short_term_lufs
from polish.dsp.measure import bandwidth_hz, correlation, dc_offset, measure

KEYS = [
    "integrated_lufs", "momentary_max_lufs", "short_term_max_lufs", "loudness_range_lu", "true_peak_dbtp",
    "sample_peak_dbfs", "plr_db", "correlation", "bandwidth_hz", "duration_s", "sample_rate_hz", "channels",
]  # fmt: skip


def uneven(seconds: float = 6.0, rate_hz: int = 44_100, channels: int = 2) -> np.ndarray:
    """Pink noise whose level wanders by 20 dB."""
    sound = sounds.noise(seconds, 0.1, rate_hz=rate_hz, channels=channels, pink=True)
    swell = 10 ** np.sin(2 * np.pi * 0.3 * sounds.times(seconds, rate_hz))
    return (sound.samples * swell * 0.5).astype(np.float32)


def test_the_keys_are_those_of_the_contract():
    assert list(measure(uneven(), 44_100)) == KEYS
    assert list(measure(uneven(), 44_100, series=True)) == [*KEYS, "momentary_lufs", "short_term_lufs"]


def test_k_weighting_at_48_khz_is_the_table_of_the_standard():
    shelf = [1.53512485958697, -2.69169618940638, 1.19839281085285, 1, -1.69065929318241, 0.73248077421585]
    high_pass = [1, -2, 1, 1, -1.99004745483398, 0.99007225036621]
    assert np.allclose(k_weighting(48_000), [shelf, high_pass], atol=1e-10)


@pytest.mark.parametrize("rate_hz", [8000, 11_025, 22_050, 44_100, 48_000, 96_000, 192_000])
def test_a_reference_tone_reads_the_same_at_any_rate(rate_hz):
    tone = sounds.sine(997, 2, 1.0, rate_hz=rate_hz, channels=1)
    assert integrated_lufs(tone.samples, rate_hz) == pytest.approx(-3.01, abs=0.05)


@pytest.mark.parametrize(("rate_hz", "channels"), [(44_100, 1), (44_100, 2), (48_000, 5), (32_000, 2)])
def test_integrated_loudness_agrees_with_pyloudnorm(rate_hz, channels):
    samples = uneven(rate_hz=rate_hz, channels=channels)
    meter = pyloudnorm.Meter(rate_hz, filter_class="DeMan")
    theirs = meter.integrated_loudness(samples.T.astype(np.float64))
    assert integrated_lufs(samples, rate_hz) == pytest.approx(theirs, abs=0.01)


@settings(max_examples=15, deadline=None)
@given(st.floats(-20, 20), st.integers(0, 1000))
def test_gain_moves_every_level_by_as_much_and_nothing_else(gain_db, seed):
    samples = sounds.noise(4, 0.1, seed=seed, pink=True).samples
    plain = measure(samples, 44_100)
    louder = measure((samples * 10 ** (gain_db / 20)).astype(np.float32), 44_100)
    for key, value in plain.items():
        moved = gain_db if key.endswith(("_lufs", "_dbtp", "_dbfs")) else 0.0
        assert louder[key] == pytest.approx(value + moved, abs=1e-3), key


def test_lfe_counts_for_nothing_and_surrounds_for_more():
    assert channel_weights(1).tolist() == [1]
    assert channel_weights(6).tolist() == [1, 1, 1, 0, 1.41, 1.41]
    assert channel_weights(11).tolist() == [1] * 11


def test_series_begin_at_the_start_and_step_by_their_hops():
    samples = uneven(6)
    momentary, short_term = momentary_lufs(samples, 44_100), short_term_lufs(samples, 44_100)
    assert (len(momentary), len(short_term)) == (600 - 40 + 1, 31)
    found = measure(samples, 44_100, series=True)
    assert found["momentary_lufs"] == momentary
    assert max(momentary) == found["momentary_max_lufs"]


def test_silence_has_null_levels_and_is_json():
    found = measure(sounds.silence(5).samples, 44_100, series=True)
    assert {key for key, value in found.items() if value is None} == set(KEYS[:9])
    json.dumps(found, allow_nan=False)


@pytest.mark.parametrize("frames", [0, 1, 2, 441, 17_000])
@pytest.mark.parametrize("channels", [1, 2, 6, 9])
def test_below_400_ms_there_are_peaks_and_no_loudness(frames, channels):
    samples = sounds.noise(1, channels=channels).samples[:, :frames]
    found = measure(samples, 44_100, series=True)
    assert found["integrated_lufs"] is found["loudness_range_lu"] is found["plr_db"] is None
    assert found["momentary_lufs"] == found["short_term_lufs"] == []
    assert (found["true_peak_dbtp"] is None) == (frames == 0)
    json.dumps(found, allow_nan=False)


def test_interleaved_and_contiguous_memory_measure_the_same():
    samples = uneven()
    interleaved = np.ascontiguousarray(samples.T).T
    assert not interleaved.flags.c_contiguous
    assert measure(interleaved, 44_100) == measure(samples, 44_100)


def test_silence_around_a_sound_does_not_dilute_it():
    noise, quiet = sounds.noise(8).samples, np.zeros((2, 44_100 * 2), np.float32)
    alone = integrated_lufs(noise, 44_100)
    assert integrated_lufs(np.hstack([quiet, noise, quiet]), 44_100) == pytest.approx(alone, abs=0.3)


def test_correlation_of_alike_opposed_and_unrelated_channels():
    one = sounds.noise(1, channels=1).samples[0]
    other = sounds.noise(1, channels=1, seed=5).samples[0]
    assert correlation(np.stack([one, one])) == pytest.approx(1)
    assert correlation(np.stack([one, -0.3 * one])) == pytest.approx(-1)
    assert correlation(np.stack([one, other])) == pytest.approx(0, abs=0.02)
    assert correlation(np.stack([one + 0.5, other + 0.5])) == pytest.approx(0, abs=0.02)
    assert correlation(np.stack([one, np.full_like(one, 0.3)])) is None
    assert correlation(one[None]) is None


@pytest.mark.parametrize("wall_hz", [8000, 11_025, 15_000, 16_000, 18_500])
def test_bandwidth_ends_at_a_wall(wall_hz):
    low = scipy.signal.firwin(801, wall_hz, fs=44_100)
    samples = scipy.signal.oaconvolve(sounds.noise(4, pink=True).samples, low[None], mode="same", axes=1)
    found = bandwidth_hz(samples.astype(np.float32), 44_100)
    assert found == pytest.approx(wall_hz, abs=400)


def test_bandwidth_of_full_sound_is_half_the_rate():
    for pink in (False, True):
        assert bandwidth_hz(sounds.noise(2, pink=pink).samples, 44_100) == 22_050


def test_sixteen_bits_of_noise_are_no_bandwidth():
    low = scipy.signal.firwin(801, 16_000, fs=44_100)
    samples = scipy.signal.oaconvolve(sounds.noise(4, pink=True).samples, low[None], mode="same", axes=1)
    coarse = np.round(samples * 32_768) / 32_768
    assert bandwidth_hz(coarse.astype(np.float32), 44_100) == pytest.approx(16_000, abs=400)


def test_a_constant_offset_is_told_from_low_notes():
    noise = sounds.noise(3).samples
    assert dc_offset(noise + np.float32([[0.05], [0.0]]), 44_100) == pytest.approx([0.05, 0], abs=2e-3)
    assert not dc_offset(noise, 44_100).any()
    assert not dc_offset(sounds.sine(0.7, 3, 0.5).samples, 44_100).any()
    assert not dc_offset(np.full((1, 1), 0.5, np.float32), 44_100).any()


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
def test_what_is_not_a_number_is_refused(wrong):
    samples = sounds.noise(1).samples.copy()
    samples[1, 7] = wrong
    with pytest.raises(ValueError, match="not finite"):
        measure(samples, 44_100)
