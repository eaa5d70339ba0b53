"""The Demucs engine against demucs itself, with real networks of random weights."""

from __future__ import annotations

import json
from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import small_demucs
import sounds

from polish import audio
from polish.audio import Sound
from polish.errors import ModelUnavailable
from polish.models import engines
from polish.models.demixing.networks import BAGS
from polish.models.demucs import Demucs
from polish.song import Song
from polish.stages.base import Context
from polish.stages.separate import Separate


@pytest.fixture
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("POLISH_MODELS", str(tmp_path / "models"))
    return tmp_path / "models"


def theirs(networks, mix: Sound, name: str, shifts: int = 0) -> np.ndarray:
    """What demucs' own `apply_model` makes of a mix, ``(stems, 2, frames)``, without the mean."""
    import random

    import torch
    from demucs.apply import BagOfModels, apply_model

    bag = BagOfModels(networks, np.eye(4).tolist() if BAGS[name].one_each else None, BAGS[name].segment_s)
    wave = torch.from_numpy(mix.samples.copy())
    mono = wave.mean(0)
    normal = (wave - mono.mean()) / (mono.std() + 1e-8)
    with torch.inference_mode(), pytest.MonkeyPatch.context() as patch:
        patch.setattr("demucs.apply.random", random.Random(0))  # the network draws from the common one too
        out = apply_model(bag, normal[None], shifts=shifts, split=True, overlap=0.25)[0]
    return (out * (mono.std() + 1e-8)).numpy()


def ours(name: str, mix: Sound, **more) -> Mapping[str, Sound]:
    return Demucs(name).separate(mix, seed=0, progress=lambda _: None, **more).stems


@pytest.mark.parametrize("name", ["htdemucs", "htdemucs_ft", "htdemucs_6s", "hdemucs_mmi"])
def test_an_engine_gives_what_demucs_gives(name, models):
    networks = small_demucs.install(name, models)
    mix = sounds.noise(1.3, pink=True)
    got = ours(name, mix)
    wanted = theirs(networks, mix, name)
    assert tuple(got) == BAGS[name].sources
    mean = float(mix.samples.mean()) / len(got)
    for stem, reference in zip(got.values(), wanted, strict=True):
        assert sounds.snr_db(reference, stem.samples - np.float32(mean)) > 130


def test_shifts_are_those_of_demucs_with_the_same_draws(models):
    name = "htdemucs_ft"
    networks = small_demucs.install(name, models)
    mix = sounds.noise(0.7, pink=True)
    got, wanted = ours(name, mix, shifts=2), theirs(networks, mix, name, shifts=2)
    mean = float(mix.samples.mean()) / len(got)
    for stem, reference in zip(got.values(), wanted, strict=True):
        assert sounds.snr_db(reference, stem.samples - np.float32(mean)) > 130
    assert np.array_equal(got["bass"].samples, ours(name, mix, shifts=2, stems=["bass"])["bass"].samples)


def test_the_fast_mode_states_how_far_it_is_from_the_exact_one(models, monkeypatch):
    from polish.models import demucs

    small_demucs.install("htdemucs", models)
    mix = sounds.noise(0.4, pink=True)
    exact = ours("htdemucs", mix)
    for half, floor_db in ((True, 40.0), (True, 200.0), (False, 75.0)):
        monkeypatch.setattr(demucs, "half_pays", lambda half=half: half)
        monkeypatch.setattr(demucs, "FAST_ENOUGH_DB", floor_db)
        done = Demucs("htdemucs").separate(mix, seed=0, progress=lambda _: None, mode="fast")
        assert done.mode == "fast"
        signal, missed = (
            np.concatenate([stem.samples for stem in each.values()]) for each in (exact, done.stems)
        )
        assert done.snr_db == pytest.approx(sounds.snr_db(signal, missed), abs=3)
        assert (40 < done.snr_db < 80) if half and floor_db < 75 else done.snr_db > 100


@pytest.mark.parametrize("shifts", [0, 2])
def test_what_the_measure_of_the_fast_mode_heard_is_not_heard_again(models, monkeypatch, shifts):
    from polish.models import demucs
    from polish.models.demixing import apply

    small_demucs.install("htdemucs", models)
    heard: list[tuple[str, int]] = []
    worked_out = apply.segments

    def segments(network, mix, spans, kind):
        heard.extend((kind, span.start) for span in spans)
        return worked_out(network, mix, spans, kind)

    monkeypatch.setattr(demucs, "half_pays", lambda: False)
    for module in (demucs, apply):
        monkeypatch.setattr(module, "segments", segments)
    mix = sounds.noise(1.4, pink=True)
    fast = Demucs("htdemucs").separate(mix, seed=0, progress=lambda _: None, mode="fast", shifts=shifts)
    assert [kind for kind, _ in heard].count("exact") == 1
    assert len(set(heard)) == len(heard) > 3
    exact = ours("htdemucs", mix, shifts=shifts)
    assert all(sounds.snr_db(exact[name].samples, fast.stems[name].samples) > 90 for name in exact)


