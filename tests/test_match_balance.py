"""Matching moves the balance towards the reference by the stated amount, and nothing else."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.signal
import sounds
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from polish.audio import Sound
from polish.dsp.loudness import integrated_lufs
from polish.dsp.spectrum import third_octave_levels_db
from polish.dsp.tonal import filtered, linear_phase_filter, matching_gains_db
from polish.errors import BadInput
from polish.song import Song
from polish.stages.base import Context
from polish.stages.match import Match


def tilted(db_per_octave: float, *, rate_hz: int = 44_100, channels: int = 2, seed: int = 0) -> Sound:
    """Pink noise with a tilt around 1 kHz."""
    samples = sounds.noise(6, 0.1, rate_hz=rate_hz, channels=channels, seed=seed, pink=True).samples
    hz = np.maximum(np.fft.rfftfreq(samples.shape[1], 1 / rate_hz), 20)
    spectrum = np.fft.rfft(samples) * 10 ** (db_per_octave * np.log2(hz / 1000) / 20)
    made = np.fft.irfft(spectrum, samples.shape[1])
    return Sound((made * 0.1 / made.std()).astype(np.float32), rate_hz)


def matched(mix: Sound, reference: Sound | None = None, **asked) -> Sound:
    asked |= {} if reference is None else {"reference": "reference.wav"}
    return Match(**asked).run(Song(mix=mix), Context(sound=lambda path: reference)).mix


def distance_db(one: Sound, other: Sound) -> float:
    """Mean difference of third-octave shapes from 60 Hz to 10 kHz."""
    hz, a = third_octave_levels_db(one.samples, one.rate_hz)
    other_hz, b = third_octave_levels_db(other.samples, other.rate_hz)
    bands = (hz > 60) & (hz < min(10_000, other_hz[-1]))
    away = (
        a[bands] - b[: hz.size][bands[: b.size]]
        if hz.size <= b.size
        else a[: b.size][bands[: b.size]] - b[bands[: b.size]]
    )
    return float(np.mean(np.abs(away - away.mean())))


def test_the_whole_way_arrives_and_half_the_way_is_half():
    mix, reference = tilted(-1), tilted(0.5, seed=3)
    start = distance_db(mix, reference)
    assert distance_db(matched(mix, reference, amount=100), reference) < 0.15 * start
    assert distance_db(matched(mix, reference, amount=50), reference) == pytest.approx(start / 2, rel=0.15)


def test_a_reference_of_another_rate_and_channel_count_works():
    mix = tilted(-1)
    reference = tilted(0.5, rate_hz=48_000, channels=1)
    assert distance_db(matched(mix, reference, amount=100), reference) < 0.2 * distance_db(mix, reference)
    assert matched(mix, tilted(0.5, rate_hz=16_000), amount=100).samples.shape == mix.samples.shape


@pytest.mark.parametrize("curve", ["streaming", "pink"])
def test_loudness_length_and_rate_are_kept(curve):
    mix = tilted(-2, rate_hz=48_000)
    out = matched(mix, curve=curve, amount=100)
    assert integrated_lufs(out.samples, 48_000) == pytest.approx(
        integrated_lufs(mix.samples, 48_000), abs=0.01
    )
    assert (out.samples.shape, out.rate_hz) == (mix.samples.shape, mix.rate_hz)


def test_nothing_moves_in_time():
    mix = sounds.total(sounds.band(4))
    out = matched(mix, amount=100)
    lag = np.argmax(scipy.signal.correlate(out.samples[0], mix.samples[0], "full", "fft")) - mix.frames + 1
    assert lag == 0


def test_no_amount_and_a_reference_that_is_the_mix_change_nothing():
    mix = tilted(-1)
    assert matched(mix, tilted(2), amount=0) is mix
    assert matched(mix, mix, amount=100) is mix
    again = Sound(mix.samples * np.float32(0.5), mix.rate_hz)
    assert matched(mix, again, amount=100) is mix, "loudness is not a balance"


@settings(max_examples=30, deadline=None)
@given(st.lists(st.floats(-60, 20), min_size=31, max_size=31), st.floats(0.1, 12), st.floats(0, 1))
def test_no_band_moves_further_than_the_limit_and_the_loudness_stays(levels, limit_db, share):
    hz = 1000 * 10 ** (np.arange(-17, 14) / 10)
    own = np.random.default_rng(1).uniform(-40, 0, hz.size)
    gains = matching_gains_db(44_100, hz, own[None], np.array([levels]), share=share, limit_db=limit_db)
    assert np.abs(gains).max() <= limit_db + 1e-9
    assert np.isfinite(gains).all()


def test_a_resonance_of_the_reference_is_no_spike_in_the_gains():
    hz = 1000 * 10 ** (np.arange(-17, 14) / 10)
    own, spiked = np.full((1, hz.size), -30.0), np.full((1, hz.size), -30.0)
    spiked[0, 15] += 12
    (gains,) = matching_gains_db(44_100, hz, own, spiked, share=1, limit_db=12)
    assert np.ptp(gains) < 5
    assert np.abs(np.diff(gains)).max() < 2.5


def with_sides(width: float, seed: int = 0) -> Sound:
    """Pink noise whose sides above 1 kHz are `width` times as strong as its middle."""
    mid, side = (sounds.noise(6, 0.1, channels=1, seed=seed + n, pink=True).samples[0] for n in (0, 1))
    spectrum = np.fft.rfft(side)
    hz = np.fft.rfftfreq(side.size, 1 / 44_100)
    side = np.fft.irfft(spectrum * np.where(hz > 1000, width, 0.2), side.size)
    return Sound(np.stack([mid + side, mid - side]).astype(np.float32), 44_100)


def sides_over_middle_db(sound: Sound, low_hz: float) -> float:
    hz, mid = third_octave_levels_db(sound.samples.sum(axis=0, keepdims=True), sound.rate_hz)
    _, side = third_octave_levels_db(np.subtract(*sound.samples)[None], sound.rate_hz)
    return float((side - mid)[(hz > low_hz) & (hz < 10_000)].mean())


def test_mid_and_side_take_the_width_of_each_band_from_the_reference():
    mix, wide = with_sides(0.2), with_sides(0.4, seed=8)
    apart = matched(mix, wide, amount=100, mid_side=True, limit=12)
    assert sides_over_middle_db(apart, 1500) == pytest.approx(sides_over_middle_db(wide, 1500), abs=1)
    together = matched(mix, wide, amount=100, limit=12)
    assert sides_over_middle_db(together, 1500) == pytest.approx(sides_over_middle_db(mix, 1500), abs=0.1)
    assert integrated_lufs(apart.samples, 44_100) == pytest.approx(
        integrated_lufs(mix.samples, 44_100), abs=0.02
    )


def test_mid_and_side_of_the_mix_itself_change_nothing():
    mix = with_sides(0.3)
    assert matched(mix, mix, amount=100, mid_side=True) is mix


@pytest.mark.parametrize("mono", ["mix", "reference", "reference as two channels"])
def test_where_there_are_no_sides_all_is_matched_as_one_and_it_is_said(mono):
    mix, reference = with_sides(0.2), with_sides(0.4, seed=8)
    one = Sound(reference.samples.mean(axis=0, keepdims=True, dtype=np.float32), 44_100)
    if mono == "mix":
        mix = one
    else:
        reference = one if mono == "reference" else one.with_samples(np.tile(one.samples, (2, 1)))
    said: list[str] = []
    context = Context(sound=lambda path: reference, notice=said.append)
    song = Match(reference="r.wav", mid_side=True).run(Song(mix=mix), context)
    assert len(said) == 1 and "matched as one" in said[0]
    assert "side_gains_db" not in song.measurements["match"]
    assert song.mix.samples.shape == mix.samples.shape


def test_a_curve_has_no_sides():
    with pytest.raises(ValidationError, match="a curve has no sides"):
        Match(mid_side=True)


def test_what_the_mix_does_not_have_is_not_turned_up():
    low = scipy.signal.firwin(801, 8000, fs=44_100)
    mix = tilted(0)
    dull = mix.with_samples(scipy.signal.oaconvolve(mix.samples, low[None], mode="same", axes=1))
    song = Match(amount=100, curve="pink").run(Song(mix=dull))
    hz, gains = (np.array(song.measurements["match"][key]) for key in ("bands_hz", "gains_db"))
    assert gains[hz > 9000].max() <= 0


def test_the_filter_has_the_gains_asked_for():
    hz = 1000 * 10 ** (np.arange(-17, 14) / 10)
    gains = 4 * np.sin(np.arange(hz.size) / 3)
    impulse = linear_phase_filter(44_100, hz, gains)
    assert impulse.size % 2 == 1
    assert np.allclose(impulse, impulse[::-1], atol=1e-7)
    _, response = scipy.signal.freqz(impulse, worN=hz[5:], fs=44_100)
    assert np.allclose(20 * np.log10(np.abs(response)), gains[5:], atol=0.3)


def test_blocks_leave_no_seam():
    samples = sounds.noise(7, 0.1).samples
    impulse = linear_phase_filter(44_100, np.array([100.0, 1000, 10_000]), np.array([3.0, -3, 2]))
    whole = scipy.signal.oaconvolve(samples.astype(float), impulse[None].astype(float), mode="same", axes=1)
    assert sounds.snr_db(whole, filtered(samples, impulse)) > 110


def test_a_silent_reference_is_refused_by_name():
    with pytest.raises(BadInput, match="silent") as told:
        matched(tilted(0), sounds.silence(3))
    assert "reference.wav" in str(told.value)
    with pytest.raises(BadInput, match="shorter than a second"):
        matched(tilted(0), sounds.noise(0.2))


def test_a_reference_and_a_curve_together_are_refused():
    with pytest.raises(ValidationError, match="take one of them"):
        Match(reference="a.wav", curve="pink")


@pytest.mark.parametrize("frames", [1, 2, 500, 20_000])
@pytest.mark.parametrize("channels", [1, 6])
def test_tiny_and_many_channelled_sounds_pass(frames, channels):
    mix = Sound(sounds.noise(1, channels=channels).samples[:, :frames], 44_100)
    out = matched(mix, amount=100)
    assert out.samples.shape == mix.samples.shape
    assert np.isfinite(out.samples).all()


def test_silence_stays_silent():
    assert matched(sounds.silence(2)).silent


@pytest.mark.parametrize("rate_hz", [8000, 192_000])
def test_low_and_high_rates_work(rate_hz):
    out = matched(tilted(-1, rate_hz=rate_hz), amount=100)
    assert np.isfinite(out.samples).all()
