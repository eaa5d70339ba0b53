"""Demucs: neural separation, the networks of the `demucs` package applied in our own way.

Défossez, «Hybrid Spectrogram and Waveform Source Separation», 2021 (HDemucs), and Rouard,
Massa & Défossez, «Hybrid Transformers for Music Source Separation», ICASSP 2023 (HTDemucs).

Weights are the safetensors files of the hub repositories that demucs 4.1 itself loads: the
tensors, and in the header the class of the network and its arguments (``demucs/hf.py``).
Only the two classes above are ever built, whatever a header says. Segments and weights of
their overlap-add are those of ``demucs.apply.apply_model(shifts=0, overlap=0.25)``, so the
result is the same; but they run through one after the other, so that no more than two are
in memory, and a network whose stems nobody asked for is not run at all.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from .. import audio
from ..audio.sound import Samples, Sound
from ..errors import ModelUnavailable
from . import store
from .engines import Mode, Progress, Separated, Separator

FOUR = ("drums", "bass", "other", "vocals")
SIX = (*FOUR, "guitar", "piano")
_CLASSES = ("demucs.htdemucs.HTDemucs", "demucs.hdemucs.HDemucs")
_OVERLAP = 0.25


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


class Demucs(Separator):
    """The Demucs model its name says, on the first GPU or else the CPU."""

    weights: ClassVar = {
        name: tuple(f"{name}/{network}.safetensors" for network in bag.networks) for name, bag in BAGS.items()
    }

    @property
    def stems(self) -> tuple[str, ...]:
        return BAGS[self.name].sources

    def separate(
        self,
        mix: Sound,
        *,
        seed: int,
        progress: Progress,
        stems: Collection[str] = (),
        mode: Mode = "exact",
        shifts: int = 0,
    ) -> Separated:
        bag = BAGS[self.name]
        wanted = [index for index, source in enumerate(bag.sources) if not stems or source in stems]
        runs = [k for k in range(len(bag.networks)) if bag.shares(k)[wanted].any()]
        heard = audio.resample(mix, _network(self.name, runs[0]).samplerate)
        normal, mean, deviation = _normalised(heard)
        out = np.zeros((len(wanted), *heard.samples.shape), np.float32)
        for done, number in enumerate(runs):
            network, shares = _network(self.name, number), bag.shares(number)[wanted]
            for start, piece in _pieces(network, normal):
                end = start + piece.shape[-1]
                out[:, :, start:end] += shares[:, None, None] * _folded(piece[wanted], mix.channels)
                progress((done + end / heard.frames) / len(runs))
        # The network heard the mix less its mean; each stem gets an equal part of it back.
        out *= np.float32(deviation)
        out += np.float32(mean / len(bag.sources))
        named = zip((bag.sources[index] for index in wanted), out, strict=True)
        return Separated({name: _fitted(stem, heard.rate_hz, mix) for name, stem in named})


def _normalised(heard: Sound) -> tuple[Samples, float, float]:
    """The mix as the networks were trained to hear it: stereo, mean 0 and deviation 1 of its mono sum.

    torch does the sums, as in ``demucs.api``: its rounding is part of what the networks get.
    """
    import torch

    mono = torch.from_numpy(np.broadcast_to(heard.samples, (2, heard.frames)).mean(axis=0, dtype=np.float32))
    mean, deviation = mono.mean().item(), mono.std(correction=min(1, heard.frames - 1)).item() + 1e-8
    stereo = np.broadcast_to(heard.samples, (2, heard.frames))
    return (stereo - np.float32(mean)) / np.float32(deviation), mean, deviation


def _folded(stereo: NDArray[np.float32], channels: int) -> NDArray[np.float32]:
    return stereo.mean(axis=1, keepdims=True) if channels == 1 else stereo


def _fitted(samples: Samples, rate_hz: int, mix: Sound) -> Sound:
    """A stem at the mix's rate and of exactly its length."""
    stem = audio.resample(Sound(samples, rate_hz), mix.rate_hz).samples[:, : mix.frames]
    return Sound(np.pad(stem, ((0, 0), (0, mix.frames - stem.shape[1]))), mix.rate_hz)


def _pieces(network: Any, mix: Samples) -> Iterator[tuple[int, NDArray[np.float32]]]:
    """The stems of a mix, piece by piece, in order and without gaps.

    Args:
        mix: ``(2, frames)``, normalised.

    Yields:
        The first frame of a piece, and ``(stems, 2, frames)``.
    """
    frames = mix.shape[1]
    length = int(network.samplerate * network.segment)
    stride = int((1 - _OVERLAP) * length)
    # A triangle, highest in the middle of the segment; see demucs.apply.apply_model.
    rising = np.arange(1, length // 2 + 1)
    weight = np.concatenate([rising, np.arange(length - length // 2, 0, -1)]).astype(np.float32)
    weight /= weight.max()
    sums = np.zeros((len(network.sources), 2, length), np.float32)
    weights = np.zeros(length, np.float32)
    for start in range(0, frames, stride):
        count = min(length, frames - start)
        sums[:, :, :count] += weight[:count] * _heard(network, mix, start, count)
        weights[:count] += weight[:count]
        ready = count if start + stride >= frames else stride
        yield start, sums[:, :, :ready] / weights[:ready]
        sums = np.concatenate([sums[:, :, ready:], np.zeros_like(sums[:, :, :ready])], axis=2)
        weights = np.concatenate([weights[ready:], np.zeros_like(weights[:ready])])


def _heard(network: Any, mix: Samples, start: int, count: int) -> NDArray[np.float32]:
    """The network's stems of one segment, which it hears in the middle of what is around it."""
    import torch

    long = network.valid_length(count) if hasattr(network, "valid_length") else count
    first = start - (long - count) // 2
    low, high = max(0, first), min(mix.shape[1], first + long)
    padded = np.pad(mix[:, low:high], ((0, 0), (low - first, first + long - high)))
    with torch.inference_mode():
        device = next(network.parameters()).device
        stems = network(torch.from_numpy(padded)[None].to(device))[0].cpu().numpy()
    return stems[:, :, start - first : start - first + count]


@lru_cache(maxsize=4)
def _loaded(path: Path, _changed_ns: int, segment_s: int | None) -> Any:
    """The network in a file, ready to run; kept, because one process separates many songs."""
    import torch

    network = _built(path)
    if segment_s is not None:
        network.segment = segment_s
    return network.eval().to("cuda" if torch.cuda.is_available() else "cpu")


def _network(name: str, number: int) -> Any:
    """A network of a bag.

    Raises:
        ModelUnavailable: its file is not here, not of this format, or holds another network.
    """
    bag, path = BAGS[name], store.path(Demucs.weights[name][number])
    network = _loaded(path, path.stat().st_mtime_ns, bag.segment_s)
    if tuple(network.sources) != bag.sources:
        raise _unfit(path, name, f"it makes {', '.join(network.sources)}, not {', '.join(bag.sources)}")
    if network.audio_channels != 2:
        raise _unfit(path, name, f"it hears {network.audio_channels} channels, not 2")
    return network


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
            network = network_class(*args, **kwargs)
        network.load_state_dict(state)
    except (KeyError, TypeError, ValueError, AssertionError, RuntimeError) as error:
        reason = " ".join(str(error).split())[:200]
        raise _unfit(path, name, f"weights and architecture do not go together ({reason})") from error
    return network


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
