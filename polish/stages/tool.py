"""What the plain tools share: they are put on the mix, or on stems that are named."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from ..audio import Sound
from ..errors import StageFailed
from ..song import Song
from .base import Context, Stage

_PIECE = 1 << 17
POINTS = 240


class Tool(Stage):
    """A tool with settings of its own, on the mix or on stems.

    On stems, the mix changes by what they change, so that stems still sum to it as they did.
    """

    reads: ClassVar[tuple[str, ...]] = ("mix",)
    uses: ClassVar[tuple[str, ...]] = ("stems",)
    writes: ClassVar[tuple[str, ...]] = ("mix",)
    may_write: ClassVar[tuple[str, ...]] = ("stems",)

    stems: list[str] = Field(
        default_factory=list, description="The stems it is put on; the whole mix when none are named."
    )

    @abstractmethod
    def worked(self, sound: Sound) -> tuple[Sound, dict[str, Any]]:
        """A sound after the tool, and what was done; the same object where nothing was."""

    def run(self, song: Song, context: Context = Context()) -> Song:
        assert song.mix is not None
        if not self.stems:
            mix, facts = self.worked(song.mix)
            return song.having(mix=mix).noting(self.step(context), on={"mix": facts})
        stems, mix, noted = dict(song.stems), song.mix, {}
        for name in dict.fromkeys(self.stems):
            if name not in stems:
                raise StageFailed(
                    f"{self.name} is to work on the stem {name!r}, which this song has not",
                    where=self.step(context),
                    hint=f"one of {', '.join(stems)}" if stems else "add the step `separate` before it",
                )
            before = stems[name]
            stems[name], noted[name] = self.worked(before)
            if stems[name] is not before:
                mix = mix.with_samples(mix.samples + (stems[name].samples - before.samples))
            context.progress(len(noted) / len(self.stems))
        return song.having(mix=mix, stems=stems).noting(self.step(context), on=noted)


def through(sound: Sound, plugin: Callable[[], Any], *, piece: int = _PIECE) -> Sound:
    """A sound after a pedalboard plugin, every channel through one of its own; as long as it was.

    Args:
        plugin: makes a plugin that has heard nothing yet.
        piece: frames at a time; the result does not depend on it.
    """
    out = np.empty(sound.samples.shape, np.float32)
    for channel in range(sound.channels):
        board = plugin()
        for first in range(0, sound.frames, piece):
            part = np.ascontiguousarray(sound.samples[channel : channel + 1, first : first + piece])
            out[channel, first : first + piece] = board.process(part, sound.rate_hz, reset=False)[0]
    return sound.with_samples(out)


def gains(sound: Sound, dynamics: Any, *, piece: int = _PIECE) -> Iterator[tuple[slice, NDArray[np.float32]]]:
    """The gain of a pedalboard compressor or gate, keyed by the loudest channel, ``(1, frames)`` a piece.

    All channels are to get the same gain, so that nothing moves sideways.
    """
    for first in range(0, sound.frames, piece):
        part = slice(first, min(first + piece, sound.frames))
        # Never zero, so that the gain can be read off what comes out.
        key = np.maximum(np.abs(sound.samples[:, part]).max(axis=0, keepdims=True), np.float32(1e-6))
        yield part, dynamics.process(key, sound.rate_hz, reset=False) / key


def turned_down(sound: Sound, dynamics: Any, *, makeup: float = 1.0) -> tuple[Sound, dict[str, Any]]:
    """A sound after a compressor or gate, and how far that turned it down, over time.

    Args:
        makeup: amplitude by which all of it is then louder.
    """
    out = np.empty(sound.samples.shape, np.float32)
    gain = np.ones(sound.frames, np.float32)
    for part, now in gains(sound, dynamics):
        out[:, part] = sound.samples[:, part] * (now * np.float32(makeup))
        gain[part] = now[0]
    return sound.with_samples(out), history(gain, sound.rate_hz)


def history(gain: NDArray[np.float32], rate_hz: int) -> dict[str, Any]:
    """Gain reduction over time, as of `course`, with its deepest and its mean in dB."""
    gain = gain if gain.size else np.ones(1, np.float32)
    size, deepest = _deepest(gain)
    return {
        "deepest_db": round(_db(deepest.min()), 2),
        "mean_db": round(_db(gain.mean(dtype=np.float64)), 2),
        "history_db": [round(_db(value), 1) for value in deepest],
        "hop_s": round(size / rate_hz, 4),
    }


def course(gain_db: NDArray[np.floating], hop_s: float) -> dict[str, Any]:
    """A gain over time in at most 240 points, each the deepest of its stretch.

    Args:
        gain_db: ``(columns,)``, at least one.
        hop_s: from one column to the next.
    """
    size, deepest = _deepest(gain_db)
    return {
        "history_db": [round(float(db), 1) + 0.0 for db in deepest],
        "hop_s": round(size * hop_s, 4),
    }


def _deepest(gain: NDArray[np.floating]) -> tuple[int, NDArray[np.floating]]:
    """How long stretches are of which there are no more than `POINTS`, and the least of each."""
    size = -(-gain.size // POINTS)
    return size, np.pad(gain, (0, -gain.size % size), mode="edge").reshape(-1, size).min(axis=1)


def _db(amplitude: float) -> float:
    return float(20 * np.log10(max(float(amplitude), 1e-5)))
