"""Beats: followed where there are any, and never made up."""

from __future__ import annotations

import numpy as np
import pytest
import sounds

from polish.audio import Sound
from polish.dsp import chroma, metre, onsets
from polish.models.beats import BuiltinBeatTracker
from polish.models.composer import compose
from polish.song import Beats as Grid
from polish.song import Song
from polish.stages.base import Context
from polish.stages.beats import Beats, drift_pct

mir_eval = pytest.importorskip("mir_eval")


def track(sound: Sound) -> Grid:
    return BuiltinBeatTracker("builtin").track(sound)


def f_measure(wanted, got) -> float:
    """Share of beats found within 70 ms, and of found ones that are beats (mir_eval)."""
    return float(mir_eval.beat.f_measure(np.asarray(wanted, float), np.asarray(got, float)))


@pytest.mark.parametrize("bpm", [90, 105, 120, 135, 150])
def test_a_band_is_followed_beat_by_beat(bpm: int) -> None:
    grid = track(sounds.total(sounds.band(16, bpm=bpm)))
    assert grid.tempo_bpm == pytest.approx(bpm, rel=0.01)
    assert f_measure(np.arange(0, 16, 60 / bpm), grid.beats_s) > 0.9
    assert grid.beats_per_bar == 4 and grid.confidence > 0.5
    assert f_measure(np.arange(0, 16, 240 / bpm), grid.downbeats_s) > 0.8


@pytest.mark.parametrize(
    ("seed", "bpm", "beats_per_bar"), [(31, 72, 4), (32, 96, 3), (33, 124, 4), (34, 140, 4)]
)
def test_composed_songs_are_followed(seed: int, bpm: float, beats_per_bar: int) -> None:
    song = compose(seed, seconds=30, bpm=bpm, beats_per_bar=beats_per_bar)
    grid = track(song.mix)
    assert f_measure(song.beats.beats_s, grid.beats_s) > 0.9
    assert f_measure(song.beats.downbeats_s, grid.downbeats_s) > 0.85
    assert grid.beats_per_bar == beats_per_bar


def test_where_it_swings_the_beat_is_what_the_longer_half_follows() -> None:
    """Its loudest bass is on the swung offbeats."""
    song = compose(5026, seconds=30, bpm=68.27, beats_per_bar=4, swing=0.6, style="synthwave")
    assert f_measure(song.beats.beats_s, track(song.mix).beats_s) > 0.9


def held(hz: tuple[float, ...], seconds: float = 12) -> Sound:
    """Tones that swell slowly, each at its own pace: a pad."""
    t = sounds.times(seconds)
    wave = sum(
        np.sin(2 * np.pi * f * t) * (0.6 + 0.4 * np.sin(2 * np.pi * (0.05 + 0.017 * n) * t))
        for n, f in enumerate(hz)
    )
    return Sound(np.tile((0.1 * wave).astype(np.float32), (2, 1)), sounds.RATE_HZ)


NO_BEAT = {
    "silence": sounds.silence(10),
    "white noise": sounds.noise(10, seed=1),
    "another white noise": sounds.noise(25, seed=2, channels=1),
    "pink noise": sounds.noise(20, pink=True, seed=3),
    "a pad": held((110, 165, 220, 277.2)),
    "a tone": sounds.sine(440, 8),
    "two seconds": sounds.total(sounds.band(2)),
    "one sample": Sound(np.full((1, 1), 0.5, np.float32), 44_100),
    "nothing": Sound(np.zeros((2, 0), np.float32), 44_100),
    "one hit": Sound(np.eye(1, 44_100 * 5, 44_100, dtype=np.float32), 44_100),
}


@pytest.mark.parametrize("what", NO_BEAT)
def test_a_grid_is_never_made_up(what: str) -> None:
    grid = track(NO_BEAT[what])
    assert grid.tempo_bpm is None and grid.confidence == 0
    assert grid.beats_s == () and grid.downbeats_s == () and grid.beats_per_bar is None


@pytest.mark.parametrize(("rate_hz", "channels"), [(8000, 1), (32_000, 2), (96_000, 2), (44_100, 6)])
def test_any_rate_and_channel_count_has_the_same_beat(rate_hz: int, channels: int) -> None:
    stereo = sounds.total(sounds.band(12, bpm=112, rate_hz=rate_hz))
    sound = Sound(np.resize(stereo.samples, (channels, stereo.frames)), rate_hz)
    grid = track(sound)
    assert grid.tempo_bpm == pytest.approx(112, rel=0.01)
    assert f_measure(np.arange(0, 12, 60 / 112), grid.beats_s) > 0.9


def test_channels_in_opposite_phase_do_not_hide_the_beat() -> None:
    sound = sounds.total(sounds.band(12, bpm=112))
    own = sound.samples[0]
    opposite = sound.with_samples(np.stack([own, -own]))
    assert track(opposite).tempo_bpm == pytest.approx(112, rel=0.01)


def test_level_does_not_move_the_beat() -> None:
    sound = sounds.total(sounds.band(12, bpm=100))
    quiet = track(sound.with_samples(sound.samples * np.float32(2**-7)))
    assert quiet.beats_s == track(sound).beats_s


def test_beats_rise_and_downbeats_are_beats() -> None:
    grid = track(compose(35, seconds=25).mix)
    assert np.all(np.diff(grid.beats_s) > 0.2)
    assert set(grid.downbeats_s) <= set(grid.beats_s)


def test_tracking_twice_says_the_same() -> None:
    sound = sounds.total(sounds.band(12))
    assert track(sound) == track(sound)


