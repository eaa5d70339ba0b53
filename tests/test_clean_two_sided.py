"""`clean`, both halves of the proof in small: what `tests/benchmarks/clean.py` shows for many seeds."""

from __future__ import annotations

import mmap

import numpy as np
import pytest
import sounds
import spoilt

from polish.audio import Sound, scratching
from polish.dsp import bands, bleed, declick, dynamic_eq, filters, leak, mains, shimmer
from polish.errors import StageFailed
from polish.song import Song
from polish.stages.base import Context
from polish.stages.clean import Clean


@pytest.fixture(scope="module")
def stems() -> spoilt.Stems:
    return spoilt.songs(7005, 9.0)


CASES = ["mud", "harshness", "resonance", "shimmer", "sibilance", "joins", "bleed"]


@pytest.mark.parametrize("word", CASES)
def test_a_planted_fault_comes_out_by_6_db(stems, word):
    fault = spoilt.FAULTS[word]
    name = fault.stems[0]
    wanted, faulty = fault.plant(stems, name, np.random.default_rng(3))
    done = Clean().run(Song(stems=faulty))
    true, was, now = (
        sounds.total(each) if name == "all" else each[name] for each in (wanted, faulty, done.stems)
    )
    there = spoilt.pauses(true) if fault.pauses else np.ones(true.frames, bool)
    before, after = (
        spoilt.distance_db(true.samples[:, there], sound.samples[:, there], true.rate_hz, fault.band_hz)
        for sound in (was, now)
    )
    assert after >= before + 6
    noted = [entry for entries in done.measurements["clean"]["stems"].values() for entry in entries]
    assert word in [entry["repair"] for entry in noted]


LEAK = np.float32(0.01)


def test_bleed_leaves_the_tail_of_a_note(stems):
    """A tail that dies away over a second, over bleed: nothing of it is lost while it can be heard."""
    rate_hz, seconds = sounds.RATE_HZ, 12.0
    t = sounds.times(seconds)
    voice = np.sin(2 * np.pi * 330 * t) * np.exp(-(t % 4) * 5) * 0.3
    drums = sounds.noise(seconds, 0.1, pink=True).samples * (0.3 + ((t * 4) % 1 < 0.3))
    drums = drums.astype(np.float32)
    clean = np.stack([voice, voice]).astype(np.float32)
    done = Clean(mud=False).run(
        Song(stems={"vocals": Sound(clean + LEAK * drums, rate_hz), "drums": Sound(drums, rate_hz)})
    )
    assert [entry["repair"] for entry in done.measurements["clean"]["stems"]["vocals"]] == ["bleed"]
    got = done.stems["vocals"].samples
    tail = (t % 4) < 0.6
    assert sounds.snr_db((clean + LEAK * drums)[:, tail], got[:, tail]) > 40
    pause = (t % 4) > 2.5
    assert spoilt.rms(got[:, pause]) < 0.35 * spoilt.rms(LEAK * drums[:, pause])


def test_bleed_goes_back_to_its_own_stem_and_the_song_stays_whole(stems):
    fault = spoilt.FAULTS["bleed"]
    quieter = {name: stem.with_samples(stem.samples * np.float32(0.1)) for name, stem in stems.items()}
    _, before = fault.plant(stems | {"bass": quieter["bass"], "other": quieter["other"]}, "vocals",
                            np.random.default_rng(3))  # fmt: skip
    switches = dict.fromkeys(("hum", "rumble", "resonances", "sibilance", "shimmer", "joins"), False)
    done = Clean(**switches).run(Song(stems=before))
    noted = done.measurements["clean"]["stems"]
    assert [entry["given_to"] for entry in noted["vocals"]] == ["drums"], "it is most of what leaks in"
    assert [entry["repair"] for entry in noted["drums"]] == ["given back: bleed in vocals"]
    assert not np.array_equal(done.stems["vocals"].samples, before["vocals"].samples)
    assert sounds.snr_db(sounds.total(before).samples, sounds.total(done.stems).samples) > 100


def test_only_the_stems_that_are_named_change(stems):
    """Bleed that is taken from one that is named does not go into one that is not."""
    _, before = spoilt.FAULTS["bleed"].plant(stems, "vocals", np.random.default_rng(3))
    done = Clean(stems=["vocals"]).run(Song(stems=before))
    entries = [entry for entry in done.measurements["clean"]["stems"]["vocals"] if entry["repair"] == "bleed"]
    assert {entry["given_to"] for entry in entries} == {None}
    assert all(done.stems[name] is before[name] for name in before if name != "vocals")


