"""The 67 synthetic checks of EBU Tech 3341 and 3342, at the standards' tolerances; see `ebu`."""

from __future__ import annotations

import ebu
import numpy as np
import pytest
from ebu import RATE_HZ, tones

from polish.dsp.loudness import (
    HOP_BINS,
    MOMENTARY_BINS,
    SHORT_TERM_BINS,
    integrated_lufs,
    k_weighted_power,
    loudness_range_lu,
)  # fmt: skip
from polish.dsp.measure import measure
from polish.dsp.peak import true_peak_dbtp
from polish.dsp.speakers import channel_weights

CHECKS = {check.name: check for check in ebu.checks()}


class Ours:
    """Our meters, read every 10 ms."""

    def integrated_lufs(self, samples):
        return integrated_lufs(samples, RATE_HZ)

    def momentary_lufs(self, samples):
        return k_weighted_power(samples, RATE_HZ).series_lufs(MOMENTARY_BINS, 1)

    def short_term_lufs(self, samples):
        return k_weighted_power(samples, RATE_HZ).series_lufs(SHORT_TERM_BINS, 1)

    def loudness_range_lu(self, samples):
        return loudness_range_lu(samples, RATE_HZ)

    def true_peak_dbtp(self, samples):
        return true_peak_dbtp(samples, RATE_HZ)


def test_there_are_67_checks():
    assert len(CHECKS) == len(ebu.checks()) == 67


@pytest.mark.parametrize("name", CHECKS)
def test_ebu_check(name):
    assert CHECKS[name].passed_by(Ours())


class Off(Ours):
    """A meter that reads a fifth of a LU, and half a dB of true peak, too little, and too small a range."""

    def __getattribute__(self, name):
        found = object.__getattribute__(self, name)
        off = {"loudness_range_lu": 1.1, "true_peak_dbtp": 0.5}.get(name, 0.2)

        def less(samples):
            value = found(samples)
            if isinstance(value, list):
                return [None if one is None else one - off for one in value]
            return value - off

        return less


@pytest.mark.parametrize(
    "name",
    ["3341-1-I", "3341-2-S", "3341-1-M", "3341-9-S", "3341-13-M-4", "3341-14-M", "3341-21-TP", "3342-1-LRA"],
)
def test_a_meter_that_is_off_passes_no_check(name):
    assert not CHECKS[name].passed_by(Off())


def test_what_measure_reports_is_what_is_checked():
    for name in ("3341-10-S-7", "3341-13-M-13"):
        found = measure(CHECKS[name].signal(), RATE_HZ)
        key = "short_term_max_lufs" if "-S-" in name else "momentary_max_lufs"
        assert found[key] == pytest.approx(-23, abs=0.1)


def test_low_frequency_effects_do_not_change_case_6():
    left, right, centre, *surrounds = ebu.surround()
    loud = tones((20, -3), channels=1)[0]
    samples = np.stack([left, right, centre, loud, *surrounds])
    assert integrated_lufs(samples, RATE_HZ) == integrated_lufs(ebu.surround(), RATE_HZ)
    assert integrated_lufs(samples, RATE_HZ) == pytest.approx(-23, abs=0.1)


@pytest.mark.parametrize(
    ("channels", "speakers", "weights"),
    [
        (1, None, [1]),
        (3, None, [1, 1, 1]),
        (6, None, [1, 1, 1, 0, 1.41, 1.41]),
        (6, 0x60F, [1, 1, 1, 0, 1.41, 1.41]),
        (8, None, [1, 1, 1, 0, 1, 1, 1.41, 1.41]),
        (10, None, [1, 1, 1, 0, 1.41, 1.41, 1, 1, 1, 1]),
        (12, None, [1, 1, 1, 0, 1, 1, 1.41, 1.41, 1, 1, 1, 1]),
        (3, 0xB, [1, 1, 0]),
        (4, 0x107, [1, 1, 1, 1]),
        (4, 0x3, [1, 1, 1.41, 1.41]),
        (11, None, [1] * 11),
    ],
)
def test_channels_weigh_by_where_their_loudspeakers_stand(channels, speakers, weights):
    assert channel_weights(channels, speakers).tolist() == weights


def test_short_term_series_is_read_every_100_ms():
    assert len(k_weighted_power(tones((10, -23)), RATE_HZ).series_lufs(SHORT_TERM_BINS, HOP_BINS)) == 71
