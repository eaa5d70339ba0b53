"""Whisper without anybody's trained weights: the real class and checkpoint format, set by hand."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sounds
from reciting_whisper import SIZES, dimensions, reciting, saved, state_hash
from spoken import PHRASES, hummed
from typed import Type

from polish import audio
from polish.audio import Sound
from polish.errors import ModelUnavailable
from polish.models import engines
from polish.song import Lyrics, Song
from polish.stages.base import Context
from polish.stages.lyrics import Lyrics as Stage

SAID = " The moon is low over the water, and nobody sings tonight"
LINES = ["The moon is low over the water,", "and nobody sings tonight"]


@pytest.fixture(scope="module")
def small_network() -> Any:
    pytest.importorskip("torch")
    return reciting(dimensions(64, 2, 2), SAID)


@pytest.fixture
def small(small_network: Any) -> Path:
    """A small Whisper as ``whisper-tiny``, with its hash stated in the models folder."""
    return saved(small_network, "whisper-tiny")


def song(voice: Sound | None = None) -> Song:
    voice = voice or hummed(PHRASES, 12)
    return Song(mix=voice, stems={"vocals": voice})


def lyrics_of(stage: Stage, of: Song, notice: Callable[[str], None] = lambda _: None) -> Lyrics:
    found = stage.run(of, Context(notice=notice)).lyrics
    assert found is not None
    return found


def test_whisper_is_chosen_when_its_weights_are_here(small: Path) -> None:
    choice = engines.choose("transcriber")
    assert (choice.name, choice.state) == ("whisper-tiny", "here")


def test_whisper_transcribes_inside_the_song_and_the_same_every_time(small: Path) -> None:
    first, second = (lyrics_of(Stage(engine="whisper-tiny"), song()) for _ in range(2))
    assert first == second
    assert first.language == "en", "found out from the song"
    (line,) = first.lines
    words = SAID.split()
    assert [word.text for word in line.words] == [word for word in words if word in line.text]
    assert len(line.words) > len(words) / 2
    assert PHRASES[0][0] - 0.1 <= line.start_s < line.end_s <= PHRASES[-1][1] + 0.1


def test_whisper_aligns_known_words(small: Path, tmp_path: Path) -> None:
    words = tmp_path / "words.txt"
    words.write_text(
        "[verse]\n" + "\n".join([*LINES, "but this was never sung by anybody"]), encoding="utf-8"
    )
    found = lyrics_of(Stage(engine="whisper-tiny", text=str(words)), song())
    assert [line.text for line in found.lines] == LINES
    assert {line.section for line in found.lines} == {"verse"}
    assert found.unmatched == ("but this was never sung by anybody",)
    times = [time for line in found.lines for word in line.words for time in (word.start_s, word.end_s)]
    assert np.isfinite(times).all()
    assert times[0] >= 0
    assert times[-1] <= 12.0


def test_lyrics_of_another_song_are_said_to_be(small: Path, tmp_path: Path) -> None:
    words = tmp_path / "words.txt"
    words.write_text("\n".join(f"wholly different verse {word}" for word in "abcdef"), encoding="utf-8")
    said: list[str] = []
    found = lyrics_of(Stage(engine="whisper-tiny", text=str(words)), song(), said.append)
    assert len(found.unmatched) == 6
    assert "none of the lyrics were found in the song: are they those of another song?" in said


def test_whisper_hears_no_words_in_silence(small: Path) -> None:
    said: list[str] = []
    found = lyrics_of(Stage(engine="whisper-tiny"), song(sounds.noise(6, level=1e-6)), said.append)
    assert found.lines == ()
    assert "no singing found" in said


def test_a_ghost_of_the_band_in_the_stem_is_no_voice(small: Path) -> None:
    mix = hummed(PHRASES, 12)
    ghost = Song(mix=mix, stems={"vocals": mix.with_samples(mix.samples * np.float32(0.01))})
    assert lyrics_of(Stage(engine="whisper-tiny"), ghost).lines == ()


def test_a_window_where_nobody_speaks_has_no_words(tmp_path: Path) -> None:
    saved(reciting(dimensions(64, 2, 2), SAID, seconds=None), "whisper-tiny")
    assert lyrics_of(Stage(engine="whisper-tiny", language="en"), song()).lines == ()


def test_without_stems_the_voice_is_separated_for_this_alone(small: Path) -> None:
    mix = sounds.total(sounds.band(6.0))
    done = Stage(engine="whisper-tiny").run(Song(mix=mix))
    assert not done.stems
    assert done.lyrics is not None
    assert done.lyrics.engine.startswith("whisper-tiny")


def test_absent_weights_give_the_command_that_fetches_them() -> None:
    with pytest.raises(ModelUnavailable, match="polish models fetch whisper-small"):
        Stage(engine="whisper-small").run(song())


def test_a_file_that_is_no_whisper_is_a_clear_error(small: Path) -> None:
    import torch

    torch.save({"dims": {"n_mels": 80}, "model_state_dict": {}}, small)
    state_hash(small)
    with pytest.raises(ModelUnavailable, match="not a Whisper checkpoint"):
        Stage(engine="whisper-tiny").run(song())


def test_the_fast_engine_says_the_same(small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from polish.models import whisper_fast

    if not whisper_fast.installed():
        pytest.skip("faster-whisper is not installed")
    fast = lyrics_of(Stage(engine="whisper-tiny"), song())
    monkeypatch.setattr(whisper_fast, "installed", lambda: False)
    ours = lyrics_of(Stage(engine="whisper-tiny"), song())
    assert fast.engine == "whisper-tiny by CTranslate2"
    assert ours.engine == "whisper-tiny"
    assert [line.text for line in fast.lines] == [line.text for line in ours.lines]
    assert fast.language == ours.language


@pytest.mark.slow
def test_the_real_size_runs_to_its_end_from_the_command_line(tmp_path: Path, type_: Type) -> None:
    saved(reciting(dimensions(*SIZES["tiny"]), SAID), "whisper-tiny")
    file = audio.write(tmp_path / "song.wav", hummed(PHRASES, 12))
    said = type_("lyrics", file, "--engine", "whisper-tiny", "--json")
    assert said.code == 0, said.err
    found = json.loads(said.out)
    assert found["language"] == "en"
    assert {word["text"] for line in found["lines"] for word in line["words"]} <= set(SAID.split())
    assert found["lines"]
