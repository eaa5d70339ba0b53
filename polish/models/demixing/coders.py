"""Encoders and decoders of the Demucs networks, whose convolutions are worked out with what follows them.

On a GPU, and where the bits must be the same, the layers that they stand for do the work, but for a step
that is seen to give the same bits (`Raising`).

torch is imported at the top, so this module is imported where it is used.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from demucs.hdemucs import HDecLayer, HEncLayer
from torch import Tensor, nn
from torch.nn import functional

from .activations import Floats
from .precision import Precision
from .products import gated, upward
from .winograd import convolved, transformed

if TYPE_CHECKING:
    from .precision import Kind

_COLUMNS = 48
"""Of a spectrogram, that show whether two ways to work give the same bits."""


class _Coder(nn.Module):
    """What stands for a layer that `fits`.

    Attributes:
        empty: whether steps are missing.
    """

    empty = False

    def __init__(self, whole: Any, precision: Precision) -> None:
        super().__init__()
        self.whole, self.precision = whole, precision


class Encoder(_Coder):
    """A layer of an encoder whose last convolution is gated as it is made."""

    @staticmethod
    def fits(layer: nn.Module) -> bool:
        """Whether a layer has all its steps, no normalisation, and a last convolution without neighbours."""
        return isinstance(layer, HEncLayer) and _usual(layer) and max(layer.rewrite.kernel_size) == 1

    def forward(self, x: Tensor, inject: Tensor | None = None) -> Tensor:
        """As `HEncLayer.forward`."""
        whole = self.whole
        if inject is not None or not _here(x, self.precision):
            return whole(x, inject)
        if not whole.freq and (missing := -x.shape[-1] % whole.stride):
            x = functional.pad(x, (0, missing))
        y = _refined(whole.dconv, functional.gelu(whole.conv(x)))
        made = gated(y.view(y.shape[1], -1).numpy(), self._weights, whole.rewrite.bias.numpy())
        return torch.from_numpy(made).view(y.shape)

    def prepare(self, _kind: Kind) -> None:
        """Lay out, once, what is multiplied with."""
        _ = self._weights

    @cached_property
    def _weights(self) -> Floats:
        return _by_taps(self.whole.rewrite)


class Raising(nn.Module):
    """The last convolution of a decoder, a transposed one, as products.

    Rows of the spectrogram are added up by torch in the order in which products add them, on many
    processors and for most numbers of channels: where some columns show that, products give the same bits
    in less time.
    """

    def __init__(self, whole: nn.ConvTranspose1d | nn.ConvTranspose2d, precision: Precision) -> None:
        super().__init__()
        self.whole, self.precision = whole, precision
        self._same: dict[int, bool] = {}

    def forward(self, x: Tensor) -> Tensor:
        """As the convolution, of ``(batch, channels, rows, columns)`` or ``(batch, channels, frames)``."""
        rows_of_one = x.is_cpu and x.dim() == 4 and len(x) == 1
        if self.precision.kind != "exact" or not rows_of_one:
            return self.whole(x)
        rows = x.shape[2]
        if rows not in self._same:
            some = x[..., :_COLUMNS].contiguous()
            self._same[rows] = torch.equal(self.whole(some), self._all_rows(some))
        return self._all_rows(x) if self._same[rows] else self.whole(x)

    def _all_rows(self, x: Tensor) -> Tensor:
        kept = self.whole.stride[0] * (x.shape[2] - 1) + self.whole.kernel_size[0]
        return self.raised(x[0], trim=0, kept=kept, activate=False)[None]

    def raised(self, x: Tensor, *, trim: int, kept: int, activate: bool) -> Tensor:
        """``(channels, rows, columns)`` to as many rows as are kept; see `products.upward`."""
        bias: Tensor = self.whole.bias  # type: ignore[assignment]
        made = upward(
            x.contiguous().numpy(), self.weights, bias.numpy(),
            stride=self.whole.stride[0], trim=trim, kept=kept, activate=activate,
        )  # fmt: skip
        return torch.from_numpy(made)

    @cached_property
    def weights(self) -> Floats:
        """Laid out once as `products.upward` wants them."""
        weight = self.whole.weight.numpy()
        inputs, outputs, stride = *weight.shape[:2], self.whole.stride[0]
        by_row = weight.reshape(inputs, outputs, -1, stride).transpose(1, 3, 2, 0)
        return np.ascontiguousarray(by_row).reshape(outputs * stride, -1)


class Decoder(_Coder):
    """A layer of a decoder: its first convolution is gated as it is made, its last one activated."""

    def __init__(self, whole: HDecLayer, precision: Precision) -> None:
        super().__init__(whole, precision)
        whole.conv_tr = Raising(whole.conv_tr, precision)

    @staticmethod
    def fits(layer: nn.Module) -> bool:
        """Whether a layer has all its steps, no normalisation, and convolutions with the usual kernels."""
        return (
            isinstance(layer, HDecLayer)
            and _usual(layer)
            and set(layer.rewrite.kernel_size) == {3}
            and layer.kernel_size % layer.stride == 0
        )

    def forward(self, x: Tensor, skip: Tensor, length: int) -> tuple[Tensor, Tensor]:
        """As `HDecLayer.forward`."""
        whole = self.whole
        if x.dim() != skip.dim() or not _here(x, self.precision):
            return whole(x, skip, length)
        rows, columns = x.shape[2:] if whole.freq else (x.shape[2], 1)
        y = _refined(whole.dconv, self._rewritten((x + skip)[0].contiguous().numpy()))
        kept = whole.stride * (rows - 1) + whole.kernel_size - 2 * whole.pad if whole.freq else length
        z = whole.conv_tr.raised(
            y.view(-1, rows, columns), trim=whole.pad, kept=kept, activate=not whole.last
        )[None]
        return z if whole.freq else z[..., 0], y

    def _rewritten(self, x: Floats) -> Tensor:
        work = convolved if self.whole.freq else gated
        return torch.from_numpy(work(x, self._rewriting, self.whole.rewrite.bias.numpy()))[None]

    def prepare(self, _kind: Kind) -> None:
        """Lay out, once, what is multiplied with."""
        _ = self._rewriting, self.whole.conv_tr.weights

    @cached_property
    def _rewriting(self) -> Floats:
        if not self.whole.freq:
            return _by_taps(self.whole.rewrite)
        return transformed(self.whole.rewrite.weight.numpy())


def _usual(layer: Any) -> bool:
    norms = (getattr(layer, name, None) for name in ("norm1", "norm2"))
    return (
        not layer.empty
        and layer.rewrite is not None
        and layer.dconv is not None
        and all(type(norm) is nn.Identity for norm in norms)
    )


def _here(x: Tensor, precision: Precision) -> bool:
    """Whether one segment is worked on, by a CPU that need not give the same bits."""
    return x.is_cpu and len(x) == 1 and precision.kind != "exact"


def _refined(residual: nn.Module, y: Tensor) -> Tensor:
    """What the residual branches make of ``(1, channels, rows, frames)`` or ``(1, channels, frames)``."""
    if y.dim() == 3:
        return residual(y).contiguous()
    return residual(y[0].transpose(0, 1)).transpose(0, 1).contiguous()[None]


def _by_taps(conv: Any) -> Floats:
    """Weights ``(outputs, inputs, taps)`` as `gated` wants them."""
    weight = conv.weight.numpy().reshape(*conv.weight.shape[:2], -1)
    return np.ascontiguousarray(weight.swapaxes(1, 2)).reshape(len(weight), -1)
