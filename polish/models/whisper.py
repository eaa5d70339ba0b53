"""Whisper (openai-whisper): what is sung, and when.

Radford et al., "Robust Speech Recognition via Large-Scale Weak Supervision", 2022. It hears
only the stretches where the voice is active (`polish.dsp.voice`), because it invents text in
silence, and its own text is not fed back to it, because one slip would then go on.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from .. import audio
from ..audio.sound import Sound
from ..dsp import voice as voices
from ..errors import ModelUnavailable
from ..song import Line, Lyrics, Word
from . import store
from .alignment import BuiltinAligner
from .engines import Progress, Transcriber
from .words import KnownLine, known_lines

RATE_HZ = 16_000
WINDOW_S = 30.0
"""What the network hears at a time."""
_MARGIN_S = 1.0
_FILES = {
    "whisper-turbo": "large-v3-turbo.pt", "whisper-tiny": "tiny.pt", "whisper-base": "base.pt",
    "whisper-small": "small.pt", "whisper-medium": "medium.pt", "whisper-large-v3": "large-v3.pt",
}  # fmt: skip


class Whisper(Transcriber):
    """Whisper of the size its name says, on the CPU or the first GPU."""

    weights: ClassVar = {name: (f"{name}/{file}",) for name, file in _FILES.items()}

    def transcribe(self, voice: Sound, *, language: str | None, progress: Progress) -> Lyrics:
        mono = _heard(voice)
        spans_s = _clips(voices.activity(mono[None], RATE_HZ).spans_s)
        if not spans_s:
            return Lyrics(language=language, engine=self.name)
        language = language or self._language(mono, spans_s)
        lines: list[Line] = []
        for number, (start_s, end_s) in enumerate(spans_s):
            lines += self._clip(mono, start_s, end_s, language)
            progress((number + 1) / len(spans_s))
        return Lyrics(language=language, lines=tuple(lines), engine=self.name)

    def align(self, voice: Sound, text: str, *, language: str | None, progress: Progress) -> Lyrics:
        """Times of known words: where the built-in aligner puts a line, the network finds its words.

        The words are forced through the decoder and followed by dynamic time warping over its
        cross-attention (`whisper.timing`).
        """
        coarse = BuiltinAligner("builtin").align(voice, text, language=language, progress=lambda _: None)
        mono = _heard(voice)
        if coarse.lines and not language:
            language = self._language(mono, _clips(voices.activity(mono[None], RATE_HZ).spans_s))
        known = {line.text: line for line in known_lines(text)}
        lines: list[Line] = []
        windows = _windows(coarse.lines)
        for number, window in enumerate(windows):
            lines += self._forced(mono, window, known, language)
            progress((number + 1) / len(windows))
        return Lyrics(language=language, lines=tuple(lines), unmatched=coarse.unmatched, engine=self.name)

    @cached_property
    def _network(self) -> Any:
        import torch
        import whisper

        path = store.path(self.weights[self.name][0])
        device = "cuda" if torch.cuda.is_available() else "cpu"
        try:
            network = whisper.load_model(str(path), device=device)
        except (RuntimeError, KeyError, TypeError, EOFError) as error:
            reason = str(error).splitlines()[0]
            raise ModelUnavailable(f"not a Whisper checkpoint: {reason}", where=path) from error
        heads = whisper._ALIGNMENT_HEADS[self.name.removeprefix("whisper-")]
        with suppress(RuntimeError):  # weights of one's own may have another size, and keep their own heads
            network.set_alignment_heads(heads)
        return network.eval()

    def _clip(self, mono: NDArray[np.float32], start_s: float, end_s: float, language: str) -> list[Line]:
        """Transcribe one stretch of at most a window, with word times."""
        import whisper

        piece = mono[round(start_s * RATE_HZ) : round(end_s * RATE_HZ)]
        with _seeded():
            result = whisper.transcribe(
                self._network, piece, language=language, word_timestamps=True, verbose=None,
                condition_on_previous_text=False, hallucination_silence_threshold=2.0,
                fp16=self._network.device.type == "cuda",
            )  # fmt: skip
        return list(_lines(result["segments"], start_s, end_s))

    def _language(self, mono: NDArray[np.float32], spans_s: Sequence[tuple[float, float]]) -> str:
        """The language most likely over the longest stretches of singing."""
        import whisper

        if not self._network.is_multilingual:
            return "en"
        total: dict[str, float] = {}
        for start_s, end_s in sorted(spans_s, key=lambda span: span[0] - span[1])[:5]:
            piece = whisper.pad_or_trim(mono[round(start_s * RATE_HZ) : round(end_s * RATE_HZ)])
            _, likely = whisper.detect_language(self._network, self._spectrum(piece))
            for code, probability in likely.items():
                total[code] = total.get(code, 0.0) + probability * (end_s - start_s)
        return max(total, key=lambda code: total[code])

    def _spectrum(self, piece: NDArray[np.float32]) -> Any:
        import whisper

        mel = whisper.log_mel_spectrogram(piece, self._network.dims.n_mels)
        return mel.to(self._network.device)

    def _forced(
        self, mono: NDArray[np.float32], window: Sequence[Line], known: dict[str, KnownLine],
        language: str | None,
    ) -> list[Line]:  # fmt: skip
        """The lines of one window with the times the cross-attention gives their words."""
        import whisper
        from whisper.timing import find_alignment
        from whisper.tokenizer import get_tokenizer

        start_s = max(0.0, window[0].start_s - _MARGIN_S)
        end_s = min(start_s + WINDOW_S, window[-1].end_s + _MARGIN_S, mono.size / RATE_HZ)
        piece = mono[round(start_s * RATE_HZ) : round(end_s * RATE_HZ)]
        tokenizer = get_tokenizer(
            self._network.is_multilingual, num_languages=self._network.num_languages, language=language,
            task="transcribe",
        )  # fmt: skip
        tokens = tokenizer.encode(" " + " ".join(line.text for line in window))
        found = find_alignment(
            self._network, tokenizer, tokens[: self._network.dims.n_text_ctx // 2],
            self._spectrum(whisper.pad_or_trim(piece)), piece.size // 160,
        )  # fmt: skip
        return _regrouped(window, known, found, start_s, end_s)


def _heard(voice: Sound) -> NDArray[np.float32]:
    """The voice as the network hears it: one channel at 16 kHz."""
    mono = voice.with_samples(voice.samples.mean(axis=0, keepdims=True, dtype=np.float32))
    return np.array(audio.resample(mono, RATE_HZ).samples[0])


def _clips(spans_s: NDArray[np.float64]) -> list[tuple[float, float]]:
    """Stretches of singing, with their neighbours as far as a window holds them."""
    clips: list[tuple[float, float]] = []
    for start_s, end_s in spans_s:
        if clips and end_s - clips[-1][0] <= WINDOW_S and start_s - clips[-1][1] < 3.0:
            clips[-1] = (clips[-1][0], float(end_s))
        else:
            clips.append((max(0.0, float(start_s) - 0.2), float(end_s)))
    return clips


def _windows(lines: Sequence[Line]) -> list[list[Line]]:
    """Lines in groups that a window holds."""
    windows: list[list[Line]] = []
    for line in lines:
        if windows and line.end_s - windows[-1][0].start_s <= WINDOW_S - 2 * _MARGIN_S:
            windows[-1].append(line)
        else:
            windows.append([line])
    return windows


def _lines(segments: Sequence[dict[str, Any]], start_s: float, end_s: float) -> Iterator[Line]:
    """Whisper's segments as lines, at the times of the song; empty ones are dropped."""
    for segment in segments:
        words = tuple(
            Word(start_s=_at(word["start"], start_s, end_s), end_s=_at(word["end"], start_s, end_s),
                 text=word["word"].strip())
            for word in segment.get("words", ())
            if word["word"].strip()
        )  # fmt: skip
        if words:
            yield Line(
                start_s=words[0].start_s, end_s=words[-1].end_s, text=segment["text"].strip(), words=words
            )


