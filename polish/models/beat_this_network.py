"""The network of Beat This!, by its own weights, without the package that trained it.

Foscarin, Schlüter & Widmer, "Beat this! Accurate beat tracking without DBN postprocessing", ISMIR
2024: a log-mel spectrum of 50 columns a second; convolutions that fold its bands, with attention
across bands and across time between them; a transformer with rotary positions (Su et al. 2021)
and gated heads; two logits a column. Sizes are read from the weights, so that one description
serves the large network and the small one.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..audio.sound import Samples
from ..dsp.onsets import RATE_HZ
from ..errors import ModelUnavailable
from .torch_speed import memory_kept

COLUMNS_HZ = 50
HOP = RATE_HZ // COLUMNS_HZ
_SIZE, _BANDS, _LOWEST_HZ, _HIGHEST_HZ, _GAIN = 1024, 128, 30.0, 11_000.0, 1000.0
_COLUMNS, _BORDER = 1500, 6
"""It was trained on 30 s at a time; what it says at the borders of a piece is not used."""
_FIRST = "frontend.stem.conv2d.weight"


class Network:
    """The network with its weights, on the first GPU or the CPU."""

    def __init__(self, path: Path) -> None:
        """Raises ModelUnavailable where the file is no checkpoint of it."""
        import torch

        self._device = "cuda" if torch.cuda.is_available() else "cpu"
        self._weights, self._summed = _read(path, self._device)

    def logits(self, mono: Samples) -> NDArray[np.float32]:
        """How sure it is of beats and downbeats.

        Args:
            mono: ``(1, frames)`` at `RATE_HZ`, at least 1024 frames.

        Returns:
            ``(2, columns)``: beats and downbeats, 50 columns a second, above 0 where more likely than not.
        """
        import torch

        total = 1 + mono.shape[1] // HOP
        said = np.empty((2, total), np.float32)
        done = 0
        with torch.inference_mode(), memory_kept():
            for start in _starts(total):
                piece = self._heard(mono, start, min(start + _COLUMNS, total + _BORDER), total)
                out = self._through(piece)[:, _BORDER:-_BORDER].cpu().numpy()
                # Where pieces overlap, the earlier one counts.
                said[:, done : start + _BORDER + out.shape[1]] = out[:, done - start - _BORDER :]
                done = start + _BORDER + out.shape[1]
        return said

    def _heard(self, mono: Samples, start: int, end: int, total: int) -> Any:
        """The log-mel spectrum of columns, ``(columns, bands)``; those beyond the sound are 0."""
        import torch

        first, last = max(start, 0), min(end, total)
        wave = torch.from_numpy(_reflected(mono[0], first * HOP - _SIZE // 2, (last - 1) * HOP + _SIZE // 2))
        window = torch.hann_window(_SIZE)
        spectrum = torch.stft(wave, _SIZE, HOP, window=window, center=False, return_complex=True)
        mel = (spectrum.abs() / _SIZE**0.5).T @ torch.from_numpy(_mel())
        heard = torch.log1p(_GAIN * mel)
        return torch.nn.functional.pad(heard, (0, 0, first - start, end - last)).to(self._device)

    def _through(self, heard: Any) -> Any:
        """Logits of one piece, ``(2, columns)``."""
        import torch
        from torch.nn import functional

        x = self._normal(heard.T[None], "frontend.stem.bn1d")[:, None]
        x = functional.conv2d(x, self._weights[_FIRST], stride=(4, 1), padding=(0, 1))
        x = functional.gelu(self._normal(x, "frontend.stem.bn2d"))
        for block in self._numbered("frontend.blocks.{}.conv2d.weight"):
            x = self._folded(x, f"frontend.blocks.{block}.")
        x = self._linear(x.permute(0, 3, 1, 2).flatten(2), "frontend.linear")
        for layer in self._numbered("transformer_blocks.layers.{}.0.to_qkv.weight"):
            x = x + self._attention(x, f"transformer_blocks.layers.{layer}.0.")
            x = x + self._forward(x, f"transformer_blocks.layers.{layer}.1.net.")
        if "transformer_blocks.norm.gamma" in self._weights:
            x = self._scaled(x, "transformer_blocks.norm.gamma")
        beat, down = self._linear(x, "task_heads.beat_downbeat_lin")[0].unbind(1)
        return torch.stack([beat + down if self._summed else beat, down])

    def _folded(self, x: Any, block: str) -> Any:
        """One block of the front: attention across bands and across time, then half as many bands."""
        from torch.nn import functional

        if f"{block}partial.attnF.to_qkv.weight" in self._weights:
            _, _, bands, columns = x.shape
            x = x[0].permute(2, 1, 0)  # columns, bands, channels
            x = x + self._attention(x, f"{block}partial.attnF.")
            x = x + self._forward(x, f"{block}partial.ffF.net.")
            x = x.transpose(0, 1)
            x = x + self._attention(x, f"{block}partial.attnT.")
            x = x + self._forward(x, f"{block}partial.ffT.net.")
            x = x.permute(2, 0, 1).reshape(1, -1, bands, columns)
        x = functional.conv2d(x, self._weights[f"{block}conv2d.weight"], stride=(2, 1), padding=(0, 1))
        return functional.gelu(self._normal(x, f"{block}norm"))

    def _attention(self, x: Any, name: str) -> Any:
        """Gated attention among the rows of ``(batch, rows, channels)``."""
        import torch

        x = self._scaled(x, f"{name}norm.gamma")
        gates = self._linear(x, f"{name}to_gates").sigmoid()
        heads = gates.shape[-1]
        asked, keys, values = (
            part.unflatten(2, (heads, -1)).transpose(1, 2)
            for part in self._linear(x, f"{name}to_qkv").chunk(3, dim=2)
        )
        turn = torch.outer(torch.arange(x.shape[1]).to(x), self._weights[f"{name}rotary_embed.freqs"])
        turn = torch.polar(torch.ones_like(turn), turn)
        out = torch.nn.functional.scaled_dot_product_attention(
            _turned(asked, turn), _turned(keys, turn), values
        )
        out = (out * gates.transpose(1, 2)[..., None]).transpose(1, 2).flatten(2)
        return self._linear(out, f"{name}to_out.0")

    def _forward(self, x: Any, name: str) -> Any:
        from torch.nn import functional

        x = functional.gelu(self._linear(self._scaled(x, f"{name}0.gamma"), f"{name}1"))
        return self._linear(x, f"{name}4")

    def _linear(self, x: Any, name: str) -> Any:
        from torch.nn import functional

        return functional.linear(x, self._weights[f"{name}.weight"], self._weights.get(f"{name}.bias"))

    def _scaled(self, x: Any, name: str) -> Any:
        """Every row brought to mean square 1 (RMSNorm), then scaled channel by channel."""
        from torch.nn import functional

        return functional.normalize(x, dim=-1) * (x.shape[-1] ** 0.5 * self._weights[name])

    def _normal(self, x: Any, name: str) -> Any:
        """Batch normalisation, as learnt."""
        from torch.nn import functional

        mean, spread, weight, bias = (
            self._weights[f"{name}.{each}"] for each in ("running_mean", "running_var", "weight", "bias")
        )
        return functional.batch_norm(x, mean, spread, weight, bias)

    def _numbered(self, pattern: str) -> Iterator[int]:
        number = 0
        while pattern.format(number) in self._weights:
            yield number
            number += 1


def _read(path: Path, device: str) -> tuple[dict[str, Any], bool]:
    """The weights of a checkpoint by name, and whether its beats are sums of both outputs."""
    import pickle

    import torch

    try:
        found = torch.load(path, map_location=device, weights_only=True)
        named = {
            name.replace("_orig_mod.", "").removeprefix("model."): value
            for name, value in found["state_dict"].items()
        }
        summed = bool(found.get("hyper_parameters", {}).get("sum_head", True))
    except (pickle.UnpicklingError, RuntimeError, KeyError, TypeError, AttributeError, EOFError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise ModelUnavailable(f"not a checkpoint of Beat This!: {reason}", where=path) from error
    if _FIRST not in named:
        raise ModelUnavailable("not a checkpoint of Beat This!: it holds another network", where=path)
    return named, summed


def _starts(total: int) -> list[int]:
    """First columns of the pieces that cover `total` columns; the last ends where the sound does."""
    starts = list(range(-_BORDER, total - _BORDER, _COLUMNS - 2 * _BORDER))
    if len(starts) > 1:
        starts[-1] = total + _BORDER - _COLUMNS
    return starts


def _reflected(row: NDArray[np.float32], first: int, last: int) -> NDArray[np.float32]:
    """Samples `first` to `last` of a row that is mirrored at its ends."""
    inside = row[max(first, 0) : min(last, row.size)]
    before, after = max(-first, 0), max(last - row.size, 0)
    if not before and not after:
        return inside.copy()
    return np.concatenate([row[1 : before + 1][::-1], inside, row[row.size - 1 - after : row.size - 1][::-1]])


def _turned(rows: Any, turn: Any) -> Any:
    """Rows whose pairs of channels are turned by their place (rotary positions)."""
    import torch

    pairs = torch.view_as_complex(rows.unflatten(3, (-1, 2)).contiguous())
    return torch.view_as_real(pairs * turn).flatten(3)


@cache
def _mel() -> NDArray[np.float32]:
    """Triangles of Slaney's mel scale, each of height 1, ``(bins, bands)``."""
    from ..compiled import alone

    with alone():
        from librosa.filters import mel

        bands = mel(
            sr=RATE_HZ, n_fft=_SIZE, n_mels=_BANDS, fmin=_LOWEST_HZ, fmax=_HIGHEST_HZ, htk=False, norm=None
        )
    return np.ascontiguousarray(bands.T)
