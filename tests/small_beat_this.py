"""Beat This! networks with random weights, saved as the checkpoint that the real loader reads."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

HEAD = 32


def weights(seed: int, *, dim: int = 64, layers: int = 2, stem: int = 32, mult: int = 2) -> dict[str, Any]:
    """Weights by their published names, drawn so that every layer does something."""
    import torch

    rng = np.random.default_rng(seed)
    made: dict[str, np.ndarray] = {}

    def put(name: str, *shape: int, inputs: int = 0) -> None:
        spread = inputs**-0.5 if inputs else 0.2
        made[name] = spread * rng.standard_normal(shape) + (0 if inputs else 1)

    def normal(name: str, size: int) -> None:
        for part in ("weight", "running_var"):
            made[f"{name}.{part}"] = rng.uniform(0.5, 1.5, size)
        for part in ("bias", "running_mean"):
            put(f"{name}.{part}", size, inputs=25)

    def attention(name: str, size: int) -> None:
        heads = size // HEAD
        put(f"{name}.norm.gamma", size)
        put(f"{name}.to_qkv.weight", 3 * size, size, inputs=size)
        put(f"{name}.to_gates.weight", heads, size, inputs=size)
        put(f"{name}.to_gates.bias", heads, inputs=1)
        put(f"{name}.to_out.0.weight", size, size, inputs=size)
        made[f"{name}.rotary_embed.freqs"] = 10_000.0 ** -(np.arange(0, HEAD, 2) / HEAD)

    def forward(name: str, size: int, more: int) -> None:
        put(f"{name}.net.0.gamma", size)
        put(f"{name}.net.1.weight", more * size, size, inputs=size)
        put(f"{name}.net.1.bias", more * size, inputs=25)
        put(f"{name}.net.4.weight", size, more * size, inputs=more * size)
        put(f"{name}.net.4.bias", size, inputs=25)

    normal("frontend.stem.bn1d", 128)
    put("frontend.stem.conv2d.weight", stem, 1, 4, 3, inputs=12)
    normal("frontend.stem.bn2d", stem)
    for block in range(3):
        name, size = f"frontend.blocks.{block}", stem << block
        for way in "FT":
            attention(f"{name}.partial.attn{way}", size)
            forward(f"{name}.partial.ff{way}", size, 4)
        put(f"{name}.conv2d.weight", 2 * size, size, 2, 3, inputs=6 * size)
        normal(f"{name}.norm", 2 * size)
    put("frontend.linear.weight", dim, stem * 32, inputs=stem * 32)
    put("frontend.linear.bias", dim, inputs=25)
    for layer in range(layers):
        attention(f"transformer_blocks.layers.{layer}.0", dim)
        forward(f"transformer_blocks.layers.{layer}.1", dim, mult)
    put("transformer_blocks.norm.gamma", dim)
    put("task_heads.beat_downbeat_lin.weight", 2, dim, inputs=dim)
    put("task_heads.beat_downbeat_lin.bias", 2, inputs=1)
    return {name: torch.from_numpy(value.astype(np.float32)) for name, value in made.items()}


def save(path: Path, seed: int, **sizes: int) -> Path:
    """A checkpoint as its authors publish it."""
    import torch

    named = {f"model.{name}": value for name, value in weights(seed, **sizes).items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save({"state_dict": named, "hyper_parameters": {"sum_head": True, "lr": 0.0008}}, path)
    return path
