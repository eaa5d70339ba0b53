"""The stage `separate`: what it keeps, makes, refuses and notes."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import pytest
import sounds
from hypothesis import given, settings
from hypothesis import strategies as st

from polish.audio import Sound
from polish.dsp.residual import residual_dbfs, share_residual
from polish.errors import BadInput, ModelUnavailable, UsageError
from polish.models import engines
from polish.models.engines import Separated, Separator
from polish.song import Song
from polish.stages.base import Context
from polish.stages.separate import Separate


class Leaky(Separator):
    """An engine whose stems miss the mix, each by something else."""

    gains: ClassVar = {"drums": 0.5, "bass": 0.1, "other": 0.2, "vocals": 0.0}

    def separate(self, mix, *, seed, progress, stems=(), mode="exact", shifts=0):
        return Separated({
            name: Sound(mix.samples * np.float32(gain), mix.rate_hz) for name, gain in self.gains.items()
        })  # fmt: skip


@pytest.fixture
def leaky(monkeypatch: pytest.MonkeyPatch) -> None:
    found = engines.find
    monkeypatch.setattr(engines, "find", lambda kind, name: Leaky if name == "builtin" else found(kind, name))


def left_dbfs(mix: Sound, stems) -> float:
    total = sum(stem.samples.astype(np.float64) for stem in stems.values())
    return 20 * np.log10(max(np.abs(total - mix.samples).max(), 1e-12))


def test_stems_of_any_engine_sum_to_the_mix(leaky):
    mix = Sound(sounds.noise(1.0, 1.5).samples + np.float32(0.1), sounds.RATE_HZ)
    song = Separate().run(Song(mix=mix))
    assert left_dbfs(mix, song.stems) <= -120
    assert "of the mix over, shared out" in song.measurements["separate"]["how"]
    assert song.stems["vocals"].silent, "a silent stem gets none of what is left over"
    assert song.measurements["separate"]["residual_dbfs"] <= -120


@settings(max_examples=30, deadline=None)
@given(
    gains=st.lists(st.floats(-1, 1), min_size=1, max_size=6),
    offset=st.floats(-0.5, 0.5),
    level=st.floats(0.01, 4),
    frames=st.integers(1, 3000),
    rate_hz=st.sampled_from([8_000, 44_100]),
)
def test_a_shared_residual_leaves_none(gains, offset, level, frames, rate_hz):
    rng = np.random.default_rng(0)
    mix = (level * rng.uniform(-1, 1, (2, frames)) + offset).astype(np.float32)
    stems = {str(k): (mix * np.float32(gain)).astype(np.float32) for k, gain in enumerate(gains)}
    before = {name: stem.copy() for name, stem in stems.items()}
    whole = share_residual(mix, stems, rate_hz)
    left = residual_dbfs(mix, whole)
    assert left is None or left <= -120
    assert all(np.array_equal(stems[name], before[name]) for name in stems)


def test_the_residual_goes_where_the_power_is():
    quiet, loud = sounds.noise(1.0, 0.01, seed=1).samples, sounds.noise(1.0, 0.1, seed=2).samples
    mix = quiet + loud + sounds.noise(1.0, 0.02, seed=3).samples
    whole = share_residual(mix, {"quiet": quiet, "loud": loud}, sounds.RATE_HZ)
    given_to = {name: np.sum((whole[name] - old) ** 2) for name, old in (("quiet", quiet), ("loud", loud))}
    assert given_to["loud"] > 1000 * given_to["quiet"]


def test_where_all_stems_are_silent_the_residual_goes_to_other():
    mix = sounds.noise(0.2).samples
    silent = np.zeros_like(mix)
    whole = share_residual(mix, {"vocals": silent, "other": silent, "drums": silent}, sounds.RATE_HZ)
    assert np.array_equal(whole["other"], mix)
    assert not whole["vocals"].any()


def test_stems_that_add_up_are_left_alone():
    stems = {name: stem.samples for name, stem in sounds.band(1.0).items()}
    mix = np.sum(list(stems.values()), axis=0, dtype=np.float32)
    assert all(whole is stems[name] for name, whole in share_residual(mix, stems, 44_100).items())


def test_stems_that_are_there_are_kept_unless_told_otherwise():
    band = sounds.band(1.0)
    song = Song(mix=sounds.total(band), stems=band)
    kept = Separate().run(song)
    assert kept.stems is song.stems
    assert kept.measurements["separate"]["engine"] is None
    anew = Separate(replace=True).run(song)
    assert anew.stems is not song.stems
    assert anew.measurements["separate"]["engine"] == "builtin"


def test_vocals_alone_bring_the_accompaniment():
    mix = sounds.total(sounds.band(2.0))
    song = Separate(stems=["vocals"]).run(Song(mix=mix))
    assert list(song.stems) == ["vocals", "accompaniment"]
    assert left_dbfs(mix, song.stems) <= -120
    everything = Separate().run(Song(mix=mix))
    assert np.array_equal(song.stems["vocals"].samples, everything.stems["vocals"].samples)


def test_only_the_stems_asked_for_are_made():
    song = Separate(stems=["drums", "bass"]).run(Song(mix=sounds.noise(0.5)))
    assert list(song.stems) == ["drums", "bass"]
    assert song.measurements["separate"]["residual_dbfs"] is None


def test_the_residual_is_kept_as_a_stem_when_asked_for(leaky):
    mix = sounds.noise(1.0, 0.2)
    song = Separate(residual="keep").run(Song(mix=mix))
    assert list(song.stems) == ["drums", "bass", "other", "vocals", "residual"]
    assert np.array_equal(song.stems["drums"].samples, mix.samples * np.float32(0.5)), "as the engine made it"
    assert left_dbfs(mix, song.stems) <= -120
    facts = song.measurements["separate"]
    assert facts["left_over_dbfs"] == pytest.approx(20 * np.log10(0.2 * np.abs(mix.samples).max()), abs=0.1)
    assert "kept as a stem" in facts["how"]


def test_a_stem_that_the_engine_does_not_make_is_refused():
    with pytest.raises(UsageError, match="bass, other, vocals; there is no stem 'guitar'"):
        Separate(stems=["guitar"]).run(Song(mix=sounds.noise(0.5)))


def test_surround_is_refused_with_the_way_out():
    with pytest.raises(BadInput) as caught:
        Separate().run(Song(mix=sounds.noise(0.5, channels=6)))
    assert caught.value.exit_code == 3
    assert "-ac 2" in str(caught.value)


def test_silence_gives_silent_stems_and_no_numbers():
    song = Separate().run(Song(mix=sounds.silence(0.5)))
    facts = song.measurements["separate"]
    assert all(stem.silent for stem in song.stems.values())
    assert facts["residual_dbfs"] is None
    assert set(facts["energy_share"].values()) == {None}


def test_auto_says_which_engine_it_took():
    heard: list[str] = []
    song = Separate().run(Song(mix=sounds.noise(0.5)), Context(step="parts", notice=heard.append))
    assert any("built-in" in sentence for sentence in heard)
    facts = song.measurements["parts"]
    assert facts["engine"] == "builtin"
    assert sum(facts["energy_share"].values()) == pytest.approx(1, abs=0.001)


def test_a_named_engine_says_nothing():
    heard: list[str] = []
    Separate(model="builtin").run(Song(mix=sounds.noise(0.5)), Context(notice=heard.append))
    assert heard == []


def test_the_mix_is_not_changed():
    mix = sounds.total(sounds.band(1.0))
    before = mix.samples.copy()
    song = Separate().run(Song(mix=mix))
    assert song.mix is mix
    assert np.array_equal(mix.samples, before)


@pytest.mark.parametrize("model", ["auto", "htdemucs"])
def test_a_fetch_that_fails_stops_a_named_engine_and_not_auto(model, monkeypatch):
    from polish.models import store

    def unreachable(name, progress):
        raise ModelUnavailable("the hub cannot be reached", where=name)

    monkeypatch.setattr(store, "state", lambda file: "fetchable")
    monkeypatch.setattr(store, "fetch", unreachable)
    heard: list[str] = []
    context = Context(offline=False, notice=heard.append)
    song = Song(mix=sounds.noise(0.5))
    if model == "htdemucs":
        with pytest.raises(ModelUnavailable, match="cannot be reached"):
            Separate(model=model).run(song, context)
    else:
        made = Separate(model=model).run(song, context)
        assert made.measurements["separate"]["engine"] == "builtin"
        assert "the hub cannot be reached" in heard
