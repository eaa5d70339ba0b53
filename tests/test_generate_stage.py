"""The stage that makes the song, and the scores by which takes are ranked."""

from __future__ import annotations

import runpy
from pathlib import Path

import numpy as np
import pytest
import small_musicgen
import sounds
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from polish import audio
from polish.audio import Sound
from polish.errors import BadInput, ModelUnavailable, StageFailed
from polish.models.composer import compose
from polish.song import Song
from polish.stages.base import Context
from polish.stages.generate import Generate, takes
from polish.stages.scoring import WEIGHTS, score


@pytest.fixture
def beginning(tmp_path) -> str:
    return str(audio.write(tmp_path / "beginning.wav", compose(4, seconds=4.5).mix, "wav 32-float"))


def test_the_best_take_becomes_the_song():
    asked = Generate(prompt="pop", seconds=6, takes=3)
    told: list[float] = []
    song = asked.run(Song(), Context(seed=5, progress=told.append))
    ranked = takes(asked, Context(seed=5))
    noted = song.measurements["generate"]
    assert [each.score for each in ranked] == sorted((each.score for each in ranked), reverse=True)
    assert {each.seed for each in ranked} == {5, 6, 7}
    assert np.array_equal(song.mix.samples, ranked[0].take.mix.samples)
    assert song.draft is song.mix
    assert [(row["seed"], row["score"]) for row in noted["takes"]] == [(e.seed, e.score) for e in ranked]
    assert set(noted["takes"][0]["parts"]) == set(WEIGHTS)
    assert noted["seed"] == ranked[0].seed
    assert noted["engine"] == "builtin"
    assert told == sorted(told)
    assert told[-1] == 1


def test_the_composer_hands_over_what_it_knows():
    song = Generate(prompt="happy pop", seconds=12).run(Song())
    assert set(song.stems) == {"drums", "bass", "other", "vocals"}
    assert np.array_equal(sum(s.samples for s in song.stems.values()), song.mix.samples)
    assert song.beats.tempo_bpm
    assert song.sections
    assert song.lyrics.lines
    assert song.filled() >= {"draft", "mix", "stems", "beats", "sections", "lyrics", "measurements"}


def test_losing_takes_keep_their_mix_only():
    first, second = takes(Generate(prompt="pop", seconds=5, takes=2))
    assert first.take.stems
    assert second.take.stems is None
    assert second.take.mix.frames == first.take.mix.frames


def test_a_seed_always_gives_the_same_song():
    first, again = (Generate(prompt="rock", seconds=5).run(Song(), Context(seed=9)) for _ in range(2))
    assert np.array_equal(first.mix.samples, again.mix.samples)
    assert first.measurements == again.measurements


def test_a_song_begins_with_the_sound_it_goes_on_from(beginning):
    song = Generate(continue_from=beginning, seconds=9).run(Song())
    start = audio.read(beginning)
    same = start.frames - round(0.061 * start.rate_hz)
    assert np.array_equal(song.mix.samples[:, :same], start.samples[:, :same])
    assert song.mix.duration_s == 9
    assert song.stems == {}


@pytest.mark.parametrize(
    ("wrong", "said"),
    [({}, "nothing to go by"), ({"prompt": "   "}, "nothing to go by"),
     ({"melody": "a.wav", "continue_from": "b.wav"}, "do not go together"),
     ({"prompt": "x", "seconds": "2 s"}, "out of range"),
     ({"prompt": "x", "seconds": "20 min"}, "out of range"),
     ({"prompt": "x", "takes": 0}, "greater than or equal to 1"), ({"prompt": "x", "takes": 9}, "less than")],
)  # fmt: skip
def test_wrong_settings_are_refused_in_words(wrong, said):
    with pytest.raises(ValidationError, match=said):
        Generate(**wrong)


def test_a_beginning_as_long_as_the_whole_is_bad_input(beginning):
    with pytest.raises(BadInput, match=r"lasts 4\.5 s") as raised:
        Generate(continue_from=beginning, seconds=5).run(Song())
    assert raised.value.where == beginning


@pytest.mark.parametrize("setting", ["melody", "continue_from"])
def test_silence_is_nothing_to_go_by(tmp_path, setting):
    path = str(audio.write(tmp_path / "silence.wav", sounds.silence(2), "wav 24-bit"))
    with pytest.raises(BadInput, match="silent") as raised:
        Generate(seconds=5, **{setting: path}).run(Song())
    assert raised.value.where == path


def test_a_melody_without_notes_names_its_file(tmp_path):
    path = str(audio.write(tmp_path / "click.wav", sounds.sine(seconds=0.01), "wav 24-bit"))
    with pytest.raises(BadInput, match="no notes") as raised:
        Generate(melody=path, seconds=5).run(Song())
    assert raised.value.where == path


def test_an_engine_without_weights_says_how_to_get_them():
    with pytest.raises(ModelUnavailable, match="musicgen-small"):
        Generate(prompt="pop", engine="musicgen-small").run(Song())


