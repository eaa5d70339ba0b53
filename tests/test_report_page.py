"""The page shows what the facts say, fetches nothing, and is well-formed whatever a song is called."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from typing import Any

import pytest
import sounds

from polish.audio import Sound
from polish.report import page, series
from polish.song import Master, Song
from polish.stages.playback import playback

VOID = {"meta", "br", "img", "input", "link", "hr"}


class Tags(HTMLParser):
    """Fails on a tag that is not closed where it should be."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def measured(lufs: float | None) -> dict[str, Any]:
    return {
        "integrated_lufs": lufs, "momentary_max_lufs": lufs, "short_term_max_lufs": lufs,
        "loudness_range_lu": 4.2, "true_peak_dbtp": -1.02, "true_peak_filter": "16-fold sinc",
        "sample_peak_dbfs": -1.1, "plr_db": 12.9, "correlation": 0.8,
        "bandwidth_hz": 16000.0, "duration_s": 8.0, "sample_rate_hz": 44100, "channels": 2,
    }  # fmt: skip


def facts(song: Song, **more: Any) -> dict[str, Any]:
    return {
        "title": song.title, "recipe": {"name": "streaming", "about": "to a master"},
        "before": measured(-21.37),
        "masters": [{"id": "stream", "target": {"loudness_lufs": -14.0}, "reached": True, "reason": None,
                     "measured": measured(-14.01)}],
        "steps": [{"id": "master", "stage": "master", "status": "done", "engine": None, "why": None,
                   "reason": None, "measurements": {"gain_db": 7.36, "stems": {"vocals": [{"cut_db": -2}]}}}],
        "findings": [], "sections": [], "beats": None, "lyrics": None, "notices": [], "files": [],
        "series": series(song),
    } | more  # fmt: skip


@pytest.fixture
def song() -> Song:
    draft = sounds.total(sounds.band())
    master = Master(draft.with_samples(draft.samples * 1.5))
    return Song(title="A draft", draft=draft, mix=draft, masters={"stream": master})


def read(html: str) -> str:
    """The text of a page, after checking that its tags are closed."""
    parser = Tags()
    parser.feed(html)
    assert parser.open == []
    return " ".join(parser.text)


def test_the_page_shows_the_figures_before_and_after(song: Song) -> None:
    text = read(page(facts(song)))
    for figure in ("−21.37", "−14.01", "−1.02", "4.20", "True peak is that of a 16-fold sinc"):
        assert figure in text
    assert "gain 7.36 dB" in " ".join(text.split()), "what a step did, its unit behind the number"


def test_the_page_shows_findings_sections_lyrics_and_files(song: Song) -> None:
    finding = {"kind": "mud", "start_s": 1.0, "end_s": 2.0, "severity": "warning", "value": 3.0, "unit": "dB",
               "message": "3 dB too much at 300 Hz", "mend": "clean"}  # fmt: skip
    section = {"start_s": 0.0, "end_s": 8.0, "group": "A", "label": "chorus"}
    lyrics = {"lines": [{"start_s": 1.0, "text": "la la"}], "unmatched": ["not sung"]}
    html = page(facts(
        song, findings=[finding], sections=[section], lyrics=lyrics, files=[{"name": "a b.wav", "bytes": 10}],
        beats={"tempo_bpm": 120.0, "key": "C major", "downbeats_s": [0.0, 2.0]},
    ))  # fmt: skip
    text = read(html)
    for words in ("3 dB too much at 300 Hz", "chorus", "la la", "1 not found", "120.0 BPM"):
        assert words in text
    assert 'href="a%20b.wav"' in html


def test_a_finding_says_who_mended_it_and_who_did_not(song: Song) -> None:
    """Only what was done counts: a step that is not in the recipe, or that left it, did not mend it."""

    def finding(kind: str, mend: str | None, end_s: float = 2.0) -> dict[str, Any]:
        return {"kind": kind, "start_s": 1.96, "end_s": end_s, "severity": "info", "value": 3.0, "unit": "dB",
                "message": f"too much {kind}", "mend": mend}  # fmt: skip

    steps = [
        {"id": "clean", "stage": "clean", "status": "done",
         "measurements": {"stems": {"bass": [{"repair": "rumble"}], "vocals": []}}},
        {"id": "level", "stage": "level", "status": "done", "measurements": {"sections": []}},
        {"id": "mix", "stage": "mix", "status": "skipped", "reason": "no stems"},
        {"id": "out", "stage": "master", "status": "done"},
    ]  # fmt: skip
    found = [
        finding("sub_rumble", "clean"), finding("mud", "clean"), finding("loop", None),
        finding("flat", "level"), finding("narrow", "mix"), finding("peak", "master", 1.97),
        finding("end", "arrange: {fade_out: 8 s}"),
    ]  # fmt: skip
    text = " ".join(read(page(facts(song, findings=found, steps=steps))).split())
    for told in (
        "0:01.9–0:02.0 too much sub_rumble clean 0:01.9", "too much mud clean left it", "too much loop – ",
        "too much flat level left it", "too much narrow mix skipped", "0:01.9 too much peak master 0:01.9",
        "too much end arrange: {fade_out: 8 s} not in this recipe",
    ):  # fmt: skip
        assert told in text


