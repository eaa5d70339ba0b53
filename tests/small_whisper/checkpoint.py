"""The trained weights as a checkpoint of openai-whisper's own form, in the models folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from reciting_whisper import saved

from .train import HEADS, LAYERS, TIMES, VOCABULARY, WEIGHTS, WIDTH


def network() -> Any:
    """The small Whisper, as its library makes it, with the trained weights."""
    import torch
    from whisper.model import ModelDimensions, Whisper
    from whisper.tokenizer import get_tokenizer

    dims = ModelDimensions(80, 1500, WIDTH, HEADS, LAYERS, VOCABULARY, 448, WIDTH, HEADS, LAYERS)
    state = {name: torch.from_numpy(array).float() for name, array in np.load(WEIGHTS).items()}
    rows, kept = state.pop("rows"), state.pop("kept").long()
    first = get_tokenizer(True).timestamp_begin
    words = rows[-1:].repeat(VOCABULARY, 1)
    words[kept], words[first : first + TIMES] = rows[: len(kept)], rows[len(kept) : -1]
    state["decoder.token_embedding.weight"] = words
    position = state["decoder.positional_embedding"]
    state["decoder.positional_embedding"] = torch.cat(
        [position, position[-1:].repeat(dims.n_text_ctx - len(position), 1)]
    )
    made = Whisper(dims)
    made.load_state_dict(state)
    return made.eval()


def install(name: str = "whisper-tiny") -> Path:
    """Put it into the models folder as engine `name`."""
    return saved(network(), name)