@pytest.mark.parametrize("name", ["other", "vocals"])
def test_clean_stems_have_no_shimmer_and_no_joins(stems, name):
    stem = stems[name]
    assert shimmer.find(stem.samples, stem.rate_hz) is None
    assert len(declick.joins(stem.samples, stem.rate_hz)) <= 2


def test_shimmer_is_found_in_a_stem_that_mostly_rests(stems):
    drums = stems["drums"]
    _, faulty = spoilt.FAULTS["shimmer"].plant({"drums": drums}, "drums", np.random.default_rng(3))
    samples = np.where(np.arange(drums.frames) < 0.4 * drums.frames, 1, 1e-3) * faulty["drums"].samples
    assert shimmer.find(samples.astype(np.float32), drums.rate_hz) is not None


def test_where_joins_are_many_fainter_ones_are_found_too():
    """The same faint jump is left alone where it is the only one."""
    noise = sounds.noise(8.0, 0.02, channels=1)
    low = filters.apply(noise.samples, filters.butterworth(noise.rate_hz, 3000, 4, "lowpass"))
    bend = np.sort(np.abs(np.diff(low, 2)).ravel())[-200]
    jumps = np.zeros(low.shape, np.float32)
    loud_at, faint_at = [44_100 * n for n in (1, 2, 3, 5, 6)], 4 * 44_100
    jumps[0, faint_at] = 2.1 * bend
    alone = declick.joins(low + jumps, noise.rate_hz)
    jumps[0, loud_at] = 12 * bend
    found = declick.joins(low + jumps, noise.rate_hz)
    assert alone == []
    assert len(found) == 6
    assert any(first <= faint_at < last for _, first, last in found)


def test_a_dull_stem_is_excited_only_when_asked():
    noise = sounds.noise(4.0, pink=True)
    from polish.dsp import filters
    from polish.dsp.spectrum import third_octave_levels_db

    dull = filters.apply(noise.samples, filters.butterworth(noise.rate_hz, 9000, 16, "lowpass"))
    song = Song(stems={"other": noise.with_samples(dull)})
    assert Clean().run(song).stems["other"] is song.stems["other"]
    done = Clean(exciter=True).run(song)
    hz, was = third_octave_levels_db(dull, noise.rate_hz)
    _, now = third_octave_levels_db(done.stems["other"].samples, noise.rate_hz)
    assert np.abs(now - was)[(hz > 50) & (hz < 7000)].max() < 0.5
    assert (now - was)[(hz > 11_000) & (hz < 14_000)].min() > 10
    assert Clean(exciter=True).run(Song(stems={"other": noise})).stems["other"] is noise


@pytest.mark.parametrize("block", [1, 997, 4096, 1 << 20])
def test_blocks_of_any_size_give_the_same_bits(block):
    """Moving gains carry their state: what comes out does not depend on the pieces it was worked on in."""
    noise = sounds.noise(0.5 if block > 1 else 0.02, channels=1)
    rng = np.random.default_rng(1)
    bells = [dynamic_eq.Bell(hz, 1.2, -6 * rng.random(60), 441) for hz in (300, 3000)]
    whole = dynamic_eq.act(noise.samples, noise.rate_hz, bells)
    assert np.array_equal(dynamic_eq.act(noise.samples, noise.rate_hz, bells, block=block), whole)
    found = bleed.Bleed(-30, 0.5, "drums", -6 * rng.random(60), 441)
    assert np.array_equal(
        bleed.without(noise.samples, found, block=block), bleed.without(noise.samples, found)
    )


def test_bleed_that_is_a_filter_of_the_others_comes_out_of_what_is_sung_too(stems):
    """One that holds in all pauses holds between them; a tail over it is left whole."""
    voice, drums = stems["vocals"], stems["drums"]
    dull = filters.apply(drums.samples, filters.high_shelf(drums.rate_hz, 3000, -6))
    leaky = voice.samples + np.roll(dull, 40, axis=1) * np.float32(0.1)
    done = Clean().run(Song(stems={"vocals": voice.with_samples(leaky), "drums": drums})).stems["vocals"]
    sung = ~spoilt.pauses(voice)
    was, now = (sounds.snr_db(voice.samples[:, sung], samples[:, sung]) for samples in (leaky, done.samples))
    assert now > was + 10


