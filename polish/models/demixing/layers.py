"""Layers of the Demucs networks that give the same and take less time; how near, says `Precision`.

`quickened` puts them in the place of the layers they stand for, in a network whose weights
are loaded.

torch is imported at the top, so this module is imported where it is used.
"""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING, Any

import torch
from demucs.demucs import DConv
from demucs.hdemucs import MultiWrap
from demucs.htdemucs import HTDemucs
from demucs.spec import ispectro
from demucs.transformer import CrossTransformerEncoderLayer, MyTransformerEncoderLayer
from torch import Tensor, nn
from torch.nn import functional

from ..torch_speed import lasting, side_by_side
from .attention import Attention, Dense
from .coders import Decoder, Encoder
from .precision import Precision
from .residual import Branch, added
from .transformer import Layer

if TYPE_CHECKING:
    from .precision import Kind

_ROWS = 16
"""Rows of a spectrogram that a residual branch works on at once: few enough to stay in the cache."""


def quickened(network: Any) -> Any:
    """The network itself, with quick layers where it had slow ones, and a `Precision` named ``precision``."""
    network.precision = precision = Precision()
    for parent in list(network.modules()):
        for name, child in list(parent.named_children()):
            if type(child) is nn.MultiheadAttention:
                setattr(parent, name, Attention(child, precision, crossed=name == "cross_attn"))
            elif not isinstance(parent, MultiWrap) and (kind := _stand_in(child)):
                setattr(parent, name, kind(child, precision))
            elif type(child) is DConv:
                setattr(parent, name, RowByRow(child, precision))
        if isinstance(parent, (MyTransformerEncoderLayer, CrossTransformerEncoderLayer)):
            gelu = parent.activation is functional.gelu
            for name, after in (("linear1", gelu), ("linear2", False)):
                linear = getattr(parent, name)
                setattr(parent, name, Dense(linear.weight, linear.bias, precision, gelu=after))
            if gelu:
                parent.activation = nn.Identity()
    if isinstance(network, HTDemucs):
        network._ispec = partial(_waves, network.hop_length)
    return network


def prepared(network: Any, kind: Kind) -> None:
    """Lays out what the layers of a network need besides its weights to work like that on a CPU.

    They would do it themselves, but here it comes to lie together, and not among what a segment leaves: the
    gaps between would be too small for the next one.
    """
    if not next(network.parameters()).is_cpu:
        return
    with lasting():
        for layer in network.modules():
            if isinstance(layer, (Dense, Decoder, Encoder)):
                layer.prepare(kind)


def _stand_in(layer: nn.Module) -> type[Encoder | Decoder | Layer] | None:
    return next((kind for kind in (Encoder, Decoder, Layer) if kind.fits(layer)), None)


def _waves(hop: int, spectra: Tensor, length: int) -> Tensor:
    """``HTDemucs._ispec`` with the columns of a spectrum one behind the other, as the transform wants them:
    what is added around them is then no copy of its own. On a CPU signal by signal, which takes less memory.
    The same bits.
    """
    bins, columns = spectra.shape[-2:]
    before = hop // 2 * 3
    whole = hop * math.ceil(length / hop) + 2 * before
    signals = spectra.flatten(0, -3)
    waves = torch.empty((len(signals), length), dtype=signals.real.dtype, device=signals.device)

    def work(first: int, last: int) -> None:
        with torch.inference_mode():
            padded = signals.new_zeros((last - first, columns + 4, bins + 1))
            padded[:, 2:-2, :-1] = signals[first:last].transpose(-1, -2)
            made = ispectro(padded.transpose(-1, -2), hop, length=whole)
            waves[first:last] = made[:, before : before + length]

    if signals.is_cpu:
        side_by_side(work, [(each, each + 1) for each in range(len(signals))])
    else:
        work(0, len(signals))
    return waves.view(*spectra.shape[:-2], length)


class RowByRow(nn.Module):
    """Residual branches, whose rows stand for themselves: for the same bits some rows at a time and
    side by side, else, on a CPU and where all are plain ones, in one pass over memory; see `residual`."""

    def __init__(self, whole: DConv, precision: Precision) -> None:
        super().__init__()
        self.layers, self.precision = whole.layers, precision
        branches = [Branch.of(layer) for layer in whole.layers]
        self.plain = [branch for branch in branches if branch] if all(branches) else []

    def forward(self, x: Tensor) -> Tensor:
        """``(rows, channels, frames)``, of the same shape."""
        if self.plain and x.is_cpu and self.precision.kind != "exact":
            made = added(x.transpose(0, 1).contiguous().numpy(), self.plain)
            return torch.from_numpy(made).transpose(0, 1)
        layers = list(self.layers)
        if x.shape[0] <= _ROWS or not x.is_cpu:
            for layer in layers:
                x = x + layer(x)
            return x
        rows, channels, frames = x.shape
        # Channels first in memory, as the convolution that follows wants them.
        out = torch.empty((channels, rows, frames), dtype=x.dtype).transpose(0, 1)

        def work(first: int, last: int) -> None:
            with torch.inference_mode():
                part = x[first:last]
                for layer in layers[:-1]:
                    part = part + layer(part)
                torch.add(part, layers[-1](part), out=out[first:last])

        parts = [(first, min(first + _ROWS, rows)) for first in range(0, rows, _ROWS)]
        if len(parts) < torch.get_num_threads():  # all cores on one part then
            for part in parts:
                work(*part)
        else:
            side_by_side(work, parts)
        return out
