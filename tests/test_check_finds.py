"""Every kind of finding: found where it was planted, silent on clean sound."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable

import numpy as np
import pytest
import scipy.signal
import sounds

from polish.audio import Sound
from polish.dsp import filters
from polish.song import Beats, Finding, Section, Song
from polish.stages.check import KINDS, Check

SEEDS = range(3)
SECONDS = 13.0


@functools.cache
def clean(seed: int, seconds: float = SECONDS, rate_hz: int = sounds.RATE_HZ) -> Sound:
    """Sound with nothing wrong: a band at some tempo, or pink noise, that fades out at the end."""
    if seed % 3 == 2:
        pink = sounds.noise(seconds, 0.15, pink=True, seed=seed, rate_hz=rate_hz)
        sound = pink.with_samples(filters.apply(pink.samples, filters.high_pass(pink.rate_hz, 30.0)))
    else:
        bpm = (96, 108, 120, 132)[seed % 4]
        sound = sounds.total(sounds.band(seconds, bpm=bpm, seed=seed, rate_hz=rate_hz))
    fade = np.clip((seconds - sounds.times(seconds, rate_hz)) / 3, 0, 1) ** 2
    return sound.with_samples(sound.samples * fade)


def check(sound: Sound, **slots: object) -> list[Finding]:
    return list(Check().run(Song(mix=sound, **slots)).findings)


def of_kind(kind: str, sound: Sound) -> list[Finding]:
    return [finding for finding in check(sound) if finding.kind == kind]


def gain(sound: Sound, factor: float) -> Sound:
    return sound.with_samples(sound.samples * np.float32(factor))


def equalised(sound: Sound, hz: float, gain_db: float, q: float) -> Sound:
    return sound.with_samples(filters.apply(sound.samples, filters.peak(sound.rate_hz, hz, gain_db, q)))


def plus(sound: Sound, wave: np.ndarray) -> Sound:
    return sound.with_samples(sound.samples + wave.astype(np.float32))


def hollow(sound: Sound, start_s: float, length_s: float) -> Sound:
    samples = sound.samples.copy()
    samples[:, round(start_s * sound.rate_hz) : round((start_s + length_s) * sound.rate_hz)] = 0
    return sound.with_samples(samples)


def padded(sound: Sound, before_s: float, after_s: float) -> Sound:
    sizes = [(0, 0), (round(before_s * sound.rate_hz), round(after_s * sound.rate_hz))]
    return sound.with_samples(np.pad(sound.samples, sizes))


def low_passed(sound: Sound, hz: float) -> Sound:
    taps = scipy.signal.firwin(1001, hz, fs=sound.rate_hz, window=("kaiser", 9.0))
    return sound.with_samples(scipy.signal.fftconvolve(sound.samples, taps[None], mode="same", axes=1))


def with_birdies(sound: Sound, seed: int) -> Sound:
    """Short tones at random places between 8 and 14 kHz, each as loud as all the treble there."""
    rng = np.random.default_rng(seed)
    samples = sound.samples.copy()
    size = round(0.06 * sound.rate_hz)
    treble = filters.apply(samples, filters.high_pass(sound.rate_hz, 8000.0))
    level = np.sqrt(2 * np.mean(treble**2)) * np.hanning(size)
    for start in rng.integers(0, sound.frames - size, round(40 * sound.duration_s)):
        clock = np.arange(size) / sound.rate_hz
        samples[:, start : start + size] += level * np.sin(2 * np.pi * rng.uniform(8000, 14_000) * clock)
    return sound.with_samples(samples)


def looped(sound: Sound, seed: int) -> Sound:
    """A piece of three to five seconds, three times in a row."""
    length = round((3 + seed % 3) * 0.97 * sound.rate_hz)
    piece = sound.samples[:, :length]
    return sound.with_samples(np.concatenate([piece, piece, piece, sound.samples[:, length:]], axis=1))


def hum(sound: Sound, hz: float) -> Sound:
    clock = np.arange(sound.frames) / sound.rate_hz
    level = 0.35 * np.sqrt(np.mean(sound.samples**2))
    return plus(sound, level * sum(np.sin(2 * np.pi * hz * k * clock) / k for k in (1, 2, 3, 5)))


def rumble(sound: Sound, seed: int) -> Sound:
    wave = np.random.default_rng(seed).standard_normal(sound.frames)
    band = filters.apply(wave[None].astype(np.float32), filters.low_pass(sound.rate_hz, 18.0))[0]
    return plus(sound, band * (0.08 / band.std()))


def mixed_sides(sound: Sound, left: tuple[float, float], right: tuple[float, float]) -> Sound:
    """Left and right as sums of the sound and of a copy of it that is another performance."""
    own = sound.samples.mean(axis=0)
    other = np.roll(own, round(0.31 * sound.rate_hz))
    return sound.with_samples(np.stack([left[0] * own + left[1] * other, right[0] * own + right[1] * other]))


PLANTED: dict[str, Callable[[Sound, int], Sound]] = {
    "over_full_scale": lambda s, _: gain(s, 1.2 / np.abs(s.samples).max()),
    "true_peak_over": lambda s, _: gain(s, 0.99 / np.abs(s.samples).max()),
    "clipping": lambda s, _: s.with_samples(np.clip(s.samples * 2.5, -0.7, 0.7)),
    "loudness_far": lambda s, _: gain(s, 0.25),
    "dc_offset": lambda s, _: plus(s, np.full(s.frames, 0.01)),
    "silence_at_start": lambda s, _: padded(s, 1.5, 0),
    "silence_at_end": lambda s, _: padded(s, 0, 5),
    "gap": lambda s, seed: hollow(s, 3.03 + 0.37 * (seed % 15), 0.08),
    "abrupt_ending": lambda s, _: s.cut(0, 9.1),
    "loop": looped,
    "bandwidth_wall": lambda s, seed: low_passed(s, (11_000, 15_000, 16_000)[seed % 3]),
    "mud": lambda s, _: equalised(s, 320, 11, 0.9),
    "harshness": lambda s, _: equalised(s, 3200, 14, 0.8),
    "resonance": lambda s, seed: equalised(s, (1400, 2500, 3700)[seed % 3], 20, 12),
    "shimmer": with_birdies,
    "hum": lambda s, seed: hum(s, (50, 60)[seed % 2]),
    "sub_rumble": rumble,
    "narrow_stereo": lambda s, _: s.with_samples(np.repeat(s.samples.mean(axis=0, keepdims=True), 2, axis=0)),
    "out_of_phase": lambda s, _: mixed_sides(s, (1, 0.3), (-1, 0.3)),
    "mono_loss": lambda s, _: mixed_sides(s, (1, 0.8), (-1, 0.8)),
    "one_sided": lambda s, _: s.with_samples(s.samples * np.array([[1], [0.5]])),
}


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("kind", PLANTED)
def test_a_planted_fault_is_found(kind: str, seed: int) -> None:
    faulty = PLANTED[kind](clean(seed), seed)
    found = of_kind(kind, faulty)
    assert found, [(f.kind, f.value) for f in check(faulty)]
    for finding in found:
        assert 0 <= finding.start_s <= finding.end_s <= faulty.duration_s + 0.01
        assert finding.value is None or np.isfinite(finding.value)


@pytest.mark.parametrize("seed", range(8))
def test_clean_sound_has_no_findings(seed: int) -> None:
    assert [(f.kind, f.value) for f in check(clean(seed))] == []


def test_every_kind_is_planted_somewhere() -> None:
    elsewhere = {"silent", "flat_dynamics", "collapsing_ending"}
    assert set(PLANTED) | elsewhere == set(KINDS)


def test_the_values_are_those_that_were_planted() -> None:
    sound = clean(0)
    gap = of_kind("gap", hollow(sound, 4.0, 0.08))[0]
    assert gap.value == pytest.approx(80, abs=20) and gap.start_s == pytest.approx(4.0, abs=0.02)
    offset = of_kind("dc_offset", plus(sound, np.full(sound.frames, 0.01)))[0]
    assert offset.value == pytest.approx(1.0, abs=0.2)
    wall = of_kind("bandwidth_wall", low_passed(clean(2), 15_000))[0]
    assert wall.value == pytest.approx(15_000, rel=0.03)
    sided = of_kind("one_sided", PLANTED["one_sided"](clean(2), 2))[0]
    assert sided.value == pytest.approx(-6.0, abs=0.5)
    start = of_kind("silence_at_start", padded(sound, 1.5, 0))[0]
    assert start.value == pytest.approx(1.5, abs=0.05)
    loop = of_kind("loop", looped(clean(0), 0))[0]
    assert loop.start_s < 0.5 and loop.end_s == pytest.approx(3 * 3 * 0.97, abs=0.6)
    assert "3 times" in loop.message


def test_loops_are_counted_in_bars_when_bars_are_known() -> None:
    sound = looped(clean(1), 1)
    length_s = 4 * 0.97
    downbeats = tuple(np.arange(0, sound.duration_s, length_s / 2).tolist())
    beats = Beats(tempo_bpm=120, beats_s=downbeats, downbeats_s=downbeats, beats_per_bar=4)
    loops = [f for f in check(sound, beats=beats) if f.kind == "loop"]
    assert "(2 bars)" in loops[0].message


def long_song(seed: int, *, arc_db: float) -> Sound:
    """50 s of noise that follows a beat, each 10 s by turns louder and quieter; it fades at the end."""
    seconds, rate_hz = 50.0, 22_050
    t = sounds.times(seconds, rate_hz)
    sound = clean(5 + 3 * seed, seconds, rate_hz)
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


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("what", ["level", "treble"])
def test_an_ending_that_collapses_is_found_and_a_fade_is_not(what: str, seed: int) -> None:
    sound = long_song(seed, arc_db=3.0)
    at = round((37 + seed) * sound.rate_hz)
    rest = Sound(np.ascontiguousarray(sound.samples[:, at:]), sound.rate_hz)
    if what == "level":
        rest = gain(rest, 10 ** (-18 / 20))
    else:
        dull = filters.cascade(*[filters.low_pass(sound.rate_hz, 900.0)] * 2)
        rest = rest.with_samples(filters.apply(rest.samples, dull))
    broken = sound.with_samples(np.concatenate([sound.samples[:, :at], rest.samples], axis=1))
    found = of_kind("collapsing_ending", broken)
    assert found and found[0].start_s == pytest.approx(37 + seed, abs=2.0)
    fade = np.clip((sound.duration_s - sounds.times(sound.duration_s, sound.rate_hz)) / 12, 0, 1) ** 2
    assert not of_kind("collapsing_ending", sound.with_samples(sound.samples * fade))


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
    for finding in check(PLANTED["mud"](gain(clean(0), 0.2), 0)):
        assert finding.message and "{" not in finding.message


def test_mends_are_settings_that_exist() -> None:
    import yaml

    from polish import stages

    for kind in KINDS.values():
        if kind.mend and ":" in kind.mend:
            name, settings = next(iter(yaml.load(kind.mend, yaml.BaseLoader).items()))
            assert set(settings) <= set(stages.find(name).model_fields)


def test_the_song_itself_stays_as_it_is() -> None:
    song = Song(mix=clean(0))
    judged = Check().run(song)
    assert dataclasses.replace(judged, findings=(), measurements={}) == song or judged.mix is song.mix
    assert judged.measurements["check"] == {"errors": 0, "warnings": 0, "info": 0}


def test_checking_twice_says_the_same() -> None:
    faulty = with_birdies(looped(clean(1), 1), 1)
    assert check(faulty) == check(faulty)


@pytest.mark.real
def test_the_real_drafts_are_judged_as_their_notes_say(real) -> None:
    """The YuE drafts stop dead at 15 to 16 kHz; one of them is 1.5 dB over full scale."""
    from polish import audio

    yue = {f.kind: f for f in check(audio.read(real / "drafts" / "yue-02.mp3"))}
    assert 14_000 < yue["bandwidth_wall"].value < 16_500
    assert yue["over_full_scale"].value == pytest.approx(1.5, abs=0.2)
