"""What may choose the masks of the built-in separator: its softmax over cues, and a small network."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from polish.models.cue_weights import POINTS_HZ, SECOND, SOURCES
from polish.models.separation import Grid

RATE_HZ = 44_100
GRID = Grid.at(RATE_HZ)
BINS = 1024
"""Up to 11 kHz; above, the separator's own masks stay."""
CUES = tuple(SECOND.cues)
BANDS = ((0, 24, 4), (96, 24, 12), (384, 16, 40))
"""First bin, how many bands, and bins in each: 43, 129 and 431 Hz wide."""
WIDTH, LAYERS = 32, ((1, 1), (2, 2), (4, 4), (8, 8), (16, 1))
"""Channels, and how far apart in time and frequency each layer looks."""


class Softmax(nn.Module):
    """The separator's own second look: weights by cue and by frequency."""

    def __init__(self, ours: bool) -> None:
        super().__init__()
        weights, ranges = (
            torch.tensor(rows).T.clone() for rows in (list(SECOND.cues.values()), SECOND.range)
        )
        if not ours:
            weights, ranges = torch.zeros_like(weights), torch.zeros_like(ranges)
        self.weights, self.ranges = (nn.Parameter(each, requires_grad=not ours) for each in (weights, ranges))
        octaves = np.log2(np.maximum(np.arange(BINS) * GRID.bin_hz, 20.0))
        hats = [np.interp(octaves, np.log2(POINTS_HZ), row) for row in np.eye(len(POINTS_HZ))]
        self.register_buffer("hats", torch.tensor(np.array(hats), dtype=torch.float32))

    def forward(self, given: torch.Tensor) -> torch.Tensor:
        """Scores ``(batch, 4, columns, BINS)`` of what is heard, ``(batch, 1 + cues, columns, BINS)``."""
        curves = (self.ranges @ self.hats)[:, None]
        return torch.einsum("sc,bctk->bstk", self.weights, given[:, 1:]) + curves


class Network(nn.Module):
    """Bands as vectors, layers that look around in time and frequency, and scores to add.

    A band's scores are a sum of its own for each bin and of the cues, weighted anew in every column.
    """

    def __init__(self, ours: bool) -> None:
        super().__init__()
        self.base = Softmax(ours)
        inputs, sources = 1 + len(CUES) + len(SOURCES), len(SOURCES)

        def matrix(count: int, ins: int, outs: int, scale: float) -> nn.Parameter:
            return nn.Parameter(torch.randn(count, ins, outs) * scale / ins**0.5)

        self.into = nn.ParameterList(matrix(n, inputs * w, WIDTH, 1.0) for _, n, w in BANDS)
        self.place = nn.Parameter(torch.zeros(WIDTH, 1, sum(n for _, n, _ in BANDS)))
        self.layers = nn.ModuleList(
            nn.Sequential(
                nn.BatchNorm2d(WIDTH), nn.Conv2d(WIDTH, WIDTH, 3, padding=apart, dilation=apart),
                nn.GELU(), nn.Conv2d(WIDTH, WIDTH, 1),
            )
            for apart in LAYERS
        )  # fmt: skip
        self.bins = nn.ParameterList(matrix(n, WIDTH, sources * w, 0.1) for _, n, w in BANDS)
        self.mixes = nn.ParameterList(matrix(n, WIDTH, sources * inputs, 0.1) for _, n, _ in BANDS)

    def forward(self, given: torch.Tensor) -> torch.Tensor:
        """As `Softmax`'s."""
        base = self.base(given)
        given = torch.cat([given, base.log_softmax(1).clamp(min=-8)], 1)
        batch, inputs, columns, _ = given.shape
        parts = [
            given[..., first : first + n * w].reshape(batch, inputs, columns, n, w).permute(3, 0, 2, 1, 4)
            for first, n, w in BANDS
        ]
        hidden = torch.cat(
            [torch.bmm(part.flatten(3).flatten(1, 2), into)
             for part, into in zip(parts, self.into, strict=True)]
        )  # fmt: skip
        hidden = hidden.unflatten(1, (batch, columns)).permute(1, 3, 2, 0) + self.place
        with torch.autocast("cpu", torch.bfloat16):
            for layer in self.layers:
                hidden = hidden + layer(hidden).float()
        rows = hidden.permute(3, 0, 2, 1).flatten(1, 2)
        at, scores = 0, []
        for part, bins, mixes in zip(parts, self.bins, self.mixes, strict=True):
            row = rows[at : at + len(part)]
            at += len(part)
            own = torch.bmm(row, bins).unflatten(2, (len(SOURCES), -1))
            weights = torch.bmm(row, mixes).unflatten(2, (len(SOURCES), inputs))
            own = own + weights @ part.flatten(1, 2)
            scores.append(own.unflatten(1, (batch, columns)).permute(1, 3, 2, 0, 4).flatten(3))
        return base + torch.cat(scores, 3)


def distortion(scores: torch.Tensor, given: torch.Tensor, energy: torch.Tensor) -> torch.Tensor:
    """How loud the error of each stem is against the stem, in dB, ``(batch, 4)``: minus its SDR.

    Exact without the stems' spectra: |s − m x|² = |s|² − 2 m Re(s x*) + m² |x|².
    """
    mask, best = scores.softmax(1), given[:, -len(SOURCES) :]
    power = (given[:, :1].exp() - 1e-4).clamp(min=0) ** 2
    stem = energy.sum(1)
    left = stem + (power * (mask**2 - 2 * mask * best)).sum((2, 3))
    floor = 0.01 * power.sum((1, 2, 3))[:, None]
    return 10 * torch.log10((left.clamp(min=0) + floor) / (stem + floor))