def _at(time_s: float, start_s: float, end_s: float) -> float:
    return round(min(start_s + float(time_s), end_s), 3)


def _regrouped(
    window: Sequence[Line], known: dict[str, KnownLine], found: Sequence[Any], start_s: float, end_s: float
) -> list[Line]:
    """Hand the times of a window's words, which Whisper parts in its own way, back to the known words.

    Both spell the same text, so a letter of the one is the same letter of the other.
    """
    letters: list[float] = []
    for timing in found:
        spelt = len("".join(timing.word.split()))
        letters += list(np.linspace(timing.start, timing.end, spelt, endpoint=False))
    lines, position = [], 0
    for line in window:
        words = []
        for text in known[line.text].words:
            first = position
            position += len("".join(text.split()))
            if position > len(letters):
                return [*lines, *window[len(lines) :]]
            after = letters[position] if position < len(letters) else found[-1].end
            words.append(
                Word(start_s=_at(letters[first], start_s, end_s), end_s=_at(after, start_s, end_s), text=text)
            )
        lines.append(
            line.model_copy(
                update={"start_s": words[0].start_s, "end_s": words[-1].end_s, "words": tuple(words)}
            )
        )
    return lines


@contextmanager
def _seeded() -> Iterator[None]:
    """Whisper samples when it is unsure; the same song gives the same words."""
    import torch

    with torch.random.fork_rng():
        torch.manual_seed(0)
        yield
