"""A singing voice: a glottal source through vowel formants, with noise for consonants.

Source and filter after Fant, "Acoustic Theory of Speech Production" (1960): a buzz whose
spectrum falls 6 dB an octave (glottal flow and radiation together), through a cascade of
resonances (Klatt, J. Acoust. Soc. Am. 67(3), 1980). The filter moves, so it is applied to
short-time spectra. Vowel formants: Peterson and Barney (1952), scaled by the singer.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .synth import blep_saw, filtered_frames
from .words import Syllable

_VOWEL = {
    "IY": (270, 2290, 3010), "IH": (390, 1990, 2550), "EH": (530, 1840, 2480), "AE": (660, 1720, 2410),
    "AA": (730, 1090, 2440), "AO": (570, 840, 2410), "UH": (440, 1020, 2240), "UW": (300, 870, 2240),
    "AH": (640, 1190, 2390), "ER": (490, 1350, 1690),
}  # fmt: skip
_GLIDE = {"AY": ("AA", "IH"), "EY": ("EH", "IY"), "OW": ("AO", "UH"), "AW": ("AA", "UH")}
_SOFT = {
    "M": (250, 1000, 2200), "N": (250, 1500, 2500), "NG": (250, 1900, 2600), "L": (360, 1100, 2700),
    "R": (350, 1150, 1600), "W": (300, 650, 2300), "Y": (270, 2200, 3000),
}  # fmt: skip
"""Voiced consonants without noise: their formants."""
_NOISE = {
    "S": (7000, 2600, 0.5, 0.0), "Z": (6800, 2600, 0.3, 0.35), "SH": (3600, 1700, 0.45, 0.0),
    "F": (6500, 6000, 0.13, 0.0), "V": (6000, 6000, 0.07, 0.4), "TH": (6800, 5000, 0.12, 0.0),
    "DH": (6000, 5000, 0.06, 0.45), "HH": (1800, 2500, 0.16, 0.05),
}  # fmt: skip
"""Fricatives: centre and width of the noise in Hz, its level, and how much voice is under it."""
_BURST = {
    "P": (900, 1200, 0.3), "T": (4600, 3000, 0.45), "K": (2000, 1300, 0.4), "B": (700, 900, 0.2),
    "D": (3800, 2500, 0.25), "G": (1900, 1200, 0.25), "CH": (3800, 2000, 0.45), "JH": (3600, 2000, 0.3),
}  # fmt: skip
_UPPER = (3500.0, 4500.0, 5500.0)
_HOP_S = 256 / 44_100


@dataclass(frozen=True)
class Singer:
    """A voice: vocal tract size, breath, vibrato.

    Attributes:
        tract: formants relative to a man's, about 1 to 1.2.
        breath: noise in the tone, 0 to 1.
        vibrato_cents, vibrato_hz: its depth and rate.
        glide_s: how long it slides between tones.
    """

    tract: float = 1.0
    breath: float = 0.2
    vibrato_cents: float = 35.0
    vibrato_hz: float = 5.5
    glide_s: float = 0.05


@dataclass(frozen=True)
class SungNote:
    """A syllable on a pitch: when its vowel begins, how long it is held, how strong."""

    start_s: float
    length_s: float
    pitch: float
    strength: float
    syllable: Syllable


class _Tracks:
    """What the voice does in every frame."""

    def __init__(self, frames: int) -> None:
        self.formants = np.tile(np.array(_VOWEL["AH"], np.float32)[:, None], (1, frames))
        self.voiced = np.zeros(frames, np.float32)
        self.noise = np.zeros(frames, np.float32)
        self.centre = np.full(frames, 4000.0, np.float32)
        self.width = np.full(frames, 3000.0, np.float32)

    def tone(self, start: int, stop: int, formants: tuple[int, int, int], level: float) -> None:
        start, stop = max(0, start), max(0, stop)
        self.formants[:, start:stop] = np.array(formants, np.float32)[:, None]
        self.voiced[start:stop] = level

    def hiss(self, start: int, stop: int, centre: float, width: float, level: float) -> None:
        start, stop = max(0, start), max(0, stop)
        self.centre[start:stop], self.width[start:stop] = centre, width
        self.noise[start:stop] = level


def sing(
    notes: list[SungNote], singer: Singer, frames: int, rate_hz: int, rng: np.random.Generator
) -> NDArray[np.float32]:
    """The voice singing `notes` (in time order), shape ``(frames,)``, peaks around 0.5.

    Consonants before a vowel come before the note's start, as singers time them.
    """
    out = np.zeros(frames, np.float32)
    for phrase in _phrases(notes):
        start_s = max(0.0, phrase[0].start_s - 0.35)
        stop_s = phrase[-1].start_s + phrase[-1].length_s + 0.4
        first = int(start_s * rate_hz)
        last = min(frames, int(stop_s * rate_hz))
        if last - first < 2048:
            continue
        sound = _sing_phrase(phrase, singer, first / rate_hz, last - first, rate_hz, rng)
        out[first:last] += sound
    return out


def _phrases(notes: list[SungNote]) -> list[list[SungNote]]:
    """Notes grouped where the voice rests for more than 0.3 s; a group lasts at most 12 s or so."""
    groups: list[list[SungNote]] = []
    for note in notes:
        if groups and note.start_s - (groups[-1][-1].start_s + groups[-1][-1].length_s) < 0.3:
            groups[-1].append(note)
        else:
            groups.append([note])
    return groups


def _sing_phrase(
    notes: list[SungNote], singer: Singer, start_s: float, frames: int, rate_hz: int, rng: np.random.Generator
) -> NDArray[np.float32]:
    hop = round(_HOP_S * rate_hz)
    count = frames // hop + 8
    tracks = _articulate(notes, start_s, count, hop / rate_hz)
    pitch = _pitch_hz(notes, singer, start_s, count, hop / rate_hz, rng)
    for row in range(3):
        tracks.formants[row] = _smooth(tracks.formants[row], 0.035, hop / rate_hz)
    voiced = _smooth(tracks.voiced, 0.018, hop / rate_hz)
    noise = _smooth(tracks.noise, 0.008, hop / rate_hz)
    at = np.arange(frames) / hop
    source_hz = np.interp(at, np.arange(count), pitch).astype(np.float32)
    buzz = blep_saw(source_hz, rate_hz)
    air = rng.standard_normal(frames).astype(np.float32) * 0.5

    def tone(first: int, last: int, hz: NDArray[np.float32]) -> NDArray[np.float32]:
        shape = _vocal_tract(tracks.formants[:, first:last] * singer.tract, hz)
        return shape * voiced[first:last, None]

    def hiss(first: int, last: int, hz: NDArray[np.float32]) -> NDArray[np.float32]:
        centre, width = tracks.centre[first:last, None], tracks.width[first:last, None]
        band = np.exp(-0.5 * ((hz[None, :] - centre) / (0.5 * width)) ** 2) * noise[first:last, None]
        breath = (
            np.clip((hz - 1500) / 4000, 0, 1)[None, :] * (0.035 * singer.breath) * voiced[first:last, None]
        )
        return (band + breath).astype(np.float32)

    return filtered_frames(buzz, hop, tone, rate_hz) * 0.5 + filtered_frames(air, hop, hiss, rate_hz)


def _articulate(notes: list[SungNote], start_s: float, count: int, hop_s: float) -> _Tracks:
    """Lay out the sounds of every syllable in frames."""
    tracks = _Tracks(count)
    free_s = start_s
    for n, note in enumerate(notes):
        vowel_s = note.start_s - start_s
        end_s = vowel_s + note.length_s
        if n + 1 < len(notes):
            following = notes[n + 1]
            lead_s = sum(_length_s(sound) for sound in following.syllable.before)
            end_s = min(end_s, following.start_s - start_s - lead_s)
        tail_s = sum(_length_s(sound) for sound in note.syllable.after)
        squeeze = min(1.0, 0.5 * max(end_s - vowel_s, 0.05) / tail_s) if tail_s else 1.0
        close_s = max(vowel_s + 0.04, end_s - tail_s * squeeze)
        lead_s = sum(_length_s(sound) for sound in note.syllable.before)
        at_s = max(vowel_s - lead_s, free_s - start_s)
        for sound in note.syllable.before:
            at_s = _consonant(tracks, sound, at_s, min(_length_s(sound), vowel_s - at_s), note, hop_s)
        _vowel(tracks, note, vowel_s, close_s, hop_s)
        at_s = close_s
        for sound in note.syllable.after:
            at_s = _consonant(tracks, sound, at_s, _length_s(sound) * squeeze, note, hop_s)
        free_s = start_s + at_s
    return tracks


def _length_s(sound: str) -> float:
    return 0.1 if sound in _NOISE else 0.07 if sound in _BURST else 0.065


def _vowel(tracks: _Tracks, note: SungNote, start_s: float, end_s: float, hop_s: float) -> None:
    start, end = round(start_s / hop_s), round(end_s / hop_s)
    first, second = _GLIDE.get(note.syllable.vowel, (note.syllable.vowel,) * 2)
    turn = start + round((end - start) * 0.65)
    tracks.tone(start, turn, _VOWEL[first], note.strength)
    tracks.tone(turn, end, _VOWEL[second], note.strength * 0.92)


def _consonant(
    tracks: _Tracks, sound: str, start_s: float, length_s: float, note: SungNote, hop_s: float
) -> float:
    """Lay out one consonant; the time it ends."""
    if length_s <= 0.004:
        return start_s
    start, end = round(start_s / hop_s), round((start_s + length_s) / hop_s)
    level = 0.5 + 0.5 * note.strength
    if sound in _SOFT:
        tracks.tone(start, end, _SOFT[sound], 0.45 * note.strength)
    elif sound in _NOISE:
        centre, width, noise, voice = _NOISE[sound]
        tracks.hiss(start, end, centre, width, noise * level)
        tracks.tone(start, end, _VOWEL["AH"], voice * note.strength * 0.5)
    elif sound in _BURST:
        centre, width, noise = _BURST[sound]
        closed = start + max(1, round((end - start) * 0.5))
        tracks.voiced[max(0, start) : max(0, end)] = 0.08 * note.strength if sound in "BDG" else 0.0
        tracks.hiss(closed, min(end, closed + 4), centre, width, noise * level)
    return start_s + length_s


def _pitch_hz(
    notes: list[SungNote], singer: Singer, start_s: float, count: int, hop_s: float, rng: np.random.Generator
) -> NDArray[np.float32]:
    """The pitch in every frame: tones joined by slides, vibrato on held ones, a little drift."""
    times = np.arange(count) * hop_s
    pitch = np.full(count, notes[0].pitch, np.float64)
    depth = np.zeros(count)
    for note in notes:
        begin = note.start_s - start_s - singer.glide_s / 2
        pitch[times >= begin] = note.pitch
        held = np.clip((times - (note.start_s - start_s) - 0.18) / 0.3, 0, 1)
        inside = (times >= begin) & (times < note.start_s - start_s + note.length_s)
        depth = np.where(inside, held, depth)
    pitch = _smooth(pitch.astype(np.float32), singer.glide_s, hop_s).astype(np.float64)
    drift = np.cumsum(rng.standard_normal(count)) * 0.012
    drift -= _smooth(drift.astype(np.float32), 0.5, hop_s)
    wobble = np.sin(2 * np.pi * singer.vibrato_hz * times + rng.uniform(0, 6.28))
    pitch += drift + _smooth(depth.astype(np.float32), 0.05, hop_s) * wobble * singer.vibrato_cents / 100
    return (440 * 2 ** ((pitch - 69) / 12)).astype(np.float32)


def _vocal_tract(formants: NDArray[np.float32], hz: NDArray[np.float32]) -> NDArray[np.float32]:
    """Gain of the vocal tract, shape ``(frames, bins)``, for formants ``(3, frames)``."""
    square = (hz**2)[None, :]
    gain = np.ones((formants.shape[1], hz.size), np.float32)
    for formant, width in zip(formants, (80.0, 100.0, 140.0), strict=True):
        peak = (formant**2)[:, None]
        gain *= peak / np.sqrt((square - peak) ** 2 + square * width**2 + 1e-3)
    upper = np.ones(hz.size, np.float32)
    for formant in _UPPER:
        upper *= formant**2 / np.sqrt((square[0] - formant**2) ** 2 + square[0] * 220.0**2)
    air = np.minimum(upper * (1 + (hz / 3500) ** 4), 3.0)
    return gain * (1 + (hz / 2200) ** 2) * air / (1 + (hz / 9000) ** 4)


def _smooth(track: NDArray[np.float32], span_s: float, hop_s: float) -> NDArray[np.float32]:
    """A running mean (Hann-weighted) over `span_s`, ends held."""
    width = max(1, round(span_s / hop_s)) * 2 + 1
    window = np.hanning(width + 2)[1:-1]
    padded = np.pad(track.astype(np.float64), width // 2, mode="edge")
    return np.convolve(padded, window / window.sum(), mode="valid").astype(np.float32)
