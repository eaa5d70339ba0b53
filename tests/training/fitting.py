"""Weights of the built-in separator's second look, found on mixes whose stems are known.

Each mix is looked at through the separator's own cues. The mean signal-to-distortion ratio of its
stems is raised by Adam, with a penalty on large weights.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from conftest import REAL
from numpy.typing import NDArray
from spoilt import rock_band

from polish import audio
from polish.dsp.spectrum import stft
from polish.models import separation
from polish.models.cue_weights import FIRST, POINTS_HZ, SECOND, SOURCES, Weights
from polish.models.separation import first_cues, second_cues

from .masking import GRID, RATE_HZ

EVERY = 5
"""Of the columns of a spectrogram one in so many is looked at."""
STEPS, BATCH, RATE = 150, 3, 0.1
SHARES = {"": 1.0, "rock": 0.6, "easy": 1.2}
"""How often synthesised mixes are heard, and a real song or what it is part of; with less of
`so-easy` its voice came out below 6 dB."""
PENALTY_DB, STEREO_PENALTY_DB, AROUND_PENALTY_DB = 1e-3, 1e-2, 5e-4
"""For each squared weight. How songs are panned differs most; what is around a cell is told twice."""
STEREO = ("centre", "side")
VOICE = SOURCES.index("vocals")
EACH, TWO = ((0,), (1,), (2,), (3,)), ((0, 1, 2), (3,))
"""Which stems are known: each, or the voice and the rest."""

Stems = NDArray[np.float32]
"""`float32`, shape ``(4, 2, frames)``, in the order of `SOURCES`."""


@dataclass(frozen=True)
class Mix:
    """A mix with known stems, and the real songs that are part of it."""

    stems: Stems
    known: tuple[tuple[int, ...], ...] = EACH
    real: frozenset[str] = frozenset()


def rock_and_easy() -> tuple[Stems, Stems]:
    """The two real songs; the rest of `so-easy` counts as other."""
    band = rock_band(REAL / "stems" / "80s-rock" / "80s-rock.stem.mp4")
    parts = ("vocals", "accompaniment")
    voice, rest = (audio.read(REAL / "stems" / "so-easy" / f"{part}.mp3").samples for part in parts)
    length = min(voice.shape[1], rest.shape[1])
    easy = np.zeros((len(SOURCES), 2, length), np.float32)
    easy[SOURCES.index("other")], easy[VOICE] = rest[:, :length], voice[:, :length]
    return np.stack([band[name].samples for name in SOURCES]), easy


def mixes(made: list[Stems]) -> Iterator[Mix]:
    """The two real songs, synthesised mixes, and what is made of them."""
    rock, easy = rock_and_easy()
    length = rock.shape[2]
    for stems, known, name in ((rock, EACH, "rock"), (easy, TWO, "easy")):
        song = frozenset({name})
        yield from (Mix(stems, known, song), Mix(_mono(stems), known, song))
        yield Mix(with_voice(stems, np.zeros_like(stems)), known, song)
    for first in (0, 8 * RATE_HZ, 16 * RATE_HZ):
        part, both = easy[:, :, first : first + length], frozenset({"rock", "easy"})
        yield from (Mix(with_voice(rock, part), EACH, both), Mix(with_voice(part, rock), TWO, both))
    for number, stems in enumerate(made):
        yield Mix(_mono(stems) if number % 4 == 3 else stems)
        if number < 10 and number % 2 == 0:
            yield Mix(with_voice(stems, rock), EACH, frozenset({"rock"}))
            yield Mix(with_voice(stems, easy), EACH, frozenset({"easy"}))
        elif number < 10 and stems[VOICE].any():
            yield Mix(with_voice(rock, stems), EACH, frozenset({"rock"}))
            yield Mix(with_voice(easy, stems), TWO, frozenset({"easy"}))


def _mono(stems: Stems) -> Stems:
    return np.repeat(stems.mean(axis=1, keepdims=True), 2, axis=1)


def with_voice(band: Stems, singer: Stems) -> Stems:
    """Another voice over a band, 2 dB softer than it, and as long."""
    voice = singer[VOICE]
    voice = np.tile(voice, -(-band.shape[2] // voice.shape[1]))[:, : band.shape[2]]
    rest = np.delete(band, VOICE, axis=0).sum(axis=0)
    level = np.sqrt(np.mean(voice**2))
    out = band.copy()
    out[VOICE] = voice * (0.8 * np.sqrt(np.mean(rest**2)) / level if level else 0)
    return out


class Heard:
    """What is looked at of a mix: the cues of the second look, and what masks may reach.

    Attributes:
        real: the real songs that are part of it.
        known: which stems are.
        cues: ``(cues, columns, bins)``.
        power: ``(columns, bins)``, of the mix, over its mean.
        best: the best real mask of each known stem, ``(stems, columns, bins)``.
        energy: of each known stem, in the columns looked at, ``(stems,)``.
    """

    def __init__(self, mix: Mix) -> None:
        self.real, self.known = mix.real, mix.known
        spectrum = stft(mix.stems.sum(axis=0), GRID.size, GRID.hop)
        magnitudes, cues = first_cues(spectrum, GRID)
        cues |= second_cues(magnitudes, separation._softmax(FIRST, cues, GRID), GRID)
        picked = [np.broadcast_to(cues[name], magnitudes.shape)[::EVERY] for name in SECOND.cues]
        self.cues = torch.from_numpy(np.stack(picked).astype(np.float16))
        bins = magnitudes.shape[1]
        whole = spectrum[:, :bins, ::EVERY]
        stems = [mix.stems[list(stem)].sum(axis=0) for stem in mix.known]
        parts = np.stack([stft(stem, GRID.size, GRID.hop)[:, :bins, ::EVERY] for stem in stems])
        power = (np.abs(whole) ** 2).mean(axis=0).T + 1e-12
        level = power.mean()
        best = np.clip((parts * whole.conj()).real.mean(axis=1).swapaxes(1, 2) / power, -20, 20)
        energy = (np.abs(parts) ** 2).mean(axis=1).sum(axis=(1, 2)) / level
        self.power, self.best, self.energy = (
            torch.from_numpy(each.astype(np.float32)) for each in (power / level, best, energy)
        )

    def distortion(self, weights: torch.Tensor, ranges: torch.Tensor) -> torch.Tensor:
        """How loud the error of each known stem is against the stem, in dB, ``(stems,)``."""
        scores = (weights @ self.cues.float().flatten(1)).view(len(SOURCES), *self.power.shape)
        masks = (scores + (ranges @ _hats(self.power.shape[1]))[:, None]).softmax(0)
        mask = torch.stack([masks[list(stem)].sum(0) for stem in self.known])
        left = self.energy + (self.power * (mask**2 - 2 * mask * self.best)).sum((1, 2))
        floor = 0.01 * self.power.sum()
        return 10 * torch.log10((left.clamp(min=0) + floor) / (self.energy + floor))


def _hats(bins: int) -> torch.Tensor:
    """What each of `POINTS_HZ` says at each bin, ``(points, bins)``."""
    octaves = np.log2(np.maximum(np.arange(bins) * GRID.bin_hz, 20.0))
    hats = [np.interp(octaves, np.log2(POINTS_HZ), row) for row in np.eye(len(POINTS_HZ))]
    return torch.tensor(np.array(hats), dtype=torch.float32)


def found(heard: Sequence[Heard]) -> Weights:
    """The weights of the second look."""
    names = list(SECOND.cues)
    # A mix of both real songs counts as one of the rock song.
    groups = {real: [mix for mix in heard if max(mix.real, default="") == real] for real in SHARES}
    groups = {real: group for real, group in groups.items() if group}
    shares = np.array([SHARES[real] for real in groups])
    weights, ranges = torch.zeros(len(SOURCES), len(names)), torch.zeros(len(SOURCES), len(POINTS_HZ))
    penalty = torch.tensor([_penalty_db(name) for name in names])
    optimiser = torch.optim.Adam([weights.requires_grad_(), ranges.requires_grad_()], RATE)
    pace = torch.optim.lr_scheduler.OneCycleLR(optimiser, RATE, total_steps=STEPS, pct_start=0.15)
    rng = np.random.default_rng(0)
    waiting: dict[str, list[int]] = {real: [] for real in groups}
    for _ in range(STEPS):
        optimiser.zero_grad()
        ((penalty * weights**2).sum() + PENALTY_DB * (ranges**2).sum()).backward()
        for _ in range(BATCH):
            real = str(rng.choice(list(groups), p=shares / shares.sum()))
            waiting[real] = waiting[real] or list(rng.permutation(len(groups[real])))
            mix = groups[real][waiting[real].pop()]
            (mix.distortion(weights, ranges).mean() / BATCH).backward()
        optimiser.step()
        pace.step()
    rows, points = (
        [tuple(round(value, 2) for value in row) for row in each.detach().T.tolist()]
        for each in (weights, ranges)
    )
    return Weights(tuple(points), dict(zip(names, rows, strict=True)))


def _penalty_db(cue: str) -> float:
    if cue in STEREO:
        return STEREO_PENALTY_DB
    return AROUND_PENALTY_DB if cue.endswith((" near", " wide")) else PENALTY_DB


def source(weights: Weights) -> str:
    """Weights as they stand in the module."""

    def row(values: Sequence[float]) -> str:
        return f"({', '.join(f'{value:.2f}' for value in values)})"

    points = zip(POINTS_HZ, weights.range, strict=True)
    ranges = "".join(f"        {row(each)},  # {hz} Hz\n" for hz, each in points)
    cues = "".join(f'        "{cue}": {row(each)},\n' for cue, each in weights.cues.items())
    return f"SECOND = Weights(\n    range=(\n{ranges}    ),\n    cues={{\n{cues}    }},\n)  # fmt: skip"
