"""Filters: gains where they are promised, same bits for any block size, no phase shift when asked."""

from __future__ import annotations

import numpy as np
import pytest
import sounds
from hypothesis import given, settings
from hypothesis import strategies as st

from polish.dsp import filters

RATE_HZ = 44_100
HZ = np.geomspace(20, 20_000, 200)


def test_a_pass_is_3_db_down_at_its_corner():
    corner = np.array([300.0])
    for design in (filters.high_pass, filters.low_pass):
        assert filters.response_db(design(RATE_HZ, 300), corner, RATE_HZ) == pytest.approx(-3.01, abs=0.01)


def test_a_high_pass_takes_dc_out_and_leaves_the_top():
    sos = filters.high_pass(RATE_HZ, 30)
    assert filters.response_db(sos, np.array([0.0]), RATE_HZ) < -200
    assert filters.response_db(sos, np.array([10_000.0]), RATE_HZ) == pytest.approx(0, abs=1e-3)


@given(st.floats(60, 15_000), st.floats(-24, 24), st.floats(0.3, 20))
@settings(max_examples=60, deadline=None)
def test_a_peak_has_its_gain_at_its_centre_and_none_far_away(hz, gain_db, q):
    sos = filters.peak(RATE_HZ, hz, gain_db, q)
    assert filters.response_db(sos, np.array([hz]), RATE_HZ) == pytest.approx(gain_db, abs=1e-6)
    ends = filters.response_db(sos, np.array([0.0, RATE_HZ / 2]), RATE_HZ)
    assert np.allclose(ends, 0, atol=1e-6)


def test_a_cut_undoes_a_boost():
    up, down = filters.peak(RATE_HZ, 300, 9, 1.0), filters.peak(RATE_HZ, 300, -9, 1.0)
    sound = sounds.noise(1.0)
    back = filters.apply(filters.apply(sound.samples, up), down)
    assert sounds.snr_db(sound.samples, back) > 120


def test_a_peak_is_the_sound_plus_a_share_of_its_band():
    gain = 10 ** (6 / 20)
    band = filters.band_pass(RATE_HZ, 300, 1.4 * np.sqrt(gain))
    sum_of_both = 1 + (gain - 1) * filters.response(band, HZ, RATE_HZ)
    expected = filters.response(filters.peak(RATE_HZ, 300, 6, 1.4), HZ, RATE_HZ)
    assert np.allclose(sum_of_both, expected, atol=1e-9)


@pytest.mark.parametrize(("design", "end_hz"), [(filters.low_shelf, 0.0), (filters.high_shelf, RATE_HZ / 2)])
def test_a_shelf_reaches_its_gain_at_its_end_and_half_at_its_corner(design, end_hz):
    sos = design(RATE_HZ, 1000, -6)
    at = filters.response_db(sos, np.array([end_hz, 1000, RATE_HZ / 2 - end_hz]), RATE_HZ)
    assert at == pytest.approx([-6, -3, 0], abs=1e-6)


def test_a_notch_takes_its_frequency_out():
    sos = filters.notch(RATE_HZ, 1000, 30)
    out = filters.apply(sounds.sine(1000, 2.0).samples, sos)
    assert np.abs(out[:, RATE_HZ:]).max() < 1e-4


@pytest.mark.parametrize("order", [4, 8])
def test_the_sides_of_a_crossover_sum_flat(order):
    low, high = filters.linkwitz_riley(RATE_HZ, 250, order=order)
    both = filters.response(low, HZ, RATE_HZ) + filters.response(high, HZ, RATE_HZ)
    assert np.allclose(np.abs(both), 1, atol=1e-6)
    assert filters.response_db(low, np.array([250.0]), RATE_HZ) == pytest.approx(-6.02, abs=0.01)


@given(st.lists(st.integers(1, 30_000), min_size=1, max_size=6))
@settings(max_examples=20, deadline=None)
def test_pieces_of_any_size_give_the_same_bits(sizes):
    sound = sounds.noise(0.8)
    sos = filters.cascade(filters.high_pass(RATE_HZ, 80), filters.peak(RATE_HZ, 3000, -4, 2))
    whole = filters.apply(sound.samples, sos)
    state, parts, at = filters.at_rest(sos, 2), [], 0
    for size in [*sizes, sound.frames]:
        parts.append(filters.apply(sound.samples[:, at : at + size], sos, state=state))
        at += size
    assert np.array_equal(np.concatenate(parts, axis=1), whole)


def test_zero_phase_keeps_a_sine_where_it_is_and_doubles_the_db():
    sine = sounds.sine(200, 1.0)
    out = filters.apply_zero_phase(sine.samples, filters.peak(RATE_HZ, 200, -3, 1), RATE_HZ)
    middle = slice(RATE_HZ // 4, 3 * RATE_HZ // 4)
    assert sounds.snr_db(sine.samples[:, middle] * 10 ** (-6 / 20), out[:, middle]) > 50


@given(st.integers(1, 3), st.integers(0, 200_000), st.floats(20, 2000))
@settings(max_examples=15, deadline=None)
def test_zero_phase_sides_sum_to_the_sound(channels, frames, crossover_hz):
    """A second-order Butterworth run both ways: ``1/(1+w⁴) + w⁴/(1+w⁴) = 1``."""
    samples = np.random.default_rng(1).standard_normal((channels, frames)).astype(np.float32) * 0.1
    low = filters.apply_zero_phase(samples, filters.low_pass(RATE_HZ, crossover_hz), RATE_HZ)
    high = filters.apply_zero_phase(samples, filters.high_pass(RATE_HZ, crossover_hz), RATE_HZ)
    assert low.dtype == np.float32
    assert low.shape == samples.shape
    assert sounds.snr_db(samples, low + high) > 100


def test_silence_stays_silent_and_one_frame_is_enough():
    sos = filters.high_shelf(RATE_HZ, 5000, -6)
    assert not filters.apply(sounds.silence(0.1).samples, sos).any()
    one = np.full((1, 1), 0.5, np.float32)
    assert filters.apply(one, sos).shape == (1, 1)
    assert filters.apply_zero_phase(one, sos, RATE_HZ).shape == (1, 1)


@pytest.mark.parametrize("hz", [0, -5, RATE_HZ / 2, 30_000])
def test_a_frequency_beyond_half_the_rate_is_refused(hz):
    with pytest.raises(ValueError, match="half the rate"):
        filters.peak(RATE_HZ, hz, 3, 1)


def test_an_order_whose_sides_do_not_sum_is_refused():
    with pytest.raises(ValueError, match="order 4 or 8"):
        filters.linkwitz_riley(RATE_HZ, 250, order=2)
