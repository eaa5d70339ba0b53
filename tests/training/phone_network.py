"""The network that hears sung phones, as it is trained and as it is kept."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from polish.models.acoustic import BANDS
from polish.models.phones import CLASSES


class Network(nn.Module):
    """What `polish.models.acoustic` computes, in the shape in which it is trained."""

    def __init__(self, width: int) -> None:
        super().__init__()
        sizes = (1, 12, 24, 32)
        self.front = nn.ModuleList(
            nn.Sequential(nn.Conv2d(a, b, 3, padding=1), nn.BatchNorm2d(b), nn.ReLU(), nn.MaxPool2d((1, 2)))
            for a, b in pairwise(sizes)
        ).to(memory_format=torch.channels_last)
        self.middle = nn.Sequential(
            nn.Conv1d(sizes[-1] * BANDS // 8, width, 1), nn.BatchNorm1d(width), nn.ReLU()
        )
        self.around = nn.ModuleList(
            nn.Sequential(
                nn.Conv1d(width, width, 5, padding=2 * apart, dilation=apart), nn.BatchNorm1d(width),
                nn.ReLU(), nn.Dropout(0.1),
            )
            for apart in (1, 2, 4, 8, 16)
        )  # fmt: skip
        self.out = nn.Conv1d(width, len(CLASSES), 1)

    def forward(self, heard: torch.Tensor) -> torch.Tensor:
        """Scores ``(batch, classes, frames)`` of features ``(batch, frames, BANDS)``; half as precise, and in
        half the time, while it is trained."""
        with torch.autocast("cpu", torch.bfloat16, enabled=self.training):
            hidden = heard[:, None].contiguous(memory_format=torch.channels_last)
            for layer in self.front:
                hidden = layer(hidden)
            hidden = self.middle(hidden.permute(0, 1, 3, 2).flatten(1, 2))
            for layer in self.around:
                hidden = hidden + layer(hidden)
            return self.out(hidden).float()


def folded(network: Network, prior: NDArray[np.float64]) -> dict[str, NDArray[np.generic]]:
    """The tensors that `polish.models.acoustic` reads: normalisation folded into the layers before it, and
    weights in 255 steps, as wide for each channel as its largest one needs."""
    found: dict[str, torch.Tensor] = {}

    def fold(name: str, layer: nn.Module) -> None:
        before, norm = layer[0], layer[1]  # type: ignore[index]
        gain = norm.weight / torch.sqrt(norm.running_var + norm.eps)
        found[f"{name}.weight"] = before.weight * gain.reshape(-1, *[1] * (before.weight.ndim - 1))
        found[f"{name}.bias"] = (before.bias - norm.running_mean) * gain + norm.bias

    for number, layer in enumerate(network.front):
        fold(f"front.{number}", layer)
    fold("middle", network.middle)
    for number, layer in enumerate(network.around):
        fold(f"around.{number}", layer)
    found["middle.weight"] = found["middle.weight"][:, :, 0]
    found["out.weight"], found["out.bias"] = network.out.weight[:, :, 0], network.out.bias
    tensors: dict[str, NDArray[np.generic]] = {"prior": prior.astype(np.float32)}
    for name, tensor in found.items():
        values = tensor.detach().numpy()
        if name.endswith("weight"):
            axes = tuple(range(1, values.ndim))
            scale = (np.abs(values).max(axis=axes, keepdims=True) / 127).astype(np.float16)
            tensors[f"{name}.scale"] = scale.ravel()
            values = np.round(values / np.maximum(scale, np.float16(1e-7))).clip(-127, 127).astype(np.int8)
        tensors[name] = values if values.dtype == np.int8 else values.astype(np.float16)
    return {name: np.ascontiguousarray(tensor) for name, tensor in tensors.items()}
