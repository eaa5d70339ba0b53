"""Demucs networks out of their weight files.

Weights are the safetensors files of the hub repositories that demucs 4.1 itself loads: the
tensors, and in the header the class of the network and its arguments (``demucs/hf.py``).
Only the two classes of the published models are ever built, whatever a header says.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import ModelUnavailable
from .. import store

FOUR = ("drums", "bass", "other", "vocals")
SIX = (*FOUR, "guitar", "piano")
_CLASSES = ("demucs.htdemucs.HTDemucs", "demucs.hdemucs.HDemucs")


@dataclass(frozen=True)
class Bag:
    """A named model: one network or several, as in the ``.yaml`` beside its weights.

    Attributes:
        networks: file names without suffix, in order.
        sources: the stems it makes.
        segment_s: overrides the length of the pieces an HDemucs hears; None leaves it.
        one_each: network k is used for stem k alone; else all stems are averaged over all.
    """

    networks: tuple[str, ...]
    sources: tuple[str, ...] = FOUR
    segment_s: int | None = None
    one_each: bool = False

    def shares(self, network: int) -> NDArray[np.float32]:
        """How much of each stem comes from a network, ``(stems,)``."""
        if self.one_each:
            return np.eye(len(self.sources), dtype=np.float32)[network]
        return np.full(len(self.sources), 1 / len(self.networks), np.float32)


BAGS = {
    "htdemucs": Bag(("955717e8",)),
    "htdemucs_ft": Bag(("f7e0c4bc", "d12395a8", "92cfc3b6", "04573f0d"), one_each=True),
    "htdemucs_6s": Bag(("5c90dfd2",), sources=SIX),
    "hdemucs_mmi": Bag(("75fc33f5",), segment_s=44),
}
WEIGHTS = {
    name: tuple(f"{name}/{network}.safetensors" for network in bag.networks) for name, bag in BAGS.items()
}
"""The weight files of each model, by their names in the manifest."""


def network(name: str, number: int) -> Any:
    """A network of a bag, on the first GPU or else the CPU, with the quick layers of `layers`.

    Raises:
        ModelUnavailable: its file is not here, not of this format, or holds another network.
    """
    bag, path = BAGS[name], store.path(WEIGHTS[name][number])
    made = _loaded(path, path.stat().st_mtime_ns, bag.segment_s)
    if tuple(made.sources) != bag.sources:
        raise _unfit(path, name, f"it makes {', '.join(made.sources)}, not {', '.join(bag.sources)}")
    if made.audio_channels != 2:
        raise _unfit(path, name, f"it hears {made.audio_channels} channels, not 2")
    return made


@lru_cache(maxsize=1)
def _loaded(path: Path, _changed_ns: int, segment_s: int | None) -> Any:
    """The network in a file, ready to run. The last one is kept, because one process separates many songs;
    the four of a bag would take half a gigabyte more, and loading one takes less than a segment does."""
    import torch

    from .layers import quickened

    made = _built(path)
    if segment_s is not None:
        made.segment = segment_s
    made = quickened(made.eval().requires_grad_(False))
    return made.to("cuda" if torch.cuda.is_available() else "cpu")


def _built(path: Path) -> Any:
    """The network that a safetensors file describes, with its weights."""
    import torch
    from demucs.hdemucs import HDemucs
    from demucs.htdemucs import HTDemucs
    from safetensors import SafetensorError, safe_open

    name = path.parent.name
    try:
        with safe_open(str(path), framework="pt") as file:
            header = file.metadata() or {}
            state = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 (not a dict)
    except (SafetensorError, OSError) as error:
        raise _unfit(path, name, f"not a whole safetensors file ({error})") from error
    if header.get("klass") not in _CLASSES:
        raise _unfit(path, name, f"it holds {header.get('klass', 'no network')}, not a Demucs")
    network_class = HTDemucs if header["klass"] == _CLASSES[0] else HDemucs
    try:
        args, kwargs = (_decoded(json.loads(header[part])) for part in ("args", "kwargs"))
        with torch.random.fork_rng(devices=[]):
            made = network_class(*args, **kwargs)
        made.load_state_dict(state)
    except (KeyError, TypeError, ValueError, AssertionError, RuntimeError) as error:
        reason = " ".join(str(error).split())[:200]
        raise _unfit(path, name, f"weights and architecture do not go together ({reason})") from error
    return made


def _decoded(value: Any) -> Any:
    """Arguments from JSON; fractions are written as ``{"_type": "fraction", …}``."""
    if isinstance(value, dict):
        if value.get("_type") == "fraction":
            return Fraction(value["numerator"], value["denominator"])
        return {key: _decoded(item) for key, item in value.items()}
    return [_decoded(item) for item in value] if isinstance(value, list) else value


def _unfit(path: Path, name: str, why: str) -> ModelUnavailable:
    return ModelUnavailable(
        f"not the weights of {name}: {why}", where=path, hint=f"delete it and run: polish models fetch {name}"
    )
