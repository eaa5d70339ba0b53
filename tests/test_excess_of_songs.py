"""Mud and harshness of a whole song: whose they are, and that no step for tone brings them."""

from __future__ import annotations

import numpy as np
import pytest
import sounds

from polish.dsp import bands, excess, filters
from polish.dsp.spectrum import third_octave_levels_db
from polish.song import Song
from polish.stages.clean import Clean
from polish.stages.master import Master
from polish.stages.match import CURVES
from polish.stages.premaster import prepared

NAMES = ("vocals", "drums", "bass", "other")


def stems(boosted: tuple[str, ...]) -> dict[str, sounds.Sound]:
    """Four noises of one balance, the voice louder; some with a boost at 3 kHz."""
    made = {}
    for seed, name in enumerate(NAMES):
        noise = sounds.noise(3.0, 0.2 if name == "vocals" else 0.05, seed=seed, pink=True)
        sos = filters.peak(noise.rate_hz, 3000, 16 if name in boosted else 0.0, 1.4)
        made[name] = noise.with_samples(filters.apply(noise.samples, sos))
    return made


def whole(parts: dict[str, sounds.Sound], *, asked: bool = False) -> excess.Whole:
    measured = [bands.measure(stem.samples, stem.rate_hz) for stem in parts.values()]
    return excess.whole("harshness", measured, kinds=NAMES, asked=asked)


def test_a_hump_of_all_stems_is_the_songs_and_one_voice_s_is_its_own():
    of_all, of_one = whole(stems(NAMES)), whole(stems(("vocals",)))
    assert of_one.density_db > 2, "it is as harsh"
    assert (of_all.sure, of_all.shared) == (1, 1)
    assert (of_one.sure, of_one.shared) == (0, 0)
    assert whole(stems(("vocals",)), asked=True).depth_db == 0
    assert whole(stems(())).sure == 0


def test_two_voices_are_one_kind():
    parts = stems(("vocals", "other"))
    measured = [bands.measure(stem.samples, stem.rate_hz) for stem in parts.values()]
    kinds = ["vocals", "drums", "bass", "vocals"]
    assert excess.whole("harshness", measured, kinds=kinds).shared == 0


def test_a_voice_of_its_own_colour_leaves_the_others_alone():
    parts = stems(("vocals",))
    done = Clean(hum=False, rumble=False).run(Song(stems=parts)).stems
    assert all(done[name] is parts[name] for name in NAMES if name != "vocals")


@pytest.mark.parametrize("fault", excess.SONG_USUAL)
def test_gains_for_tone_bring_no_mud_and_no_harshness(fault):
    noise = sounds.noise(4.0, pink=True)
    (low_hz, high_hz), _ = excess.spans(fault)
    loud = filters.peak(noise.rate_hz, (low_hz * high_hz) ** 0.5, 9, 1)
    hz, levels_db = third_octave_levels_db(filters.apply(noise.samples, loud), noise.rate_hz)
    wanted = np.where((hz > low_hz) & (hz < high_hz), 2.0, np.sin(np.arange(hz.size)))
    gains_db = excess.not_raising(hz, levels_db, wanted)

    def density_db(levels: np.ndarray) -> float:
        return excess._level_density_db(fault, hz, levels)

    assert density_db(levels_db + wanted) > density_db(levels_db) + 0.5
    assert density_db(levels_db + gains_db) < density_db(levels_db) + 0.02
    far = (hz < 40) | (hz > 12_500)
    assert np.array_equal(gains_db[far], wanted[far])


def test_the_masters_tone_brings_no_harshness():
    """A song without mids: bringing its bass back would leave 2 to 5 kHz further out than they were."""
    noise = sounds.noise(12.0, pink=True)
    shape = filters.cascade(
        filters.peak(noise.rate_hz, 1000, -15, 0.7), filters.peak(noise.rate_hz, 9000, -9, 1)
    )
    mix = noise.with_samples(filters.apply(noise.samples, shape))
    done = prepared(mix, tone_db=2.0, glue_db=0.0)
    assert done.tone is not None
    before, after = (
        excess.whole("harshness", [bands.measure(samples, mix.rate_hz)]).density_db
        for samples in (mix.samples, done.source.samples)
    )
    assert after < before + 0.1


def test_limiting_of_a_loud_body_brings_less_harshness():
    """Peaks that are held let all else come forward, by 1.3 dB here; up to 1 dB is taken back before."""
    noise = sounds.noise(12.0, 0.05, pink=True)
    loud = filters.apply(noise.samples, filters.peak(noise.rate_hz, 3000, 6, 1))
    t = sounds.times(12.0)
    hits = 0.5 * np.sin(2 * np.pi * 800 * t) * (t % 0.5 < 0.02)
    mix = noise.with_samples((loud + hits).astype(np.float32))
    done = Master(loudness=-14, dynamics="reach", tone=0, glue=0).run(Song(mix=mix)).masters["master"]
    assert min(done.facts["limiting"]["gains_db"]) == -1
    before, after = (bands.measure(sound.samples, mix.rate_hz) for sound in (mix, done.sound))
    assert excess.brought_db(before, after)["harshness"] < 0.7


def of_records(boost_db: float, low_hz: float, high_hz: float) -> sounds.Sound:
    """12 s of noise with the average spectrum of records, and a boost."""
    noise = sounds.noise(12.0, channels=1)
    hz, levels = zip(*CURVES["streaming"], strict=True)
    at = np.fft.rfftfreq(noise.frames, 1 / noise.rate_hz)
    shape_db = np.interp(np.log(at + 1), np.log(hz), levels) - 10 * np.log10(at + 1)
    shape_db += np.where((at > low_hz) & (at < high_hz), boost_db, 0.0)
    shaped = np.fft.irfft(np.fft.rfft(noise.samples[0]) * 10 ** (shape_db / 20), noise.frames)
    return noise.with_samples((0.05 * shaped / np.sqrt(np.mean(shaped**2))).astype(np.float32)[None])


@pytest.mark.parametrize("fault", excess.SONG_USUAL)
def test_what_stands_over_records_is_eased_a_little_by_the_masters_tone(fault):
    mix = of_records(5.0, *excess.spans(fault)[0])
    eased, left = (prepared(mix, tone_db=tone_db, glue_db=0.0) for tone_db in (2.0, 0.0))
    assert left.tone is None and left.source.samples is mix.samples
    before, after = (
        excess.whole(fault, [bands.measure(samples, mix.rate_hz)]).density_db
        for samples in (mix.samples, eased.source.samples)
    )
    assert before - 1.2 < after < before - 0.3
    assert min(eased.tone["gains_db"]) >= -1.01 and max(eased.tone["gains_db"]) <= 0


@pytest.mark.parametrize("fault", excess.SONG_USUAL)
def test_a_colour_within_2_db_of_records_is_not_eased(fault):
    mix = of_records(2.0, *excess.spans(fault)[0])
    assert prepared(mix, tone_db=2.0, glue_db=0.0).tone is None
