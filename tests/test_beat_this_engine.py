"""The Beat This! engine: the published network's numbers, and grids only where they are steady."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import small_beat_this
import sounds
import torch

from polish.dsp import onsets
from polish.errors import ModelUnavailable
from polish.files import sha256
from polish.models import beat_this, engines, store
from polish.models.beat_this import BeatThis
from polish.models.beat_this_network import Network, _starts
from polish.song import Song
from polish.stages.beats import Beats
from polish.stages.sections import Sections

SMALL = "beat_this-small/small0.ckpt"


@pytest.fixture
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("POLISH_MODELS", str(tmp_path))
    monkeypatch.setattr(store, "known_hash", lambda file: sha256(store.root() / file))
    return tmp_path


def test_the_network_says_what_the_published_one_says(tmp_path: Path) -> None:
    # By `beat_this.model.beat_tracker.BeatThis` 1.1.0 with these weights, every 20th column of its
    # `split_predict_aggregate` on the log-mel spectrum that its documentation describes.
    beats = [0.41946375, 0.74593997, 1.88175726, -0.32253098, 1.54967594, 1.22643447, 1.37929535, 1.35964465,
             -0.01576304, 1.38976002, 0.81842905]  # fmt: skip
    downs = [1.13979614, 1.90071905, 2.20926833, 1.27762341, 1.907655, 2.22856569, 2.19277859, 2.03401971,
             1.28349948, 1.63500321, 1.77722073]  # fmt: skip
    network = Network(small_beat_this.save(tmp_path / "small.ckpt", 5))
    said = network.logits(onsets.one_channel(sounds.total(sounds.band(4, bpm=120))).samples)
    np.testing.assert_allclose(said[:, ::20], [beats, downs], atol=2e-4)


@pytest.mark.parametrize("seconds", [3.3, 31.0])
def test_the_network_says_what_the_installed_one_says(tmp_path: Path, seconds: float) -> None:
    theirs = pytest.importorskip("beat_this.model.beat_tracker", exc_type=ImportError)
    network = theirs.BeatThis(transformer_dim=64, n_layers=2, ff_mult=2).eval()
    network.load_state_dict(small_beat_this.weights(5))
    ours = Network(small_beat_this.save(tmp_path / "small.ckpt", 5))
    heard = torch.rand(round(50 * seconds), 128)
    with torch.inference_mode():
        wanted = network(heard[None])
        got = ours._through(heard)
    np.testing.assert_allclose(got, [wanted["beat"][0], wanted["downbeat"][0]], atol=1e-4)


@pytest.mark.parametrize("total", [1, 1488, 1489, 1600, 2976, 12_001])
def test_pieces_cover_every_column(total: int) -> None:
    starts = _starts(total)
    heard = {column for start in starts for column in range(start + 6, start + 1494)}
    assert set(range(total)) <= heard
    assert len(starts) == 1 or starts[-1] + 1494 == total


def test_beats_are_peaks_above_zero_and_neighbours_as_high_are_one() -> None:
    logits = np.full(60, -5.0, np.float32)
    logits[[10, 12, 40]] = 2.0, 3.0, 1.0
    logits[[25, 26]] = 1.0
    logits[50] = -0.1
    assert beat_this.peaks(logits).tolist() == [12.0, 25.5, 40.0]


def answering(models: Path, monkeypatch: pytest.MonkeyPatch, beats_s: np.ndarray, downs_s: np.ndarray):
    """The engine with a network that is sure of these beats."""
    small_beat_this.save(models / SMALL, 1)

    def logits(network: Network, mono: np.ndarray) -> np.ndarray:
        said = np.full((2, 1 + mono.shape[1] // 441), -6.0, np.float32)
        for row, times_s in zip(said, (beats_s, downs_s), strict=True):
            row[np.round(times_s * 50).astype(int)] = 6.0
        return said

    monkeypatch.setattr(Network, "logits", logits)
    return BeatThis("beat_this-small")


def test_a_steady_pulse_becomes_a_grid(models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    beats_s = np.arange(0.5, 19, 0.5)
    # Downbeats a column beside their beats move to them.
    engine = answering(models, monkeypatch, beats_s, beats_s[1::3] + 0.02)
    grid = engine.track(sounds.total(sounds.band(20)))
    assert grid.beats_s == tuple(beats_s) and grid.downbeats_s == tuple(beats_s[1::3])
    assert (grid.tempo_bpm, grid.beats_per_bar, grid.engine) == (120.0, 3, "beat_this-small")
    assert grid.confidence > 0.9 and grid.key


def test_what_is_no_steady_pulse_becomes_no_grid(models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    uneven_s = np.cumsum(np.random.default_rng(1).uniform(0.2, 1.4, 22))
    engine = answering(models, monkeypatch, uneven_s, uneven_s[::4])
    grid = engine.track(sounds.noise(20))
    assert grid.tempo_bpm is None and not grid.beats_s and not grid.downbeats_s


def test_weights_that_are_here_are_used_by_the_step_that_finds_beats(models: Path) -> None:
    small_beat_this.save(models / SMALL, 3)
    song = Song(mix=sounds.total(sounds.band(6)))
    done = Beats().run(song)
    assert done.beats.engine == "beat_this-small"
    assert Sections().run(done).beats == done.beats
    assert Sections().run(song).beats.engine == "builtin", "a step without engines depends on no weights"
    assert Beats(engine="builtin").run(song).beats.engine == "builtin"


def test_another_networks_file_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "final0.ckpt"
    for content in ({"state_dict": {"model.other.weight": torch.ones(1)}}, {"weights": 1}, [1]):
        torch.save(content, path)
        with pytest.raises(ModelUnavailable, match="not a checkpoint of Beat This!"):
            Network(path)
    path.write_bytes(b"nothing of the kind")
    with pytest.raises(ModelUnavailable, match="not a checkpoint of Beat This!"):
        Network(path)


def test_without_weights_the_built_in_tracker_answers(models: Path) -> None:
    choice = engines.choose("beat_tracker")
    assert choice.name == "builtin" and "beat_this" in choice.why
