"""MusicGen through its real classes, small and with random weights, by the path the real ones take."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import small_musicgen
import sounds

from polish.errors import ModelUnavailable, StageFailed
from polish.models import engines
from polish.models.musicgen import CARRY_S, WINDOW_S, MusicGen, chroma

RATE_HZ = small_musicgen.RATE_HZ


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """A models folder with a text model, a stereo one under the name of medium, and a melody model."""
    folder = tmp_path_factory.mktemp("models")
    small_musicgen.save(folder / "musicgen-small")
    small_musicgen.save(folder / "musicgen-medium", channels=2)
    small_musicgen.save(folder / "musicgen-melody", melody=True)
    return folder


@pytest.fixture
def models(built, monkeypatch) -> Path:
    monkeypatch.setenv("POLISH_MODELS", str(built))
    return built


def generate(name: str, prompt: str = "happy rock", *, seconds: float = 2.0, seed: int = 1, **given):
    wanted = {"melody": None, "start": None, "progress": lambda _: None, **given}
    return engines.choose("generator", name).make().generate(prompt, seconds=seconds, seed=seed, **wanted)


@pytest.mark.parametrize(("name", "channels"), [("musicgen-small", 1), ("musicgen-medium", 2)])
def test_a_take_has_the_length_asked_for_at_the_models_own_rate(models, name, channels):
    take = generate(name, seconds=2.5)
    assert take.mix.samples.shape == (channels, round(2.5 * RATE_HZ))
    assert take.mix.rate_hz == RATE_HZ
    assert not take.mix.silent


def test_a_seed_always_gives_the_same_take_and_another_seed_another(models):
    first, again, other = (generate("musicgen-small", seed=seed) for seed in (1, 1, 2))
    assert np.array_equal(first.mix.samples, again.mix.samples)
    assert not np.array_equal(first.mix.samples, other.mix.samples)


def test_the_worlds_random_numbers_are_left_alone(models):
    import torch

    torch.manual_seed(7)
    wanted = torch.rand(3)
    torch.manual_seed(7)
    generate("musicgen-small", seconds=1)
    assert torch.equal(torch.rand(3), wanted)


def test_the_prompt_is_heard(models):
    assert not np.array_equal(
        generate("musicgen-small", "rock").mix.samples, generate("musicgen-small", "ambient").mix.samples
    )


def test_progress_rises_to_one(models):
    told: list[float] = []
    generate("musicgen-small", seconds=1, progress=told.append)
    assert told == sorted(told)
    assert told[-1] == 1
    assert len(told) > 40


def test_tokens_are_read_out_of_the_delay_pattern_as_the_model_does(models):
    """What is carried into the next window decodes to the audio that the model itself returned."""
    import torch

    from polish.models import musicgen

    engine = MusicGen("musicgen-small")
    writer = musicgen._Writer(engine._network, engine._tokenizer, "rock", None)
    audio, tokens = writer._window(None, 60, 0.0, lambda _: None)
    again = engine._network.audio_encoder.decode(tokens[None, None], [None]).audio_values
    assert tokens.shape == (4, 60)
    assert torch.allclose(again[0], torch.from_numpy(audio), atol=1e-5)


def test_a_window_goes_on_from_the_tokens_it_is_given(models):
    from polish.models import musicgen

    engine = MusicGen("musicgen-medium")
    writer = musicgen._Writer(engine._network, engine._tokenizer, "rock", None)
    _, before = writer._window(None, 40, 0.0, lambda _: None)
    _, after = writer._window(before, 25, 0.0, lambda _: None)
    assert after.shape == (8, 65)
    assert (after[:, :40] == before).all()


@pytest.mark.slow
def test_a_long_take_is_written_in_windows(models):
    seconds = WINDOW_S + CARRY_S
    take = generate("musicgen-small", seconds=seconds)
    assert take.mix.frames == round(seconds * RATE_HZ)
    level = np.abs(take.mix.samples[0]).reshape(-1, RATE_HZ // 10).max(axis=1)
    assert level.min() > 0
    steps = np.abs(np.diff(take.mix.samples[0]))
    join = round(WINDOW_S * RATE_HZ)
    assert steps[join - 100 : join + 100].max() <= steps.max()


def test_windows_are_joined_without_a_step(models, monkeypatch):
    from polish.models import musicgen

    monkeypatch.setattr(musicgen, "WINDOW_S", 2.0)
    monkeypatch.setattr(musicgen, "CARRY_S", 1.0)
    take = generate("musicgen-small", seconds=4.5)
    assert take.mix.frames == round(4.5 * RATE_HZ)
    steps = np.abs(np.diff(take.mix.samples[0]))
    for join_s in (2, 3, 4):
        at = round(join_s * RATE_HZ)
        assert steps[at - 70 : at + 70].max() <= 1.2 * np.quantile(steps, 0.9999)


@pytest.mark.parametrize("name", ["musicgen-small", "musicgen-medium", "musicgen-melody"])
@pytest.mark.parametrize(("channels", "rate_hz"), [(1, RATE_HZ), (2, 44_100)])
def test_a_continuation_begins_with_the_sound_itself(models, name, channels, rate_hz):
    start = sounds.noise(1.5, channels=channels, rate_hz=rate_hz)
    take = generate(name, seconds=3, start=start)
    assert take.mix.samples.shape == (channels, 3 * rate_hz)
    same = round(1.479 * rate_hz)
    assert np.array_equal(take.mix.samples[:, :same], start.samples[:, :same])
    assert np.abs(take.mix.samples[:, start.frames :]).max() > 0


def test_a_continuation_hears_what_it_goes_on_from(models):
    one, other = (sounds.noise(1.5, channels=1, rate_hz=RATE_HZ, seed=seed) for seed in (1, 2))
    a, b = (generate("musicgen-small", seconds=3, start=start).mix.samples for start in (one, other))
    assert not np.array_equal(a[:, one.frames :], b[:, one.frames :])


def test_a_beginning_shorter_than_a_token_is_gone_on_from(models):
    take = generate(
        "musicgen-small", seconds=2, start=sounds.sine(seconds=0.001, rate_hz=RATE_HZ, channels=1)
    )
    assert take.mix.frames == 2 * RATE_HZ


def test_a_melody_is_heard_by_the_model_that_follows_melodies(models):
    low, high = (sounds.sine(hz, seconds=2, rate_hz=16_000) for hz in (220, 330))
    a, b = (generate("musicgen-melody", melody=melody).mix.samples for melody in (low, high))
    assert not np.array_equal(a, b)


def test_the_chroma_of_a_tone_is_its_pitch_class():
    for pitch in range(60, 72):
        heard = chroma(sounds.sine(440 * 2 ** ((pitch - 69) / 12), seconds=3, rate_hz=32_000), 32_000)
        assert heard.shape[1] == 12
        assert np.array_equal(heard.sum(axis=1), np.ones(len(heard)))
        assert (heard.argmax(axis=1) == pitch % 12).mean() > 0.9


def test_a_model_without_melody_says_which_has(models):
    with pytest.raises(StageFailed, match="does not follow melodies") as raised:
        generate("musicgen-small", melody=sounds.sine())
    assert "musicgen-melody" in str(raised.value)


def test_a_sound_as_long_as_the_whole_is_refused(models):
    with pytest.raises(StageFailed, match="already"):
        generate("musicgen-small", seconds=2, start=sounds.noise(2))


def test_absent_weights_name_the_command_that_fetches_them():
    with pytest.raises(ModelUnavailable) as raised:
        generate("musicgen-small")
    assert raised.value.hint == "polish models fetch musicgen-small"


def test_auto_takes_the_model_whose_weights_are_here(models):
    assert engines.choose("generator").name == "musicgen-small"


def test_weights_that_lack_parts_are_refused(models, tmp_path, monkeypatch):
    from safetensors.numpy import load_file, save_file

    folder = small_musicgen.save(tmp_path / "musicgen-small")
    tensors = load_file(folder / "model.safetensors")
    dropped = [name for name in tensors if "lm_heads" in name]
    save_file(
        {name: tensor for name, tensor in tensors.items() if name not in dropped},
        folder / "model.safetensors", metadata={"format": "pt"},
    )  # fmt: skip
    monkeypatch.setenv("POLISH_MODELS", str(tmp_path))
    with pytest.raises(ModelUnavailable, match=r"lack \d+ of the model's parts"):
        generate("musicgen-small")


@pytest.mark.parametrize("name", ["config.json", "model.safetensors", "tokenizer.json"])
def test_a_damaged_file_is_not_a_checkpoint(tmp_path, monkeypatch, name):
    folder = small_musicgen.save(tmp_path / "musicgen-small")
    (folder / name).write_bytes(b"{ not what it should be")
    monkeypatch.setenv("POLISH_MODELS", str(tmp_path))
    with pytest.raises(ModelUnavailable, match=r"checkpoint|tokenizer"):
        generate("musicgen-small")


def test_weights_in_parts_are_read(tmp_path, monkeypatch):
    small_musicgen.save(tmp_path / "musicgen-medium", shard="100KB")
    parts = [name for name in os.listdir(tmp_path / "musicgen-medium") if name.endswith(".safetensors")]
    assert len(parts) > 1
    monkeypatch.setenv("POLISH_MODELS", str(tmp_path))
    assert generate("musicgen-medium", seconds=1).mix.frames == RATE_HZ
