"""`arrange`: silence trimmed, fades at bar lines, broken-off endings mended, times moved along."""

from __future__ import annotations

import numpy as np
import pytest
import sounds

from polish.audio import Sound
from polish.song import Beats, Line, Lyrics, Section, Song, Word
from polish.stages.arrange import Arrange, ending_drop_db

RATE_HZ = sounds.RATE_HZ


def joined(*parts: Sound) -> Sound:
    return Sound(np.concatenate([part.samples for part in parts], axis=1), parts[0].rate_hz)


def ringing_out(seconds: float = 8.0, tail_s: float = 3.0) -> Sound:
    noise = sounds.noise(seconds, 0.1)
    envelope = 10 ** (-np.clip(sounds.times(seconds) - (seconds - tail_s), 0, None) / tail_s * 80 / 20)
    return noise.with_samples(noise.samples * envelope.astype(np.float32))


def with_stems(mix: Sound, **slots) -> Song:
    half = mix.with_samples(mix.samples * np.float32(0.5))
    return Song(mix=mix, stems={"vocals": half, "other": half}, **slots)


def test_a_song_that_ends_well_is_left_alone():
    song = with_stems(ringing_out())
    done = Arrange().run(song)
    assert done.mix is song.mix
    assert done.measurements["arrange"]["fade_out"] is None


def test_an_ending_that_breaks_off_is_faded_from_a_bar_line_on():
    grid = tuple(np.arange(0, 12, 2.0).tolist())
    song = with_stems(sounds.noise(11.3, 0.1), beats=Beats(tempo_bpm=120, beats_s=grid, downbeats_s=grid))
    done = Arrange().run(song)
    fade = done.measurements["arrange"]["fade_out"]
    assert done.measurements["arrange"]["ending_drop_db"] == pytest.approx(0, abs=1)
    assert fade["from_s"] in grid
    assert 3 <= fade["to_s"] - fade["from_s"] <= 5.5
    assert ending_drop_db(done.mix) < -20
    assert np.array_equal(done.mix.samples[:, : 6 * RATE_HZ], song.mix.samples[:, : 6 * RATE_HZ])


def test_an_ending_is_kept_when_asked():
    song = with_stems(sounds.noise(8.0, 0.1))
    assert Arrange(ending="keep").run(song).mix is song.mix


def test_a_broken_off_ending_before_silence_is_faded_where_it_breaks_off():
    song = with_stems(joined(sounds.noise(8.0, 0.1), sounds.silence(2.0)))
    done = Arrange().run(song)
    assert done.measurements["arrange"]["fade_out"]["to_s"] == pytest.approx(8.25, abs=0.01)
    assert done.mix.frames == song.mix.frames


def test_length_is_kept_unless_a_trim_is_asked_for():
    song = with_stems(joined(sounds.silence(1.0), ringing_out(), sounds.silence(2.0)))
    assert Arrange().run(song).mix.frames == song.mix.frames
    trimmed = Arrange(trim=True).run(song)
    assert trimmed.measurements["arrange"]["trimmed_start_s"] == pytest.approx(0.95, abs=0.01)
    assert trimmed.measurements["arrange"]["trimmed_end_s"] > 1.7
    assert all(stem.frames == trimmed.mix.frames for stem in trimmed.stems.values())


def test_times_move_with_a_trimmed_start():
    word = Word(start_s=3.0, end_s=3.5, text="la")
    song = with_stems(
        joined(sounds.silence(1.05), sounds.noise(8.0, 0.1)),
        beats=Beats(tempo_bpm=60, beats_s=(0.5, 1.5, 2.5), downbeats_s=(0.5, 2.5)),
        sections=(Section(start_s=0, end_s=2, group="A", label="intro"),
                  Section(start_s=2, end_s=9.05, group="B", label="verse")),
        lyrics=Lyrics(lines=(Line(start_s=3.0, end_s=4.0, text="la", words=(word,)),)),
    )  # fmt: skip
    done = Arrange(trim=True, ending="keep").run(song)
    assert done.beats.beats_s == pytest.approx((0.5, 1.5))
    assert done.beats.downbeats_s == pytest.approx((1.5,))
    assert done.sections[0].end_s == pytest.approx(1.0)
    assert done.sections[1].end_s == pytest.approx(done.mix.duration_s)
    assert done.lyrics.lines[0].words[0].start_s == pytest.approx(2.0)
    assert song.lyrics.lines[0].start_s == 3.0


def test_fades_start_and_end_in_silence():
    done = Arrange(fade_in=1.0, fade_out=2.0).run(with_stems(sounds.noise(8.0, 0.1)))
    assert np.abs(done.mix.samples[:, :10]).max() < 1e-5
    assert np.abs(done.mix.samples[:, -10:]).max() < 1e-5


def test_mix_and_stems_are_treated_alike():
    done = Arrange(fade_in=0.5, fade_out=2.0, trim=True).run(with_stems(sounds.noise(8.0, 0.1)))
    assert sounds.snr_db(done.mix.samples, sounds.total(dict(done.stems)).samples) > 120


@pytest.mark.parametrize("frames", [1, 100, RATE_HZ])
def test_very_short_songs_come_through(frames):
    short = Sound(np.full((1, frames), 0.1, np.float32), RATE_HZ)
    done = Arrange(trim=True, fade_in=1.0, fade_out=5.0).run(with_stems(short))
    assert done.mix.frames == frames
    assert np.isfinite(done.mix.samples).all()


def test_silence_stays_silent_and_whole():
    song = with_stems(sounds.silence(4.0))
    done = Arrange(trim=True).run(song)
    assert done.mix.frames == song.mix.frames
    assert done.mix.silent
    assert done.measurements["arrange"]["ending_drop_db"] is None
