"""Pictures: what is known of a song is on them."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import sounds

from polish.audio import write
from polish.report import likeness, picture, raster
from polish.song import Beats, Finding, Section, Song

BAND = sounds.total(sounds.band(16, rate_hz=22_050))
GRID = tuple(0.5 * n for n in range(32))
SONG = Song(
    mix=BAND,
    beats=Beats(tempo_bpm=120, beats_s=GRID, downbeats_s=GRID[::4], beats_per_bar=4, key="A minor"),
    sections=(
        Section(start_s=0, end_s=8, group="A", label="verse"),
        Section(start_s=8, end_s=16, group="B", label="chorus"),
    ),
    findings=(
        Finding(
            kind="gap", start_s=4, end_s=4.1, severity="warning", value=100, unit="ms", message="a <gap>",
            mend=None,
        ),
    ),
)  # fmt: skip


def test_everything_known_is_drawn_and_the_svg_stands_alone() -> None:
    text = picture.picture(SONG, "A & B")
    root = ET.fromstring(text)
    said = " ".join(root.itertext())
    for word in ("A & B", "120.0 BPM", "A minor", "verse", "chorus", "a <gap>", "LUFS", "beats"):
        assert word in said
    assert "var(--" not in text and "http" not in text.replace("http://www.w3.org/2000/svg", "")
    assert text.count("data:image/png;base64,") == 1


def test_a_song_of_which_nothing_is_known_is_drawn() -> None:
    for sound in (sounds.silence(3), sounds.noise(1), sounds.noise(0.01, channels=1)):
        said = " ".join(ET.fromstring(picture.picture(Song(mix=sound), "x")).itertext())
        assert "no steady beat" in said


def test_bars_that_repeat_are_alike() -> None:
    """The band plays four chords in four bars, twice."""
    rows = likeness(SONG)["rows"]
    assert len(rows) == 8
    level = [[int(digit, 16) for digit in row] for row in rows]
    again = [level[n][n + 4] for n in range(4)]
    other = [level[n][m] for n in range(4) for m in range(4) if n != m]
    assert min(again) > 2 * sum(other) / len(other)


def test_a_long_song_has_no_more_rows_than_fit() -> None:
    long = Song(mix=sounds.noise(200, rate_hz=8000), sections=SONG.sections, beats=Beats())
    known = likeness(long)
    assert len(known["rows"]) <= 128 and known["edges_s"][-1] == 200


def test_the_command_draws_svg_and_png(type_, tmp_path) -> None:
    path = write(tmp_path / "a.wav", BAND)
    said = type_("sections", path, "--plot", tmp_path / "a.svg")
    assert said.code == 0 and (tmp_path / "a.svg").read_text().startswith("<svg")
    refused = type_("sections", path, "--plot", tmp_path / "a.gif")
    assert refused.code == 2 and ".png" in refused.err
    png = raster.png((tmp_path / "a.svg").read_text())
    assert png.startswith(b"\x89PNG") and len(png) > 10_000
