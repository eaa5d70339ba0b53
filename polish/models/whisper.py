"""Whisper: what is sung, and when.

Radford et al., "Robust Speech Recognition via Large-Scale Weak Supervision", 2022. It hears
only the stretches where the voice is active (`polish.models.hearing`), because it invents text
in silence, and its own text is not fed back to it, because one slip would then go on.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from functools import cached_property
from typing import Any, ClassVar

from ..audio.sound import Sound
from ..song import Line, Lyrics
from . import recital, store, whisper_fast
from .engines import Progress, Transcriber
from .heard_words import lines_of, said_until_s, without_inventions
from .hearing import WINDOW_S, Heard, listen
from .whisper_network import Network, Said, TorchNetwork
from .words import known_lines

_FILES = {
    "whisper-turbo": "large-v3-turbo.pt", "whisper-tiny": "tiny.pt", "whisper-base": "base.pt",
    "whisper-small": "small.pt", "whisper-medium": "medium.pt", "whisper-large-v1": "large-v1.pt",
    "whisper-large-v2": "large-v2.pt", "whisper-large-v3": "large-v3.pt",
}  # fmt: skip
_SIDE_BY_SIDE = 8
"""Windows decoded together."""
_TEMPERATURES = (0.0, 0.4, 0.8)
_UNSURE, _REPETITIVE, _NOBODY = -1.0, 2.4, 0.6
"""Whisper's own limits: mean log-probability, compression ratio, probability of no speech."""
_REST_S = 1.0
"""Singing of this length that a window left unsaid is heard again by itself."""
_LANGUAGE_WINDOWS = 5
_MARGIN_S = 0.5


class Whisper(Transcriber):
    """Whisper of the size its name says; by CTranslate2 (faster-whisper) where that is installed."""

    weights: ClassVar = {name: (f"{name}/{file}",) for name, file in _FILES.items()}

    def transcribe(self, voice: Sound, *, language: str | None, progress: Progress) -> Lyrics:
        return self._transcribe(listen(voice), language, progress)

    def align(self, voice: Sound, text: str, *, language: str | None, progress: Progress) -> Lyrics:
        """Times of known words: what is heard says which lines are where, and then each line's
        words are forced through the decoder and followed by its cross-attention.
        """
        known, heard = known_lines(text), listen(voice)
        if not known:
            return Lyrics(language=language, engine=self.name)
        said = self._transcribe(heard, language, lambda share: progress(0.7 * share))
        placed = recital.place(known, said.lines, heard, said.language)
        found: dict[int, Line] = {}
        windows = recital.windows(placed)
        for number, window in enumerate(windows):
            found |= self._forced(heard, window, said.language)
            progress(0.7 + 0.3 * (number + 1) / len(windows))
        lines = tuple(found[number] for number in sorted(found))
        return Lyrics(
            language=said.language, engine=said.engine, lines=lines,
            gaps=recital.gaps(said.lines, lines),
            unmatched=tuple(line.text for number, line in enumerate(known) if number not in found),
        )  # fmt: skip

    def _transcribe(self, heard: Heard, language: str | None, progress: Progress) -> Lyrics:
        waiting = heard.windows()
        if not waiting:
            return Lyrics(language=language, engine=self.name)
        encoded: dict[tuple[float, float], Any] = {}
        language = language or self._language(heard, waiting, encoded)
        tokenizer = self._network.tokenizer(language)
        lines: list[Line] = []
        total_s, done_s = sum(end_s - start_s for start_s, end_s in waiting), 0.0
        while waiting:
            batch, waiting = waiting[:_SIDE_BY_SIDE], waiting[_SIDE_BY_SIDE:]
            windows = [
                encoded.pop(each) if each in encoded else self._encoded(heard, *each) for each in batch
            ]
            said = self._said(windows, language)
            for (start_s, last_s), window, tokens in zip(batch, windows, said, strict=True):
                end_s = start_s + said_until_s(tokens, tokenizer, last_s - start_s)
                if end_s < start_s + _REST_S or heard.sung_s(end_s, last_s) < _REST_S:
                    end_s = last_s
                else:
                    waiting.append((end_s, last_s))
                lines += lines_of(self._network, window, tokens, span_s=(start_s, end_s), language=language)
                done_s += end_s - start_s
            progress(done_s / total_s)
        lines.sort(key=lambda line: line.start_s)
        return Lyrics(
            language=language, lines=tuple(without_inventions(lines, heard)), engine=self._network.name
        )

    @cached_property
    def _network(self) -> Network:
        path = store.path(self.weights[self.name][0])
        kind = whisper_fast.FastNetwork if whisper_fast.installed() else TorchNetwork
        return kind(path, self.name.removeprefix("whisper-"))

    def _encoded(self, heard: Heard, start_s: float, end_s: float) -> Any:
        """One window through the encoder."""
        import whisper

        piece = whisper.pad_or_trim(heard.piece(start_s, end_s))
        spectrum = whisper.log_mel_spectrogram(piece, self._network.mels).numpy()
        return self._network.encode(spectrum[None])[0]

    def _language(self, heard: Heard, windows: Sequence[tuple[float, float]], encoded: dict[Any, Any]) -> str:
        """The language most likely over the windows with most singing; what was heard goes into `encoded`."""
        if not self._network.multilingual:
            return "en"
        total: dict[str, float] = {}
        for window in sorted(windows, key=lambda each: -heard.sung_s(*each))[:_LANGUAGE_WINDOWS]:
            encoded[window] = self._encoded(heard, *window)
            for code, probability in self._network.languages(encoded[window]).items():
                total[code] = total.get(code, 0.0) + probability * heard.sung_s(*window)
        return max(total, key=lambda code: total[code])

    def _said(self, windows: Sequence[Any], language: str) -> list[tuple[int, ...]]:
        """The tokens of windows; those said unsurely or in circles are said again, less strictly.

        A window where probably nobody speaks stays empty.
        """
        tokenizer = self._network.tokenizer(language)
        tries: list[list[Said]] = [[] for _ in windows]
        for temperature in _TEMPERATURES:
            again = [number for number, each in enumerate(tries) if not (each and _good(each[-1], tokenizer))]
            if not again:
                break
            said = self._network.say([windows[number] for number in again], language, temperature)
            for number, new in zip(again, said, strict=True):
                tries[number].append(new)
        chosen = (
            each[-1] if _good(each[-1], tokenizer) else max(each, key=lambda said: said.sure)
            for each in tries
        )  # fmt: skip
        return [() if _nobody(said) else said.tokens for said in chosen]

    def _forced(
        self, heard: Heard, window: Sequence[recital.Placed], language: str | None
    ) -> dict[int, Line]:
        """The lines of one window with the times the cross-attention gives their words."""
        start_s = max(0.0, window[0].start_s - _MARGIN_S)
        end_s = min(start_s + WINDOW_S, window[-1].end_s + _MARGIN_S, heard.duration_s)
        encoded = self._encoded(heard, start_s, end_s)
        return recital.forced(
            self._network, encoded, window, heard, span_s=(start_s, end_s), language=language
        )


def _good(said: Said, tokenizer: Any) -> bool:
    """Whether the network was sure of what it said, and did not go round in circles."""
    text = tokenizer.decode([token for token in said.tokens if token < tokenizer.eot]).encode()
    repetitive = len(text) / len(zlib.compress(text)) if text else 0.0
    return _nobody(said) or (said.sure >= _UNSURE and repetitive <= _REPETITIVE)


def _nobody(said: Said) -> bool:
    return said.no_speech > _NOBODY and said.sure < _UNSURE
