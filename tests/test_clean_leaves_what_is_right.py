"""`clean`, the other half of the proof: clean sound comes through as it was."""

from __future__ import annotations

import numpy as np
import pytest
import sounds

from polish import audio
from polish.audio import Sound
from polish.dsp import filters
from polish.dsp.spectrum import third_octave_levels_db
from polish.models.composer import compose
from polish.song import Finding, Song
from polish.stages.clean import Clean


def assert_untouched(before: Sound, after: Sound) -> None:
    """≥ 30 dB SNR, and every third-octave band that is there within ±0.7 dB."""
    assert after.samples.shape == before.samples.shape
    if after.samples is before.samples:
        return
    assert sounds.snr_db(before.samples, after.samples) >= 30
    _, was = third_octave_levels_db(before.samples, before.rate_hz)
    _, now = third_octave_levels_db(after.samples, after.rate_hz)
    audible = was > was.max() - 60
    assert np.abs(now - was)[audible].max() <= 0.7


def cleaned(stems: dict[str, Sound], **settings) -> Song:
    return Clean(**settings).run(Song(stems=stems))


@pytest.mark.parametrize("seed", range(3))
def test_composed_stems_are_left_alone(seed):
    stems = dict(compose(seed, seconds=10).stems)
    done = cleaned(stems)
    for name, stem in stems.items():
        assert_untouched(stem, done.stems[name])


def muddy(stems: dict[str, Sound]) -> Song:
    """A song in which mud was found, as `check` says it."""
    found = Finding(kind="mud", start_s=0, end_s=9, severity="warning", value=4.8, unit="dB",
                    message="", mend="clean")  # fmt: skip
    return Song(stems=stems, findings=(found,))


@pytest.mark.parametrize("seed", [6104, 6488, 6409])
def test_a_composed_song_keeps_the_low_mids_that_are_its_own(seed):
    """One in which `check` finds mud, one whose voice alone has much of them, one of which a drum rings."""
    stems = dict(compose(seed, seconds=12).stems)
    done = Clean().run(muddy(stems) if seed == 6104 else Song(stems=stems))
    for name, stem in stems.items():
        assert_untouched(stem, done.stems[name])


def test_a_finding_of_mud_in_all_stems_is_heeded_in_each():
    """The same song with a boost on every stem: what stops false findings lets the true ones through."""
    stems = dict(compose(6104, seconds=9).stems)
    boost = filters.peak(sounds.RATE_HZ, 300, 10, 1)
    faulty = {name: stem.with_samples(filters.apply(stem.samples, boost)) for name, stem in stems.items()}
    done = Clean().run(muddy(faulty))
    assert all(done.stems[name] is not faulty[name] for name in stems)


def test_a_song_that_is_bright_without_a_hump_keeps_its_tone():
    """What is found there alone is how it was recorded: true stems of such a song were cut by 6 dB."""
    stems = {
        name: sounds.noise(6.0, 0.1, pink=True, seed=seed)
        for seed, name in enumerate(("vocals", "drums", "other"))
    }
    bright = filters.peak(sounds.RATE_HZ, 3200, 8, 0.6)
    stems = {name: stem.with_samples(filters.apply(stem.samples, bright)) for name, stem in stems.items()}
    found = Finding(kind="harshness", start_s=0, end_s=6, severity="warning", value=5.0, unit="dB",
                    message="", mend="clean")  # fmt: skip
    done = Clean().run(Song(stems=stems, findings=(found,)))
    for name, stem in stems.items():
        assert_untouched(stem, done.stems[name])


def test_a_bass_of_few_notes_keeps_their_partials():
    """What rings in drums whatever is played is a note that comes again in a bass."""
    noise = sounds.noise(6.0, pink=True)
    ringing = noise.with_samples(filters.apply(noise.samples, filters.peak(noise.rate_hz, 900, 20, 14)))
    switches = dict.fromkeys(("mud", "rumble"), False)
    done = cleaned({"drums": ringing, "bass": ringing}, **switches)
    assert done.stems["bass"] is ringing
    assert done.stems["drums"] is not ringing


