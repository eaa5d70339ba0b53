"""Whisper without anybody's trained weights: the real class and checkpoint format, set by hand."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sounds
from test_lyrics_known import PHRASES, TEXT, sung

from polish.errors import ModelUnavailable
from polish.files import sha256
from polish.models import engines, store
from polish.song import Song
from polish.stages.lyrics import Lyrics as Stage

DIMENSIONS = {
    "n_mels": 80, "n_audio_ctx": 1500, "n_audio_state": 32, "n_audio_head": 2, "n_audio_layer": 2,
    "n_vocab": 51865, "n_text_ctx": 448, "n_text_state": 32, "n_text_head": 2, "n_text_layer": 2,
}  # fmt: skip


@pytest.fixture
def small() -> Path:
    """A small Whisper of random weights as ``whisper-tiny``, with its hash stated in the models folder."""
    torch = pytest.importorskip("torch")
    from whisper.model import ModelDimensions, Whisper

    torch.manual_seed(3)
    dims = ModelDimensions(**DIMENSIONS)
    path = store.root() / "whisper-tiny" / "tiny.pt"
    path.parent.mkdir(parents=True)
    network = Whisper(dims)
    sing_la(network)
    torch.save({"dims": dataclasses.asdict(dims), "model_state_dict": network.state_dict()}, path)
    state_hash(path)
    return path


def sing_la(network: Any) -> None:
    """Set weights by hand so that the network says "la" some times and stops, whatever it hears.

    The position turns the decoder's state from one direction to another in ten tokens; the
    one is what " la" looks like, the other is what the end looks like.
    """
    import torch
    from whisper.tokenizer import get_tokenizer

    tokenizer = get_tokenizer(True)
    with torch.no_grad():
        words = network.decoder.token_embedding.weight
        words *= 0.02
        begin, end = (torch.tensor([1.0, -1.0] * 16), torch.tensor([1.0, 1.0, -1.0, -1.0] * 8))
        words[tokenizer.encode(" la")[0]] += begin / 2
        words[tokenizer.eot] += end / 2
        turn = torch.clamp(torch.arange(448) / 10, max=1.0)[:, None] * torch.pi / 2
        network.decoder.positional_embedding.copy_(20 * (turn.cos() * begin + turn.sin() * end))


def state_hash(path: Path) -> None:
    """State the hash of a checkpoint of one's own, as its owner would."""
    entry = "{kind: transcriber, about: test, licence: MIT, sells: true, url: 'file:///tiny.pt', sha256: %s}"
    (store.root() / "manifest.yaml").write_text(f"whisper-tiny: {entry % sha256(path)}\n", encoding="utf-8")


def song() -> Song:
    voice = sung(PHRASES, 12)
    return Song(mix=voice, stems={"vocals": voice})


def test_whisper_is_chosen_when_its_weights_are_here(small: Path) -> None:
    choice = engines.choose("transcriber")
    assert (choice.name, choice.state) == ("whisper-tiny", "here")


def test_whisper_transcribes_inside_the_song_and_the_same_every_time(small: Path) -> None:
    stage = Stage(engine="whisper-tiny", language="en")
    first, second = (stage.run(song()).lyrics for _ in range(2))
    assert first == second
    assert first is not None
    assert first.engine == "whisper-tiny"
    assert first.lines
    for line in first.lines:
        assert {word.text for word in line.words} == {"la"}
        assert 0 <= line.start_s <= line.end_s <= 12.0


def test_whisper_aligns_known_words(small: Path, tmp_path: Path) -> None:
    words = tmp_path / "words.txt"
    words.write_text(TEXT, encoding="utf-8")
    found = Stage(engine="whisper-tiny", text=str(words)).run(song()).lyrics
    assert found is not None
    assert [line.text for line in found.lines] == TEXT.splitlines()
    times = [time for line in found.lines for word in line.words for time in (word.start_s, word.end_s)]
    assert times == sorted(times)
    assert np.isfinite(times).all()
    assert times[0] >= 0
    assert times[-1] <= 12.0
    assert found.language, "found out from the song"


def test_whisper_hears_no_words_in_silence(small: Path) -> None:
    quiet = sounds.noise(6, level=1e-6)
    found = Stage(engine="whisper-tiny").run(Song(mix=quiet, stems={"vocals": quiet})).lyrics
    assert found is not None
    assert found.lines == ()


def test_absent_weights_give_the_command_that_fetches_them() -> None:
    with pytest.raises(ModelUnavailable, match="polish models fetch whisper-small"):
        Stage(engine="whisper-small").run(song())


def test_a_file_that_is_no_whisper_is_a_clear_error(small: Path) -> None:
    import torch

    torch.save({"dims": {"n_mels": 80}, "model_state_dict": {}}, small)
    state_hash(small)
    with pytest.raises(ModelUnavailable, match="not a Whisper checkpoint"):
        Stage(engine="whisper-tiny").run(song())