def test_segments_in_batches_are_the_segments_one_by_one(models):
    from polish.models.demixing.apply import Heard, pieces
    from polish.models.demixing.networks import network

    small_demucs.install("htdemucs", models, scales=(0.0, 0.05), lively=False)
    loaded, heard = network("htdemucs", 0), Heard.of(sounds.noise(2.1, pink=True))
    single, batched = (
        np.concatenate([piece for _, piece in pieces(loaded, heard, "exact", batch=batch)], axis=-1)
        for batch in (1, 3)
    )
    assert np.abs(single - batched).max() <= 1e-6 * np.abs(single).max()


def test_long_mixes_are_measured_without_a_copy_to_the_same_numbers(monkeypatch):
    from polish.models.demixing import apply

    mix = sounds.noise(3.0, 0.3)
    short = apply.Heard.of(mix)
    monkeypatch.setattr(apply, "_MOST_SUMMED_WHOLE", 1000)
    long = apply.Heard.of(mix)
    assert long.mean == pytest.approx(short.mean, abs=1e-8)
    assert long.deviation == pytest.approx(short.deviation, rel=1e-6)


def test_a_long_mix_gives_the_same_stems_on_the_disk(models, monkeypatch):
    from polish.audio import scratching
    from polish.models.demixing import apply

    small_demucs.install("htdemucs", models)
    mix = sounds.noise(0.9, rate_hz=48_000)
    in_memory = ours("htdemucs", mix)
    measured = apply.Heard.of(audio.resample(mix, 44_100))
    monkeypatch.setattr(
        apply.Heard, "of", lambda sound: apply.Heard(sound, measured.mean, measured.deviation)
    )
    monkeypatch.setattr(scratching, "MOST_IN_MEMORY", 1000)
    on_disk = ours("htdemucs", mix)
    assert all(np.array_equal(in_memory[name].samples, on_disk[name].samples) for name in in_memory)


@pytest.mark.parametrize("frames", [1, 2, 100])
def test_a_mix_of_a_few_samples_has_stems_of_as_many(models, frames):
    small_demucs.install("htdemucs", models)
    for samples in (np.full((1, frames), 0.25, np.float32), np.zeros((2, frames), np.float32)):
        stems = ours("htdemucs", Sound(samples, 44_100))
        assert all(stem.samples.shape == samples.shape for stem in stems.values())
        assert all(np.isfinite(stem.samples).all() for stem in stems.values())


def test_random_layer_scales_make_the_layers_count(models):
    """Otherwise the parity above would hold with the transformer left out."""
    import torch

    (network,) = small_demucs.install("htdemucs", models)
    mix = torch.from_numpy(sounds.noise(0.5, pink=True).samples.copy())[None]
    with torch.inference_mode():
        whole = network(mix).numpy()
        for name, parameter in network.named_parameters():
            if "gamma" in name:
                parameter.data.zero_()
        without = network(mix).numpy()
    assert sounds.snr_db(whole, without) < 40


def test_one_stem_of_the_fine_tuned_bag_runs_one_network_to_the_same_bits(models, monkeypatch):
    from polish.models import demucs

    small_demucs.install("htdemucs_ft", models)
    mix = sounds.noise(0.9)
    everything = ours("htdemucs_ft", mix)
    asked: list[int] = []
    load = demucs.network
    monkeypatch.setattr(demucs, "network", lambda name, number: asked.append(number) or load(name, number))
    alone = ours("htdemucs_ft", mix, stems=("vocals",))
    assert list(alone) == ["vocals"]
    assert set(asked) == {3}
    assert np.array_equal(alone["vocals"].samples, everything["vocals"].samples)


@pytest.mark.parametrize(
    ("channels", "rate_hz", "seconds"),
    [(1, 44_100, 0.9), (2, 48_000, 0.9), (1, 8_000, 0.6), (2, 96_000, 0.5), (2, 44_100, 1 / 44_100)],
)
def test_stems_sum_to_the_mix_at_any_rate_and_layout(models, channels, rate_hz, seconds):
    small_demucs.install("htdemucs", models)
    mix = sounds.noise(seconds, 0.4, channels=channels, rate_hz=rate_hz)
    loud = Sound(mix.samples * np.float32(4) + np.float32(0.05), rate_hz)
    song = Separate(model="htdemucs").run(Song(draft=loud, mix=loud), Context())
    stems = song.stems
    assert list(stems) == ["drums", "bass", "other", "vocals"]
    total = sum(stem.samples.astype(np.float64) for stem in stems.values())
    assert np.max(np.abs(total - loud.samples)) <= 1e-6
    assert all(
        stem.samples.shape == loud.samples.shape and stem.rate_hz == rate_hz for stem in stems.values()
    )
    assert song.measurements["separate"]["engine"] == "htdemucs"


