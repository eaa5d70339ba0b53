"""Trains the networks that hear sung phones, `polish/models/sung_phones.safetensors`.

    cd tests && python -m training.sung_phones --songs 480 --out ../polish/models/sung_phones.safetensors

Needs `pip install pyworld 'setuptools<80'` besides polish itself, and what `training.readers` names. Songs
are made first (3 to 5 CPU seconds each) and kept in a folder, so that a run can be gone on with; then
networks are trained on excerpts of them, spoiled in many ways. Some hear singers whose formants eSpeak
makes, some hear mostly people's: on the songs of `tests/benchmarks/alignment.py`, with lines planted at
other places than there, both together tell a song's own lines from others better than either kind alone.
What each kind reaches on songs of its own that it never heard is printed.

Those that are shipped were trained one by one as the script does it, with other seeds: the first four are
older, of seven on 450 songs of the first kind, in which ð, β and ɣ always had voice and which were in nine
languages; the other four heard some 560 songs of the second kind, and each alone named 78 or 79 % of the
frames of 30 others rightly. Each of the four took about a quarter of an hour on one core.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
import soxr
import torch
from numpy.typing import NDArray
from safetensors.numpy import save_file
from scipy.signal import butter, oaconvolve, sosfilt
from torch import nn

from polish.audio import Sound
from polish.models.acoustic import BANDS, HOP_S, features, normalised
from polish.models.composer import compose
from polish.models.phones import CLASSES
from polish.models.separation import BuiltinSeparator

from . import singing
from .phone_network import Network, folded
from .speech import RATE_HZ as SPEECH_HZ

RATE_HZ = 44_100
SECONDS = 24.0
SEPARATED = 0.5
"""How many of the voices went through the built-in separator; the others keep some of the band."""
BACKINGS = 40
HELD_BACK = 30
EXCERPT, BATCH = 400, 16
READ = {"formants": 0.0, "people": 0.65}
"""How many singers have a person's voice in each kind of songs."""
NETWORKS = (
    *(("formants", 160, 25.0),) * 2, *(("formants", 96, 17.0),) * 2, *(("people", 160, 25.0),) * 4,
)  # fmt: skip
"""The songs that each network hears, its channels, and how often it hears each song."""

Example = tuple[NDArray[np.float32], NDArray[np.int64]]


def made(seed: int, read: float) -> Example:
    """Features of a voice as it comes out of a mix, ``(frames, BANDS)``, and the class of each frame."""
    rng = np.random.default_rng(900 + seed)
    voice, classes = singing.song(rng, SECONDS, read)
    lead = _placed(rng, soxr.resample(voice, SPEECH_HZ, RATE_HZ))
    band = _backing(5000 + int(rng.integers(BACKINGS)))
    start = int(rng.integers(band.shape[1] - lead.shape[1]))
    band = _coloured(rng, band[:, start : start + lead.shape[1]])
    band *= np.std(lead) / (np.std(band) + 1e-9) * 10 ** (rng.uniform(-6, 6) / 20)
    if rng.random() < SEPARATED:
        mix = lead + band
        mix = Sound((0.9 * mix / np.abs(mix).max()).astype(np.float32), RATE_HZ)
        separator = BuiltinSeparator("builtin")
        heard = separator.separate(mix, seed=0, progress=lambda _: None, stems=("vocals",)).stems["vocals"]
    else:
        left = 10 ** (-rng.uniform(5, 20) / 20)
        heard = Sound((lead + left * band).astype(np.float32), RATE_HZ)
    found = features(heard)
    at = np.round(np.arange(len(found)) * HOP_S / singing.HOP_S).astype(int)
    return found, classes[np.minimum(at, classes.size - 1)].astype(np.int64)


def _placed(rng: np.random.Generator, voice: NDArray[np.float32]) -> NDArray[np.float64]:
    """A voice in a room, ``(2, frames)``; sometimes doubled."""
    frames = int(rng.uniform(0.3, 1.5) * RATE_HZ)
    room = rng.standard_normal((2, frames)) * np.exp(-6.9 * np.arange(frames) / frames)
    room *= rng.uniform(0, 0.35) / np.sqrt((room**2).sum(axis=1, keepdims=True))
    out = np.stack([voice + oaconvolve(voice, side)[: voice.size] for side in room])
    if rng.random() < 0.3:
        for side in out:
            late = int(rng.uniform(0.015, 0.03) * RATE_HZ)
            side[late:] += 0.4 * side[:-late]
    return out


def _coloured(rng: np.random.Generator, band: NDArray[np.float32]) -> NDArray[np.float64]:
    if rng.random() < 0.5:
        return band.astype(float)
    kind, corner_hz = ("high", "low")[rng.integers(2)], rng.uniform(300, 2500)
    return 0.3 * band + 0.7 * sosfilt(butter(1, corner_hz, kind, fs=RATE_HZ, output="sos"), band)


@lru_cache(maxsize=BACKINGS)
def _backing(seed: int) -> NDArray[np.float32]:
    stems = compose(seed, seconds=40.0, rate_hz=RATE_HZ).stems
    return sum(stems[name].samples for name in ("drums", "bass", "other"))  # type: ignore[return-value]


