"""Training windows: spoken phrases laid out in time, with what Whisper should say about them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .speech import RATE_HZ, WORDS, Phrase, speak

_VOICES = ("", "m1", "m2", "m3", "m4", "m7", "f1", "f2", "f3", "f4")


@dataclass(frozen=True)
class Window:
    """What is heard and what is said.

    Attributes:
        samples: ``(frames,)`` at 16 kHz.
        tokens: Whisper's tokens from <|startoftranscript|> on.
        spans_s: by position in `tokens`, where the token that follows is spoken; those that
            follow no sound are absent.
        firsts: those of them after which a word begins.
    """

    samples: NDArray[np.float32]
    tokens: list[int]
    spans_s: dict[int, tuple[float, float]]
    firsts: frozenset[int] = frozenset()


def bank(count: int, rng: np.random.Generator) -> list[Phrase]:
    """Phrases of two to five words by many voices, at many heights and paces."""
    phrases = []
    for number in range(count):
        language = ("en", "es")[number % 2]
        words = rng.choice(WORDS[language], rng.integers(2, 6))
        voice, pace, pitch = rng.choice(_VOICES), rng.integers(95, 165), rng.integers(15, 90)
        phrases.append(speak(language, words, voice=str(voice), words_a_minute=int(pace), pitch=int(pitch)))
    return phrases


def window(phrases: Sequence[Phrase], seconds: float, tokenizers: dict[str, Any], rng: np.random.Generator,
           most: int) -> Window:  # fmt: skip
    """One window with up to `most` phrases of one language, or with no voice at all."""
    samples = np.zeros(round(seconds * RATE_HZ), np.float32)
    if rng.random() < 0.08:
        tokenizer = tokenizers["en"]
        heard = round(rng.uniform(1.0, 5.0) * RATE_HZ)
        samples[:heard] = _disturbed(samples[:heard], rng, 0.05)
        return Window(samples, [tokenizer.sot, tokenizer.no_speech], {})
    language = str(rng.choice(["en", "es"]))
    tokenizer = tokenizers[language]
    stamped = rng.random() < 0.6
    tokens = [*tokenizer.sot_sequence] + ([] if stamped else [tokenizer.no_timestamps])
    spans: dict[int, tuple[float, float]] = {}
    firsts: set[int] = set()
    at_s, end_s = rng.uniform(0.0, 1.0), 0.0
    of_language = [phrase for phrase in phrases if phrase.language == language]
    for _ in range(rng.integers(1, most + 1)):
        phrase = of_language[rng.integers(len(of_language))]
        end_s = at_s + phrase.duration_s
        if end_s > seconds - 0.1:
            break
        first = round(at_s * RATE_HZ)
        samples[first : first + phrase.samples.size] = phrase.samples * rng.uniform(0.5, 1.5)
        _say(tokens, spans, firsts, phrase, at_s, tokenizer=tokenizer, stamped=stamped)
        at_s = end_s + rng.uniform(0.25, 1.2)
    if spans:
        spans[len(tokens) - 1] = (end_s, end_s + 0.2)
        tokens.append(tokenizer.eot)
    else:
        tokens = [tokenizer.sot, tokenizer.no_speech]
    heard = round((max(end_s, 1.0) + rng.uniform(0.1, 1.0)) * RATE_HZ)  # after that a window is padded
    samples[:heard] = _disturbed(samples[:heard], rng, 0.003)
    return Window(samples, tokens, spans, frozenset(firsts))


def _say(tokens: list[int], spans: dict[int, tuple[float, float]], firsts: set[int], phrase: Phrase,
         at_s: float, *, tokenizer: Any, stamped: bool) -> None:  # fmt: skip
    if stamped:
        spans[len(tokens) - 1] = (max(0.0, at_s - 0.1), at_s + 0.1)
        tokens.append(tokenizer.timestamp_begin + round(at_s / 0.02))
    ends_s = (*phrase.starts_s[1:], phrase.duration_s)
    for word, start_s, end_s in zip(phrase.words, phrase.starts_s, ends_s, strict=True):
        firsts.add(len(tokens) - 1)
        for token in tokenizer.encode(" " + word):
            spans[len(tokens) - 1] = (at_s + start_s, at_s + end_s)
            tokens.append(token)
    if stamped:
        stop_s = at_s + phrase.duration_s
        spans[len(tokens) - 1] = (stop_s - 0.1, stop_s + 0.1)
        tokens.append(tokenizer.timestamp_begin + round(stop_s / 0.02))


def _disturbed(samples: NDArray[np.float32], rng: np.random.Generator, level: float) -> NDArray[np.float32]:
    """With noise, and now and then with held tones, of a random height."""
    t = np.arange(samples.size) / RATE_HZ
    noise = rng.standard_normal(samples.size) * 10 ** rng.uniform(-2, 0)
    if rng.random() < 0.4:
        for hz in rng.uniform(60, 800, 3):
            noise += np.sin(2 * np.pi * hz * t)
    return (samples + level * noise).astype(np.float32)
