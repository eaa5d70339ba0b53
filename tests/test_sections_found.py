"""Sections: they cover the song, repeat where it repeats, and are called what they are."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from itertools import pairwise

import numpy as np
import pytest
import sounds
from hypothesis import given, settings
from hypothesis import strategies as st

from polish.audio import Sound
from polish.dsp import loudness, naming, onsets, phrasing, segmentation, tagging, texture
from polish.models import singing
from polish.models.composer import compose
from polish.models.engines import Take
from polish.song import Line, Lyrics, Section, Song
from polish.stages.sections import Sections, letters, voice_shares

mir_eval = pytest.importorskip("mir_eval")


def found(sound: Sound, stage: Sections | None = None, **slots: object) -> tuple[Section, ...]:
    return (stage or Sections()).run(Song(mix=sound, **slots)).sections


@cache
def song(seed: int) -> Take:
    return compose(
        seed, seconds=75, bpm=(96, 126, 112)[seed % 3], style=("pop", "rock", "electronic")[seed % 3]
    )


def intervals(sections: tuple[Section, ...]) -> np.ndarray:
    return np.array([(one.start_s, one.end_s) for one in sections])


@cache
def read(seed: int) -> tuple[Section, ...]:
    """The sections of a composed song, found with its stems at hand."""
    return found(song(seed).mix, stems=song(seed).stems)


SEEDS = (60, 61)


def mean(measure) -> float:
    return float(np.mean([measure(song(seed).sections, read(seed)) for seed in SEEDS]))


def test_composed_songs_are_cut_where_their_parts_begin() -> None:
    def hits(wanted, got) -> float:
        return mir_eval.segment.detection(intervals(wanted), intervals(got), window=0.5, trim=True)[2]

    assert mean(hits) > 0.75


def test_parts_that_repeat_share_a_group() -> None:
    def pairs(wanted, got) -> float:
        names = ([one.group for one in wanted], [one.group for one in got])
        return mir_eval.segment.pairwise(intervals(wanted), names[0], intervals(got), names[1])[2]

    assert mean(pairs) > 0.75


def test_parts_are_called_what_they_are() -> None:
    def share(wanted, got) -> float:
        times = np.arange(0.25, wanted[-1].end_s, 0.5)
        called = [[next(s.label for s in one if s.end_s > t) for t in times] for one in (wanted, got)]
        return float(np.mean([a == b for a, b in zip(*called, strict=True)]))

    assert mean(share) > 0.6


def test_parts_begin_on_downbeats() -> None:
    read_song = Sections().run(Song(mix=song(60).mix))
    downs = np.array(read_song.beats.downbeats_s)
    for section in read_song.sections[1:]:
        assert np.min(np.abs(downs - section.start_s)) < 0.01


SHORT = {
    "silence": sounds.silence(12),
    "two seconds": sounds.total(sounds.band(2)),
    "one sample": Sound(np.full((2, 1), 0.1, np.float32), 48_000),
    "nothing": Sound(np.zeros((1, 0), np.float32), 44_100),
    "noise": sounds.noise(20, channels=1),
    "five channels": sounds.noise(9, channels=5),
    "low rate": sounds.total(sounds.band(14, rate_hz=8000)),
    "a band": sounds.total(sounds.band(24, bpm=120)),
}


@pytest.mark.parametrize("what", SHORT)
def test_parts_cover_the_song_without_gaps(what: str) -> None:
    sound = SHORT[what]
    sections = found(sound)
    assert sections[0].start_s == 0 and sections[-1].end_s == sound.duration_s
    for one, other in pairwise(sections):
        assert one.end_s == other.start_s
    assert all(one.label in naming.LABELS and 0 <= one.confidence <= 1 for one in sections)


def test_silence_is_one_part_of_its_own_name() -> None:
    (only,) = found(sounds.silence(30))
    assert only.label == "silence" and only.loudness_lufs is None


def test_silence_at_the_ends_is_a_part() -> None:
    band = sounds.total(sounds.band(16))
    rate = band.rate_hz
    sound = band.with_samples(np.pad(band.samples, [(0, 0), (6 * rate, 5 * rate)]))
    sections = found(sound)
    assert sections[0].label == sections[-1].label == "silence"
    assert sections[0].end_s == pytest.approx(6, abs=0.15)
    assert sections[-1].start_s == pytest.approx(22, abs=0.15)
    assert sections[0].loudness_lufs is None and sections[1].loudness_lufs is not None


def test_steady_noise_is_not_cut_to_pieces() -> None:
    assert len(found(sounds.noise(60, pink=True, seed=1))) <= 3


def test_loudness_is_that_of_the_part() -> None:
    mix = song(61).mix
    for section in read(61)[1:-1]:
        part = mix.cut(section.start_s, section.end_s)
        assert section.loudness_lufs == pytest.approx(
            loudness.integrated_lufs(part.samples, part.rate_hz), abs=0.1
        )


def test_a_shortest_length_is_kept() -> None:
    sections = found(song(60).mix, Sections(shortest=8))
    bar_s = 4 * 60 / song(60).beats.tempo_bpm
    assert all(one.end_s - one.start_s > 7.5 * bar_s for one in sections[:-1])
    assert len(sections) <= len(read(60))


def test_beats_are_found_when_nobody_did() -> None:
    read_song = Sections().run(Song(mix=sounds.total(sounds.band(16, bpm=110))))
    assert read_song.beats.tempo_bpm == pytest.approx(110, rel=0.01)
    kept = Sections().run(read_song)
    assert kept.beats is read_song.beats


def test_finding_twice_says_the_same() -> None:
    mix = song(60).mix.cut(0, 40)
    assert found(mix) == found(mix)


def test_known_lyrics_name_the_parts(tmp_path) -> None:
    text = "\n".join(
        f"[{one.label}]\n" + "la la la la\n" * round((one.end_s - one.start_s) / 3)
        for one in song(61).sections
        if one.label in ("verse", "chorus", "bridge", "prechorus")
    )
    path = tmp_path / "lyrics.txt"
    path.write_text(text, encoding="utf-8")
    named = Sections(lyrics=str(path)).run(Song(mix=song(61).mix, stems=song(61).stems))
    wanted = [s.label for s in song(61).sections if s.label in ("verse", "chorus", "bridge", "prechorus")]
    sung = [s.label for s in named.sections if s.label in set(wanted)]
    runs = [label for n, label in enumerate(sung) if n == 0 or label != sung[n - 1]]
    assert runs == wanted
    assert named.measurements["sections"]["labels_from"] == "the tags of the lyrics"


def test_timed_lyrics_name_the_parts() -> None:
    lines = tuple(
        Line(start_s=s.start_s + 0.5, end_s=s.end_s - 0.5, text="la", section=f"Hook {n}")
        for n, s in enumerate(read(60)[1:3])
    )
    sections = found(song(60).mix, lyrics=Lyrics(lines=lines), stems=song(60).stems)
    assert [s.label for s in sections[1:3]] == ["chorus", "chorus"]


def test_the_voice_is_heard_where_it_is() -> None:
    mix = sounds.total(sounds.band(8))
    voice = sounds.sine(300, 8, 0.3)
    samples = voice.samples.copy()
    samples[:, : 4 * voice.rate_hz] = 0
    assert voice_shares(voice.with_samples(samples), mix, [0, 4, 8]) == [0, 1]


@pytest.mark.parametrize(
    ("tag", "label"),
    [("Pre-Chorus 2", "prechorus"), ("hook", "chorus"), ("VERSE: soft", "verse"), ("outro", "outro"),
     ("guitar solo", "guitarsolo"), ("Interlude", "instrumental")],
)  # fmt: skip
def test_tags_are_read_as_people_write_them(tag: str, label: str) -> None:
    assert tagging.label_of(tag) == label


def test_a_voice_is_heard_in_the_mix() -> None:
    """The first half as it is, the second without the vocals."""
    stems = song(61).stems
    backing = sum(sound.samples for name, sound in stems.items() if name != "vocals")
    half = backing.shape[1] // 2
    voice = stems["vocals"].samples.copy()
    voice[:, half:] = 0
    seconds = half / stems["vocals"].rate_hz
    heard = singing.sung(onsets.one_channel(stems["vocals"].with_samples(backing + voice)))
    share = [
        float(heard[round(10 * a) : round(10 * b)].mean()) for a, b in ((8, seconds), (seconds, 2 * seconds))
    ]
    assert heard.size == int(20 * seconds)
    assert share[0] > 0.8 and share[1] < 0.4


@pytest.mark.parametrize("sound", [sounds.silence(9), Sound(np.zeros((1, 0), np.float32), 44_100)])
def test_nobody_sings_in_silence(sound: Sound) -> None:
    assert not singing.sung(onsets.one_channel(sound)).any()


FORM = ["intro", "verse", "chorus", "verse", "chorus", "bridge", "chorus", "outro"]


def test_a_part_that_is_heard_again_by_itself_ends_where_it_ends_there() -> None:
    """Verse, chorus, verse, chorus: nothing tells that the chorus has given way to the verse."""
    kinds = np.repeat([0, 1, 0, 1], 4)
    pitches = np.random.default_rng(4).random((2, 4, 12))[kinds, np.tile(np.arange(4), 4)]
    pitches /= np.linalg.norm(pitches, axis=1, keepdims=True)
    timbre = np.where(kinds[:, None] == 0, -1.0, 1.0) * np.ones((16, 24))
    bars = texture.Bars(np.arange(17.0) * 2, pitches @ pitches.T, timbre, np.ones((16, 16)), np.ones(16))
    assert segmentation.divided(bars, np.array([0, 4, 12, 16])).tolist() == [0, 4, 8, 12, 16]
    assert segmentation.divided(bars, np.array([0, 16])).tolist() == [0, 16]


def plain_bars(order: str) -> texture.Bars:
    """Bars of 2 s that are alike in harmony where they have the same letter, and all alike in the rest."""
    letter = np.array(list(order))
    harmony = (letter[:, None] == letter[None]).astype(float)
    count = len(order)
    return texture.Bars(
        np.arange(count + 1.0) * 2, harmony, np.ones((count, 24)), np.ones((count, count)), np.ones(count)
    )


def test_a_turn_that_closes_another_part_belongs_to_what_it_closes() -> None:
    """The band comes in with the turn, two bars before the first phrase begins again."""
    cuts = np.array([0, 8, 20, 28])
    assert phrasing.settled(plain_bars("aaaaaaaatuaaaaaaaatucccccccc"), cuts).tolist() == [0, 10, 20, 28]
    for other in (
        "aaaaaaaatuaaaaaaaaaacccccccc",
        "aaaaaaaatudddddaaatucccccccc",
        "tuaaaaaatuaaaaaaaatucccccccc",
    ):
        assert phrasing.settled(plain_bars(other), cuts).tolist() == cuts.tolist()


def test_a_bar_or_two_beside_their_like_are_no_part() -> None:
    bars = plain_bars("bbbbaaaaaaaaaabbbbbbbb")
    assert phrasing.joined(bars, np.array([0, 4, 6, 14, 22])).tolist() == [0, 4, 14, 22]
    assert phrasing.joined(bars, np.array([0, 4, 9, 14, 22])).tolist() == [0, 4, 9, 14, 22]


def parts(*made: tuple[int, float, float]) -> list[naming.Part]:
    """Parts from group, length in s and loudness."""
    ends = np.cumsum([length for _, length, _ in made])
    return [
        naming.Part(float(end) - length, float(end), group, level)
        for (group, length, level), end in zip(made, ends, strict=True)
    ]


def test_parts_at_both_ends_that_are_alike_are_intro_and_outro() -> None:
    song = parts((0, 5, -21), (1, 12, -18), (2, 12, -14), (1, 12, -18), (2, 12, -14), (0, 7, -21))
    assert [one.label for one in naming.names(song)] == ["intro", *["verse", "chorus"] * 2, "outro"]


def test_what_opens_at_the_usual_pace_is_a_verse() -> None:
    song = parts((0, 27, -17), (1, 27, -13.7), (2, 27, -14.4), (1, 27, -12.4))
    assert naming.names(song)[0].label == "verse"


def test_what_leads_to_the_chorus_is_a_prechorus_but_between_choruses_a_bridge() -> None:
    verse, lead, chorus = (1, 12, -18), (2, 6, -16.8), (3, 12, -14)
    song = parts((0, 5, -22), verse, lead, chorus, verse, lead, chorus, lead, chorus, (4, 7, -24))
    labels = [one.label for one in naming.names(song)]
    assert labels == ["intro", *["verse", "prechorus", "chorus"] * 2, "bridge", "chorus", "outro"]


def test_the_intro_heard_again_within_is_instrumental() -> None:
    song = parts((0, 16, -28), (1, 14, -15), (2, 16, -12), (0, 8, -27), (1, 14, -15), (2, 16, -12))
    labels = [one.label for one in naming.names(song)]
    assert labels == ["intro", "verse", "chorus", "instrumental", "verse", "chorus"]


def test_two_parts_are_hardly_a_form() -> None:
    pair, more = parts((0, 6, -16), (1, 14, -19)), parts((0, 6, -16), (1, 14, -19), (0, 6, -16))
    assert max(one.confidence for one in naming.names(pair)) < 0.5
    assert max(one.confidence for one in naming.names(more)) >= 0.5


def form(voice: bool = True) -> list[naming.Part]:
    """A plain song: loud choruses, an unsung intro, a quiet outro, parts of 20 s."""
    level = {"intro": -20.0, "verse": -16.0, "chorus": -12.0, "bridge": -15.0, "outro": -19.0}
    order = list(dict.fromkeys(FORM))
    parts = []
    for n, label in enumerate(FORM):
        unsung = label in ("intro", "outro")
        sung = (0.0 if unsung else 0.7) if voice else None
        parts.append(
            naming.Part(20 * n, 20 * n + (10 if unsung else 20), order.index(label), level[label], sung)
        )
    return parts


@pytest.mark.parametrize("voice", [True, False])
def test_a_plain_form_is_named_right(voice: bool) -> None:
    assert [name.label for name in naming.names(form(voice))] == FORM


def test_a_part_without_voice_in_the_middle_is_instrumental() -> None:
    parts = form()
    parts[5] = naming.Part(parts[5].start_s, parts[5].end_s, 9, -14.0, 0.02)
    assert naming.names(parts)[5].label == "instrumental"


def sung(*made: tuple[int, float, float, float]) -> list[naming.Part]:
    """Parts from group, length in s, loudness and share of voice."""
    plain = parts(*((group, length, level) for group, length, level, _ in made))
    return [replace(part, voice=one[3]) for part, one in zip(plain, made, strict=True)]


def test_an_intro_has_no_voice() -> None:
    rest = ((1, 16, -14.4, 0.9), (2, 16, -12.8, 0.9), (3, 14, -18.7, 0.8), (2, 16, -12.1, 1.0))
    first = {voice: naming.names(sung((0, 16, -18.9, voice), *rest))[0].label for voice in (0.1, 0.9)}
    assert first == {0.1: "intro", 0.9: "verse"}


def test_what_is_sung_is_not_instrumental_though_the_intro_is_like_it() -> None:
    rest = ((1, 14, -15, 0.9), (2, 16, -12, 0.9), (0, 8, -27, 0.95), (1, 14, -15, 0.9), (2, 16, -12, 0.9))
    assert naming.names(sung((0, 16, -28, 0.1), *rest))[3].label == "verse"


def test_a_long_sung_end_is_the_last_chorus_however_quiet() -> None:
    form = ((0, 16, -18, 0.9), (1, 16, -12, 1.0), (0, 15, -18, 0.9), (1, 16, -12, 1.0))
    last = {voice: naming.names(sung(*form, (2, 18, -16.4, voice)))[-1].label for voice in (0.1, 0.9)}
    assert last == {0.1: "outro", 0.9: "chorus"}


def test_tags_follow_their_order_even_where_the_sound_says_otherwise() -> None:
    tags = [tagging.Tag(label, 40) for label in ("verse", "chorus", "verse", "chorus", "verse", "chorus")]
    parts = form()
    labels = [name.label for name in tagging.tagged(parts, naming.names(parts), tags)]
    assert labels == ["intro", "verse", "chorus", "verse", "chorus", "verse", "chorus", "outro"]


@given(
    parts=st.lists(
        st.tuples(
            st.floats(1, 60), st.integers(0, 4), st.one_of(st.none(), st.floats(-60, -5)), st.floats(0, 1)
        ),
        min_size=1,
        max_size=12,
    ),
    tags=st.lists(st.tuples(st.sampled_from(naming.LABELS), st.integers(0, 80)), max_size=8),
)
@settings(max_examples=60, deadline=None)
def test_every_part_gets_one_name_whatever_the_form(parts, tags) -> None:
    at, made = 0.0, []
    for length, group, level, voice in parts:
        made.append(naming.Part(at, at + length, group, level, voice))
        at += length
    heard = naming.names(made)
    named = tagging.tagged(made, heard, [tagging.Tag(*tag) for tag in tags])
    assert len(heard) == len(named) == len(made)
    assert all(0 <= name.confidence <= 1 for name in (*heard, *named))


def test_groups_have_letters_without_end() -> None:
    assert [letters(n) for n in (0, 25, 26, 51, 52)] == ["A", "Z", "AA", "AZ", "BA"]


@pytest.mark.real
def test_a_real_song_is_cut_near_where_people_cut_it(real) -> None:
    import json

    from polish import audio

    truth = json.loads((real / "sections" / "sargon.jams").read_text())["annotations"][0]["data"]
    wanted = np.array([(one["time"], one["time"] + one["duration"]) for one in truth])
    sections = found(audio.read(real / "sections" / "sargon.mp3"))
    assert mir_eval.segment.detection(wanted, intervals(sections), window=3)[2] >= 0.75
