"""The composer with something to go by: a melody to follow, a sound to go on from."""

from __future__ import annotations

import numpy as np
import pytest
import sounds

from polish.audio import Sound
from polish.errors import BadInput, StageFailed
from polish.models.composer import BuiltinComposer, compose
from polish.models.composing import contour
from polish.models.composing.continuing import songlike

TUNE = [(69, 1), (72, 1), (76, 1), (74, 0.5), (72, 0.5), (71, 1), (69, 1), (68, 1), (0, 1),
        (69, 1), (71, 1), (72, 2), (76, 1), (74, 1), (69, 2)]  # fmt: skip
"""Pitch (0 is a rest) and length in beats."""


def hummed(bpm: float = 100, rate_hz: int = 22_050, cents: float = 0.0) -> Sound:
    waves = []
    for pitch, beats in TUNE:
        t = sounds.times(beats * 60 / bpm, rate_hz)
        hz = 440 * 2 ** ((pitch + cents / 100 - 69) / 12)
        shape = np.minimum(1, t / 0.02) * np.minimum(1, (t[-1] - t) / 0.03) * np.exp(-t)
        wave = sum(np.sin(2 * np.pi * hz * k * t) / k**1.5 for k in range(1, 6))
        waves.append(wave * shape if pitch else np.zeros(t.size))
    return Sound((0.3 * np.concatenate(waves))[None].astype(np.float32), rate_hz)


def generate(prompt: str = "", *, seconds: float = 20, seed: int = 1, **given: Sound):
    """A take by the engine."""
    engine = BuiltinComposer("builtin")
    wanted = {"melody": None, "start": None, **given}
    return engine.generate(prompt, seconds=seconds, seed=seed, progress=lambda _: None, **wanted)


@pytest.mark.parametrize("cents", [0, 30, -40])
def test_the_notes_of_a_melody_are_heard(cents):
    heard = contour.notes(hummed(cents=cents))
    assert [note.pitch for note in heard] == [pitch for pitch, _ in TUNE if pitch]
    assert str(contour.key_of(heard)) == "A minor"


def test_the_lead_follows_the_melody():
    melody = hummed()
    take = generate("ballad", seconds=24, melody=melody)
    wanted = contour.notes(melody)
    sung = contour.notes(take.stems["vocals"])
    shift_s = sung[0].start_s - wanted[0].start_s
    assert 0 <= shift_s < 0.5
    for note in wanted:
        middle_s = note.start_s + shift_s + note.length_s / 2
        at = [s.pitch for s in sung if s.start_s <= middle_s <= s.start_s + s.length_s]
        assert at == [note.pitch]


def test_a_song_around_a_melody_takes_its_tempo_and_key():
    take = generate("ballad", seconds=20, melody=hummed(bpm=100))
    assert take.beats.key == "A minor"
    assert min(abs(take.beats.tempo_bpm * ratio / 100 - 1) for ratio in (0.5, 1, 2)) < 0.02
    assert np.array_equal(sum(s.samples for s in take.stems.values()), take.mix.samples)


def test_a_melody_without_a_voice_is_played():
    take = generate("instrumental ballad", seconds=12, melody=hummed())
    assert take.stems["vocals"].silent
    assert take.lyrics is None


@pytest.mark.parametrize("melody", [sounds.silence(3), sounds.silence(0.01)], ids=["silence", "a moment"])
def test_a_melody_without_notes_is_bad_input(melody):
    with pytest.raises(BadInput, match="no notes"):
        generate(melody=melody)


@pytest.mark.parametrize(("channels", "rate_hz"), [(1, 32_000), (2, 44_100), (4, 48_000)])
def test_a_continuation_begins_with_the_sound_itself(channels, rate_hz):
    start = Sound(np.resize(compose(5, seconds=9, bpm=104, rate_hz=rate_hz).mix.samples[:, : 7 * rate_hz],
                            (channels, 7 * rate_hz)), rate_hz)  # fmt: skip
    take = generate("rock", seconds=14, start=start)
    assert take.mix.samples.shape == (channels, 14 * rate_hz)
    assert take.mix.rate_hz == rate_hz
    same = start.frames - round(0.061 * rate_hz)
    assert np.array_equal(take.mix.samples[:, :same], start.samples[:, :same])
    assert np.abs(take.mix.samples[0, start.frames :]).max() > 0.05
    assert take.stems is None
    assert take.sections == ()


def test_a_continuation_goes_on_in_time_and_at_its_level():
    whole = compose(5, seconds=40, bpm=104, style="rock")
    start = whole.mix.cut(0, 20.6)
    take = generate("rock", seconds=32, start=start)
    assert take.beats.tempo_bpm == pytest.approx(104, rel=0.01)
    for before, after in zip(take.beats.beats_s, take.beats.beats_s[1:], strict=False):
        assert after - before == pytest.approx(60 / 104, abs=0.08)
    after = [t for t in take.beats.downbeats_s if t > 20.6]
    bar_s = 4 * 60 / 104
    offset = [(t - whole.beats.downbeats_s[0] + bar_s / 2) % bar_s - bar_s / 2 for t in after]
    assert np.abs(offset).max() < 0.15
    old = np.sqrt(np.mean(take.mix.samples[:, 12 * 44_100 : 20 * 44_100] ** 2))
    new = np.sqrt(np.mean(take.mix.samples[:, 21 * 44_100 : 28 * 44_100] ** 2))
    assert abs(20 * np.log10(new / old)) < 3


def test_a_sound_without_a_beat_is_gone_on_from():
    take = generate(seconds=8, start=sounds.noise(3, channels=1, pink=True))
    assert take.mix.frames == 8 * 44_100
    assert np.isfinite(take.mix.samples).all()


def test_one_sample_is_gone_on_from():
    take = generate(seconds=6, start=Sound(np.full((2, 1), 0.1, np.float32), 44_100))
    assert take.mix.frames == 6 * 44_100


def test_a_sound_as_long_as_the_whole_is_refused():
    with pytest.raises(StageFailed, match="already"):
        generate(seconds=10, start=sounds.noise(10))


def test_melody_and_beginning_do_not_go_together():
    with pytest.raises(StageFailed, match="not both"):
        generate(seconds=10, start=sounds.noise(2), melody=hummed())


def test_what_was_understood_is_told():
    take = generate("slow folk with a banjo", seconds=5)
    assert take.facts["understood"] == ["slow", "folk"]
    assert take.facts["style"] == "folk"


def test_tempi_are_folded_into_what_songs_have():
    assert songlike(None) is None
    assert songlike(50) == 100
    assert songlike(200) == 100
    assert songlike(120) == 120
