"""`level`: verses under choruses by what is asked, nothing where the arc is there, sums kept."""

from __future__ import annotations

import numpy as np
import pytest
import sounds
from hypothesis import given, settings
from hypothesis import strategies as st

from polish.audio import Sound
from polish.dsp import bands, excess, filters, ride
from polish.song import Beats, Section, Song
from polish.stages.base import Context
from polish.stages.level import FURTHEST_DB, Level, section_loudness_lufs

FORM = ("intro", "verse", "chorus", "verse", "chorus", "outro")
PART_S = 4.0


def song(gains_db: tuple[float, ...] = (0.0,) * 6, *, channels: int = 2, beats: bool = True) -> Song:
    """Six sections of steady noise, each at its gain, as stems and mix."""
    stems = {}
    for seed, name in enumerate(("vocals", "other")):
        noise = sounds.noise(PART_S * len(FORM), 0.05, channels=channels, seed=seed, pink=True)
        gain = np.repeat(10 ** (np.array(gains_db) / 20), round(PART_S * sounds.RATE_HZ))
        stems[name] = noise.with_samples(noise.samples * gain.astype(np.float32))
    sections = tuple(
        Section(start_s=PART_S * n, end_s=PART_S * (n + 1), group=label[0].upper(), label=label)
        for n, label in enumerate(FORM)
    )
    grid = tuple(np.arange(0, PART_S * len(FORM), 0.5).tolist())
    known = Beats(tempo_bpm=120, beats_s=grid, downbeats_s=grid[::4], beats_per_bar=4) if beats else None
    return Song(mix=sounds.total(stems), stems=stems, beats=known, sections=sections)


def under_lu(sound: Sound, sections: tuple[Section, ...]) -> float:
    """How far verses are under choruses, away from the ramps."""
    inner = [s.model_copy(update={"end_s": s.end_s - 2.0}) for s in sections]
    levels = section_loudness_lufs(sound, inner)

    def mean(label: str) -> float:
        return float(np.mean([level for level, s in zip(levels, inner, strict=True) if s.label == label]))

    return mean("chorus") - mean("verse")


@pytest.mark.parametrize("range_lu", [1.0, 2.0, 4.0, 6.0])
def test_a_flat_song_gets_the_arc_that_is_asked_for(range_lu):
    flat = song()
    risen = Level(range=range_lu).run(flat)
    assert under_lu(flat.mix, flat.sections) == pytest.approx(0, abs=0.15)
    assert under_lu(risen.mix, flat.sections) == pytest.approx(range_lu, abs=0.25)