def test_a_simple_band_comes_back_bit_for_bit():
    stems = sounds.band(8.0)
    done = cleaned(stems)
    assert all(done.stems[name] is stem for name, stem in stems.items())
    assert done.measurements["clean"]["stems"] == {name: [] for name in stems}


@pytest.mark.real
def test_true_stems_are_left_alone(real):
    folder = real / "stems" / "so-easy"
    stems = {"vocals": audio.read(folder / "vocals.mp3"), "other": audio.read(folder / "accompaniment.mp3")}
    done = cleaned(stems)
    for name, stem in stems.items():
        assert_untouched(stem, done.stems[name])


@pytest.mark.parametrize("channels", [1, 2, 6])
def test_noise_of_any_channel_count_keeps_its_shape(channels):
    noise = sounds.noise(3.0, 0.1, channels=channels, pink=True)
    assert cleaned({"other": noise}).stems["other"].samples.shape == noise.samples.shape


@pytest.mark.parametrize("rate_hz", [8000, 22_050, 48_000, 192_000])
def test_any_rate_is_worked_on(rate_hz):
    stems = {name: sounds.noise(2.0, 0.1, pink=True, rate_hz=rate_hz) for name in ("vocals", "drums")}
    done = cleaned(stems, noise=True, clicks=True)
    assert all(np.isfinite(stem.samples).all() for stem in done.stems.values())


@pytest.mark.parametrize("frames", [0, 1, 7, 500, 5000, 50_000])
def test_very_short_stems_come_through(frames):
    noise = np.random.default_rng(0).standard_normal((1, frames)).astype(np.float32) * np.float32(0.1)
    stems = {name: Sound(noise, sounds.RATE_HZ) for name in ("vocals", "drums")}
    done = cleaned(stems, noise=True, clicks=True)
    assert all(stem.frames == frames for stem in done.stems.values())


def test_silence_stays_silent():
    stems = {"vocals": sounds.silence(3.0), "drums": sounds.silence(3.0, channels=1)}
    done = cleaned(stems, noise=True, clicks=True)
    assert all(stem.silent for stem in done.stems.values())


def test_one_sound_among_silence_is_enough():
    """Gates and percentiles must not trip over a stem that is nearly empty."""
    samples = np.zeros((2, 6 * sounds.RATE_HZ), np.float32)
    samples[:, 100_000:100_050] = 0.5
    done = cleaned({"vocals": Sound(samples, sounds.RATE_HZ)}, noise=True)
    assert np.isfinite(done.stems["vocals"].samples).all()


def test_what_is_in_stays_the_same_twice():
    stems = dict(compose(2, seconds=8).stems)
    muddy = filters.apply(stems["drums"].samples, filters.peak(sounds.RATE_HZ, 300, 12, 1))
    stems["drums"] = Sound(muddy, sounds.RATE_HZ)
    before = {name: stem.samples.copy() for name, stem in stems.items()}
    first, second = cleaned(stems), cleaned(stems)
    for name, stem in stems.items():
        assert np.array_equal(first.stems[name].samples, second.stems[name].samples)
        assert np.array_equal(stem.samples, before[name])


@pytest.mark.parametrize("gain", [0.05, 4.0])
def test_the_level_of_a_stem_makes_no_difference(gain):
    """A stem that is louder by a factor comes out louder by that factor."""
    drums = compose(2, seconds=8).stems["drums"]
    muddy = filters.apply(drums.samples, filters.peak(sounds.RATE_HZ, 300, 12, 1))
    one, other = (
        cleaned({"drums": Sound(muddy * np.float32(factor), sounds.RATE_HZ)}).stems["drums"].samples
        for factor in (1.0, gain)
    )
    assert not np.array_equal(one, muddy)
    assert sounds.snr_db(one * gain, other) > 60
