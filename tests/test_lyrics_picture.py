"""Lyrics over the voice's spectrogram: every word is on the picture, where it is sung."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
import sounds
from spoken import PHRASES, hummed
from typed import Type

from polish.audio import write
from polish.cli.drawing import drawing_into
from polish.report import raster, svg
from polish.report.sung import sung
from polish.song import Gap, Line, Lyrics, Word

WORDS = (Word(start_s=1.0, end_s=1.5, text="אור"), Word(start_s=11.0, end_s=11.4, text="夢 & <b>"))
FOUND = Lyrics(
    language="he", lines=(Line(start_s=1.0, end_s=11.4, text="אור 夢", words=WORDS),),
    unmatched=("never sung",), gaps=(Gap(start_s=8.0, end_s=12.0),),
)  # fmt: skip


def test_words_stand_where_they_begin() -> None:
    text = sung(hummed(PHRASES, 12), FOUND, "A & B")
    root = ET.fromstring(text)
    said = [each.text for each in root.iter() if each.text]
    for word in ("A & B · 1 of 2 lines · he", "not found: never sung", *(word.text for word in WORDS)):
        assert word in said
    assert text.count("data:image/png;base64,") == 2, "a row every ten seconds"
    assert text.count("sung, but not in the lyrics") == 2, "a gap goes on in the next row"
    lines = [each for each in root.iter() if re.fullmatch(r"line h\d", each.get("class", ""))]
    places = [(float(each.get("x1", "nan")) - svg.LEFT) / svg.PLOT * 10 for each in lines]
    assert [round(place, 1) for place in places] == [1.0, 1.0], "both begin a second into their row"


@pytest.mark.skipif(not any(Path("/usr/share/fonts").rglob("DejaVuSans.ttf")), reason="no such font")
def test_letters_are_drawn_where_there_is_no_arial() -> None:
    assert len({raster._drawn_alone(letter) for letter in "xé\U0010fffd"}) == 3


def test_letters_that_no_font_has_are_told() -> None:
    assert raster.unseen(sung(hummed(PHRASES, 12), Lyrics(), "é \U0010fffd \ue123 x")) == ()
    nowhere = "\U00016fe4"  # of a script that next to nobody has letters for
    if raster.unseen(sung(hummed(PHRASES, 12), Lyrics(), nowhere)):
        assert raster.unseen(sung(hummed(PHRASES, 12), FOUND, f"a{nowhere}é"))[-1] == nowhere


def test_a_png_says_which_letters_it_lacks(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    document = sung(hummed(PHRASES, 12), FOUND, "x")
    alone = raster._drawn_alone
    monkeypatch.setattr(raster, "_drawn_alone", lambda letter: alone("x" if letter < "夢" else "\U0010fffd"))
    drawing_into(str(tmp_path / "a.png"))(document)
    assert "no font of this machine has 夢: the PNG lacks them" in capsys.readouterr().err
    drawing_into(str(tmp_path / "a.svg"))(document)
    assert capsys.readouterr().err == ""


def test_a_song_without_words_is_drawn() -> None:
    for voice in (sounds.silence(3), sounds.noise(0.01, channels=1)):
        assert "0 of 0 lines" in sung(voice, Lyrics(), "x")


def test_the_command_draws_and_refuses_other_endings(tmp_path: Path, type_: Type) -> None:
    file, words = write(tmp_path / "song.wav", hummed(PHRASES, 12)), tmp_path / "words.txt"
    words.write_text("la la la\nla la", encoding="utf-8")
    given = ("lyrics", file, "--text", words, "--engine", "builtin", "--plot")
    done = type_(*given, tmp_path / "song.svg")
    assert done.code == 0, done.err
    assert "of 2 lines" in (tmp_path / "song.svg").read_text(encoding="utf-8")
    refused = type_(*given, tmp_path / "song.gif")
    assert refused.code == 2
    assert "ends in .svg or .png" in refused.err