def test_musicgen_runs_through_the_stage(tmp_path, monkeypatch):
    small_musicgen.save(tmp_path / "musicgen-small")
    monkeypatch.setenv("POLISH_MODELS", str(tmp_path))
    song = Generate(prompt="pop", seconds=5, takes=2).run(Song(), Context(seed=3))
    assert song.measurements["generate"]["engine"] == "musicgen-small"
    assert song.mix.rate_hz == small_musicgen.RATE_HZ
    assert song.mix.duration_s == 5
    assert song.stems == {}
    assert song.beats is None


def test_a_melody_goes_to_the_engine_that_follows_it(tmp_path, monkeypatch):
    path = str(audio.write(tmp_path / "tone.wav", sounds.sine(seconds=3), "wav 24-bit"))
    assert Generate(melody=path).engine() == "builtin"
    assert Generate(prompt="x").engine() == "auto"
    monkeypatch.setenv("POLISH_MODELS", str(tmp_path))
    small_musicgen.save(tmp_path / "musicgen-small")
    assert Generate(melody=path).engine() == "builtin"
    with pytest.raises(StageFailed, match="does not follow melodies") as raised:
        Generate(melody=path, seconds=5, engine="musicgen-small").run(Song(), Context(step="make"))
    assert raised.value.where == "make"
    small_musicgen.save(tmp_path / "musicgen-melody", melody=True)
    song = Generate(melody=path, seconds=5).run(Song())
    assert song.measurements["generate"]["engine"] == "musicgen-melody"


def test_what_is_wrong_with_a_take_lowers_the_part_that_says_so():
    fine = compose(1, seconds=20).mix
    rate = fine.rate_hz
    whole, parts = score(fine)
    assert min(parts.values()) > 0.5
    silent = fine.samples.copy()
    silent[:, 5 * rate : 12 * rate] = 0
    spoiled = {
        "loudness": fine.samples * np.float32(1e-3),
        "clipping": np.clip(fine.samples * 6, -1, 1),
        "silence": silent,
        "spectrum": np.diff(np.diff(fine.samples, prepend=0), prepend=0),
        "variety": np.tile(fine.samples[:, 8 * rate : 10 * rate], (1, 10)),
        "arc": fine.samples[:, 8 * rate : 9 * rate],
        "ending": fine.samples[:, : 11 * rate],
    }
    for part, samples in spoiled.items():
        total, worse = score(Sound(np.ascontiguousarray(samples, np.float32), rate))
        assert worse[part] < parts[part] - 0.2, part
        if part not in ("arc", "ending"):
            assert total < whole, part


@settings(deadline=None)
@given(
    frames=st.integers(1, 20_000), channels=st.integers(1, 3), level=st.sampled_from([0, 1e-9, 0.1, 1, 5]),
    rate_hz=st.sampled_from([8000, 44_100, 192_000]),
)  # fmt: skip
def test_every_sound_has_a_score_from_0_to_1(frames, channels, level, rate_hz):
    noise = np.random.default_rng(frames).standard_normal((channels, frames)) * level
    total, parts = score(Sound(noise.astype(np.float32), rate_hz))
    assert 0 <= total <= 1
    assert all(0 <= value <= 1 for value in parts.values())


def test_the_example_draft_has_its_faults():
    """What the newcomer is given is music, and is as spoilt as it says."""
    from polish.dsp.loudness import integrated_lufs, loudness_range_lu
    from polish.dsp.peak import true_peak_dbtp
    from polish.dsp.spectrum import third_octave_levels_db

    folder = Path(__file__).parents[1] / "examples"
    making = runpy.run_path(str(folder / "make_draft.py"))
    draft = audio.read(folder / "draft.flac")
    assert 45 <= draft.duration_s <= 60
    assert (folder / "draft.flac").stat().st_size < 6_000_000
    clean = compose(making["SEED"], seconds=making["SECONDS"], style="pop")
    good = clean.mix.cut(0, draft.duration_s)
    assert true_peak_dbtp(draft.samples, draft.rate_hz) > 0.3
    assert score(draft)[1]["clipping"] < 0.3
    assert score(draft)[1]["ending"] < 0.3
    assert loudness_range_lu(draft.samples, draft.rate_hz) < 2.5
    assert loudness_range_lu(good.samples, good.rate_hz) > 3
    loud = [
        integrated_lufs(draft.cut(s.start_s, s.end_s).samples, draft.rate_hz)
        for s in clean.sections
        if s.start_s < draft.duration_s
    ]
    assert max(loud) - min(loud) < 1
    hz, level = third_octave_levels_db(draft.samples, draft.rate_hz)
    _, before = third_octave_levels_db(good.samples, good.rate_hz)
    change = level - before
    middle = change[(hz > 900) & (hz < 1300)].mean()
    assert change[(hz > 240) & (hz < 340)].mean() > middle + 3
    assert change[(hz > 2700) & (hz < 4100)].mean() > middle + 3
    words = (folder / "draft.lyrics.txt").read_text(encoding="utf-8")
    sung = [line.text for line in clean.lyrics.lines if line.end_s < draft.duration_s]
    assert [line for line in words.splitlines() if line and not line.startswith("[")] == sung