@pytest.mark.parametrize(("sounds_to_hear", "said"), [(1, False), (2, "Both are"), (3, "All are")])
def test_the_page_says_that_sounds_beside_each_other_are_equally_loud(
    song: Song, sounds_to_hear: int, said: str | bool
) -> None:
    text = read(page(facts(song, listen={str(k): f"listen/{k}.mp3" for k in range(sounds_to_hear)})))
    assert "Listen" in text
    assert ("played equally loud" in text) == bool(said)
    assert not said or f"{said} played" in text


def test_the_page_shows_what_listeners_get(song: Song) -> None:
    quiet = {"id": "stream", "reason": None, "measured": measured(-17.0), "services": playback(-17.0, -2.5)}
    codec = {"ceiling_dbtp": 0.0, "true_peak_before_dbtp": 0.41, "lowered_db": 0.43, "loudness_lost_lu": 0.43,
             "writes": 2}  # fmt: skip
    delivered = {"id": "mp3", "facts": {"file": "a.mp3", "format": "mp3 128k", "codec": codec,
                                        "measured": measured(-17.43)}}  # fmt: skip
    html = page(facts(song, masters=[quiet], deliveries=[delivered, {"id": "wav", "facts": {"codec": None}}]))
    text = " ".join(read(html).split())
    assert "Spotify +1.5 −15.5 plays at −14 LUFS, but keeps peaks under −1 dBTP" in text
    assert "Spotify, loud +6.0 −11.0 its limiter takes 4.5 dB off the peaks" in text
    assert "YouTube * 0 −17.0 plays at −14 LUFS, but turns nothing up" in text
    assert "a.mp3 mp3 128k 0.41 dBTP 0.43 dB" in text and "−17.43 LUFS" in text
    assert "What listeners get" not in read(page(facts(song, masters=[])))


def test_nothing_is_fetched_from_anywhere(song: Song) -> None:
    html = page(facts(song, listen={"before": "listen/before.mp3"}))
    assert not re.search(r"(src|href)=[\"']?(https?:)?//|@import|url\(", html)


def test_a_name_cannot_break_the_page(song: Song) -> None:
    bad = '<script>alert("1")</script> & "x"\n'
    html = page(facts(song.having(title=bad), listen={bad: bad}, notices=[bad]))
    read(html)
    assert '<script>alert("1")' not in html


def test_a_silent_song_has_a_page() -> None:
    still = sounds.silence(5.0)
    song = Song(title="still", draft=still, mix=still)
    text = read(page(facts(song, before=measured(None), masters=[])))
    assert "no loudness to draw" in text
    assert "nan" not in text.lower()


@pytest.mark.parametrize("frames", [1, 100, 44_100])
@pytest.mark.parametrize("channels", [1, 2, 6])
def test_curves_of_any_sound_are_finite_json(frames: int, channels: int) -> None:
    tone = sounds.sine(seconds=2, channels=channels)
    song = Song(draft=Sound(tone.samples[:, :frames], tone.rate_hz))
    curves = series(song)
    json.dumps(curves, allow_nan=False)
    assert len(curves["before"]["waveform_peak"]) == 800


def test_curves_stay_small_however_long_the_song() -> None:
    long = sounds.noise(seconds=900, rate_hz=8000, channels=1)
    assert len(json.dumps(series(Song(draft=long)))) < 60_000


def test_the_waveform_shows_the_true_peak_of_each_slice() -> None:
    tone = sounds.sine(level=0.25, seconds=4)
    curves = series(Song(draft=tone))["before"]
    assert max(curves["waveform_peak"]) == pytest.approx(0.25, abs=1e-3)
    assert curves["waveform_rms"][400] == pytest.approx(0.25 / 2**0.5, rel=0.1)


def test_the_same_facts_give_the_same_page(song: Song) -> None:
    assert page(facts(song)) == page(facts(song))
