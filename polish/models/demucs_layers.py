"""Layers of the Demucs networks that give the same and take less time.

`quickened` puts them in the place of the layers they stand for, in a network whose weights
are loaded. How near they stay to these is their `Precision`:

``exact``   the same sums in the same order, in pieces that stay in the cache: the same bits.
``single``  float32 in whatever order is quickest; rounding differs, by −110 dB at the stems or less.
``half``    the transformer multiplies in bfloat16 (on a GPU: float16). What flows from layer
            to layer, its normalisations and the convolutions stay in float32.

torch is imported at the top, so this module is imported where it is used.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, Literal

import torch
from demucs.demucs import DConv
from demucs.hdemucs import HDecLayer
from demucs.htdemucs import HTDemucs
from demucs.spec import ispectro
from demucs.transformer import CrossTransformerEncoderLayer, MyTransformerEncoderLayer
from torch import Tensor, nn
from torch.nn import functional

from .demucs_residual import Branch, Floats, added
from .demucs_winograd import convolved, transformed
from .torch_speed import lasting

Kind = Literal["exact", "single", "half"]

_ROWS = 16
"""Rows of a spectrogram that a residual branch works on at once: few enough to stay in the cache."""
_QUERIES = 672
"""Queries whose attention is worked out at once; likewise."""


class Precision:
    """How near to the last bit the layers of one network work; they share it."""

    def __init__(self) -> None:
        self.kind: Kind = "exact"

    @contextmanager
    def of(self, kind: Kind) -> Iterator[None]:
        """Work like that inside the block."""
        before, self.kind = self.kind, kind
        try:
            yield
        finally:
            self.kind = before


def quickened(network: Any) -> Any:
    """The network itself, with quick layers where it had slow ones, and a `Precision` named ``precision``."""
    network.precision = precision = Precision()
    for parent in list(network.modules()):
        for name, child in list(parent.named_children()):
            if type(child) is nn.MultiheadAttention:
                setattr(parent, name, Attention(child, precision))
            elif isinstance(parent, HDecLayer) and name == "conv_tr" and UpwardConv.fits(child):
                setattr(parent, name, UpwardConv(child, precision))
            elif isinstance(parent, HDecLayer) and name == "rewrite" and SquareConv.fits(child):
                setattr(parent, name, SquareConv(child, precision))
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


def _waves(hop: int, spectra: Tensor, length: int) -> Tensor:
    """``HTDemucs._ispec`` with the columns of a spectrum one behind the other, as the transform wants them:
    what is added around them is then no copy of its own. On a CPU signal by signal, which takes less memory.
    The same bits.
    """
    bins, columns = spectra.shape[-2:]
    before = hop // 2 * 3
    whole = hop * math.ceil(length / hop) + 2 * before
    signals = spectra.flatten(0, -3)
    waves = []
    for some in signals.split(1 if signals.is_cpu else len(signals)):
        padded = some.new_zeros((len(some), columns + 4, bins + 1))
        padded[:, 2:-2, :-1] = some.transpose(-1, -2)
        waves.append(ispectro(padded.transpose(-1, -2), hop, length=whole)[:, before : before + length])
    return torch.cat(waves).view(*spectra.shape[:-2], length)


class Dense(nn.Module):
    """A linear layer. Unless bits must be the same it is done by oneDNN, which on many processors
    is quicker than the MKL that torch asks by default.

    Args:
        gelu: whether the activation that follows is part of it.
    """

    def __init__(self, weight: Tensor, bias: Tensor, precision: Precision, *, gelu: bool = False) -> None:
        super().__init__()
        self.weight, self.bias = (nn.Parameter(each.detach(), requires_grad=False) for each in (weight, bias))
        self.precision, self.gelu = precision, gelu
        self._half: tuple[Tensor, Tensor] | None = None

    def forward(self, x: Tensor) -> Tensor:
        """``(…, inputs)`` to ``(…, outputs)`` of the type that it was worked out in."""
        weight: Tensor = self.weight
        bias: Tensor = self.bias
        if self.precision.kind == "half":
            if self._half is None:
                kind = torch.float16 if weight.is_cuda else torch.bfloat16
                with lasting():
                    self._half = weight.to(kind), bias.to(kind)
            weight, bias = self._half
            x = x.to(weight.dtype)
        by_onednn = None if self.precision.kind == "exact" or not x.is_cpu else _by_onednn()
        if by_onednn is not None:
            return by_onednn(
                x, weight, bias, "gelu" if self.gelu else "none", [], "none" if self.gelu else ""
            )
        made = functional.linear(x, weight, bias)
        return functional.gelu(made) if self.gelu else made


class Attention(nn.Module):
    """Attention of several heads, one head and some queries at a time.

    torch's own fast path holds all scores of all heads at once, a quarter of a gigabyte. It
    takes that path for self-attention alone; of the other it makes what is made here.
    """

    def __init__(self, whole: nn.MultiheadAttention, precision: Precision) -> None:
        super().__init__()
        assert whole.batch_first
        assert whole.in_proj_bias is not None
        weight, bias, size = whole.in_proj_weight, whole.in_proj_bias, whole.embed_dim
        self.heads, self.precision = whole.num_heads, precision
        # Weights are shared: all three make one product where the queries are the keys, two where not.
        self.all = Dense(weight, bias, precision)
        self.query = Dense(weight[:size], bias[:size], precision)
        self.key_value = Dense(weight[size:], bias[size:], precision)
        self.out = Dense(whole.out_proj.weight, whole.out_proj.bias, precision)

    def forward(self, query: Tensor, key: Tensor, value: Tensor, **_: Any) -> tuple[Tensor, None]:
        """As `torch.nn.MultiheadAttention` where values are the keys: ``(batch, length, channels)``."""
        assert value is key
        if query is key:
            parts = self.all(query).chunk(3, -1)
        else:
            parts = self.query(query), *self.key_value(key).chunk(2, -1)
        heads = [part.unflatten(-1, (self.heads, -1)).transpose(1, 2) for part in parts]
        if query.is_cpu and (query is key or self.precision.kind == "half"):
            mixed = _attended(*heads)
        else:
            mixed = functional.scaled_dot_product_attention(*heads)
        return self.out(mixed.transpose(1, 2).flatten(2)).to(query.dtype), None


class UpwardConv(nn.Module):
    """A transposed convolution along the rows; unless bits must be the same, as an ordinary one
    whose channels become rows, which is quicker.

    With a kernel of 8 and a stride of 4, row 4q + r of the result is made of rows q and q − 1
    alone, with a kernel of its own for each r.
    """

    def __init__(self, conv: nn.ConvTranspose2d, precision: Precision) -> None:
        super().__init__()
        self.whole, self.precision = conv, precision
        self.stride = conv.stride[0]
        self.channels = conv.out_channels
        self.taps = taps = conv.kernel_size[0] // self.stride
        by_row = conv.weight.detach()[..., 0].unflatten(2, (taps, self.stride)).flip(2)
        weight = by_row.permute(1, 3, 0, 2).flatten(0, 1)[..., None].contiguous()
        assert conv.bias is not None
        bias = conv.bias.detach().repeat_interleave(self.stride)
        self.weight, self.bias = (nn.Parameter(each, requires_grad=False) for each in (weight, bias))

    @staticmethod
    def fits(conv: nn.Module) -> bool:
        """Whether a layer is such a convolution: along rows alone, the kernel some strides long."""
        return (
            isinstance(conv, nn.ConvTranspose2d)
            and conv.bias is not None
            and conv.kernel_size[0] % conv.stride[0] == 0
            and (conv.kernel_size[1], conv.stride[1], conv.groups) == (1, 1, 1)
            and (conv.padding, conv.output_padding, conv.dilation) == ((0, 0), (0, 0), (1, 1))
        )

    def forward(self, x: Tensor) -> Tensor:
        """``(batch, inputs, rows, columns)`` to ``(batch, outputs, stride · (rows + taps − 1), columns)``."""
        if self.precision.kind == "exact":
            return self.whole(x)
        made = functional.conv2d(x.contiguous(), self.weight, self.bias, padding=(self.taps - 1, 0))
        return made.unflatten(1, (self.channels, self.stride)).transpose(2, 3).flatten(2, 3)


class SquareConv(nn.Module):
    """A convolution with a kernel of 3 × 3; on a CPU, unless bits must be the same, by `demucs_winograd`."""

    def __init__(self, conv: nn.Conv2d, precision: Precision) -> None:
        super().__init__()
        self.whole, self.precision = conv, precision
        self.kernels: Floats | None = None

    @staticmethod
    def fits(conv: nn.Module) -> bool:
        """Whether a layer is such a convolution, with zeros around."""
        return (
            isinstance(conv, nn.Conv2d)
            and conv.bias is not None
            and (conv.kernel_size, conv.stride, conv.groups) == ((3, 3), (1, 1), 1)
            and (conv.padding, conv.padding_mode, conv.dilation) == ((1, 1), "zeros", (1, 1))
        )

    def forward(self, x: Tensor) -> Tensor:
        """``(batch, inputs, rows, columns)`` to ``(batch, outputs, rows, columns)``."""
        if self.precision.kind == "exact" or not x.is_cpu:
            return self.whole(x)
        if self.kernels is None:
            with lasting():
                self.kernels = transformed(self.whole.weight.numpy())
        assert self.whole.bias is not None
        bias = self.whole.bias.numpy()
        made = [torch.from_numpy(convolved(one.contiguous().numpy(), self.kernels, bias)) for one in x]
        return made[0][None] if len(made) == 1 else torch.stack(made)


class RowByRow(nn.Module):
    """Residual branches, whose rows stand for themselves: for the same bits some rows at a time, else,
    on a CPU and where all branches are plain ones, in one pass over memory; see `demucs_residual`."""

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
        for given, made in zip(x.split(_ROWS), out.split(_ROWS), strict=True):
            part = given
            for layer in layers[:-1]:
                part = part + layer(part)
            torch.add(part, layers[-1](part), out=made)
        return out


def _by_onednn() -> Any:
    """oneDNN's linear layer with what follows it; None where torch was built without."""
    here = torch.backends.mkldnn.is_available() and torch.backends.mkldnn.enabled
    return getattr(torch.ops.mkldnn, "_linear_pointwise", None) if here else None


def _attended(queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
    """Attention of ``(batch, heads, length, channels)``, one head and some queries at a time."""
    out = torch.empty(queries.shape, dtype=queries.dtype)
    scale = queries.shape[-1] ** -0.5
    for batch in range(queries.shape[0]):
        for head in range(queries.shape[1]):
            key, value = keys[batch, head].t(), values[batch, head]
            for query, made in zip(
                (queries[batch, head] * scale).split(_QUERIES), out[batch, head].split(_QUERIES), strict=True
            ):
                torch.mm(torch.softmax(torch.mm(query, key), -1), value, out=made)
    return out
