"""Every kind of finding: found where it was planted, silent on clean sound."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import sounds
from planted import (
    EXCERPT_OF_S,
    PLANTED,
    clock,
    collapsing,
    drifting,
    equalised,
    excerpt,
    faded,
    gain,
    hollow,
    looped,
    low_passed,
    padded,
    plus,
    song,
    take,
)

from polish import recipe
from polish.audio import Sound
from polish.dsp import faults, filters, mains, resonance, survey
from polish.dsp.faults import course, grid
from polish.dsp.faults import tone as tone_faults
from polish.song import Beats, Finding, Section, Song
from polish.stages.check import KINDS, Check

SEEDS = (7100, 7101)


def check(sound: Sound, **slots: object) -> list[Finding]:
    return list(Check().run(Song(mix=sound, **slots)).findings)


def of_kind(kind: str, sound: Sound) -> list[Finding]:
    return [finding for finding in check(sound) if finding.kind == kind]


BY_LENGTH = [pytest.param(k, marks=[pytest.mark.slow] if p.whole else []) for k, p in PLANTED.items()]


@pytest.mark.parametrize("kind", BY_LENGTH)
def test_a_planted_fault_is_found(kind: str) -> None:
    """One seed a kind; recall over thirty is measured by ``benchmarks/check.py``."""
    faulty = PLANTED[kind].sound(SEEDS[0])
    found = of_kind(kind, faulty)
    assert found, [(f.kind, f.value) for f in check(faulty)]
    for finding in found:
        assert 0 <= finding.start_s <= finding.end_s <= faulty.duration_s + 0.01
        assert finding.value is None or np.isfinite(finding.value)


def test_clean_sound_has_no_findings() -> None:
    assert [(f.kind, f.value) for f in check(excerpt(SEEDS[0]))] == []


@pytest.mark.slow
def test_a_clean_song_has_no_findings() -> None:
    assert [(f.kind, f.value) for f in check(song(SEEDS[0]))] == []


def test_every_kind_is_planted() -> None:
    assert list(PLANTED) == list(KINDS)


def test_the_values_are_those_that_were_planted() -> None:
    sound = excerpt(SEEDS[0])
    gap = of_kind("gap", hollow(sound, 4.0, 0.08))[0]
    assert gap.value == pytest.approx(80, abs=20) and gap.start_s == pytest.approx(4.0, abs=0.02)
    offset = of_kind("dc_offset", plus(sound, np.full(sound.frames, 0.01)))[0]
    assert offset.value == pytest.approx(1.0, abs=0.2)
    pink = faded(sounds.noise(8, 0.15, pink=True), 3)
    assert of_kind("bandwidth_wall", low_passed(pink, 15_000))[0].value == pytest.approx(15_000, rel=0.03)
    sided = of_kind("one_sided", PLANTED["one_sided"].put(pink, 0))[0]
    assert sided.value == pytest.approx(-6.0, abs=0.5)
    assert of_kind("silence_at_start", padded(sound, 1.5, 0))[0].value == pytest.approx(1.5, abs=0.1)


def test_a_loop_is_found_where_it_is_and_counted_in_bars() -> None:
    """Whole bars, so that the grid of the looped song is the song's own."""
    given = take(SEEDS[1], EXCERPT_OF_S).beats
    downs = [time_s - 12 for time_s in given.downbeats_s if time_s >= 12]
    bar_s = downs[1] - downs[0]
    sound = looped(excerpt(SEEDS[1]), SEEDS[1])
    grid = tuple(np.arange(downs[0], sound.duration_s, bar_s).tolist())
    beats = Beats(tempo_bpm=240 / bar_s, beats_s=grid, downbeats_s=grid, beats_per_bar=4)
    loop = next(f for f in check(sound, beats=beats) if f.kind == "loop")
    assert loop.start_s == pytest.approx(downs[0], abs=0.6)
    assert loop.end_s == pytest.approx(downs[0] + 6 * bar_s, abs=0.6)
    assert "(2 bars)" in loop.message and "3 times" in loop.message


