"""Encoders and decoders of the Demucs networks, whose convolutions are worked out with what follows them.

On a GPU, and where the bits must be the same, the layers that they stand for do the work.

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


class Decoder(_Coder):
    """A layer of a decoder: its first convolution is gated as it is made, its last one activated."""

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
        given = y.view(-1, rows, columns).numpy()
        raised = upward(
            given, self._raising, whole.conv_tr.bias.numpy(),
            stride=whole.stride, trim=whole.pad, kept=kept, activate=not whole.last,
        )  # fmt: skip
        z = torch.from_numpy(raised)[None]
        return z if whole.freq else z[..., 0], y

    def _rewritten(self, x: Floats) -> Tensor:
        work = convolved if self.whole.freq else gated
        return torch.from_numpy(work(x, self._rewriting, self.whole.rewrite.bias.numpy()))[None]

    def prepare(self, _kind: Kind) -> None:
        """Lay out, once, what is multiplied with."""
        _ = self._rewriting, self._raising

    @cached_property
    def _rewriting(self) -> Floats:
        if not self.whole.freq:
            return _by_taps(self.whole.rewrite)
        return transformed(self.whole.rewrite.weight.numpy())

    @cached_property
    def _raising(self) -> Floats:
        weight = self.whole.conv_tr.weight.numpy()
        inputs, outputs, stride = *weight.shape[:2], self.whole.stride
        by_row = weight.reshape(inputs, outputs, -1, stride).transpose(1, 3, 2, 0)
        return np.ascontiguousarray(by_row).reshape(outputs * stride, -1)


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
