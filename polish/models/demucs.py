"""Demucs: neural separation, the networks of the `demucs` package applied in our own way.

Défossez, «Hybrid Spectrogram and Waveform Source Separation», 2021 (HDemucs), and Rouard,
Massa & Défossez, «Hybrid Transformers for Music Source Separation», ICASSP 2023 (HTDemucs).

A network whose stems nobody asked for is not run at all. Stems are written where `scratch`
lays them as they come, so memory does not grow with the song.
"""

from __future__ import annotations

import math
import random
from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from .. import audio
from ..audio.sound import Samples, Sound
from .demixing.apply import Heard, Span, pieces, segments, spans, starts
from .demixing.networks import BAGS, WEIGHTS, network
from .engines import Mode, Progress, Separated, Separator
from .torch_speed import give_back, half_pays, memory_kept

if TYPE_CHECKING:
    from .demixing.precision import Kind

FAST_ENOUGH_DB = 75.0
"""Multiplying in half precision must come this near to the exact stems, on the mix at hand."""
_BLOCK_FRAMES = 1 << 20


class Demucs(Separator):
    """The Demucs model its name says, on the first GPU or else the CPU.

    ``exact`` gives the bits of `demucs` itself, up to the rounding of the mean and deviation
    of the mix. ``fast`` is measured on the loudest segment first: half precision where it is
    within `FAST_ENOUGH_DB`, else float32 in whatever order is quickest.
    """

    weights: ClassVar = WEIGHTS

    @property
    def stems(self) -> tuple[str, ...]:
        return BAGS[self.name].sources

    @property
    def best_mode(self) -> Mode:
        return "fast" if half_pays() else "exact"

    def separate(
        self,
        mix: Sound,
        *,
        seed: int,
        progress: Progress,
        stems: Collection[str] = (),
        mode: Mode = "exact",
        shifts: int = 0,
    ) -> Separated:
        bag = BAGS[self.name]
        wanted = [index for index, source in enumerate(bag.sources) if not stems or source in stems]
        runs = [k for k in range(len(bag.networks)) if bag.shares(k)[wanted].any()]
        rate_hz = network(self.name, runs[0]).samplerate
        # Drawn for every network, so that one stem alone is heard as it is among all.
        generator = random.Random(seed)
        passes = [starts(rate_hz, shifts, generator) for _ in bag.networks]
        heard = Heard.of(audio.resample(mix, rate_hz))
        out, error = audio.scratch((len(wanted), *heard.sound.samples.shape)), _Error()
        with memory_kept(), threadpool_limits(1, user_api="blas"):
            for done, number in enumerate(runs):
                loaded, shares = network(self.name, number), bag.shares(number)[wanted]
                kind: Kind = "exact"
                known: dict[Span, Samples] = {}
                if mode == "fast":
                    span = heard.loudest(spans(loaded, heard, passes[number][0]))
                    kind, known[span] = _quickest(loaded, heard, span, wanted, shares, error=error)
                for turn, start in enumerate(passes[number]):
                    share = shares / np.float32(len(passes[number]))
                    for at, piece in pieces(loaded, heard, kind, start=start, known=known):
                        end = at + piece.shape[-1]
                        more = _as_heard(piece[wanted], heard, share, len(bag.sources))
                        # What nothing was written to yet is not read: on the disk that takes longer.
                        out[:, :, at:end] = more + out[:, :, at:end] if done or turn else more
                        audio.rest(out, heard.sound.samples)
                        part = (turn + end / heard.sound.frames) / len(passes[number])
                        progress((done + part) / len(runs))
                        del piece, more
        named = zip((bag.sources[index] for index in wanted), out, strict=True)
        made = {name: _fitted(stem, rate_hz, mix) for name, stem in named}
        return Separated(made, mode, error.snr_db, shifts)


@dataclass
class _Error:
    """Energies of exact stems and of what quick ones miss them by, over the networks that ran."""

    signal: float = 0.0
    missed: float = 0.0

    @property
    def snr_db(self) -> float | None:
        """None when nothing was missed."""
        return _ratio_db(self.signal, self.missed) if self.missed else None


def _quickest(
    loaded: Any, heard: Heard, span: Span, wanted: list[int], shares: NDArray[np.float32], *, error: _Error
) -> tuple[Kind, Samples]:
    """The quickest way to work that is near enough on a span, and all stems of it made that way.

    Its error is added to `error`. That of half precision is measured from float32, which lies so much
    nearer to the exact stems that it makes no odds.
    """
    from .demixing.layers import prepared

    def made_by(kind: Kind) -> Samples:
        made = segments(loaded, heard, [span], kind)[0]
        give_back()  # what one way left lies between the blocks that the next one asks for
        return made

    def misses(reference: Samples, made: Samples) -> tuple[float, float]:
        parts = [each[wanted].astype(np.float64) * shares[:, None, None] for each in (reference, made)]
        missing = parts[0] - parts[1]
        return float(np.vdot(parts[0], parts[0])), float(np.vdot(missing, missing))

    prepared(loaded, "half" if half_pays() else "single")
    kind: Kind = "single"
    single = made = made_by(kind)
    if half_pays():
        made = made_by("half")
        signal, missed = misses(single, made)
        if _ratio_db(signal, missed) >= FAST_ENOUGH_DB:
            kind = "half"
    if kind == "single":
        made = single
        signal, missed = misses(made_by("exact"), made)
    error.signal += signal
    error.missed += missed
    return kind, made


def _ratio_db(signal: float, missed: float) -> float:
    if not missed:
        return math.inf
    return 10 * math.log10(signal / missed) if signal else -math.inf


def _as_heard(piece: Samples, heard: Heard, share: NDArray[np.float32], sources: int) -> Samples:
    """A piece of the stems at the mix's level and channels, each with its part of the mix's mean.

    The networks hear the mix less its mean; each stem of all gets an equal part of it back.
    """
    made = piece.mean(axis=1, keepdims=True) if heard.sound.channels == 1 else piece
    made = made * np.float32(heard.deviation) + np.float32(heard.mean / sources)
    return made * share[:, None, None]


def _fitted(samples: Samples, rate_hz: int, mix: Sound) -> Sound:
    """A stem at the mix's rate and of exactly its length."""
    stem = audio.resample(Sound(samples, rate_hz), mix.rate_hz)
    if stem.frames == mix.frames:
        return stem
    fitted = audio.scratch(mix.samples.shape)
    for start in range(0, min(stem.frames, mix.frames), _BLOCK_FRAMES):
        block = stem.samples[:, start : min(start + _BLOCK_FRAMES, mix.frames)]
        fitted[:, start : start + block.shape[1]] = block
        audio.rest(fitted, stem.samples)
    return Sound(fitted, mix.rate_hz)