def cadence(tonic: int, mode: str, tuning_cents: float = 0) -> Sound:
    """Tonic, subdominant, dominant, tonic on a plain organ; the tonic is a pitch class."""
    third = 4 if mode == "major" else 3
    scale_third = {0: third, 5: third, 7: 4}
    pieces = []
    for root in (0, 5, 7, 0):
        t = sounds.times(1.0)
        notes = [tonic + 36 + root, *(tonic + 60 + root + step for step in (0, scale_third[root], 7))]
        hz = [440 * 2 ** ((note - 69 + tuning_cents / 100) / 12) for note in notes]
        wave = sum(np.sin(2 * np.pi * f * k * t) / k for f in hz for k in (1, 2, 3)) * np.minimum(1, 20 * t)
        pieces.append(0.05 * wave)
    return Sound(np.concatenate(pieces)[None].astype(np.float32), sounds.RATE_HZ)


@pytest.mark.parametrize("tonic", range(12))
@pytest.mark.parametrize("mode", ["major", "minor"])
def test_the_key_of_a_cadence_is_found(tonic: int, mode: str) -> None:
    found = chroma.chroma(onsets.one_channel(cadence(tonic, mode)))
    assert chroma.key(found)[0] == f"{chroma.NAMES[tonic]} {mode}"


def test_a_song_out_of_tune_keeps_its_key() -> None:
    found = chroma.chroma(onsets.one_channel(cadence(9, "major", tuning_cents=-30)))
    assert chroma.key(found)[0] == "A major"
    assert found.tuning_cents == pytest.approx(-30, abs=10)


def test_noise_has_no_key() -> None:
    assert track(sounds.noise(12, pink=True, seed=4)).key is None


@pytest.mark.parametrize("beats_per_bar", [3, 4])
@pytest.mark.parametrize("first", [0, 1, 2])
def test_bars_are_found_on_accents(beats_per_bar: int, first: int) -> None:
    rng = np.random.default_rng(beats_per_bar)
    accent = rng.normal(0, 0.3, 48) + 1.5 * ((np.arange(48) - first) % beats_per_bar == 0)
    found = metre.bars(accent - accent.mean())
    assert found.beats_per_bar == beats_per_bar
    assert found.downbeats.tolist() == list(range(first, 48, beats_per_bar))


def test_a_bar_that_is_cut_short_moves_the_later_ones() -> None:
    down = np.r_[np.arange(0, 24, 4), np.arange(26, 64, 4)]
    accent = np.full(64, -0.5)
    accent[down] = 1.5
    assert set(metre.bars(accent).downbeats.tolist()) >= set(down.tolist())


def test_the_stage_fills_beats_and_says_how() -> None:
    song = Beats().run(Song(mix=sounds.total(sounds.band(12, bpm=105))))
    facts = song.measurements["beats"]
    assert song.beats is not None and facts["tempo_bpm"] == song.beats.tempo_bpm
    assert facts["engine"] == "builtin" == song.beats.engine
    assert facts["tempo_drift_pct"] < 3 and facts["bars"] == len(song.beats.downbeats_s)


def test_no_steady_beat_is_said_in_words() -> None:
    said: list[str] = []
    song = Beats(engine="builtin").run(Song(mix=sounds.noise(5)), Context(notice=said.append))
    assert song.beats == Grid(engine="builtin")
    assert any("no steady beat" in sentence for sentence in said)


def test_a_tempo_that_changes_shows_as_drift() -> None:
    gaps = np.r_[np.full(40, 0.5), np.full(40, 0.55)]
    steady, moving = (Grid(beats_s=tuple(np.cumsum(g).tolist())) for g in (np.full(80, 0.5), gaps))
    assert drift_pct(steady) == 0 and drift_pct(moving) == pytest.approx(9.5, abs=1)
    assert drift_pct(Grid()) is None


def test_a_slow_drift_is_followed() -> None:
    """From 110 to 121 BPM over half a minute: clicks of noise on every beat."""
    beats, at = [], 0.3
    while at < 30:
        beats.append(at)
        at += 60 / (110 + 11 * at / 30)
    samples = 0.001 * np.random.default_rng(0).standard_normal((1, 30 * 22_050)).astype(np.float32)
    hit = np.random.default_rng(1).standard_normal(2000) * np.exp(-np.arange(2000) / 300) * 0.4
    for beat in beats:
        start = round(beat * 22_050)
        samples[0, start : start + 2000] += hit[: samples.shape[1] - start].astype(np.float32)
    grid = track(Sound(samples, 22_050))
    assert f_measure(beats, grid.beats_s) > 0.9


def test_a_grid_that_loses_half_the_song_is_not_sure() -> None:
    first, second = (compose(33, seconds=25, bpm=bpm).mix for bpm in (92, 134))
    both = Sound(np.concatenate([first.samples, second.samples], axis=1), first.rate_hz)
    assert min(track(first).confidence, track(second).confidence) > 0.8
    assert track(both).confidence < 0.3


@pytest.mark.real
def test_the_real_drafts_keep_a_steady_beat(real) -> None:
    """Tempi read from the autocorrelation of the onsets by eye, halves and doubles allowed."""
    from polish import audio

    for name, bpm in (("mureka-01", 96), ("suno-05", 72)):
        grid = track(audio.read(real / "drafts" / f"{name}.mp3").cut(20, 50))
        assert min(abs(grid.tempo_bpm / bpm - ratio) for ratio in (0.5, 1, 2)) < 0.02


def test_tuning_is_read_in_cents() -> None:
    from polish.stages.beats import tuning_cents

    sharp = sounds.sine(440 * 2 ** (25 / 1200), seconds=3.0)
    assert tuning_cents(sharp) == pytest.approx(25, abs=3)
    assert tuning_cents(sounds.silence(3.0)) is None
    assert tuning_cents(sounds.noise(6.0, seed=1)) is None
