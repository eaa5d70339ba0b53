"""What phones are sung, moment by moment: a few small networks of our own, of one mind.

They hear a separated voice as a mel spectrogram, and each gives for every 20 ms the probability of
each class of phones (`phones.CLASSES`). They were trained by ``tests/training`` on nothing but
synthesised speech, pitched and stretched into singing and mixed with songs of the built-in
composer, so they need no download and hold nobody's recordings: half of them on speech of formants, half
mostly on speech of synthesisers that speak in people's voices, which finds the phones of real singers better
and takes instruments for singers more often.
"""

from __future__ import annotations

from functools import lru_cache
from importlib.resources import as_file, files
from typing import TypeVar

import numpy as np
import soxr
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from ..audio.sound import Sound

HOP_S = 0.02
BANDS = 64
RATE_HZ = 16_000
_WINDOW = 1024
_LOW_HZ, _HIGH_HZ = 60.0, 7600.0
_RANGE = 14.0
"""Natural logarithm of the power range that is looked at, below the loudest cell: 61 dB."""
_SPREAD = 3.0
_TRUST = 0.7
"""How far the logarithms that the networks give are believed, chosen on the songs of
`tests/benchmarks/alignment.py`: they were trained on voices that we made, and others sound otherwise."""
_BLOCK, _CONTEXT = 4096, 80
"""Frames at a time, and how many more on either side: more than the network looks around itself."""

Real = TypeVar("Real", np.float32, np.float64)
Features = NDArray[np.float32]
"""`float32`, shape ``(frames, BANDS)``, one frame every `HOP_S`."""
Scores = NDArray[np.float32]
"""Logarithms of the probability of each class of phones, ``(frames, classes)``, a frame every `HOP_S`."""
Hearings = NDArray[np.float32]
"""The like of `Scores` by each of some networks, ``(networks, frames, classes)``."""


def hearings(voice: Sound) -> Hearings:
    """How likely each class of phones is, by each of the networks.

    Args:
        voice: a separated voice, of any rate and channel count.
    """
    heard = normalised(features(voice))
    parts = []
    with threadpool_limits(1):
        for first in range(0, len(heard), _BLOCK):
            before = min(first, _CONTEXT)
            block = heard[first - before : first + _BLOCK + _CONTEXT]
            found = np.stack([log_softmax(_through(network, block)) for network in _networks()])
            parts.append(found[:, before : before + _BLOCK])
    return np.concatenate(parts, axis=1)


def agreed(each: Hearings) -> Scores:
    """How likely each class of phones is by all the networks together: their mean, and not quite believed.

    Args:
        each: as from `hearings`.
    """
    return log_softmax(_TRUST * each.mean(axis=0))


def frequencies() -> NDArray[np.float32]:
    """How often each class came in training, ``(classes,)``, summing to 1."""
    return _networks()[0]["prior"]


