"""Whisper by CTranslate2, the engine that faster-whisper brings: the same weights, in 8 bits.

A checkpoint of openai-whisper is converted once, into a folder beside it, through CTranslate2's
own model specification; the checkpoint's hash is part of the folder's name.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..files import sha256
from .whisper_network import FRAME_S, Network, Said, load

_PRECISION = "int8"


def installed() -> bool:
    """Whether faster-whisper is here."""
    return find_spec("faster_whisper") is not None and find_spec("ctranslate2") is not None


class FastNetwork(Network):
    """CTranslate2's Whisper, on the CPU."""

    def __init__(self, path: Path, size: str) -> None:
        import ctranslate2

        folder = converted(path, size)
        threads = int(os.environ.get("OMP_NUM_THREADS", "0")) or len(os.sched_getaffinity(0))
        self.model = ctranslate2.models.Whisper(str(folder), device="cpu", intra_threads=threads)
        self.name = f"whisper-{size} by CTranslate2"
        self.multilingual, self.mels = self.model.is_multilingual, self.model.n_mels
        self.num_languages = self.model.num_languages

    def encode(self, spectra: NDArray[np.float32]) -> list[Any]:
        return [np.array(self.model.encode(_view(each[None]))) for each in spectra]

    def languages(self, window: Any) -> dict[str, float]:
        found = self.model.detect_language(_view(window))[0]
        return {token.strip("<|>"): probability for token, probability in found}

    def say(self, windows: Sequence[Any], language: str, temperature: float) -> list[Said]:
        import ctranslate2

        ctranslate2.set_random_seed(0)
        prompt = list(self.tokenizer(language).sot_sequence)
        results = self.model.generate(
            _view(np.concatenate(windows)), [prompt] * len(windows), beam_size=1, return_scores=True,
            return_no_speech_prob=True, max_length=448 // 2 + len(prompt), sampling_temperature=temperature,
            sampling_topk=0 if temperature else 1,
        )  # fmt: skip
        return [Said(tuple(r.sequences_ids[0]), float(r.scores[0]), r.no_speech_prob) for r in results]

    def follow(
        self, window: Any, tokens: Sequence[int], seconds: float, language: str | None
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        start = list(self.tokenizer(language).sot_sequence)
        spectra = 2 * max(round(seconds / FRAME_S), 1)
        found = self.model.align(_view(window), start, [list(tokens)], spectra)[0]
        rows, frames = np.array(found.alignments).T
        first = np.concatenate([[True], np.diff(rows) > 0])
        return frames[first] * FRAME_S, np.array(found.text_token_probs)


def converted(path: Path, size: str) -> Path:
    """The folder with CTranslate2's form of a checkpoint; made when it is not there."""
    import ctranslate2

    folder = path.parent / f"ctranslate2-{_PRECISION}-{sha256(path)[:12]}"
    if (folder / "model.bin").is_file():
        return folder

    class OpenAI(ctranslate2.converters.Converter):
        def _load(self) -> Any:
            return _specification(load(path, size, "cpu"))

    room = path.parent if os.access(path.parent, os.W_OK) else Path(tempfile.gettempdir())
    made = Path(tempfile.mkdtemp(prefix=".part-", dir=room))
    OpenAI().convert(str(made), quantization=_PRECISION, force=True)
    if room != path.parent:
        return made
    with suppress(OSError):  # another process was quicker
        made.rename(folder)
    return folder


def _view(array: NDArray[np.float32]) -> Any:
    import ctranslate2

    return ctranslate2.StorageView.from_array(np.ascontiguousarray(array))


def _specification(network: Any) -> Any:
    """openai-whisper's network as CTranslate2 describes one."""
    from ctranslate2.specs import WhisperSpec
    from whisper.tokenizer import get_tokenizer

    dims = network.dims
    tokenizer = get_tokenizer(network.is_multilingual, num_languages=network.num_languages)
    spec = WhisperSpec(dims.n_audio_layer, dims.n_audio_head, dims.n_text_layer, dims.n_text_head)
    encoder, decoder = network.encoder, network.decoder
    for ours, theirs in ((spec.encoder.conv1, encoder.conv1), (spec.encoder.conv2, encoder.conv2)):
        ours.weight, ours.bias = _numbers(theirs.weight), _numbers(theirs.bias)
    spec.encoder.position_encodings.encodings = _numbers(encoder.positional_embedding)
    _norm(spec.encoder.layer_norm, encoder.ln_post)
    for ours, theirs in zip(spec.encoder.layer, encoder.blocks, strict=True):
        _block(ours, theirs)
    spec.decoder.embeddings.weight = _numbers(decoder.token_embedding.weight)
    spec.decoder.projection.weight = _numbers(decoder.token_embedding.weight)
    spec.decoder.position_encodings.encodings = _numbers(decoder.positional_embedding)
    _norm(spec.decoder.layer_norm, decoder.ln)
    for ours, theirs in zip(spec.decoder.layer, decoder.blocks, strict=True):
        _block(ours, theirs)
        query, *rest = _linears(theirs.cross_attn)
        _linear(ours.attention.linear[0], query)
        _linear(ours.attention.linear[1], *rest[:2])
        _linear(ours.attention.linear[2], rest[2])
        _norm(ours.attention.layer_norm, theirs.cross_attn_ln)
    spec.config.suppress_ids = sorted(
        {*tokenizer.non_speech_tokens, tokenizer.transcribe, tokenizer.translate, tokenizer.sot,
         tokenizer.sot_prev, tokenizer.sot_lm, tokenizer.no_speech}
    )  # fmt: skip
    spec.config.suppress_ids_begin = [*tokenizer.encode(" "), tokenizer.eot]
    spec.config.lang_ids = sorted(tokenizer.all_language_tokens)
    spec.config.alignment_heads = network.alignment_heads.indices().T.tolist()
    names = {number: text for text, number in tokenizer.encoding._special_tokens.items()}
    if network.is_multilingual:
        names[tokenizer.eot - 1] = ""  # an empty token is how CTranslate2 knows it
    spec.register_vocabulary([names.get(number, f"token {number}") for number in range(dims.n_vocab)])
    return spec


def _block(ours: Any, theirs: Any) -> None:
    query, key, value, out = _linears(theirs.attn)
    _linear(ours.self_attention.linear[0], query, key, value)
    _linear(ours.self_attention.linear[1], out)
    _norm(ours.self_attention.layer_norm, theirs.attn_ln)
    _linear(ours.ffn.linear_0, theirs.mlp[0])
    _linear(ours.ffn.linear_1, theirs.mlp[2])
    _norm(ours.ffn.layer_norm, theirs.mlp_ln)


def _linears(attention: Any) -> tuple[Any, Any, Any, Any]:
    return attention.query, attention.key, attention.value, attention.out


def _linear(ours: Any, *theirs: Any) -> None:
    """Layers that read the same, as one; keys have no bias."""
    ours.weight = np.concatenate([_numbers(each.weight) for each in theirs])
    biases = [np.zeros(len(each.weight)) if each.bias is None else _numbers(each.bias) for each in theirs]
    ours.bias = np.concatenate(biases).astype(np.float32)


def _norm(ours: Any, theirs: Any) -> None:
    ours.gamma, ours.beta = _numbers(theirs.weight), _numbers(theirs.bias)


def _numbers(weights: Any) -> NDArray[np.float32]:
    return weights.detach().float().numpy()
