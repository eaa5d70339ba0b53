"""Singing with known phones: speech whose pitch and time are changed into a melody's.

Speech of eSpeak NG, or of `readers`, is taken apart by WORLD (Morise et al., 2016; the package `pyworld`),
its vowels are held for the length of notes, its pitch follows a random melody with glides and
vibrato, its formants move a little, and it is put together again.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyworld
import yaml
from numpy.typing import NDArray
from scipy.signal import lfilter

from polish.models.phones import CLASS_OF, CLASSES, VOWELS

from .readers import READERS, Reader, read
from .speech import RATE_HZ, Speech, say

HOP_S = 0.005
_PAUSE = CLASSES.index("pause")
_SUNG = [CLASSES.index(name) for name in (*sorted(VOWELS), *"mnlrwj")]
_HELD = [CLASSES.index(name) for name in sorted(VOWELS)]
_SCALES = ((0, 2, 4, 5, 7, 9, 11), (0, 3, 5, 7, 10))
_LANGUAGES = yaml.safe_load(Path(__file__).with_name("languages.yaml").read_text(encoding="utf-8"))
_OFTEN = [each["often"] for each in _LANGUAGES.values()]
_VOICES = ("", "+f1", "+f2", "+f3", "+f4", "+f5", "+m1", "+m2", "+m3", "+m4", "+m5", "+m6", "+m7")


@dataclass(frozen=True)
class Singer:
    """A voice and how it sings.

    Attributes:
        voice: one of eSpeak's, or of people's.
        notes: MIDI pitches it may sing, rising.
        formants: how much wider its formants lie than the speaker's.
        note_s: the usual length of a note.
        vibrato: its depth in semitones; rate_hz: its rate.
    """

    language: str
    voice: str | Reader
    notes: NDArray[np.int64]
    formants: float
    note_s: float
    vibrato: float
    rate_hz: float

    @classmethod
    def random(cls, rng: np.random.Generator, read: float) -> Singer:
        """Any singer, with the voice of one of the `READERS` as often as `read` says."""
        language, kind = str(rng.choice(list(_LANGUAGES), p=_OFTEN)), str(rng.choice(_VOICES))
        voice: str | Reader = language + kind
        if rng.random() < read:
            voice = READERS[rng.integers(len(READERS))]
            language = voice.language or language
        high = voice.high if isinstance(voice, Reader) else "f" in kind
        lowest, highest = (55, 74) if high else (43, 64)
        lowest += int(rng.integers(-3, highest - lowest - 6))
        scale, root = _SCALES[rng.integers(2)], int(rng.integers(12))
        span = np.arange(lowest, lowest + rng.integers(7, 14) + 1)
        notes = span[np.isin((span - root) % 12, scale)]
        note_s = float(np.exp(rng.uniform(np.log(0.11), np.log(0.38))))
        return cls(
            language, voice, notes, rng.uniform(0.88, 1.18), note_s, rng.uniform(0, 0.6),
            rng.uniform(4.8, 6.2),
        )  # fmt: skip


def song(
    rng: np.random.Generator, seconds: float, read: float
) -> tuple[NDArray[np.float32], NDArray[np.int8]]:
    """A voice alone, ``(frames,)`` at 22.05 kHz, and the class of its phone every `HOP_S`.

    Args:
        read: how often the singer has a person's voice.
    """
    singer = Singer.random(rng, read)
    out, classes = np.zeros(int(seconds * RATE_HZ)), np.full(int(seconds / HOP_S), _PAUSE, np.int8)
    at_s = rng.uniform(0.2, 3)
    while at_s < seconds - 2:
        line = _said(rng, singer, int(rng.integers(120, 200)))
        if line.samples.size < 0.2 * RATE_HZ:
            continue
        wave, phones = sung(rng, singer, line)
        first = int(at_s * RATE_HZ)
        wave = wave[: out.size - first] * (0.1 * 10 ** (rng.normal(0, 0.1)) / (np.std(wave) + 1e-9))
        out[first : first + wave.size] += wave
        hop = round(at_s / HOP_S)
        classes[hop : hop + phones.size] = phones[: classes.size - hop]
        at_s += phones.size * HOP_S
        at_s += rng.uniform(0.05, 0.5) if rng.random() < 0.6 else rng.uniform(0.5, 5)
    level = np.sqrt(lfilter([0.002], [1, -0.998], out**2) + 1e-6)
    out /= level ** rng.uniform(0.2, 0.6)  # as a compressor would even it
    return (out / (np.abs(out).max() + 1e-9)).astype(np.float32), classes


def _said(rng: np.random.Generator, singer: Singer, words_a_minute: int) -> Speech:
    text = _text(rng, singer.language)
    if isinstance(singer.voice, Reader):
        return read(rng, singer.voice, text, singer.language, words_a_minute)
    return say(text, singer.voice, words_a_minute)


def sung(
    rng: np.random.Generator, singer: Singer, line: Speech
) -> tuple[NDArray[np.float64], NDArray[np.int8]]:
    """A spoken line as singing, and the class of its phone every `HOP_S`."""
    pitch_hz, times = pyworld.dio(line.samples, RATE_HZ, frame_period=1000 * HOP_S)
    pitch_hz = pyworld.stonemask(line.samples, pitch_hz, times, RATE_HZ)
    envelope = pyworld.cheaptrick(line.samples, pitch_hz, times, RATE_HZ)
    breath = pyworld.d4c(line.samples, pitch_hz, times, RATE_HZ)
    source, classes, notes = _melody(rng, singer, line, pitch_hz.size)
    voiced = ((pitch_hz[source] > 0) | np.isin(classes, _SUNG)) & (classes != _PAUSE)
    bins = np.arange(envelope.shape[1])
    shapes = np.log(envelope[source] + 1e-16)
    envelope = np.exp([np.interp(bins / singer.formants, bins, shape) for shape in shapes])
    breath = breath[source]
    tones = np.isin(classes, _SUNG)
    breath[tones] = np.clip(breath[tones] * rng.uniform(0.5, 1.3), 0, 1)
    sung_hz = np.where(voiced, 440 * 2 ** ((notes - 69) / 12), 0.0)
    return pyworld.synthesize(sung_hz, envelope, np.ascontiguousarray(breath), RATE_HZ, 1000 * HOP_S), classes


def _melody(
    rng: np.random.Generator, singer: Singer, line: Speech, hops: int
) -> tuple[NDArray[np.intp], NDArray[np.int8], NDArray[np.float64]]:
    """For every hop of the singing: the hop of the speech it is made of, the class, the MIDI pitch."""
    source, classes, notes = [np.zeros(0)], [np.zeros(0, np.int8)], [np.zeros(0)]
    note = float(rng.choice(singer.notes))
    for kind, first, last in _segments(line, hops):
        length_s = (last - first) * HOP_S
        if kind in _HELD:
            near = np.exp(-np.abs(singer.notes - note) / 2.5)
            note = float(rng.choice(singer.notes, p=near / near.sum()))
            length_s = min(4.0, max(0.06, singer.note_s * float(np.exp(rng.normal(0, 0.55)))))
            if rng.random() < 0.07:
                length_s *= rng.uniform(2, 4)
        else:
            length_s *= rng.uniform(0.3, 1) if kind == _PAUSE else rng.uniform(0.8, 1.5)
        count = max(1, round(length_s / HOP_S))
        source.append(first + (np.arange(count) + 0.5) / count * (last - first))
        classes.append(np.full(count, kind, np.int8))
        notes.append(np.full(count, note))
    pitches = np.concatenate(notes)
    glide = np.hanning(15)[1:-1] / np.hanning(15)[1:-1].sum()
    pitches = np.convolve(np.pad(pitches, 6, "edge"), glide, "valid")
    turns = 2 * np.pi * singer.rate_hz * np.arange(pitches.size) * HOP_S
    pitches += 0.7 * singer.vibrato * np.sin(turns) + 0.3 * np.cumsum(rng.normal(0, 0.02, pitches.size))
    at = np.clip(np.round(np.concatenate(source)), 0, hops - 1).astype(np.intp)
    return at, np.concatenate(classes), pitches


def _segments(line: Speech, hops: int) -> list[tuple[int, int, int]]:
    """Class, first and past-the-last hop of each phone; a diphthong is parted evenly."""
    ends_s = [start_s for start_s, _ in line.phones[1:]] + [line.samples.size / RATE_HZ]
    found = []
    for (start_s, symbols), end_s in zip(line.phones, ends_s, strict=True):
        kinds = [CLASSES.index(CLASS_OF[symbol]) for symbol in symbols if symbol in CLASS_OF] or [_PAUSE]
        edges = np.linspace(start_s, end_s, len(kinds) + 1) / HOP_S
        marks = np.minimum(np.round(edges).astype(int), hops)
        found += [(kind, a, b) for kind, a, b in zip(kinds, marks, marks[1:], strict=False) if b > a]
    return found


def _text(rng: np.random.Generator, language: str) -> str:
    """A line of words that sound like a language and mean nothing."""
    count = int(rng.integers(2, 8))
    if language == "cmn":
        characters = _LANGUAGES[language]["characters"].replace(" ", "")
        return "".join(rng.choice(list(characters), size=int(1.5 * count)))
    return " ".join(_word(rng, language) for _ in range(count))


def _word(rng: np.random.Generator, language: str) -> str:
    onsets, vowels, codas = (_LANGUAGES[language][part].split() for part in ("onsets", "vowels", "codas"))
    count = int(rng.choice((1, 1, 2, 2, 3)))
    word = ""
    for syllable in range(count):
        word += str(rng.choice(onsets)) if rng.random() < 0.9 else ""
        word += str(rng.choice(vowels))
        if rng.random() < (0.7 if syllable == count - 1 else 0.3):
            word += str(rng.choice(codas)).strip("-")
    return word
