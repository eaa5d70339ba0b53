"""The whole path with a trained Whisper: what is spoken is written down, at the times it is spoken.

The network is a small one of openai-whisper's class, trained by `small_whisper.train` on words of
the synthesiser; the sentences here, and the voices' heights and paces, are others than it heard.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sounds
from small_whisper import checkpoint
from small_whisper.speech import RATE_HZ, Phrase, speak
from small_whisper.train import WEIGHTS

from polish.audio import Sound
from polish.models import recital, whisper_fast
from polish.models.whisper import Whisper
from polish.song import Lyrics, Song, Word
from polish.stages.lyrics import Lyrics as Stage

NEAR_S = 0.08
SONGS = {
    "en": (("summer", "morning", "river"), ("golden", "window", "never", "fire"), ("people", "dancing"),
           ("moon", "shadow", "stay")),
    "es": (("luna", "camino", "siempre"), ("corazón", "mañana", "noche"), ("tierra", "bailando"),
           ("quiero", "flores", "mundo")),
}  # fmt: skip


@pytest.fixture(autouse=True, params=["openai-whisper", "faster-whisper"])
def weights(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The trained weights as ``whisper-tiny``, run by each of the engines that are installed."""
    pytest.importorskip("torch")
    fast = request.param == "faster-whisper"
    if fast and not whisper_fast.installed():
        pytest.skip("faster-whisper is not installed")
    monkeypatch.setattr(whisper_fast, "installed", lambda: fast)
    return checkpoint.install("whisper-tiny")


def song(language: str) -> tuple[Sound, list[Phrase], list[tuple[str, float]]]:
    """A song of pairs of phrases, its phrases, and its words with their true times."""
    phrases = [
        speak(language, words, voice=("m3", "f2")[at % 2], words_a_minute=118, pitch=43)
        for at, words in enumerate(SONGS[language])
    ]
    parts, truth, at_s = [np.zeros(RATE_HZ, np.float32)], [], 1.0
    for phrase, pause_s in zip(phrases, (0.8, 3.5, 0.8, 1.0), strict=True):
        truth += [(word, at_s + start_s) for word, start_s in zip(phrase.words, phrase.starts_s, strict=True)]
        parts += [phrase.samples, np.zeros(round(RATE_HZ * pause_s), np.float32)]
        at_s += phrase.duration_s + pause_s
    return Sound(np.concatenate(parts)[None], RATE_HZ), phrases, truth


def words_of(found: Lyrics) -> list[Word]:
    return [word for line in found.lines for word in line.words]


@pytest.mark.parametrize("language", SONGS)
def test_what_is_spoken_is_written_down_at_its_time(language: str) -> None:
    voice, _, truth = song(language)
    found = Whisper("whisper-tiny").transcribe(voice, language=None, progress=lambda _: None)
    assert found.language == language, "the language token"
    assert [word.text for word in words_of(found)] == [word for word, _ in truth]
    errors_s = np.abs(
        np.array([word.start_s for word in words_of(found)]) - [start_s for _, start_s in truth]
    )
    assert errors_s.max() <= NEAR_S


@pytest.mark.parametrize("language", SONGS)
def test_known_words_get_the_times_at_which_they_are_spoken(language: str, tmp_path: Path) -> None:
    voice, phrases, truth = song(language)
    text = tmp_path / "words.txt"
    lines = [" ".join(phrase.words) for phrase in phrases]
    other = "nobody ever said this line at all"
    text.write_text("\n".join(["[verse]", *lines, other]), encoding="utf-8")
    found = Stage(text=str(text)).run(Song(mix=voice, stems={"vocals": voice})).lyrics
    assert found is not None
    assert [line.text for line in found.lines] == lines
    assert found.unmatched == (other,)
    assert found.doubtful == ()
    assert min(line.confidence or 0 for line in found.lines) > 0.5
    errors_s = np.abs(
        np.array([word.start_s for word in words_of(found)]) - [start_s for _, start_s in truth]
    )
    assert errors_s.max() <= NEAR_S


def test_a_line_that_is_only_supposed_to_be_between_others_is_in_doubt(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    voice, phrases, _ = song("en")

    def one_not_heard(*given: Any) -> list[recital.Placed]:
        return [replace(each, heard=each.number != 1) for each in placing(*given)]

    placing = recital.place
    monkeypatch.setattr(recital, "place", one_not_heard)
    lines = [" ".join(phrase.words) for phrase in phrases]
    found = Whisper("whisper-tiny").align(voice, "\n".join(lines), language=None, progress=lambda _: None)
    assert [line.text for line in found.doubtful] == [lines[1]]


def test_silence_and_noise_give_no_words() -> None:
    whisper = Whisper("whisper-tiny")
    for nothing in (sounds.silence(4, rate_hz=RATE_HZ), sounds.noise(4, rate_hz=RATE_HZ, level=0.02)):
        assert whisper.transcribe(nothing, language=None, progress=lambda _: None).lines == ()


def test_the_weights_are_small_enough_to_live_here() -> None:
    assert WEIGHTS.stat().st_size < 5_000_000