def test_a_hole_in_one_channel_is_a_gap() -> None:
    faulty = hollow(excerpt(SEEDS[0]), 5.0, 0.08, slice(1, 2))
    assert [round(f.start_s, 1) for f in check(faulty) if f.kind == "gap"] == [5.0]


def test_a_click_is_placed_where_the_waveform_jumps() -> None:
    tone = sounds.sine(220, 4, 0.3)
    samples = tone.samples.copy()
    samples[:, 2 * tone.rate_hz :] *= -1
    samples[:, : 2 * tone.rate_hz] = np.roll(samples[:, : 2 * tone.rate_hz], 30, axis=1)
    found = of_kind("click", tone.with_samples(samples))
    assert [f.start_s for f in found if 0.5 < f.start_s < 3.5] == [pytest.approx(2.0, abs=0.001)]
    assert not of_kind("click", tone)


def test_drums_are_no_clicks() -> None:
    drums = take(SEEDS[0], EXCERPT_OF_S).stems["drums"]
    assert not of_kind("click", drums)


def test_the_burst_of_a_consonant_is_no_click() -> None:
    """A lone jump is one; followed within 20 ms by hiss, as that of a sung t is, it is none."""
    tone = sounds.sine(220, 4, 0.3)
    samples = tone.samples.copy()
    samples[:, 2 * tone.rate_hz] += 0.3
    assert [f.start_s for f in of_kind("click", tone.with_samples(samples))] == [
        pytest.approx(2.0, abs=0.001)
    ]
    start = round(2.012 * tone.rate_hz)
    samples[:, start : start + tone.rate_hz // 10] += sounds.noise(0.1, 0.03, seed=1).samples[0]
    assert of_kind("click", tone.with_samples(samples)) == []


def test_a_cut_is_told_by_its_shape_where_noise_covers_it() -> None:
    """A step a few times the hiss around it is a cut; one sample that stands out so is the hiss's own."""
    hiss = sounds.noise(4, 0.02, seed=2)
    at = 2 * hiss.rate_hz
    largest = float(np.abs(np.diff(hiss.samples[:, at - 300 : at + 300], 2)).max())
    step, spike = np.zeros((2, hiss.frames))
    step[at:], spike[at] = 4.6 * largest, 2.3 * largest
    assert [f.start_s for f in of_kind("click", plus(hiss, step))] == [pytest.approx(2.0, abs=0.001)]
    assert of_kind("click", plus(hiss, spike)) == []


def test_esses_are_placed_where_they_are() -> None:
    """At a rate of which 4 ms are no whole number of frames, too, a minute on."""
    rate_hz = 22_050
    pink = sounds.noise(60, 0.1, pink=True, rate_hz=rate_hz)
    band = filters.apply(
        sounds.noise(60, 1.0, seed=1, rate_hz=rate_hz).samples, filters.high_pass(rate_hz, 6e3)
    )
    from_top_s = np.abs((clock(pink) + 1) % 2 - 1)
    shape = np.where(np.abs(clock(pink) - 30) < 29, np.clip((0.08 - from_top_s) / 0.05, 0, 1), 0)
    found = of_kind("sibilance", plus(pink, band * shape * 0.3))
    assert found and found[0].start_s == pytest.approx(2.0, abs=0.1)
    assert found[0].end_s == pytest.approx(58.0, abs=0.1)


def test_hum_beside_a_bass_note_is_found_by_all_its_lines() -> None:
    """The note disturbs single lines so that too few of them stand quite still."""
    faulty = PLANTED["hum"].sound(11_027)
    found = mains.find(faulty.samples, faulty.rate_hz)
    assert found is not None and 60.0 in found.lines_hz
    clean = excerpt(11_027)
    got = mains.without(faulty.samples, faulty.rate_hz, found)
    was, now = (sounds.snr_db(clean.samples, samples) for samples in (faulty.samples, got))
    assert now > was + 10
    assert mains.find(clean.samples, clean.rate_hz) is None


def test_an_ending_breaks_away_at_once() -> None:
    """Also after an uneven passage; a fade is slower."""
    uneven = np.concatenate([np.zeros(60), np.resize([-5.0, -4.0], 12)])
    fallen = np.concatenate([uneven, np.full(24, -27.0)])
    assert course._breaks_away(fallen, 50, 0.0, 9.0) == uneven.size
    fade = 40 * np.log10(1 - np.arange(23) / 24)
    assert course._breaks_away(np.concatenate([np.zeros(60), fade]), 50, 0.0, 9.0) is None


def test_one_bar_alone_is_a_copy_only_when_it_is_exact() -> None:
    bars = np.eye(8, dtype=np.float32)
    near = 0.95 * bars[2] + np.sqrt(np.float32(1 - 0.95**2)) * bars[7]
    row = np.stack([bars[0], bars[1], bars[2], bars[3], bars[0], bars[5], near])
    assert grid._copies(row).tolist() == [False] * 4 + [True, False, False]


def long_song(seed: int, *, arc_db: float) -> Sound:
    """50 s of noise that follows a beat, each 10 s by turns louder and quieter; it fades at the end."""
    seconds, rate_hz = 50.0, 22_050
    t = sounds.times(seconds, rate_hz)
    sound = faded(sounds.noise(seconds, 0.15, pink=True, seed=seed, rate_hz=rate_hz), 3)
    sound = sound.with_samples(filters.apply(sound.samples, filters.high_pass(rate_hz, 30.0)))
    beat = 0.4 + 0.6 * np.exp(-((t * 2) % 1) * 4)
    steps = 10 ** (np.where((t // 10) % 2 == 0, -arc_db, 0.0) / 20)
    return sound.with_samples(sound.samples * beat * steps)


@pytest.mark.parametrize("seed", range(2))
def test_a_song_without_an_arc_is_flat_and_one_with_is_not(seed: int) -> None:
    assert of_kind("flat_dynamics", long_song(seed, arc_db=0.0))
    assert not of_kind("flat_dynamics", long_song(seed, arc_db=6.0))


def test_parts_of_one_loudness_are_flat() -> None:
    parts = [(0, 10, "intro"), (10, 20, "verse"), (20, 30, "chorus"), (30, 40, "verse"), (40, 50, "outro")]
    sections = tuple(Section(start_s=a, end_s=b, group="A", label=name) for a, b, name in parts)
    for arc_db, flat in ((0.5, True), (5.0, False)):
        findings = check(long_song(0, arc_db=arc_db), sections=sections)
        assert any(f.kind == "flat_dynamics" for f in findings) == flat
    sound = long_song(0, arc_db=0.5)
    moving = sound.with_samples(sound.samples * np.where(clock(sound) < 10, 0.3, 1.0).astype(np.float32))
    assert not any(f.kind == "flat_dynamics" for f in check(moving, sections=sections)), "an intro is an arc"


@pytest.mark.slow
@pytest.mark.parametrize(("variant", "word"), [(0, "against its body"), (1, "treble"), (2, "runs empty")])
def test_an_ending_that_collapses_is_found_and_a_fade_is_not(variant: int, word: str) -> None:
    whole = song(SEEDS[0])
    broken = collapsing(whole, variant)
    found = of_kind("collapsing_ending", broken)
    assert found and found[0].start_s == pytest.approx(whole.duration_s - 12 - variant, abs=2.0)
    assert word in found[0].message
    assert variant or not of_kind("collapsing_ending", faded(whole, 12))


@pytest.mark.slow
def test_a_tempo_that_drifts_is_measured() -> None:
    found = of_kind("tempo_drift", drifting(song(SEEDS[0]), 0))
    assert found[0].value == pytest.approx(7.0, abs=2.0)


@pytest.mark.parametrize("channels", [1, 2, 6])
def test_silence_is_one_finding(channels: int) -> None:
    findings = check(sounds.silence(3, channels=channels))
    assert [(f.kind, f.value) for f in findings] == [("silent", None)]


@pytest.mark.parametrize("frames", [0, 1, 10, 3000])
def test_hardly_any_sound_is_judged_without_complaint(frames: int) -> None:
    for finding in check(Sound(np.full((2, frames), 0.1, np.float32), 44_100)):
        assert finding.value is None or np.isfinite(finding.value)


@pytest.mark.parametrize(
    ("rate_hz", "channels"), [(8000, 1), (22_050, 2), (48_000, 1), (96_000, 2), (44_100, 6)]
)
def test_any_rate_and_channel_count_is_judged(rate_hz: int, channels: int) -> None:
    sound = sounds.noise(6, 0.1, rate_hz=rate_hz, channels=channels, seed=3)
    assert {f.kind for f in check(sound)} <= {"loudness_far", "abrupt_ending", "sub_rumble"}


def test_every_finding_has_a_sentence_and_a_mend_that_is_a_stage() -> None:
    from polish import stages

    for kind in KINDS.values():
        if kind.mend is not None:
            assert kind.mend.split(":")[0] in stages.ORDER
        assert kind.sentences
    for finding in check(PLANTED["mud"].put(gain(excerpt(SEEDS[0]), 0.2), 0)):
        assert finding.message and "{" not in finding.message


@pytest.mark.parametrize("mend", sorted({kind.mend for kind in KINDS.values() if kind.mend}))
def test_a_mend_is_a_step_as_recipes_have_it(mend: str, tmp_path: Path) -> None:
    """Written into a recipe as it is said, it is read, and it runs on what `separate` made."""
    written = tmp_path / "mending.yaml"
    written.write_text(f"polish: 1\nsteps:\n  - check\n  - separate\n  - sections\n  - {mend}\n")
    plan = recipe.check(recipe.load(written), given={"draft", "mix"})
    assert plan.steps[-1].stage.name == mend.split(":", maxsplit=1)[0]
    assert plan.steps[-1].skipped is None


def test_a_beat_that_is_unsure_does_not_drift() -> None:
    beats_s = tuple(np.cumsum(np.linspace(0.5, 0.6, 80)).tolist())
    look = survey.survey(sounds.noise(2))
    sure, unsure = (faults.Known(look, beats_s=beats_s, beats_sure=share) for share in (0.9, 0.2))
    assert [fault.kind for fault in grid.tempo_drift(sure)] == ["tempo_drift"]
    assert grid.tempo_drift(unsure) == []


def test_a_held_note_is_no_resonance() -> None:
    """It stands out as far as one, but what lies between the partials is as it was."""
    noise = sounds.noise(10, 0.05, pink=True)
    held = plus(noise, 0.03 * np.sin(2 * np.pi * 466.16 * clock(noise)))
    highest = max(peak.stands_out_db for peak in resonance.peaks(held.samples, held.rate_hz))
    assert tone_faults.RESONANCE_DB < highest < resonance.NOTE_DB
    assert of_kind("resonance", held) == []
    assert of_kind("resonance", equalised(noise, 466, 20, 12))
    assert of_kind("resonance", equalised(noise.cut(0, 3), 466, 20, 12)) == [], "too short to tell"


def test_the_song_itself_stays_as_it_is() -> None:
    given = Song(mix=excerpt(SEEDS[0]))
    judged = Check().run(given)
    assert dataclasses.replace(judged, findings=(), measurements={}) == given or judged.mix is given.mix
    assert judged.measurements["check"] == {"errors": 0, "warnings": 0, "info": 0}


def test_checking_twice_says_the_same() -> None:
    faulty = PLANTED["shimmer"].put(excerpt(SEEDS[1]), 1)
    assert check(faulty) == check(faulty)


@pytest.mark.real
def test_the_real_drafts_are_judged_as_their_notes_say(real) -> None:
    """The YuE drafts stop dead at 15 to 16 kHz; one of them is 1.5 dB over full scale."""
    from polish import audio

    yue = {f.kind: f for f in check(audio.read(real / "drafts" / "yue-02.mp3"))}
    assert 14_000 < yue["bandwidth_wall"].value < 16_500
    assert yue["over_full_scale"].value == pytest.approx(1.5, abs=0.2)