def test_the_same_mix_gives_the_same_bits(models):
    small_demucs.install("htdemucs", models)
    mix = sounds.noise(0.9)
    first, second = ours("htdemucs", mix), ours("htdemucs", mix)
    assert all(np.array_equal(first[name].samples, second[name].samples) for name in first)


def test_progress_goes_up_to_one(models):
    small_demucs.install("htdemucs_ft", models)
    seen: list[float] = []
    Demucs("htdemucs_ft").separate(sounds.noise(0.9), seed=0, progress=seen.append)
    assert seen == sorted(seen)
    assert seen[-1] == pytest.approx(1)


def test_auto_takes_the_network_when_its_weights_are_here(models):
    assert engines.choose("separator").name == "builtin"
    small_demucs.install("htdemucs", models)
    assert engines.choose("separator").name == "htdemucs"


def test_absent_weights_say_how_to_fetch_them(models):
    with pytest.raises(ModelUnavailable) as caught:
        Separate(model="htdemucs").run(Song(mix=sounds.noise(0.1)), Context())
    assert caught.value.exit_code == 4
    assert "polish models fetch htdemucs" in str(caught.value)


def _tampered(path: Path, **header: str) -> None:
    from safetensors import safe_open
    from safetensors.torch import save_file

    with safe_open(str(path), framework="pt") as file:
        state = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 (not a dict)
        known = dict(file.metadata())
    save_file(state, str(path), metadata={**known, **header})


def test_weights_of_another_architecture_are_refused(models):
    small_demucs.install("htdemucs", models)
    path = models / Demucs.weights["htdemucs"][0]
    kwargs = {**small_demucs.SMALL_HT, "channels": 16, "sources": list(BAGS["htdemucs"].sources)}
    kwargs["segment"] = {"_type": "fraction", "numerator": 1, "denominator": 2}
    _tampered(path, kwargs=json.dumps(kwargs))
    with pytest.raises(ModelUnavailable, match="architecture do not go together"):
        ours("htdemucs", sounds.noise(0.5))


def test_weights_for_other_sources_are_refused(models):
    made = small_demucs.network("HTDemucs", ("speech", "noise"), small_demucs.SMALL_HT, 0)
    small_demucs.save(made, models / Demucs.weights["htdemucs"][0])
    with pytest.raises(ModelUnavailable, match="it makes speech, noise, not drums, bass, other, vocals"):
        ours("htdemucs", sounds.noise(0.5))


def test_a_header_can_name_no_class_but_demucs(models):
    small_demucs.install("htdemucs", models)
    _tampered(models / Demucs.weights["htdemucs"][0], klass="subprocess.Popen")
    with pytest.raises(ModelUnavailable, match=r"it holds subprocess\.Popen, not a Demucs"):
        ours("htdemucs", sounds.noise(0.5))


@pytest.mark.parametrize("content", [b"", b"<html>not found</html>", b"\x08\x00\x00\x00\x00\x00\x00\x00{}"])
def test_a_file_that_is_no_safetensors_is_refused(models, content):
    path = models / Demucs.weights["htdemucs"][0]
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    with pytest.raises(ModelUnavailable, match="not the weights of htdemucs"):
        ours("htdemucs", sounds.noise(0.5))


def test_a_truncated_file_is_refused(models):
    small_demucs.install("htdemucs", models)
    path = models / Demucs.weights["htdemucs"][0]
    path.write_bytes(path.read_bytes()[:-1000])
    with pytest.raises(ModelUnavailable, match="not a whole safetensors file"):
        ours("htdemucs", sounds.noise(0.5))


@pytest.mark.slow
def test_the_full_size_network_gives_what_demucs_gives(models):
    networks = small_demucs.install("htdemucs", models, settings=small_demucs.FULL_HT)
    assert sum(parameter.numel() for parameter in networks[0].parameters()) > 40e6
    assert networks[0].segment == Fraction(39, 5)
    mix = sounds.noise(9.0, pink=True)
    got, wanted = ours("htdemucs", mix), theirs(networks, mix, "htdemucs")
    mean = float(mix.samples.mean()) / len(got)
    for stem, reference in zip(got.values(), wanted, strict=True):
        assert sounds.snr_db(reference, stem.samples - np.float32(mean)) >= 130