def trained(examples: Sequence[Example], width: int, rounds: float, seed: int) -> Network:
    """A network of so many channels that has heard each example about `rounds` times."""
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    network = Network(width)
    steps = int(rounds * len(examples) * SECONDS / HOP_S / EXCERPT / BATCH)
    optimiser = torch.optim.AdamW(network.parameters(), 1e-3, weight_decay=1e-2)
    pace = torch.optim.lr_scheduler.OneCycleLR(optimiser, 4e-3, total_steps=steps)
    for step in range(steps):
        pairs = [_excerpt(rng, *examples[rng.integers(len(examples))]) for _ in range(BATCH)]
        heard, wanted = (torch.from_numpy(np.stack(part)) for part in zip(*pairs, strict=True))
        loss = nn.functional.cross_entropy(network(heard), wanted, label_smoothing=0.05)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        pace.step()
        if step % 100 == 0:
            print(f"step {step} of {steps}: loss {loss.item():.3f}", flush=True)
    return network.eval()


def _excerpt(rng: np.random.Generator, heard: NDArray[np.float32], classes: NDArray[np.int64]) -> Example:
    """A stretch of an example, faster or slower, by another voice, with another tilt and level, some bands or
    moments gone, and noise."""
    speed = np.exp(rng.uniform(-0.2, 0.2)) if rng.random() < 0.6 else 1.0
    at = rng.integers(0, len(heard) - int(EXCERPT * speed) - 2) + speed * np.arange(EXCERPT)
    part, classes = _between(heard, at), classes[np.round(at).astype(int)]
    if rng.random() < 0.6:
        part = _between(part.T, np.clip(np.arange(BANDS) + rng.uniform(-2, 2), 0, BANDS - 1.001)).T
    part += rng.normal(0, 0.25)
    part += np.interp(np.arange(BANDS), np.linspace(0, BANDS - 1, 5), rng.normal(0, 0.35, 5)).astype(
        np.float32
    )
    if rng.random() < 0.5:
        low = int(rng.integers(0, BANDS - 8))
        part[:, low : low + int(rng.integers(2, 8))] = part.min()
    if rng.random() < 0.3:
        part[:, int(rng.integers(44, BANDS)) :] = part.min()
    part += rng.normal(0, rng.uniform(0, 0.25), part.shape).astype(np.float32)
    if rng.random() < 0.3:
        first = int(rng.integers(0, EXCERPT - 12))
        part[first : first + int(rng.integers(2, 12))] = part.min()
    return part, classes


def _between(rows: NDArray[np.float32], at: NDArray[np.float64]) -> NDArray[np.float32]:
    """Rows at places between them."""
    first = at.astype(int)
    share = (at - first)[:, None].astype(np.float32)
    return rows[first] * (1 - share) + rows[first + 1] * share


def _songs(folder: Path, count: int, read: float) -> list[Example]:
    """Songs as they lie in a folder; those that do not are made."""
    folder.mkdir(parents=True, exist_ok=True)
    examples = []
    for seed in range(count):
        path = folder / f"{seed}.npz"
        if not path.exists():
            heard, classes = made(seed, read)
            np.savez_compressed(path, heard=heard.astype(np.float16), classes=classes.astype(np.int8))
        with np.load(path) as kept:
            examples.append((normalised(kept["heard"].astype(np.float32)), kept["classes"].astype(np.int64)))
    return examples


@torch.no_grad()
def _named_rightly(networks: Sequence[Network], songs: Sequence[Example]) -> float:
    """The share of the frames whose class networks find together."""
    right = []
    for heard, classes in songs:
        given = torch.from_numpy(heard)[None]
        found = torch.stack([network(given).log_softmax(1)[0] for network in networks]).mean(0).argmax(0)
        right.append(np.mean(found.numpy() == classes))
    return float(np.mean(right))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--songs", type=int, default=480)
    parser.add_argument("--kept", type=Path, default=Path("sung"), help="Where the made songs are kept.")
    parser.add_argument("--out", type=Path, required=True)
    asked = parser.parse_args()
    examples = {kind: _songs(asked.kept / kind, asked.songs, read) for kind, read in READ.items()}
    known = {kind: songs[:-HELD_BACK] for kind, songs in examples.items()}
    networks = [
        (kind, trained(known[kind], width, rounds, seed))
        for seed, (kind, width, rounds) in enumerate(NETWORKS)
    ]
    for kind, songs in examples.items():
        right = _named_rightly([network for heard, network in networks if heard == kind], songs[-HELD_BACK:])
        print(f"{kind}: frames named rightly in {HELD_BACK} other songs: {100 * right:.1f} %")
    classes = np.concatenate([each for songs in known.values() for _, each in songs])
    counts = np.bincount(classes, minlength=len(CLASSES))
    tensors = {
        f"{number}.{name}": tensor
        for number, (_, network) in enumerate(networks)
        for name, tensor in folded(network, counts / counts.sum()).items()
    }
    save_file(tensors, asked.out)


if __name__ == "__main__":
    main()
