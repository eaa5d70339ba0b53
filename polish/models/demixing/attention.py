"""The transformer of the Demucs networks: its linear layers and its attention.

torch is imported at the top, so this module is imported where it is used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from ..torch_speed import shared_out, side_by_side
from .precision import Precision
from .softmax import softmax

if TYPE_CHECKING:
    from .precision import Kind

_ROWS = 2048
"""That linear layers get about, for which their weights are laid out."""
_QUERIES = 448
"""Queries whose attention a core works out at once: few enough to stay in its cache."""


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
        by_onednn = None if self.precision.kind == "exact" or not x.is_cpu else _by_onednn()
        weight: Tensor = self.weight
        bias: Tensor = self.bias
        if self.precision.kind == "half":
            self.prepare("half")
            assert self._half is not None
            weight, bias = self._half
            x = x.to(weight.dtype)
        if by_onednn is not None:
            return by_onednn(
                x, weight, bias, "gelu" if self.gelu else "none", [], "none" if self.gelu else ""
            )
        made = functional.linear(x, weight, bias)
        return functional.gelu(made) if self.gelu else made

    def prepare(self, kind: Kind) -> None:
        """Lay out, once, what is multiplied with in half precision."""
        if kind == "half" and self._half is None:
            self._half = _halves(self.weight, self.bias)


class Attention(nn.Module):
    """Attention of several heads, one head and some queries at a time.

    torch's own fast path holds all scores of all heads at once, a quarter of a gigabyte. It
    takes that path for self-attention alone; of the other it makes what is made here.

    Args:
        crossed: whether the queries come from elsewhere than the keys.
    """

    def __init__(self, whole: nn.MultiheadAttention, precision: Precision, *, crossed: bool) -> None:
        super().__init__()
        assert whole.batch_first
        assert whole.in_proj_bias is not None
        weight, bias, size = whole.in_proj_weight, whole.in_proj_bias, whole.embed_dim
        self.heads, self.precision = whole.num_heads, precision
        # All three make one product where the queries are the keys, two where not.
        parts = (slice(size), slice(size, None)) if crossed else (slice(None),)
        self.inner = nn.ModuleList(Dense(weight[part], bias[part], precision) for part in parts)
        self.out = Dense(whole.out_proj.weight, whole.out_proj.bias, precision)

    def forward(self, query: Tensor, key: Tensor, value: Tensor, **_: Any) -> tuple[Tensor, None]:
        """As `torch.nn.MultiheadAttention` where values are the keys: ``(batch, length, channels)``."""
        assert value is key
        assert len(self.inner) == 2 or query is key
        if len(self.inner) == 1:
            parts = self.inner[0](query).chunk(3, -1)
        else:
            parts = self.inner[0](query), *self.inner[1](key).chunk(2, -1)
        heads = [part.unflatten(-1, (self.heads, -1)).transpose(1, 2) for part in parts]
        if query.is_cpu and (query is key or self.precision.kind == "half"):
            mixed = _attended(*heads)
        else:
            mixed = functional.scaled_dot_product_attention(*heads)
        return self.out(mixed.transpose(1, 2).flatten(2)).to(query.dtype), None


def _halves(weight: Tensor, bias: Tensor) -> tuple[Tensor, Tensor]:
    """Both in half precision, the weights on a CPU as oneDNN wants them."""
    if weight.is_cuda:
        return weight.half(), bias.half()
    half = weight.bfloat16()
    laid_out = None if _by_onednn() is None else getattr(torch.ops.mkldnn, "_reorder_linear_weight", None)
    return (half if laid_out is None else laid_out(half, _ROWS)), bias.bfloat16()


def _by_onednn() -> Any:
    """oneDNN's linear layer with what follows it; None where torch was built without."""
    here = torch.backends.mkldnn.is_available() and torch.backends.mkldnn.enabled
    return getattr(torch.ops.mkldnn, "_linear_pointwise", None) if here else None


def _attended(queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
    """Attention of ``(batch, heads, length, channels)``, some queries of a head at a time, side by side."""
    batches, heads, length, channels = queries.shape
    out = torch.empty(queries.shape, dtype=queries.dtype)
    scale = channels**-0.5

    def work(first: int, last: int) -> None:
        with torch.inference_mode():
            for part in range(first, last):
                number, at = divmod(part, pieces)
                place = number // heads, number % heads
                some = slice(length * at // pieces, length * (at + 1) // pieces)
                scores = _shares(queries[place][some], keys[place], scale)
                torch.mm(scores, values[place], out=out[place][some])

    pieces = -(-length // _QUERIES)
    side_by_side(work, shared_out(batches * heads * pieces))
    return out


def _shares(queries: Tensor, keys: Tensor, scale: float) -> Tensor:
    """How much each query looks at each key, ``(queries, keys)``; in float32 the bits of torch's own way."""
    if queries.dtype == torch.bfloat16:
        scores = torch.mm(queries, keys.t())
        softmax(scores.view(torch.int16).numpy(), scale)
        return scores
    return torch.softmax(torch.mm(queries * scale, keys.t()), -1)
