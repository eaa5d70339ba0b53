"""What the built-in composer promises of every song."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import sounds
from hypothesis import given, settings
from hypothesis import strategies as st

from polish.dsp.loudness import integrated_lufs
from polish.models.composer import compose
from polish.models.composing.choices import decide, wish
from polish.models.composing.form import parts
from polish.models.composing.harmony import Key, chord, progression, voicing
from polish.models.composing.styles import STYLES
from polish.models.composing.words import line


@pytest.fixture(scope="module")
def songs():
    return [compose(seed, seconds=24) for seed in range(3)]


def test_a_seed_always_gives_the_same_song(songs):
    again = compose(1, seconds=24)
    assert np.array_equal(again.mix.samples, songs[1].mix.samples)
    assert again.beats == songs[1].beats
    assert again.lyrics == songs[1].lyrics


def test_seeds_differ_in_key_tempo_and_style():
    plans = [decide(np.random.default_rng(seed), wish("")) for seed in range(40)]
    assert len({plan.bpm for plan in plans}) > 15
    assert len({str(plan.key) for plan in plans}) > 10
    assert {plan.style for plan in plans} == set(STYLES)
    assert {plan.key.mode for plan in plans} == {"major", "minor"}
    assert {plan.beats_per_bar for plan in plans} == {3, 4}


def test_stems_sum_exactly_to_the_mix_in_any_order(songs):
    for take in songs:
        drums, bass, other, vocals = (take.stems[n].samples for n in ("drums", "bass", "other", "vocals"))
        assert np.array_equal(drums + bass + other + vocals, take.mix.samples)
        assert np.array_equal((vocals + bass) + (drums + other), take.mix.samples)


@pytest.mark.parametrize(("seconds", "rate_hz"), [(1, 44_100), (7.3, 48_000), (9, 8000), (6, 96_000)])
def test_length_and_rate_are_as_asked(seconds, rate_hz):
    take = compose(3, seconds=seconds, rate_hz=rate_hz)
    assert take.mix.samples.shape == (2, round(seconds * rate_hz))
    assert take.mix.rate_hz == rate_hz
    total = sum(stem.samples for stem in take.stems.values())
    assert np.array_equal(total, take.mix.samples)
    assert 0.3 < np.abs(take.mix.samples).max() < 1


@pytest.mark.parametrize(("bpm", "metre", "swing"), [(60, 4, 0), (120, 3, 1), (180, 4, 0.5)])
def test_beats_are_where_the_drums_fall(bpm, metre, swing):
    take = compose(5, seconds=20, bpm=bpm, beats_per_bar=metre, swing=swing, style="rock")
    assert take.beats.tempo_bpm == bpm
    assert take.beats.beats_per_bar == metre
    assert np.allclose(np.diff(take.beats.beats_s), 60 / bpm, atol=1e-5)
    assert np.allclose(np.diff(take.beats.downbeats_s), metre * 60 / bpm, atol=1e-5)
    drums = take.stems["drums"]
    level = np.abs(drums.samples).max(axis=0)
    rise = np.diff(level[: level.size // 441 * 441].reshape(-1, 441).max(axis=1), prepend=0).clip(0)
    verse = next(section for section in take.sections if section.label == "chorus")
    downbeats = [t for t in take.beats.downbeats_s if verse.start_s <= t < verse.end_s]
    found = [rise[max(0, round(t * 100) - 3) : round(t * 100) + 4].max() for t in downbeats]
    assert np.min(found) > 5 * rise.mean()


def test_sections_tile_the_song_on_its_downbeats(songs):
    for take in songs:
        assert take.sections[0].start_s == 0
        assert take.sections[-1].end_s == take.mix.duration_s
        for before, after in pairwise(take.sections):
            assert before.end_s == after.start_s
            assert min(abs(after.start_s - t) for t in take.beats.downbeats_s) < 1e-5


def test_choruses_are_louder_than_verses():
    for seed in range(10, 14):
        take = compose(seed, seconds=20)
        level = {
            label: [
                integrated_lufs(take.mix.cut(s.start_s, s.end_s).samples, take.mix.rate_hz)
                for s in take.sections
                if s.label == label
            ]
            for label in ("verse", "chorus")
        }
        assert min(level["chorus"]) > max(level["verse"]) + 0.5, seed


def test_a_song_ends_with_a_tail_and_not_with_a_cut(songs):
    for take in songs:
        rate = take.mix.rate_hz
        usual = np.sqrt(np.mean(take.mix.samples**2))
        assert np.sqrt(np.mean(take.mix.samples[:, -rate // 20 :] ** 2)) < 0.01 * usual
        assert np.sqrt(np.mean(take.mix.samples[:, -3 * rate : -rate] ** 2)) > 0.01 * usual


def test_the_voice_sings_where_the_words_are(songs):
    for take in songs:
        voice, rate = take.stems["vocals"].samples, take.mix.rate_hz
        for sung in take.lyrics.lines:
            assert sung.text == " ".join(word.text for word in sung.words)
            for word in sung.words:
                part = voice[:, round(word.start_s * rate) : round(word.end_s * rate)]
                assert np.sqrt(np.mean(part**2)) > 0.1 * np.sqrt(np.mean(voice**2)), (sung.text, word.text)
        first = round((take.lyrics.lines[0].start_s - 0.5) * rate)
        assert not voice[:, :first].any()


def test_chords_and_bass_keep_to_the_key():
    take = compose(2, seconds=20, key="A minor", style="pop")
    assert take.beats.key == "A minor"
    sound = take.stems["other"].samples.mean(axis=0)
    spectrum = np.abs(np.fft.rfft(sound)) ** 2
    hz = np.fft.rfftfreq(sound.size, 1 / take.mix.rate_hz)
    heard = (hz > 100) & (hz < 1000)
    classes = np.round(69 + 12 * np.log2(hz[heard] / 440)).astype(int) % 12
    power = np.bincount(classes, weights=spectrum[heard], minlength=12)
    inside = sum(power[pitch] for pitch in (*Key(9, "minor").scale, 8))
    assert inside > 0.9 * power.sum()


def test_a_song_is_stereo_but_not_out_of_phase(songs):
    for take in songs:
        correlation = np.corrcoef(take.mix.samples)[0, 1]
        assert 0.4 < correlation < 0.99


@pytest.mark.parametrize(
    "wrong",
    [{"bpm": 50}, {"bpm": 181}, {"beats_per_bar": 5}, {"swing": 2}, {"style": "polka"}, {"seconds": 0.5},
     {"rate_hz": 4000}, {"key": "H major"}, {"key": "C dorian"}],
)  # fmt: skip
def test_arguments_out_of_range_are_refused(wrong):
    with pytest.raises(ValueError, match=str(next(iter(wrong.values())))):
        compose(0, **wrong)


def test_words_of_the_prompt_decide_what_they_name():
    rng = np.random.default_rng
    for seed in range(10):
        slow, fast = (decide(rng(seed), wish(f"{word} pop")) for word in ("slow", "fast"))
        assert slow.bpm < fast.bpm
        assert decide(rng(seed), wish("a sad song")).key.mode == "minor"
        assert decide(rng(seed), wish("a happy song")).key.mode == "major"
        assert decide(rng(seed), wish("lofi beats to study")).style == "hiphop"
        assert decide(rng(seed), wish("a waltz")).beats_per_bar == 3
    plan = decide(rng(0), wish("Techno at 128 BPM in F# minor, no vocals, without drums, 4/4"))
    assert (plan.bpm, str(plan.key), plan.style) == (128, "F# minor", "electronic")
    assert not plan.sung
    assert not plan.drums
    assert wish("Techno at 128 BPM").understood == ("techno", "128 bpm")


def test_an_instrument_that_is_named_plays():
    take = compose(2, seconds=5, prompt="electric piano and strings, 92 BPM")
    assert take.facts["instruments"]["chords"] == "keys"
    assert take.facts["instruments"]["pad"] == "strings"
    assert take.beats.tempo_bpm == 92


def test_words_nobody_knows_change_nothing():
    assert decide(np.random.default_rng(4), wish("zebra quux")) == decide(np.random.default_rng(4), wish(""))


def test_an_instrumental_has_a_tune_and_no_voice():
    take = compose(1, seconds=15, prompt="instrumental")
    assert take.stems["vocals"].silent
    assert take.lyrics is None
    assert not take.stems["other"].silent


@settings(deadline=None, max_examples=60)
@given(bars=st.integers(1, 400), seed=st.integers(0, 99), opening=st.booleans())
def test_a_form_fills_its_bars_and_equal_parts_are_equally_long(bars, seed, opening):
    form = parts(np.random.default_rng(seed), bars, opening=opening)
    assert sum(part.bars for part in form) == bars
    assert len({(part.group, part.bars) for part in form}) == len({part.group for part in form})
    assert [part.first for part in form] == list(np.cumsum([0] + [part.bars for part in form])[:-1])


@settings(deadline=None)
@given(seed=st.integers(0, 10_000), mode=st.sampled_from(["major", "minor"]), tonic=st.integers(0, 11))
def test_chords_move_by_small_steps(seed, mode, tonic):
    key, previous = Key(tonic, mode), None
    for degree in progression(np.random.default_rng(seed), mode, "chorus"):
        harmony = chord(key, degree)
        pitches = voicing(previous, harmony)
        assert {pitch % 12 for pitch in pitches} == set(harmony.tones)
        assert list(pitches) == sorted(pitches)
        if previous:
            assert max(min(abs(p - q) for q in previous) for p in pitches) <= 4
        previous = pitches


@settings(deadline=None, max_examples=60)
@given(seed=st.integers(0, 10_000), syllables=st.integers(1, 30))
def test_a_line_has_as_many_syllables_as_the_tune_has_tones(seed, syllables):
    words = line(np.random.default_rng(seed), syllables)
    assert sum(len(word.syllables) for word in words) == syllables


def test_no_silence_gaps_inside_a_song(songs):
    for take in songs:
        hop = take.mix.rate_hz // 2
        inner = take.mix.samples[:, hop : -3 * hop]
        blocks = np.abs(inner[:, : inner.shape[1] // hop * hop]).max(axis=0).reshape(-1, hop).max(axis=1)
        assert blocks.min() > 1e-3


def test_the_mix_is_not_a_test_tone(songs):
    """Its energy is spread as in music: no third of an octave holds more than half of it."""
    for take in songs:
        spectrum = np.abs(np.fft.rfft(take.mix.samples.mean(axis=0))) ** 2
        hz = np.fft.rfftfreq(take.mix.frames, 1 / take.mix.rate_hz)
        bands = [spectrum[(hz >= f) & (hz < f * 2 ** (1 / 3))].sum() for f in 40 * 2 ** (np.arange(26) / 3)]
        assert max(bands) < 0.5 * sum(bands)
        assert sounds.snr_db(take.mix.samples, take.stems["drums"].samples) < 10
