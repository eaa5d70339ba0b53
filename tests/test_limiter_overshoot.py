"""The limiter keeps its ceiling between the samples, and touches nothing it need not."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.signal
import sounds
from hypothesis import given, settings
from hypothesis import strategies as st

from polish.dsp import reduction
from polish.dsp.limiter import HAIR_DB, Limiter, find_peaks, limit, reduction_db, turn_down
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
    taken_db = reduction_db(peaks, 0.5)
    assert taken_db.max() == pytest.approx(12.04, abs=0.1)
    per_ms_db = np.abs(np.diff(taken_db)).max() / (1000 * peaks.length / RATE_HZ)
    assert per_ms_db < 8


def test_a_lone_peak_is_forgotten_sooner_than_a_dense_passage():
    lone, dense = (sounds.sine(1000, 6, 0.5).samples.copy() for _ in range(2))
    lone[:, RATE_HZ : RATE_HZ + 200] *= 2
    dense[:, : RATE_HZ + 200] *= 2
    after = int(1.12 * 2004)
    of_lone, of_dense = (
        reduction_db(find_peaks(s, RATE_HZ, above=0.1), 0.5)[0, after] for s in (lone, dense)
    )
    assert of_lone < 0.5
    assert of_dense > 2


def test_the_same_bits_every_time_whatever_the_memory_layout():
    samples = hot("loud noise")
    once = limit(samples, RATE_HZ, -3.0)
    assert np.array_equal(once, limit(samples.copy(), RATE_HZ, -3.0))
    assert np.array_equal(once, limit(np.ascontiguousarray(samples.T).T, RATE_HZ, -3.0))


@pytest.mark.parametrize("rate_hz", [8000, 32_000, 48_000, 96_000, 192_000])
@pytest.mark.parametrize("gain_db", [0, 24])
def test_no_overshoot_at_any_rate_and_gain(rate_hz, gain_db):
    for name in ("loud noise", "one-sample spikes", "one hot side"):
        limited = limit(hot(name)[:, :12_000], rate_hz, -2.0, gain_db=gain_db)
        assert max(reference_dbtp(channel, 64) for channel in limited) <= -1.9


@settings(max_examples=12, deadline=None)
@given(
    st.lists(st.integers(0, 60_000), min_size=1, max_size=6),
    st.sampled_from([0.0, 0.6, 1.0]),
    st.sampled_from([8000, 44_100]),
    st.integers(1, 2),
)
def test_the_pieces_it_comes_in_do_not_show(sizes, link, rate_hz, channels):
    samples = np.tile(hot("one hot side")[:channels, :33_333], 2)
    limiter, pieces, at = Limiter(channels, rate_hz, CEILING_DBTP, gain_db=3, link=link), [], 0
    for size in [*sizes, samples.shape[1]]:
        pieces.append(limiter.feed(samples[:, at : at + size]))
        at += size
    pieces.append(limiter.finish())
    whole = limit(samples, rate_hz, CEILING_DBTP, gain_db=3, link=link)
    assert np.array_equal(np.concatenate(pieces, axis=1), whole)
    known = find_peaks(samples, rate_hz, above=0.01)
    taken_db = reduction_db(known, 10 ** ((CEILING_DBTP - HAIR_DB - 3) / 20), link=link)
    assert np.array_equal(turn_down(samples, taken_db, known.length, gain_db=3), whole)


def test_unlinked_channels_are_limited_each_for_itself_and_part_linked_ones_in_between():
    samples = hot("one hot side")
    quiet = {link: limit(samples, RATE_HZ, CEILING_DBTP, link=link)[1] for link in (0.0, 0.5, 1.0)}
    assert np.array_equal(quiet[0.0], samples[1])
    powers = [float(np.mean(quiet[link] ** 2)) for link in (0.0, 0.5, 1.0)]
    assert powers[0] > 1.5 * powers[1] > 2 * powers[2]


def test_a_limiter_driven_hard_does_not_take_all_it_is_given(monkeypatch):
    """A slow release that keeps its share of any reduction ends up turning everything down."""
    beats = (1 + 3 * (sounds.times(6) % 0.25 < 0.01)) * sounds.total(sounds.band(6)).samples
    beats = beats.astype(np.float32)
    lufs = integrated_lufs(limit(beats, RATE_HZ, CEILING_DBTP, gain_db=24), RATE_HZ)
    monkeypatch.setattr(reduction, "_MOST_KEPT_DB", 99.0)
    assert lufs > integrated_lufs(limit(beats, RATE_HZ, CEILING_DBTP, gain_db=24), RATE_HZ) + 0.5


def test_a_low_note_stays_clean():
    """−45 dB of distortion at 4 dB of reduction; with a fast release alone it would be −30 dB."""
    samples = sounds.sine(50, 4, 1.0, channels=1).samples
    limited = limit(samples, RATE_HZ, -4.0)[0, 2 * RATE_HZ : 3 * RATE_HZ]
    power = np.abs(np.fft.rfft(limited * np.hanning(RATE_HZ))) ** 2
    tone = power[45:56].sum()
    assert 10 * np.log10((power[5:].sum() - tone) / tone) < -45


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
