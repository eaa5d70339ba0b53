"""Real Demucs networks with random weights, saved in the format that the real loader reads."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from polish.models.demixing.networks import BAGS, WEIGHTS

SMALL_HT = {
    "channels": 8, "depth": 4, "t_layers": 2, "t_heads": 2, "bottom_channels": 32, "t_hidden_scale": 2.0,
    "dconv_comp": 4, "samplerate": 44_100, "segment": Fraction(1, 2),
}  # fmt: skip
SMALL_H = {"channels": 8, "depth": 6, "segment": 3}
FULL_HT = {
    "channels": 48, "depth": 4, "t_layers": 5, "bottom_channels": 512, "segment": Fraction(39, 5),
    "dconv_mode": 3,
}  # fmt: skip
"""The published htdemucs: 42 million parameters."""


def network(
    kind: str,
    sources: tuple[str, ...],
    settings: dict[str, Any],
    seed: int,
    *,
    scales: tuple[float, float] = (0.3, 1.0),
    lively: bool = True,
) -> Any:
    """An `HTDemucs` or `HDemucs` whose every layer does something.

    LayerScales start near zero and convolutions small, so that a fresh network is nearly one
    without its residual branches and its transformer; here both are drawn anew, the LayerScales
    between `scales` and the convolutions only when it is to be `lively`.
    """
    import torch
    from demucs.hdemucs import HDemucs
    from demucs.htdemucs import HTDemucs
    from torch import nn

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        made = (HTDemucs if kind == "HTDemucs" else HDemucs)(sources=list(sources), **settings)
        for name, parameter in made.named_parameters():
            if "scale" in name.rsplit(".", 1)[-1] or "gamma" in name:
                parameter.data.uniform_(*scales)
        for module in made.modules() if lively else ():
            if isinstance(module, (nn.Conv1d, nn.Conv2d, nn.ConvTranspose1d, nn.ConvTranspose2d)):
                inputs = (
                    module.weight[0].numel()
                    if "Transpose" not in type(module).__name__
                    else (module.weight.shape[0] * module.weight[0, 0].numel() / np.prod(module.stride))
                )
                module.weight.data.normal_(0, (2 / inputs) ** 0.5)
    return made.eval()


def save(made: Any, path: Path) -> None:
    """Write a network as demucs' hub export does: tensors, class and arguments in the header."""
    from safetensors.torch import save_file

    args, kwargs = made._init_args_kwargs
    klass = type(made)
    header = {
        "klass": f"{klass.__module__}.{klass.__name__}",
        "args": json.dumps(_encoded(list(args))), "kwargs": json.dumps(_encoded(kwargs)),
    }  # fmt: skip
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(
        {name: tensor.contiguous() for name, tensor in made.state_dict().items()}, str(path), metadata=header
    )


def install(
    name: str, models: Path, *, settings: dict[str, Any] | None = None, seed: int = 0, **drawn: Any
) -> list[Any]:
    """Networks for the engine `name`, saved where it looks for them; `drawn` as `network` has it."""
    kind = "HDemucs" if name.startswith("hdemucs") else "HTDemucs"
    settings = settings or (SMALL_H if kind == "HDemucs" else SMALL_HT)
    networks = []
    for number, file in enumerate(WEIGHTS[name]):
        made = network(kind, BAGS[name].sources, settings, seed + number, **drawn)
        save(made, models / file)
        networks.append(made)
    return networks


def _encoded(value: Any) -> Any:
    if isinstance(value, Fraction):
        return {"_type": "fraction", "numerator": value.numerator, "denominator": value.denominator}
    if isinstance(value, dict):
        return {key: _encoded(item) for key, item in value.items()}
    return [_encoded(item) for item in value] if isinstance(value, (list, tuple)) else value
