"""A singing voice: a glottal source through vowel formants, with noise for consonants.

Source and filter after Fant, "Acoustic Theory of Speech Production" (1960): a buzz whose
spectrum falls 6 dB an octave (glottal flow and radiation together), through a cascade of
resonances (Klatt, J. Acoust. Soc. Am. 67(3), 1980). The filter moves, so it is applied to
short-time spectra.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .articulation import SungNote, Tracks
from .synth import blep_saw, filtered_frames

_UPPER_HZ = tuple(np.arange(3500.0, 13_000.0, 1000.0, dtype=np.float32))
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


def sing(
    notes: list[SungNote], singer: Singer, frames: int, rate_hz: int, *, rng: np.random.Generator
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
        sound = _sing_phrase(phrase, singer, (first, last), rate_hz, rng)
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
    notes: list[SungNote], singer: Singer, span: tuple[int, int], rate_hz: int, rng: np.random.Generator
) -> NDArray[np.float32]:
    """The frames from `span[0]` to `span[1]`."""
    frames, start_s = span[1] - span[0], span[0] / rate_hz
    hop = round(_HOP_S * rate_hz)
    hop_s = hop / rate_hz
    count = frames // hop + 8
    tracks = Tracks(count, start_s, hop_s)
    tracks.sing(notes)
    formants = np.stack([_smooth(row, 0.035, hop_s) for row in tracks.formants]) * singer.tract
    voiced = _smooth(tracks.voiced, 0.018, hop_s)[:, None]
    noise = _smooth(tracks.noise, 0.008, hop_s)[:, None]
    centre, width = tracks.centre[:, None], tracks.width[:, None]
    pitch_hz = _pitch_hz(notes, singer, start_s + np.arange(count) * hop_s, rng)
    buzz = blep_saw(np.interp(np.arange(frames) / hop, np.arange(count), pitch_hz), rate_hz)
    air = 0.5 * rng.standard_normal(frames, dtype=np.float32)

    def tone(first: int, last: int, hz: NDArray[np.float32]) -> NDArray[np.float32]:
        presence = 0.5 * np.minimum(4.0, 1 + (hz / 4000) ** 2)
        return presence * _vocal_tract(formants[:, first:last], hz) * voiced[first:last]

    def hiss(first: int, last: int, hz: NDArray[np.float32]) -> NDArray[np.float32]:
        apart = (hz[None, :] - centre[first:last]) / (0.5 * width[first:last])
        breath = np.clip((hz - 1500) / 4000, 0, 1) * (0.08 * singer.breath)
        return 1.8 * np.exp(-0.5 * apart**2) * noise[first:last] + breath * voiced[first:last]

    return filtered_frames(buzz, hop, tone, rate_hz) + filtered_frames(air, hop, hiss, rate_hz)


def _pitch_hz(
    notes: list[SungNote], singer: Singer, times_s: NDArray[np.float64], rng: np.random.Generator
) -> NDArray[np.float32]:
    """The pitch at every time: tones joined by slides, vibrato on held ones, a little drift."""
    hop_s = float(times_s[1] - times_s[0])
    pitch = np.full(times_s.size, notes[0].pitch)
    depth = np.zeros(times_s.size)
    for note in notes:
        begun = times_s >= note.start_s - singer.glide_s / 2
        pitch[begun] = note.pitch
        inside = begun & (times_s < note.start_s + note.length_s)
        depth[inside] = np.clip((times_s[inside] - note.start_s - 0.18) / 0.3, 0, 1)
    drift = np.cumsum(rng.standard_normal(times_s.size)) * 0.012
    drift -= _smooth(drift, 0.5, hop_s)
    wobble = np.sin(2 * np.pi * singer.vibrato_hz * times_s + rng.uniform(0, 6.28))
    vibrato = _smooth(depth, 0.05, hop_s) * wobble * singer.vibrato_cents / 100
    pitch = _smooth(pitch, singer.glide_s, hop_s) + drift + vibrato
    return (440 * 2 ** ((pitch - 69) / 12)).astype(np.float32)


def _vocal_tract(formants: NDArray[np.float32], hz: NDArray[np.float32]) -> NDArray[np.float32]:
    """Gain of the vocal tract, shape ``(frames, bins)``, for formants ``(3, frames)``.

    Three moving resonances in cascade with fixed higher ones, a kilohertz apart as those of a
    uniform tube are; without these a voice would have nothing above the third.
    """
    square = hz**2
    gain = np.ones((1, hz.size), np.float32)
    for formant in _UPPER_HZ:
        gain = gain * formant**2 / np.sqrt((square - formant**2) ** 2 + square * (0.16 * formant) ** 2)
    for formant, width in zip(formants, (80.0, 100.0, 140.0), strict=True):
        peak = (formant**2)[:, None]
        gain = gain * (peak / np.sqrt((square - peak) ** 2 + square * width**2))
    return gain


def _smooth(track: NDArray[np.floating], span_s: float, hop_s: float) -> NDArray[np.float32]:
    """A running mean (Hann-weighted) over `span_s`, ends held."""
    width = max(1, round(span_s / hop_s)) * 2 + 1
    window = np.hanning(width + 2)[1:-1]
    padded = np.pad(track.astype(np.float64), width // 2, mode="edge")
    return np.convolve(padded, window / window.sum(), mode="valid").astype(np.float32)
