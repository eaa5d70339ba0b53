"""What `measure` promises: keys, laws, agreement with pyloudnorm, and an answer to odd sounds."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pyloudnorm
import pytest
import scipy.signal
import sounds
from hypothesis import given, settings
from hypothesis import strategies as st

from polish.dsp.loudness import integrated_lufs, k_weighting, momentary_lufs, short_term_lufs
from polish.dsp.measure import Meter, dc_offset, measure

LOUDNESS = ["integrated_lufs", "momentary_max_lufs", "short_term_max_lufs", "loudness_range_lu"]
KEYS = [
    *LOUDNESS, "true_peak_dbtp", "true_peak_filter", "sample_peak_dbfs", "plr_db", "psr_db", "crest_db",
    "correlation", "mono_loss_lu", "dc_offset_dbfs", "clipped_samples", "clipped_runs", "bandwidth_hz",
    "duration_s", "sample_rate_hz", "channels",
]  # fmt: skip
ALWAYS = ["true_peak_filter", "clipped_samples", "clipped_runs", "duration_s", "sample_rate_hz", "channels"]
"""What even silence has."""


def figure(key: str, samples: np.ndarray, rate_hz: int = 44_100) -> Any:
    return measure(np.asarray(samples, np.float32), rate_hz)[key]


def in_blocks(samples: np.ndarray, cuts: list[int], rate_hz: int = 44_100) -> dict[str, Any]:
    """Measured as a stream whose blocks end at `cuts`."""
    meter = Meter(rate_hz, samples.shape[0])
    for block in np.split(samples, cuts, axis=1):
        meter.feed(block)
    return meter.figures(series=True)


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


def test_integrated_loudness_of_a_real_draft_agrees_with_pyloudnorm(real):
    from polish.audio import read

    sound = read(real / "drafts" / "suno-01.mp3").cut(30, 60)
    meter = pyloudnorm.Meter(sound.rate_hz, filter_class="DeMan")
    theirs = meter.integrated_loudness(sound.samples.T.astype(np.float64))
    assert figure("integrated_lufs", sound.samples, sound.rate_hz) == pytest.approx(theirs, abs=0.005)


@settings(max_examples=8, deadline=None)
@given(st.lists(st.integers(0, 130_000), max_size=6), st.integers(1, 3))
def test_blocks_of_any_length_measure_the_same_to_the_last_bit(cuts, channels):
    samples = uneven(130_000 / 44_100, channels=channels)
    assert in_blocks(samples, sorted(cuts)) == measure(samples, 44_100, series=True)


def test_tiny_blocks_measure_the_same_to_the_last_bit():
    samples = uneven(1.5)
    assert in_blocks(samples, list(range(0, samples.shape[1], 97))) == measure(samples, 44_100, series=True)


@settings(max_examples=8, deadline=None)
@given(st.floats(-20, 12), st.integers(0, 1000))
def test_gain_moves_every_level_by_as_much_and_nothing_else(gain_db, seed):
    samples = sounds.noise(4, 0.02, seed=seed, pink=True).samples
    plain = measure(samples, 44_100)
    louder = measure((samples * 10 ** (gain_db / 20)).astype(np.float32), 44_100)
    assert louder.pop("true_peak_filter") == plain.pop("true_peak_filter")
    for key, value in plain.items():
        moved = gain_db if key.endswith(("_lufs", "_dbtp", "_dbfs")) else 0.0
        assert louder[key] == pytest.approx(value + moved, abs=1e-3), key


@settings(max_examples=5, deadline=None)
@given(st.integers(0, 1000))
def test_left_and_right_may_change_places(seed):
    samples = sounds.noise(4, 0.1, seed=seed, pink=True).samples * np.float32([[1], [0.4]])
    swapped = measure(samples[::-1], 44_100)
    for key, value in measure(samples, 44_100).items():
        assert swapped[key] == (value if isinstance(value, str) else pytest.approx(value, abs=1e-9)), key


def test_a_sound_played_twice_has_the_figures_it_had():
    samples = np.hstack([uneven(10), 0.3 * uneven(10)])
    once, twice = measure(samples, 44_100), measure(np.hstack([samples, samples]), 44_100)
    for key, within in (("integrated_lufs", 0.1), ("loudness_range_lu", 1.0), ("true_peak_dbtp", 0.05)):
        assert twice[key] == pytest.approx(once[key], abs=within), key
    assert twice["momentary_max_lufs"] >= once["momentary_max_lufs"] - 1e-9
    assert twice["correlation"] == pytest.approx(once["correlation"], abs=1e-9)


def test_series_begin_at_the_start_and_step_by_their_hops():
    samples = uneven(6)
    momentary, short_term = momentary_lufs(samples, 44_100), short_term_lufs(samples, 44_100)
    assert (len(momentary), len(short_term)) == (600 - 40 + 1, 31)
    found = measure(samples, 44_100, series=True)
    assert found["momentary_lufs"] == momentary
    assert max(momentary) == found["momentary_max_lufs"]


def test_silence_has_null_levels_and_is_json():
    found = measure(sounds.silence(5).samples, 44_100, series=True)
    assert {key for key in KEYS if found[key] is not None} == set(ALWAYS)
    assert set(found["momentary_lufs"]) == set(found["short_term_lufs"]) == {None}
    json.dumps(found, allow_nan=False)


@pytest.mark.parametrize("frames", [0, 1, 2, 441, 17_000])
@pytest.mark.parametrize("channels", [1, 2, 6, 9])
def test_below_400_ms_there_are_peaks_and_no_loudness(frames, channels):
    samples = sounds.noise(1, channels=channels).samples[:, :frames]
    found = measure(samples, 44_100, series=True)
    assert not any(found[key] for key in [*LOUDNESS, "plr_db", "psr_db", "mono_loss_lu"])
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
    for pair, wanted in (
        ([one, one], 1),
        ([one, -0.3 * one], -1),
        ([one, other], 0),
        ([one + 0.5, other + 0.5], 0),
    ):
        assert figure("correlation", np.stack(pair)) == pytest.approx(wanted, abs=0.02)
    assert figure("correlation", np.stack([one, np.full_like(one, 0.3)])) is None
    assert figure("correlation", one[None]) is None


def test_loss_in_mono_is_none_for_equal_channels_and_3_lu_for_unrelated_ones():
    one, other = (sounds.noise(3, channels=1, seed=seed).samples[0] for seed in (0, 5))
    for pair, wanted in (([one, one], 0), ([one, other], 3.01), ([one, 0 * one], 3.01), ([one, -one / 3], 7)):
        assert figure("mono_loss_lu", np.stack(pair)) == pytest.approx(wanted, abs=0.05)
    assert figure("mono_loss_lu", np.stack([one, -one])) is None
    assert figure("mono_loss_lu", one[None]) is None


def test_crest_of_a_sine_is_3_db_and_of_a_square_none():
    sine = sounds.sine(441, 1, 0.5).samples
    assert figure("crest_db", sine) == pytest.approx(3.01, abs=0.01)
    assert figure("crest_db", np.sign(sine)) == pytest.approx(0, abs=0.05)
    assert figure("crest_db", np.stack([sine[0], 0 * sine[0]])) == pytest.approx(3.01, abs=0.01)


def test_peak_to_loudness_is_what_lies_between_them():
    found = measure(uneven(), 44_100)
    assert found["plr_db"] == found["true_peak_dbtp"] - found["integrated_lufs"]
    assert found["psr_db"] == found["true_peak_dbtp"] - found["short_term_max_lufs"]


def test_offset_is_that_of_the_worst_channel():
    samples = sounds.sine(441, 1, 0.3).samples + np.float32([[0.001], [-0.1]])
    assert figure("dc_offset_dbfs", samples) == pytest.approx(-20, abs=0.01)


def test_clipped_samples_are_counted_and_those_in_a_row():
    samples = np.zeros((2, 100_000), np.float32)
    samples[0, [5, 6, 7, 8, 50]] = 1.0, 1.2, 32767 / 32768, 1.0, -1.0
    samples[1, 44_098:44_103] = -1.0  # over the end of a second
    samples[1, 300:304] = 1.0, 1.0, -1.0, -1.0
    found = measure(samples, 44_100)
    assert (found["clipped_samples"], found["clipped_runs"]) == (14, 2)
    assert figure("clipped_samples", sounds.sine(level=0.999).samples) == 0


def test_a_layout_that_a_file_names_counts():
    samples = uneven(channels=4)
    quad = measure(samples, 44_100)["integrated_lufs"]
    centre_and_back = measure(samples, 44_100, speakers=0x107)["integrated_lufs"]
    assert quad == pytest.approx(centre_and_back + 10 * np.log10(2.41 / 2), abs=0.1)


def test_64_channels_are_measured():
    found = measure(sounds.noise(1, channels=64).samples, 44_100)
    assert found["channels"] == 64
    one = figure("integrated_lufs", sounds.noise(1, channels=1).samples)
    assert found["integrated_lufs"] == pytest.approx(one + 10 * np.log10(64), abs=0.1)


def test_a_steady_offset_alone_has_peaks_and_no_loudness_to_speak_of():
    found = measure(np.full((2, 44_100 * 5), 0.25, np.float32), 44_100)
    assert found["dc_offset_dbfs"] == pytest.approx(-12.04, abs=0.01)
    assert found["sample_peak_dbfs"] == pytest.approx(-12.04, abs=0.01)
    assert found["correlation"] is None
    json.dumps(found, allow_nan=False)


@pytest.mark.parametrize("wall_hz", [8000, 11_025, 15_000, 16_000, 18_500])
def test_bandwidth_ends_at_a_wall(wall_hz):
    low = scipy.signal.firwin(801, wall_hz, fs=44_100)
    samples = scipy.signal.oaconvolve(sounds.noise(4, pink=True).samples, low[None], mode="same", axes=1)
    found = figure("bandwidth_hz", samples)
    assert found == pytest.approx(wall_hz, abs=400)


def test_bandwidth_of_full_sound_is_half_the_rate():
    for pink in (False, True):
        assert figure("bandwidth_hz", sounds.noise(2, pink=pink).samples) == 22_050


def test_sixteen_bits_of_noise_are_no_bandwidth():
    low = scipy.signal.firwin(801, 16_000, fs=44_100)
    samples = scipy.signal.oaconvolve(sounds.noise(4, pink=True).samples, low[None], mode="same", axes=1)
    coarse = np.round(samples * 32_768) / 32_768
    assert figure("bandwidth_hz", coarse) == pytest.approx(16_000, abs=400)


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