def features(voice: Sound) -> Features:
    """Logarithm of the power in bands of equal mel (2595 log10(1 + f / 700); O'Shaughnessy, 1987)."""
    mono = voice.samples.mean(axis=0, dtype=np.float32)
    sound = soxr.resample(mono, voice.rate_hz, RATE_HZ).astype(np.float32)
    padded = np.pad(sound, _WINDOW // 2)
    windows = np.lib.stride_tricks.sliding_window_view(padded, _WINDOW)[:: round(HOP_S * RATE_HZ)]
    hann, bank = np.hanning(_WINDOW).astype(np.float32), _mel_bank()
    found = np.empty((len(windows), BANDS), np.float32)
    for first in range(0, len(windows), _BLOCK):
        block = slice(first, first + _BLOCK)
        power = np.abs(np.fft.rfft(windows[block] * hann, axis=1)) ** 2
        found[block] = np.log(power.astype(np.float32) @ bank.T + np.float32(1e-7))
    return found


def normalised(found: Features) -> Features:
    """Features as the network was trained to hear them: each band about its mean over the song."""
    limited = np.maximum(found, found.max() - np.float32(_RANGE))
    return (limited - limited.mean(axis=0)) / np.float32(_SPREAD)


@lru_cache(maxsize=1)
def _mel_bank() -> NDArray[np.float32]:
    """Triangular weights, ``(BANDS, bins)``."""
    ends = 2595 * np.log10(1 + np.array([_LOW_HZ, _HIGH_HZ]) / 700)
    edges = 700 * (10 ** (np.linspace(*ends, BANDS + 2) / 2595) - 1)
    bins = np.fft.rfftfreq(_WINDOW, 1 / RATE_HZ)
    rising = (bins - edges[:-2, None]) / np.diff(edges)[:-1, None]
    falling = (edges[2:, None] - bins) / np.diff(edges)[1:, None]
    return np.maximum(0, np.minimum(rising, falling)).astype(np.float32)


@lru_cache(maxsize=1)
def _networks() -> tuple[dict[str, NDArray[np.float32]], ...]:
    """Several of a kind, trained apart: what all hear is surer than what one does.

    Weights lie in the file as whole numbers, with a scale for each channel that they make.
    """
    from safetensors.numpy import load_file

    with as_file(files(__package__) / "sung_phones.safetensors") as path:
        tensors = {name: tensor.astype(np.float32) for name, tensor in load_file(path).items()}
    for name in [name for name in tensors if name.endswith(".scale")]:
        scale, weight = tensors.pop(name), name.removesuffix(".scale")
        tensors[weight] *= scale.reshape(-1, *[1] * (tensors[weight].ndim - 1))
    numbers = sorted({name.split(".", 1)[0] for name in tensors})
    return tuple(
        {name.split(".", 1)[1]: tensor for name, tensor in tensors.items() if name.startswith(f"{number}.")}
        for number in numbers
    )


def log_softmax(scores: NDArray[Real]) -> NDArray[Real]:
    """Logarithms of probabilities that add up to 1 in each row."""
    scores = scores - scores.max(axis=-1, keepdims=True)
    return scores - np.log(np.exp(scores).sum(axis=-1, keepdims=True))


def _through(network: dict[str, NDArray[np.float32]], heard: Features) -> NDArray[np.float32]:
    """Scores of the classes, ``(frames, classes)``.

    Three layers look at neighbouring bands and frames and halve the bands; then layers with
    skips look further and further around in time (dilations 1 to 16), and one decides.
    """
    hidden = heard[:, :, None]
    for layer in range(3):
        hidden = _rectified(
            _convolved_2d(hidden, network[f"front.{layer}.weight"]), network, f"front.{layer}"
        )
        hidden = np.maximum(hidden[:, 0::2], hidden[:, 1::2])
    hidden = hidden.transpose(0, 2, 1).reshape(len(heard), -1)
    hidden = _rectified(hidden @ network["middle.weight"].T, network, "middle")
    for layer in range(5):
        convolved = _convolved_1d(hidden, network[f"around.{layer}.weight"], 2**layer)
        hidden = hidden + _rectified(convolved, network, f"around.{layer}")
    return hidden @ network["out.weight"].T + network["out.bias"]


def _rectified(
    values: NDArray[np.float32], network: dict[str, NDArray[np.float32]], layer: str
) -> NDArray[np.float32]:
    values += network[f"{layer}.bias"]
    return np.maximum(values, 0, out=values)


def _convolved_2d(values: NDArray[np.float32], weight: NDArray[np.float32]) -> NDArray[np.float32]:
    """Frames and bands ``(frames, bands, in)`` with a kernel ``(out, in, 3, 3)``; zeros around."""
    frames, bands, _ = values.shape
    padded = np.pad(values, ((1, 1), (1, 1), (0, 0)))
    out = np.zeros((frames, bands, weight.shape[0]), np.float32)
    for row in range(3):
        for column in range(3):
            out += padded[row : row + frames, column : column + bands] @ weight[:, :, row, column].T
    return out


def _convolved_1d(
    values: NDArray[np.float32], weight: NDArray[np.float32], apart: int
) -> NDArray[np.float32]:
    """Frames ``(frames, in)`` with a kernel ``(out, in, 5)``, its taps `apart` frames apart; zeros around."""
    frames = values.shape[0]
    padded = np.pad(values, ((2 * apart, 2 * apart), (0, 0)))
    taps = (padded[tap * apart : tap * apart + frames] @ weight[:, :, tap].T for tap in range(5))
    return sum(taps, np.zeros((frames, weight.shape[0]), np.float32))
