"""Layers of the transformer of Demucs, where they multiply in half precision on a CPU.

torch is imported at the top, so this module is imported where it is used.
"""

from __future__ import annotations

from typing import Any

import torch
from demucs.transformer import (
    CrossTransformerEncoderLayer,
    LayerScale,
    MyGroupNorm,
    MyTransformerEncoderLayer,
)
from torch import Tensor, nn
from torch.nn import functional

from ..torch_speed import shared_out, side_by_side
from . import halves
from .precision import Precision


class Layer(nn.Module):
    """A layer whose attention and linear layers get halves, and give them; what flows on stays in float32.

    Elsewhere than on a CPU, and in float32, the layer that it stands for does the work.
    """

    def __init__(self, whole: Any, precision: Precision) -> None:
        super().__init__()
        self.whole, self.precision = whole, precision

    @staticmethod
    def fits(layer: Any) -> bool:
        """Whether a layer is one of the usual kind, which normalises before each of its steps."""
        if not isinstance(layer, (MyTransformerEncoderLayer, CrossTransformerEncoderLayer)):
            return False
        norms = [each for each in layer.children() if isinstance(each, (nn.LayerNorm, nn.GroupNorm))]
        scales = (layer.gamma_1, layer.gamma_2)
        return (
            layer.norm_first
            and not layer.sparse
            and layer.activation is functional.gelu
            and all(isinstance(each, LayerScale) and each.channel_last for each in scales)
            and all(type(each) is nn.LayerNorm for each in norms if each is not layer.norm_out)
            and (layer.norm_out is None or layer.norm_out.num_groups == 1)
        )

    def forward(self, x: Tensor, other: Tensor | None = None) -> Tensor:
        """``(batch, length, channels)``; `other`, when given, is what attention looks at."""
        whole, given = self.whole, () if other is None else (other,)
        if self.precision.kind != "half" or not x.is_cpu or len(x) > 1:
            # The last normalisation turns rows into columns; the sums of the next layer want rows.
            return whole(x, *given).contiguous()
        near = _normalised(x, whole.norm1)
        if other is None:
            attention, far, last = whole.self_attn, near, whole.norm2
        else:
            attention, far, last = whole.cross_attn, _normalised(other, whole.norm2), whole.norm3
        x, _ = _added(x, attention(near, far, far)[0], whole.gamma_1)
        x, sums = _added(x, whole.linear2(whole.linear1(_normalised(x, last))), whole.gamma_2)
        return x if whole.norm_out is None else _renormalised(x, sums, whole.norm_out)


def _normalised(x: Tensor, norm: nn.LayerNorm) -> Tensor:
    """Rows normalised, as halves."""
    made = torch.empty(x.shape, dtype=torch.bfloat16)
    rows, out = x[0].contiguous().numpy(), made[0].view(torch.int16).numpy()
    gains, offsets = norm.weight.numpy(), norm.bias.numpy()

    def work(first: int, last: int) -> None:
        halves.normalised(rows[first:last], gains, offsets, norm.eps, out[first:last])

    side_by_side(work, shared_out(len(rows)))
    return made


def _added(x: Tensor, more: Tensor, scale: LayerScale) -> tuple[Tensor, tuple[float, float]]:
    """``x + scale · more`` for halves, its sum and the sum of its squares."""
    made = torch.empty(x.shape)
    rows, out, scales = x[0].contiguous().numpy(), made[0].numpy(), scale.scale.numpy()
    steps = more[0].contiguous().view(torch.int16).numpy()

    def work(first: int, last: int) -> tuple[float, float]:
        return halves.added(rows[first:last], steps[first:last], scales, out[first:last])

    total, squares = (sum(each) for each in zip(*side_by_side(work, shared_out(len(rows))), strict=True))
    return made, (total, squares)


def _renormalised(x: Tensor, sums: tuple[float, float], norm: MyGroupNorm) -> Tensor:
    """All of `x` to mean 0 and deviation 1, times gains and with offsets, in place."""
    rows, gains, offsets = x[0].numpy(), norm.weight.numpy(), norm.bias.numpy()
    mean = sums[0] / x.numel()
    over = (max(0.0, sums[1] / x.numel() - mean * mean) + norm.eps) ** -0.5

    def work(first: int, last: int) -> None:
        halves.rescaled(rows[first:last], mean, over, gains, offsets)

    side_by_side(work, shared_out(len(rows)))
    return x