def test_choruses_ridden_up_bring_no_mud():
    flat = song()
    stems = {}
    for name, stem in flat.stems.items():
        muddy = filters.apply(stem.samples, filters.peak(stem.rate_hz, 316, 9, 1))
        chorus = (sounds.times(stem.duration_s) // PART_S).astype(int) % 2 == 0
        stems[name] = stem.with_samples(np.where(chorus, muddy, stem.samples).astype(np.float32))
    muddy_song = flat.having(stems=stems, mix=sounds.total(stems))
    done = Level(range=6).run(muddy_song)
    before, after = (bands.measure(one.mix.samples, 44_100) for one in (muddy_song, done))
    assert [entry["fault"] for entry in done.measurements["level"]["tone"]] == ["mud"]
    assert excess.brought_db(before, after)["mud"] < 0.15
    assert sounds.snr_db(done.mix.samples, sounds.total(dict(done.stems)).samples) > 120


def test_what_is_missing_is_shared_by_verse_and_chorus():
    gains = [s["gain_db"] for s in Level(range=2).run(song()).measurements["level"]["sections"]]
    assert gains == pytest.approx([0, -1, 1, -1, 1, 0], abs=0.1)


def test_range_0_gives_the_same_bits():
    given_song = song()
    done = Level(range=0).run(given_song)
    assert done.mix is given_song.mix
    assert done.stems is given_song.stems


@pytest.mark.parametrize("chorus_db", [2.0, 5.0])
def test_a_song_that_has_its_arc_is_left_alone(chorus_db):
    given_song = song((0, 0, chorus_db, 0, chorus_db, 0))
    done = Level(range=2).run(given_song)
    assert done.mix is given_song.mix
    assert "already" in done.measurements["level"]["reason"]


def test_a_ride_is_never_more_than_3_db():
    upside_down = song((0, 0.5, -0.5, 0.5, -0.5, 0))
    gains = [s["gain_db"] for s in Level(range=6).run(upside_down).measurements["level"]["sections"]]
    assert max(np.abs(gains)) == FURTHEST_DB


def span_lu(sound: Sound, sections: tuple[Section, ...]) -> float:
    levels = section_loudness_lufs(sound, sections[1:-1])
    return max(levels) - min(levels)


def test_sections_come_no_nearer_together_where_a_verse_is_the_loudest():
    given_song = song((0, -4, 0, 1, -0.5, 0))
    done = Level(range=2).run(given_song)
    assert done.mix is not given_song.mix
    assert span_lu(done.mix, given_song.sections) > span_lu(given_song.mix, given_song.sections) - 0.1


def test_verses_far_over_choruses_are_left_where_they_are():
    upside_down = song((0, 6, -6, 6, -6, 0))
    done = Level(range=6).run(upside_down)
    assert done.mix is upside_down.mix
    assert "nearer together" in done.measurements["level"]["reason"]


@pytest.mark.parametrize("channels", [1, 2, 6])
def test_stems_still_sum_to_the_mix(channels):
    done = Level(range=3).run(song(channels=channels))
    assert done.mix.channels == channels
    assert sounds.snr_db(done.mix.samples, sounds.total(dict(done.stems)).samples) > 120


def test_length_and_rate_are_kept():
    given_song = song()
    done = Level(range=3).run(given_song)
    assert (done.mix.frames, done.mix.rate_hz) == (given_song.mix.frames, given_song.mix.rate_hz)


def test_gains_move_over_the_bar_before_a_boundary_and_stand_still_elsewhere():
    facts = Level(range=2).run(song()).measurements["level"]
    points = [(point["at_s"], point["gain_db"]) for point in facts["ride"]]
    for number, section in enumerate(facts["sections"]):
        first_bar = PART_S * number + np.linspace(0, 2, 50)
        assert np.allclose(ride.gain_db_at(first_bar, points), section["gain_db"])
    steps = np.diff(ride.gain_db_at(np.arange(0, 24, 0.05), points))
    assert 0 < np.abs(steps).max() < 0.15


def test_without_beats_the_ramp_is_one_second():
    points = Level(range=2).run(song(beats=False)).measurements["level"]["ride"]
    assert points[2]["at_s"] - points[1]["at_s"] == pytest.approx(1.0)


def test_a_silent_section_is_left_alone():
    given_song = song((0, -300, 0, 0, 0, 0))
    table = Level(range=2).run(given_song).measurements["level"]["sections"]
    assert table[1]["loudness_lufs"] is None
    assert table[1]["gain_db"] == 0


def test_one_section_has_no_arc():
    one = song().having(sections=(Section(start_s=0, end_s=24, group="A", label="verse"),))
    done = Level().run(one, Context(step="arc"))
    assert done.mix is one.mix
    assert done.measurements["arc"]["reason"] == "one section has no arc"


def test_a_song_without_choruses_is_left_alone():
    intros = tuple(s.model_copy(update={"label": "instrumental"}) for s in song().sections)
    given_song = song().having(sections=intros)
    assert Level().run(given_song).mix is given_song.mix


def test_silence_stays_silent():
    silent = song().having(mix=sounds.silence(24.0), stems={})
    assert Level().run(silent).mix.silent


@given(
    st.lists(st.tuples(st.floats(0, 60), st.floats(-3, 3)), min_size=1, max_size=8),
    st.lists(st.floats(-1, 61), min_size=1, max_size=20),
)
@settings(deadline=None)
def test_a_ride_stays_between_its_points(points, times):
    points = sorted(points)
    gains = [gain for _, gain in points]
    curve = ride.gain_db_at(np.array(times), points)
    assert np.all(curve >= min(gains) - 1e-9)
    assert np.all(curve <= max(gains) + 1e-9)


@given(st.floats(0.1, 8.0), st.integers(1, 100_000))
@settings(max_examples=20, deadline=None)
def test_a_ride_scales_with_the_sound(level, frames):
    samples = np.random.default_rng(0).standard_normal((1, frames)).astype(np.float32)
    points = [(0.1, -2.0), (0.7, 1.5)]
    loud = ride.ride(samples * np.float32(level), 44_100, points)
    assert np.allclose(loud, ride.ride(samples, 44_100, points) * np.float32(level), rtol=1e-5, atol=1e-6)
