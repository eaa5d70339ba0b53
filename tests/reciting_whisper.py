"""Whisper of any size without training: weights set by hand so that it recites a text and stops.

The position decides what is said: each row of the decoder's positional embedding points at the
token that follows there, far longer than what the random blocks add to it. So the network is sure
of itself (no fallback to other temperatures), says the same in each window whatever it hears, and
costs as much as a trained one of its size.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from polish.files import sha256
from polish.models import store

SIZES = {"tiny": (384, 6, 4), "base": (512, 8, 6), "small": (768, 12, 12)}
"""Width, heads and layers of the real sizes (Radford et al. 2022, table 1)."""
VOCABULARY = 51_865


def dimensions(width: int, heads: int, layers: int) -> Any:
    from whisper.model import ModelDimensions

    return ModelDimensions(80, 1500, width, heads, layers, VOCABULARY, 448, width, heads, layers)


def reciting(
    dims: Any, text: str, *, seconds: float | None = 8.0, language: str = "en", seed: int = 3
) -> Any:
    """A network that says `text`, in `language`, from 0 to `seconds` of every window.

    With None for `seconds` it sees nobody speaking.
    """
    import torch
    from whisper.model import Whisper
    from whisper.tokenizer import get_tokenizer

    torch.manual_seed(seed)
    network = Whisper(dims)
    tokenizer = get_tokenizer(True, language=language, task="transcribe")
    first = tokenizer.timestamp_begin
    if seconds is None:
        said = [tokenizer.no_speech]
    else:
        said = [*tokenizer.sot_sequence[1:], first, *tokenizer.encode(text), first + round(seconds / 0.02)]
    said += [tokenizer.eot] * (dims.n_text_ctx - len(said))
    with torch.no_grad():
        network.decoder.positional_embedding.copy_(4 * network.decoder.token_embedding.weight[said])
    return network.eval()


def saved(network: Any, name: str) -> Path:
    """The network in the models folder as engine `name`, with its hash stated as its owner would."""
    import torch

    size = name.removeprefix("whisper-")
    path = store.root() / name / f"{size}.pt"
    path.parent.mkdir(parents=True, exist_ok=True)
    weights = {key: value.half() for key, value in network.state_dict().items()}
    torch.save({"dims": dataclasses.asdict(network.dims), "model_state_dict": weights}, path)
    state_hash(path)
    return path


def state_hash(path: Path) -> None:
    """State the hash of a checkpoint of one's own in the models folder."""
    entry = "{kind: transcriber, about: test, licence: MIT, sells: true, url: 'file:///%s', sha256: %s}"
    stated = f"{path.parent.name}: {entry % (path.name, sha256(path))}\n"
    (store.root() / "manifest.yaml").write_text(stated, encoding="utf-8")
