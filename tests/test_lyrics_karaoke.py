"""The karaoke recipe: the song without its voice, timed words, and a video."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import sounds
import spoken

import polish
from polish import audio
from polish.audio import Sound
from polish.errors import StageFailed
from polish.song import Song
from polish.stages.mix import Mix


def test_a_muted_stem_is_not_in_the_mix() -> None:
    band = sounds.band(2.0)
    mixed = Mix(mute=["vocals"], amount=0, glue=0, mono_below=0).run(Song(stems=band)).mix
    rest = {name: stem for name, stem in band.items() if name != "vocals"}
    assert mixed is not None
    assert np.abs(mixed.samples - sounds.total(rest).samples).max() < 1e-6
    with pytest.raises(StageFailed, match="mute names the stem 'choir'"):
        Mix(mute=["choir"]).run(Song(stems=band))


def test_one_command_makes_what_one_sings_along_to(tmp_path: Path) -> None:
    said = ("the moon is over the river", "every street is made of glass")
    voice = audio.resample(spoken.recited(said)[0], 44_100)
    band = sounds.total(sounds.band(voice.duration_s)).samples[:, : voice.frames]
    draft = audio.write(tmp_path / "draft.wav", Sound(0.1 * band + voice.samples, 44_100))
    words = tmp_path / "words.txt"
    words.write_text("[verse]\n" + "\n".join(said), encoding="utf-8")
    done = polish.run("karaoke", draft, out=tmp_path, sets=[f"lyrics.text={words}"])
    names = {path.name for path in done.folder.iterdir() if path.is_file()}
    assert {
        f"draft{end}" for end in (".wav", ".lrc", " (words).lrc", ".srt", ".ass", " (karaoke).mp4")
    } <= names
    shown = audio.probe(done.folder / "draft (karaoke).mp4")
    assert shown.duration_s == pytest.approx(voice.duration_s, abs=0.1)
