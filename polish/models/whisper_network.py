"""What polish asks of a Whisper network, and the one of openai-whisper that answers.

Windows are heard once: what the encoder makes of them serves language, words and times. Several
are decoded side by side, because a decoder on a CPU spends its time fetching its weights.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import ModelUnavailable
from .attending import first_frames

FRAME_S = 0.02
"""The encoder makes one position of this much sound."""


@dataclass(frozen=True)
class Said:
    """What the network says of one window.

    Attributes:
        tokens: text and timestamps.
        sure: mean log-probability of a token.
        no_speech: how probable it is that nobody speaks.
    """

    tokens: tuple[int, ...]
    sure: float
    no_speech: float


class Network(ABC):
    """A Whisper network with its weights; a `window` is what its `encode` returned for one.

    Attributes:
        name: the weights, and what runs them when it is not openai-whisper.
        mels: bands of the spectra it hears.
    """

    name: str
    multilingual: bool
    num_languages: int
    mels: int

    def tokenizer(self, language: str | None) -> Any:
        """openai-whisper's tokenizer for transcribing in `language`."""
        from whisper.tokenizer import get_tokenizer

        return get_tokenizer(
            self.multilingual, num_languages=self.num_languages, language=language, task="transcribe"
        )

    @abstractmethod
    def encode(self, spectra: NDArray[np.float32]) -> list[Any]:
        """Hear windows: log-mel spectra ``(windows, mels, 3000)``."""

    @abstractmethod
    def languages(self, window: Any) -> dict[str, float]:
        """How probable each language is; its code to 0…1."""

    @abstractmethod
    def say(self, windows: Sequence[Any], language: str, temperature: float) -> list[Said]:
        """The words of windows; the same every time, also at a temperature."""

    @abstractmethod
    def follow(
        self, window: Any, tokens: Sequence[int], seconds: float, language: str | None
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Force text tokens through the decoder.

        Returns:
            The time in s at which each begins and the last ends ``(tokens + 1,)``, and how
            probable each was ``(tokens,)``.
        """


def load(path: Path, size: str, device: str) -> Any:
    """openai-whisper's network from its checkpoint.

    Raises:
        ModelUnavailable: it is not one.
    """
    import whisper

    try:
        network = whisper.load_model(str(path), device=device)
    except (RuntimeError, KeyError, TypeError, EOFError) as error:
        reason = str(error).splitlines()[0]
        raise ModelUnavailable(f"not a Whisper checkpoint: {reason}", where=path) from error
    with suppress(RuntimeError):  # weights of one's own may have another size, and keep their own heads
        network.set_alignment_heads(whisper._ALIGNMENT_HEADS[size])
    return network.eval()


class TorchNetwork(Network):
    """openai-whisper's network, on the first GPU or the CPU."""

    def __init__(self, path: Path, size: str) -> None:
        import torch

        self.network = load(path, size, "cuda" if torch.cuda.is_available() else "cpu")
        self.name = f"whisper-{size}"
        self.multilingual, self.num_languages = self.network.is_multilingual, self.network.num_languages
        self.mels = self.network.dims.n_mels

    def encode(self, spectra: NDArray[np.float32]) -> list[Any]:
        import torch

        with torch.inference_mode():
            given = torch.from_numpy(spectra).to(self.network.device)
            return [self.network.encoder(each[None])[0] for each in given]

    def languages(self, window: Any) -> dict[str, float]:
        import whisper

        return whisper.detect_language(self.network, window)[1]

    def say(self, windows: Sequence[Any], language: str, temperature: float) -> list[Said]:
        import torch
        import whisper

        options = whisper.DecodingOptions(language=language, temperature=temperature, fp16=False)
        with torch.random.fork_rng(), torch.inference_mode():
            torch.manual_seed(0)
            results = whisper.decode(self.network, torch.stack(list(windows)), options)
        return [Said(tuple(each.tokens), each.avg_logprob, each.no_speech_prob) for each in results]

    def follow(
        self, window: Any, tokens: Sequence[int], seconds: float, language: str | None
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        import torch
        from whisper.model import disable_sdpa

        tokenizer = self.tokenizer(language)
        lead = len(tokenizer.sot_sequence)
        given = [*tokenizer.sot_sequence, tokenizer.no_timestamps, *tokens, tokenizer.eot]
        with torch.inference_mode(), disable_sdpa(), self._attention() as attention:
            logits = self.network.decoder(torch.tensor([given], device=window.device), window[None])[0]
            likely = logits[lead:-2, : tokenizer.eot].float().softmax(-1)
            heads = torch.stack([attention[layer][head] for layer, head in self._heads])
        probable = likely[torch.arange(len(tokens)), torch.tensor(tokens)]
        frames = first_frames(heads.float().cpu().numpy(), round(seconds / FRAME_S), lead)
        return frames * FRAME_S, probable.double().cpu().numpy()

    @cached_property
    def _heads(self) -> list[tuple[int, int]]:
        return [(int(layer), int(head)) for layer, head in self.network.alignment_heads.indices().T]

    @contextmanager
    def _attention(self) -> Iterator[dict[int, Any]]:
        """Each layer's cross-attention scores, ``(heads, tokens, frames)``, once the decoder has run."""
        seen: dict[int, Any] = {}
        with ExitStack() as hooks:
            for layer in {layer for layer, _ in self._heads}:
                block = self.network.decoder.blocks[layer].cross_attn
                hook = block.register_forward_hook(
                    lambda _module, _given, out, layer=layer: seen.__setitem__(layer, out[1][0])
                )
                hooks.callback(hook.remove)
            yield seen
