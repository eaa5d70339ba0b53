"""`eq`, `compress`, `gate`, `saturate`: what is asked for by number is what is done."""

from __future__ import annotations

import numpy as np
import pytest
import sounds
from pydantic import ValidationError

from polish.audio import Sound
from polish.dsp.spectrum import third_octave_levels_db
from polish.errors import StageFailed
from polish.recipe import check, load
from polish.song import Song
from polish.stages.compress import Compress
from polish.stages.eq import Eq
from polish.stages.gate import Gate
from polish.stages.saturate import Saturate
from polish.stages.tool import gains, through

TOOLS = {
    "eq": Eq(peaks={"300 Hz": -6}),
    "compress": Compress(threshold=-40),
    "gate": Gate(threshold=-20),
    "saturate": Saturate(drive=12),
}
each = pytest.mark.parametrize("tool", TOOLS.values(), ids=TOOLS)


def level_changes_db(tool: Eq, sound: Sound) -> dict[float, float]:
    hz, was = third_octave_levels_db(sound.samples, sound.rate_hz)
    _, now = third_octave_levels_db(tool.run(Song(mix=sound)).mix.samples, sound.rate_hz)
    return dict(zip(np.round(hz), now - was, strict=True))


@pytest.mark.parametrize(
    ("settings", "wanted_db"),
    [
        ({"peaks": {"1 kHz": "-6 dB"}, "q": 0.7}, {1000: -6, 100: 0, 10_000: 0}),
        ({"low_shelf": 4, "low_shelf_at": 200}, {50: 4, 5012: 0}),
        ({"high_shelf": -5, "high_shelf_at": "4 kHz"}, {15_849: -5, 501: 0}),
        ({"tilt": 6}, {32: -3, 15_849: 3}),
        ({"low_cut": 100}, {50: -14, 1000: 0}),
    ],
)
def test_a_filter_has_the_gain_it_was_given(settings, wanted_db):
    found = level_changes_db(Eq(**settings), sounds.noise(3.0, pink=True))
    for hz, gain_db in wanted_db.items():
        assert found[hz] == pytest.approx(gain_db, abs=0.9), hz


def test_the_curve_in_the_facts_is_the_curve_of_the_sound():
    eq = Eq(peaks={"300 Hz": -6, "3 kHz": 4}, high_shelf=-3)
    noise = sounds.noise(3.0, pink=True)
    facts = eq.run(Song(mix=noise)).measurements["eq"]["on"]["mix"]
    found = level_changes_db(eq, noise)
    for hz, gain_db in zip(facts["curve_hz"], facts["curve_db"], strict=True):
        if 100 < hz < 15_000:
            assert found[round(hz)] == pytest.approx(gain_db, abs=0.7)


def test_an_equaliser_that_is_flat_changes_no_bit():
    noise = sounds.noise(0.2)
    assert Eq().run(Song(mix=noise)).mix is noise


def test_a_compressor_takes_what_its_ratio_says():
    loud = sounds.sine(500, 2.0, 0.5)
    done = Compress(threshold=-26, ratio=4, attack="1 ms").run(Song(mix=loud))
    change_db = 20 * np.log10(np.abs(done.mix.samples[:, 44_100:]).max() / 0.5)
    assert change_db == pytest.approx(-(26 - 6) * 3 / 4, abs=1.5)
    facts = done.measurements["compress"]["on"]["mix"]
    assert facts["deepest_db"] == pytest.approx(change_db, abs=1)
    assert len(facts["history_db"]) <= 240


def test_a_gate_closes_on_what_is_quiet_and_on_nothing_else():
    wave = sounds.sine(300, 2.0, 0.5).samples.copy()
    wave[:, 44_100:] *= np.float32(0.001)
    done = Gate(threshold=-40).run(Song(mix=Sound(wave, 44_100))).mix.samples
    assert sounds.snr_db(wave[:, 2000:44_000], done[:, 2000:44_000]) > 40
    assert np.abs(done[:, 70_000:]).max() < 0.2 * np.abs(wave[:, 70_000:]).max()


def test_saturation_rounds_peaks_and_leaves_quiet_sound():
    loud, quiet = sounds.sine(300, 1.0, 0.9), sounds.sine(300, 1.0, 0.001)
    tool = Saturate(drive=12)
    assert np.abs(tool.run(Song(mix=loud)).mix.samples).max() < 0.3
    assert sounds.snr_db(quiet.samples, tool.run(Song(mix=quiet)).mix.samples) > 60
    assert Saturate(amount=0).run(Song(mix=loud)).mix is loud


@each
def test_stems_still_sum_to_the_mix(tool):
    stems = sounds.band(2.0)
    song = Song(mix=sounds.total(stems), stems=stems)
    done = type(tool)(**{**tool.model_dump(), "stems": ["drums", "vocals"]}).run(song)
    assert done.stems["bass"] is stems["bass"]
    assert not np.array_equal(done.stems["drums"].samples, stems["drums"].samples)
    assert np.abs(sounds.total(dict(done.stems)).samples - done.mix.samples).max() < 1e-6


@each
def test_an_unknown_stem_is_named(tool):
    song = Song(mix=sounds.noise(0.1), stems={"drums": sounds.noise(0.1)})
    with pytest.raises(StageFailed, match="voclas"):
        type(tool)(stems=["voclas"]).run(song)


@each
@pytest.mark.parametrize("frames", [0, 1, 5000])
@pytest.mark.parametrize("channels", [1, 6])
def test_any_shape_is_kept(tool, frames, channels):
    samples = np.full((channels, frames), 0.25, np.float32)
    assert tool.run(Song(mix=Sound(samples, 22_050))).mix.samples.shape == samples.shape


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: Eq(peaks={"300 Hz": "+60 dB"}), "-24 to 24 dB"),
        (lambda: Eq(low_shelf="60 dB"), "-24 to 24 dB"),
        (lambda: Eq(peaks={"40 kHz": 1}), "20 to 20000 Hz"),
        (lambda: Compress(makeup=60), "0 to 24 dB"),
        (lambda: Saturate(drive="60 dB"), "0 to 24 dB"),
    ],
)
def test_gains_of_60_db_are_refused_with_the_range(make, said):
    with pytest.raises(ValidationError, match=said):
        make()


@pytest.mark.parametrize("piece", [1, 77, 4096, 1 << 17])
def test_pieces_of_any_size_give_the_same_bits(piece):
    import pedalboard

    noise = sounds.noise(0.2 if piece > 1 else 0.01, channels=1)
    board = lambda: pedalboard.Pedalboard([pedalboard.PeakFilter(300, -6, 1)])  # noqa: E731
    assert np.array_equal(through(noise, board, piece=piece).samples, through(noise, board).samples)
    one, other = (
        np.concatenate([gain[0] for _, gain in gains(noise, pedalboard.Compressor(-30, 4), piece=size)])
        for size in (piece, 1 << 17)
    )
    assert np.array_equal(one, other)


def test_a_recipe_reads_them(tmp_path):
    text = """polish: 1
steps:
  - eq: {peaks: {300 Hz: -2 dB, 3 kHz: 1.5}, q: 1.2, low_cut: 30 Hz}
  - compress: {threshold: -20 dB, ratio: 3, attack: 10 ms}
  - gate
  - saturate: {drive: 3 dB}
"""
    (tmp_path / "tools.yaml").write_text(text)
    plan = check(load(tmp_path / "tools.yaml"))
    assert plan.steps[0].stage.peaks == {"300 Hz": -2, "3 kHz": 1.5}
    assert plan.steps[1].stage.attack == 0.01
