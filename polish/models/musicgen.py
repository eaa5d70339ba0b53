"""MusicGen (Copet et al., "Simple and Controllable Music Generation", NeurIPS 2023) through transformers.

A transformer writes the tokens of an audio codec (EnCodec), 50 a second, in windows of at
most 30 s. A longer song goes on from the tokens of the last 10 s of the window before; a
sound that is to be continued is brought into tokens first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ..audio import Sound, resample
from ..errors import ModelUnavailable, StageFailed
from . import store
from .engines import Generator, Progress, Take

WINDOW_S = 30.0
CARRY_S = 10.0
_JOIN_S = 0.02
_GUIDANCE = 3.0
_TOP_K = 250
_CHROMA_SIZE, _CHROMA_HOP = 16_384, 4096
_FILES = ("config.json", "tokenizer.json")
_MODELS = {"musicgen-small": (*_FILES, "model.safetensors")} | dict.fromkeys(
    (
        "musicgen-medium", "musicgen-large", "musicgen-melody", "musicgen-melody-large",
        "musicgen-stereo-small", "musicgen-stereo-medium", "musicgen-stereo-large",
        "musicgen-stereo-melody", "musicgen-stereo-melody-large",
    ),
    _FILES,  # and safetensors, in one or in parts
)  # fmt: skip


class MusicGen(Generator):
    """MusicGen of the size its name says, on the CPU or the first GPU.

    Only plain files are read: JSON and safetensors, whether one or in parts.
    """

    weights: ClassVar = {name: tuple(f"{name}/{file}" for file in files) for name, files in _MODELS.items()}
    follows_melodies: ClassVar = frozenset(name for name in _MODELS if "melody" in name)

    def generate(
        self,
        prompt: str,
        *,
        seconds: float,
        seed: int,
        melody: Sound | None,
        start: Sound | None,
        progress: Progress,
    ) -> Take:
        """A take of `seconds` at the model's own rate and channels; the same for the same seed and machine.

        A continuation has the rate and channels of `start`, whose samples it begins with; all
        but the last 20 ms of them stay as they are.

        Raises:
            StageFailed: the model does not follow melodies, or `start` is not shorter than `seconds`.
            ModelUnavailable: the weights are not here or are not those of a MusicGen.
        """
        if melody is not None and self.name not in self.follows_melodies:
            raise StageFailed(
                f"{self.name} does not follow melodies", hint="engine: musicgen-melody, or builtin"
            )
        begun_s = start.duration_s if start is not None else 0.0
        if begun_s > seconds - 1:
            raise StageFailed(
                f"the sound to continue lasts {begun_s:.1f} s already, and {seconds:.1f} s are wanted",
                hint="seconds is the length of the whole; ask for more",
            )
        with _seeded(seed), _quiet():
            made = _Writer(self._network, self._tokenizer, prompt, melody).write(seconds, start, progress)
        return Take(mix=made, facts={"guidance": _GUIDANCE, "top_k": _TOP_K})

    @cached_property
    def _network(self) -> Any:
        import torch
        from transformers import MusicgenForConditionalGeneration, MusicgenMelodyForConditionalGeneration

        folder = store.path(self.weights[self.name][0]).parent
        parts = sorted(folder.glob("model*.safetensors"))
        for part in parts:
            store.path(f"{self.name}/{part.name}")
        if not parts:
            raise ModelUnavailable(
                f"the weights of {self.name} are not here ({folder / 'model.safetensors'})",
                where=self.name, hint=f"polish models fetch {self.name}",
            )  # fmt: skip
        kind: Any = (
            MusicgenMelodyForConditionalGeneration
            if self.name in self.follows_melodies
            else MusicgenForConditionalGeneration
        )
        on_gpu = torch.cuda.is_available()
        try:
            network, report = kind.from_pretrained(
                folder, local_files_only=True, use_safetensors=True, output_loading_info=True,
                dtype=torch.float16 if on_gpu else torch.float32,
            )  # fmt: skip
        except Exception as error:  # transformers, safetensors and torch raise of all kinds
            reason = (str(error).splitlines() or [type(error).__name__])[0]
            raise ModelUnavailable(f"not a MusicGen checkpoint: {reason}", where=folder) from error
        if absent := sorted(report["missing_keys"]):
            raise ModelUnavailable(
                f"the weights lack {len(absent)} of the model's parts, such as {absent[0]}", where=folder
            )
        return network.eval().to("cuda" if on_gpu else "cpu")

    @cached_property
    def _tokenizer(self) -> Any:
        from transformers import AutoTokenizer

        folder = store.path(self.weights[self.name][0]).parent
        try:
            return AutoTokenizer.from_pretrained(folder, local_files_only=True)
        except Exception as error:  # as above
            reason = (str(error).splitlines() or [type(error).__name__])[0]
            raise ModelUnavailable(f"its tokenizer cannot be read: {reason}", where=folder) from error


class _Writer:
    """Writes one take, window by window."""

    def __init__(self, network: Any, tokenizer: Any, prompt: str, melody: Sound | None) -> None:
        self.network = network
        codec, decoder = network.config.audio_encoder, network.config.decoder
        self.rate_hz: int = codec.sampling_rate
        self.hop: int = codec.hop_length
        self.channels: int = decoder.audio_channels
        self.delays = [n // self.channels for n in range(decoder.num_codebooks)]
        self.text = tokenizer([prompt], return_tensors="pt", padding=True).to(network.device)
        self.chroma = None if melody is None else chroma(melody, self.rate_hz, network.config.num_chroma)

    def write(self, seconds: float, start: Sound | None, progress: Progress) -> Sound:
        """The whole take."""
        per_s = self.rate_hz / self.hop
        window, carry = int(WINDOW_S * per_s), int(CARRY_S * per_s)
        begun = Sound(np.zeros((self.channels, 0), np.float32), self.rate_hz) if start is None else start
        codes = None if start is None else self._encoded(start, carry)
        total = max(1, int(np.ceil((seconds - begun.duration_s) * per_s)))
        frames = round((seconds - begun.duration_s) * begun.rate_hz)
        made = begun.samples.copy()
        done = 0
        while done < total:
            carried = 0 if codes is None else codes.shape[-1]
            new = min(total - done, window - carried)
            first_s = begun.duration_s + (done - carried) / per_s

            def told(step: int, done: int = done) -> None:
                progress(min(1.0, (done + step) / total))

            audio, codes = self._window(codes, new, first_s, told)
            codes = codes[:, -carry:]
            piece = _shaped(Sound(audio, self.rate_hz), begun)
            made = _joined(
                made, piece, round(carried * self.hop * begun.rate_hz / self.rate_hz), begun.rate_hz
            )
            done += new
        out = np.zeros((begun.channels, begun.frames + frames), np.float32)
        out[:, : made.shape[1]] = made[:, : out.shape[1]]
        return Sound(out, begun.rate_hz)

    def _encoded(self, start: Sound, carry: int) -> Any:
        """The last `carry` tokens of a sound, ``(codebooks, tokens)``; None of one shorter than a token."""
        import torch

        mono = Sound(np.mean(start.samples, axis=0, keepdims=True, dtype=np.float32), start.rate_hz)
        sides = start if start.channels == self.channels else mono
        heard = resample(sides, self.rate_hz).samples
        count = min(carry, heard.shape[1] // self.hop)
        if count == 0:
            return None
        heard = heard[:, heard.shape[1] - count * self.hop :]
        rows = np.broadcast_to(heard, (self.channels, heard.shape[1]))
        codes = []
        for row in rows:
            values = torch.from_numpy(row.copy())[None, None].to(self.network.device, self.network.dtype)
            with torch.inference_mode():
                codes.append(self.network.audio_encoder.encode(values).audio_codes[0, 0])
        # Left and right take turns: codebook 0 left, codebook 0 right, codebook 1 left …
        return torch.stack(codes, dim=1).flatten(0, 1)[:, :count]

    def _window(
        self, codes: Any, new: int, first_s: float, told: Callable[[int], None]
    ) -> tuple[NDArray[np.float32], Any]:
        """Audio ``(channels, frames)`` and tokens of a window: those given, then `new` ones."""
        import torch
        from transformers import StoppingCriteria, StoppingCriteriaList

        class Watch(StoppingCriteria):
            """Sees every step and never stops one: for the bar, and for the tokens themselves."""

            ids: Any = None
            steps = 0

            def __call__(self, input_ids: Any, scores: Any, **_: Any) -> Any:
                self.ids, self.steps = input_ids, self.steps + 1
                told(self.steps)
                return torch.zeros(1, dtype=torch.bool, device=input_ids.device).expand(input_ids.shape[0])

        watch, given = Watch(), dict(self.text)
        if codes is not None:
            given["decoder_input_ids"] = codes
        if self.chroma is not None:
            given["input_features"] = self._chroma_from(first_s)
        # Each codebook lags one step behind the one before it (the delay pattern).
        steps = new + max(self.delays)
        audio = self.network.generate(
            **given, do_sample=True, guidance_scale=_GUIDANCE, top_k=_TOP_K, max_new_tokens=steps,
            stopping_criteria=StoppingCriteriaList([watch]),
        )  # fmt: skip
        count = new + (0 if codes is None else codes.shape[-1])
        rows = [row[1 + lag : 1 + lag + count] for row, lag in zip(watch.ids, self.delays, strict=True)]
        tokens = torch.stack(rows)
        if codes is not None:
            tokens[:, : codes.shape[-1]] = codes
        return audio[0].float().cpu().numpy(), tokens

    def _chroma_from(self, first_s: float) -> Any:
        """The melody from a time on, as long as the model hears; it starts over when it is at its end."""
        import torch

        assert self.chroma is not None
        length = self.network.config.chroma_length
        first = round(first_s * self.rate_hz / _CHROMA_HOP)
        rows = np.take(self.chroma, np.arange(first, first + length), axis=0, mode="wrap")
        return torch.from_numpy(rows)[None].to(self.network.device, self.network.dtype)


def chroma(melody: Sound, rate_hz: int, count: int = 12) -> NDArray[np.float32]:
    """What MusicGen hears of a melody: the strongest pitch class of each eighth of a second.

    The same numbers as transformers' feature extractor for it, without torchaudio: power
    spectra of 16384 frames (Hann, a hop of 4096, mirrored ends) through its chroma filters.

    Returns:
        ``(columns, count)``, a single 1 in each row.
    """
    import torch
    from transformers.audio_utils import chroma_filter_bank

    mono = Sound(np.mean(melody.samples, axis=0, keepdims=True, dtype=np.float32), melody.rate_hz)
    wave = torch.from_numpy(resample(mono, rate_hz).samples[0].copy())
    if (short := _CHROMA_SIZE - wave.numel()) > 0:
        wave = torch.nn.functional.pad(wave, (short // 2, short - short // 2))
    window = torch.hann_window(_CHROMA_SIZE)
    spectrum = torch.stft(wave, _CHROMA_SIZE, _CHROMA_HOP, window=window, center=True, return_complex=True)
    bank = chroma_filter_bank(
        sampling_rate=rate_hz, num_frequency_bins=_CHROMA_SIZE, tuning=0, num_chroma=count
    )
    strength = torch.from_numpy(bank).float() @ spectrum.abs().square()
    return np.eye(count, dtype=np.float32)[strength.argmax(dim=0).numpy()]


def _shaped(sound: Sound, like: Sound) -> Sound:
    """The sound at the rate of another, with its channels."""
    sound = resample(sound, like.rate_hz)
    if sound.channels == like.channels:
        return sound
    mono = np.mean(sound.samples, axis=0, keepdims=True, dtype=np.float32)
    return sound.with_samples(np.repeat(mono, like.channels, axis=0))


def _joined(made: NDArray[np.float32], piece: Sound, shared: int, rate_hz: int) -> NDArray[np.float32]:
    """`made`, and `piece` from its end on; the first `shared` frames of `piece` are the end of `made`."""
    shared = min(shared, made.shape[1])
    cross = min(round(_JOIN_S * rate_hz), shared)
    out = np.concatenate([made, piece.samples[:, shared:]], axis=1)
    if cross:
        rise = np.linspace(0, 1, cross, dtype=np.float32)
        old = made[:, made.shape[1] - cross :]
        again = piece.samples[:, shared - cross : shared]
        out[:, made.shape[1] - cross : made.shape[1]] = old + rise * (again - old)
    return out


@contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """Torch's random numbers from a seed, and as they were afterwards."""
    import torch

    with torch.random.fork_rng():
        torch.manual_seed(seed)
        yield


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep transformers from printing advice and bars of its own."""
    from transformers.utils import logging

    level, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()
