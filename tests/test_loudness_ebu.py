"""The synthetic test signals of EBU Tech 3341 (table 1) and Tech 3342 (table 1), at their tolerances.

Cases 7 and 8 of Tech 3341 and 5 and 6 of Tech 3342 are recorded programmes and not made here.
"""

from __future__ import annotations

import numpy as np
import pytest
import scipy.signal

from polish.dsp.loudness import HOP_BINS, MOMENTARY_BINS, SHORT_TERM_BINS, Power, k_weighted_power
from polish.dsp.peak import true_peak_dbtp

RATE_HZ = 48_000
TOLERANCE_LU = 0.1


def tones(*parts: tuple[float, float | None], channels: int = 2) -> np.ndarray:
    """1 kHz in all channels: parts of (seconds, peak level in dBFS or None for silence)."""
    levels = [
        np.full(round(seconds * RATE_HZ), 0.0 if level_dbfs is None else 10 ** (level_dbfs / 20))
        for seconds, level_dbfs in parts
    ]
    gain = np.concatenate(levels)
    wave = gain * np.sin(2 * np.pi * 1000 * np.arange(gain.size) / RATE_HZ)
    return np.tile(wave.astype(np.float32), (channels, 1))


def power(samples: np.ndarray) -> Power:
    return k_weighted_power(samples, RATE_HZ)


@pytest.mark.parametrize(
    ("parts", "lufs"),
    [
        ([(20, -23)], -23),
        ([(20, -33)], -33),
        ([(10, -36), (60, -23), (10, -36)], -23),
        ([(10, -72), (10, -36), (60, -23), (10, -36), (10, -72)], -23),
        ([(20, -26), (20.1, -20), (20, -26)], -23),
    ],
)
def test_integrated_loudness_of_cases_1_to_5(parts, lufs):
    assert power(tones(*parts)).integrated_lufs == pytest.approx(lufs, abs=TOLERANCE_LU)


@pytest.mark.parametrize("level", [-23, -33])
def test_momentary_and_short_term_of_cases_1_and_2(level):
    found = power(tones((20, level)))
    for bins in (MOMENTARY_BINS, SHORT_TERM_BINS):
        series = found.series_lufs(bins, 1)
        assert min(series) == pytest.approx(level, abs=TOLERANCE_LU)
        assert max(series) == pytest.approx(level, abs=TOLERANCE_LU)


@pytest.mark.parametrize("lfe", [False, True])
def test_surround_of_case_6_with_and_without_lfe(lfe):
    left, centre, surround = (tones((20, level), channels=1)[0] for level in (-28, -24, -30))
    between = [centre, tones((20, -3), channels=1)[0]] if lfe else [centre]
    samples = np.stack([left, left, *between, surround, surround])
    assert power(samples).integrated_lufs == pytest.approx(-23, abs=TOLERANCE_LU)


def test_short_term_is_steady_in_case_9():
    series = power(tones(*[(1.34, -20), (1.66, -30)] * 5)).series_lufs(SHORT_TERM_BINS, 1)
    assert np.ptp(series) < 2 * TOLERANCE_LU
    assert np.mean(series) == pytest.approx(-23, abs=TOLERANCE_LU)


@pytest.mark.parametrize("i", range(1, 21))
def test_highest_short_term_of_case_10(i):
    found = power(tones((0.15 * i, None), (3, -23), (1, None)))
    assert found.highest_lufs(SHORT_TERM_BINS) == pytest.approx(-23, abs=TOLERANCE_LU)


def test_highest_short_term_of_each_segment_of_case_11():
    parts, ends_s = [], []
    for i in range(1, 21):
        parts += [(0.15 * i, None), (3, -38 + i), (3.15 - 0.15 * i, None)]
        ends_s.append(sum(seconds for seconds, _ in parts))
    series = power(tones(*parts)).series_lufs(SHORT_TERM_BINS, 1)
    for i, end_s in enumerate(ends_s, start=1):
        so_far = [lufs for lufs in series[: round(end_s * 100) - SHORT_TERM_BINS + 1] if lufs is not None]
        assert max(so_far) == pytest.approx(-38 + i, abs=TOLERANCE_LU)


def test_momentary_is_steady_in_case_12():
    series = power(tones(*[(0.18, -20), (0.22, -30)] * 25)).series_lufs(MOMENTARY_BINS, 1)[100:]
    assert np.ptp(series) < 2 * TOLERANCE_LU
    assert np.mean(series) == pytest.approx(-23, abs=TOLERANCE_LU)


@pytest.mark.parametrize("i", range(1, 21))
def test_highest_momentary_of_case_13(i):
    found = power(tones((0.02 * i, None), (0.4, -23), (1, None)))
    assert found.highest_lufs(MOMENTARY_BINS) == pytest.approx(-23, abs=TOLERANCE_LU)


def test_highest_momentary_of_each_segment_of_case_14():
    parts, ends_s = [], []
    for i in range(1, 21):
        parts += [(0.02 * i, None), (0.4, -38 + i), (0.42 - 0.02 * i, None)]
        ends_s.append(sum(seconds for seconds, _ in parts))
    series = power(tones(*parts)).series_lufs(MOMENTARY_BINS, 1)
    for i, end_s in enumerate(ends_s, start=1):
        so_far = [lufs for lufs in series[: round(end_s * 100) - MOMENTARY_BINS + 1] if lufs is not None]
        assert max(so_far) == pytest.approx(-38 + i, abs=TOLERANCE_LU)


@pytest.mark.parametrize(
    ("divisor", "phase_degrees", "level", "dbtp"),
    [(4, 0, 0.5, -6), (4, 45, 0.5, -6), (6, 60, 0.5, -6), (8, 67.5, 0.5, -6), (4, 45, 1.41, 3)],
)
def test_true_peak_of_cases_15_to_19(divisor, phase_degrees, level, dbtp):
    phase = 2 * np.pi * np.arange(RATE_HZ) / divisor + np.deg2rad(phase_degrees)
    # Faded, because a tone cut into at this phase truly rings above its level.
    faded = level * np.sin(phase) * scipy.signal.windows.tukey(phase.size, 0.1)
    samples = np.tile(faded.astype(np.float32), (2, 1))
    assert -0.4 <= true_peak_dbtp(samples, RATE_HZ) - dbtp <= 0.2


@pytest.mark.parametrize("offset", range(4))
def test_true_peak_of_cases_20_to_23(offset):
    """A tone at fs/6 with one loud cycle, made at four times the rate and picked at each offset."""
    n = np.arange(4 * RATE_HZ)
    level = np.full(n.size, 0.5)
    level[n.size // 2 : n.size // 2 + 24] = 1.0
    fine = level * np.sin(2 * np.pi * n / 24)
    low = scipy.signal.firwin(401, 0.24)
    wave = scipy.signal.fftconvolve(fine, low, mode="same")[offset::4]
    assert -0.4 <= true_peak_dbtp(wave[None].astype(np.float32), RATE_HZ) <= 0.2


@pytest.mark.parametrize(
    ("levels", "range_lu"),
    [((-20, -30), 10), ((-20, -15), 5), ((-40, -20), 20), ((-50, -35, -20, -35, -50), 15)],
)
def test_loudness_range_of_cases_1_to_4(levels, range_lu):
    found = power(tones(*[(20, level) for level in levels]))
    assert found.loudness_range_lu == pytest.approx(range_lu, abs=1)


def test_short_term_series_is_read_every_100_ms():
    assert len(power(tones((10, -23))).series_lufs(SHORT_TERM_BINS, HOP_BINS)) == 71