def test_bleed_that_no_filter_explains_is_no_leak(stems):
    """Learnt from one half of the pauses it has to lower the other: a new filter every moment does not."""
    voice, drums = stems["vocals"], stems["drums"]
    turns = np.repeat(np.random.default_rng(1).choice([-0.1, 0.1], -(-voice.frames // 2000)), 2000)
    faulty = {"vocals": voice.samples + drums.samples * turns[: voice.frames].astype(np.float32)}
    grid = bands.measure(faulty["vocals"], voice.rate_hz)
    pause = bleed.pauses(grid, {"drums": bands.measure(drums.samples, drums.rate_hz)})
    assert pause.mean() > 0.1
    assert leak.find(faulty["vocals"], {"drums": drums.samples}, grid, pause) is None
    leaky = voice.samples + drums.samples * np.float32(0.1)
    found = leak.find(leaky, {"drums": drums.samples}, grid, pause)
    assert found is not None
    assert list(found.filters) == ["drums"]


@pytest.mark.parametrize(("piece", "windows"), [(100, 3), (1 << 22, 1000)])
def test_hum_is_the_same_in_pieces_of_any_size_and_on_the_disk(monkeypatch, piece, windows):
    noise = sounds.noise(8.0, 0.02, channels=1)
    t = sounds.times(8.0)
    buzz = 0.01 * sum(np.sin(2 * np.pi * 50 * k * t) / k for k in (1, 2, 3, 5))
    samples = noise.samples + buzz.astype(np.float32)
    found = mains.find(samples, noise.rate_hz)
    monkeypatch.setattr(mains, "_PIECE", piece)
    monkeypatch.setattr(mains, "_WINDOWS", windows)
    monkeypatch.setattr(scratching, "MOST_IN_MEMORY", 0)
    again = mains.find(samples, noise.rate_hz)
    assert found is not None
    assert again.lines_hz == found.lines_hz
    assert np.array_equal(again.amplitudes, found.amplitudes)


def test_long_stems_are_worked_on_on_the_disk_with_the_same_bits(stems, monkeypatch):
    _, faulty = spoilt.FAULTS["mud"].plant(stems, "all", np.random.default_rng(3))
    short = Clean(amount=50).run(Song(stems=faulty)).stems
    monkeypatch.setattr(scratching, "MOST_IN_MEMORY", 0)
    long = Clean(amount=50).run(Song(stems=faulty)).stems
    for name, stem in long.items():
        assert stem is not faulty[name]
        assert isinstance(stem.samples.base.base, np.memmap | mmap.mmap)
        assert np.array_equal(stem.samples, short[name].samples)


def test_a_mono_stem_and_a_far_shorter_one_are_cleaned(stems):
    mono = {name: stem.with_samples(stem.samples[:1]) for name, stem in stems.items()}
    _, faulty = spoilt.FAULTS["shimmer"].plant(mono, "drums", np.random.default_rng(0))
    faulty["vocals"] = faulty["vocals"].cut(0, 0.4)
    done = Clean().run(Song(stems=faulty))
    assert {name: stem.samples.shape for name, stem in done.stems.items()} == {
        name: stem.samples.shape for name, stem in faulty.items()
    }


def test_a_stem_of_unknown_name_is_kept_and_said():
    said: list[str] = []
    stems = {"kazoo": sounds.noise(1.0), "strings": sounds.noise(1.0), "Lead Vox": sounds.noise(1.0)}
    done = Clean(rumble=False).run(Song(stems=stems), Context(notice=said.append))
    assert list(done.stems) == list(stems)
    assert said == ["not known by name, so judged as any other stem: kazoo"]


def test_only_the_stems_that_are_named_are_repaired(stems):
    _, faulty = spoilt.FAULTS["mud"].plant(stems, "all", np.random.default_rng(3))
    done = Clean(stems=["drums"]).run(Song(stems=faulty)).stems
    assert [name for name in faulty if done[name] is not faulty[name]] == ["drums"]
    assert np.array_equal(done["drums"].samples, Clean().run(Song(stems=faulty)).stems["drums"].samples)
    with pytest.raises(StageFailed, match="flute"):
        Clean(stems=["flute"]).run(Song(stems=faulty))
