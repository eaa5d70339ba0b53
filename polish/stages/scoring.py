"""How good a generated take is, as far as a machine can say: seven parts from 0 to 1, and their mean.

The parts say what is plainly wrong with a take; none of them knows whether the music is good.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..audio import Sound
from ..dsp.loudness import integrated_lufs, loudness_range_lu
from ..dsp.spectrum import third_octave_levels_db

WEIGHTS = {"loudness": 1.0, "clipping": 2.0, "silence": 2.0, "spectrum": 1.5, "variety": 2.0, "arc": 1.0,
           "ending": 1.0}  # fmt: skip
"""How much each part counts in the score."""
_BLOCK_S = 0.1
_SILENT_DB = -60.0
_SLOPE_DB = -2.0
"""How much third-octave levels fall in an octave, 63 Hz to 10 kHz: the mean of 15 songs, of which ten
were generated, lay at −1.8 (singly −2.8 to 0)."""
_LAGS_S = (0.4, 10.0)


def score(sound: Sound) -> tuple[float, dict[str, float]]:
    """The score of a take, 0 to 1, and its parts.

    Parts:
        loudness: 1 from −26 to −8 LUFS, 0 below −50 and above −2.
        clipping: 1 without flat tops, 0 where one frame in a thousand is part of one.
        silence: 1 less four times the share of it that is silent before its end.
        spectrum: 1 where third-octave levels lie within 2.5 dB (mean) of a typical slope, 0 at 12 dB.
        variety: 1 where it is nowhere more like itself within 10 s than by half, 0 for a loop
            that never changes; songs lie between 0.6 and 1.
        arc: 1 with a loudness range of 4 to 10 LU, 0 where it never changes or changes by 24 LU.
        ending: 1 where the last tenth of a second lies 30 dB under the song, 0 where it breaks off.
    """
    parts = {
        "loudness": _loudness(sound),
        "clipping": _clipping(sound),
        "silence": _silence(sound),
        "spectrum": _spectrum(sound),
        "variety": _variety(sound),
        "arc": _arc(sound),
        "ending": _ending(sound),
    }
    parts = {name: round(float(np.clip(value, 0, 1)), 4) for name, value in parts.items()}
    total = sum(WEIGHTS[name] * value for name, value in parts.items()) / sum(WEIGHTS.values())
    return round(total, 4), parts


def _loudness(sound: Sound) -> float:
    lufs = integrated_lufs(sound.samples, sound.rate_hz)
    if lufs is None:
        return 0.0
    return float(np.interp(lufs, (-50, -26, -8, -2), (0, 1, 1, 0)))


def _clipping(sound: Sound) -> float:
    """Frames that are one of three or more in a row at the peak, or within the dither of 16 bits of it."""
    flat = 0
    for channel in sound.samples:
        peak = float(np.abs(channel).max(initial=0))
        if peak < 0.5:
            continue
        at = np.abs(channel) >= peak * (1 - 1e-4)
        edges = np.flatnonzero(np.diff(np.concatenate([[False], at, [False]]).astype(np.int8)))
        runs = edges[1::2] - edges[::2]
        flat += int(runs[runs >= 3].sum())
    return 1 - 1000 * flat / max(1, sound.samples.size)


def _block_power(sound: Sound) -> NDArray[np.float64]:
    """Mean square of every tenth of a second, over all channels."""
    span = max(1, round(_BLOCK_S * sound.rate_hz))
    edges = np.arange(0, max(sound.frames - span + 1, 1), span)
    return np.array([float(np.mean(sound.samples[:, e : e + span] ** 2)) for e in edges if sound.frames])


def _silence(sound: Sound) -> float:
    power = _block_power(sound)[: -round(2 / _BLOCK_S)]
    if power.size == 0:
        return 0.0 if sound.silent else 1.0
    return 1 - 4 * float(np.mean(power < 10 ** (_SILENT_DB / 10)))


def _spectrum(sound: Sound) -> float:
    hz, level = third_octave_levels_db(sound.samples, sound.rate_hz)
    used = (hz >= 63) & (hz <= min(10_000, 0.4 * sound.rate_hz))
    if sound.silent or not used.any():
        return 0.0
    apart = level[used] - _SLOPE_DB * np.log2(hz[used] / 1000)
    return float(np.interp(np.mean(np.abs(apart - np.median(apart))), (2.5, 12), (1, 0)))


def _variety(sound: Sound) -> float:
    """How unlike itself it is at the lag at which it is most like itself.

    Compared are the levels of 24 bands every 50 ms, each less its mean over the song.
    """
    bands = _band_levels(sound)
    best = 0.0
    for lag in range(round(_LAGS_S[0] / 0.05), min(round(_LAGS_S[1] / 0.05), len(bands) // 2)):
        early, late = bands[:-lag], bands[lag:]
        scale = float(np.sqrt(np.sum(early**2) * np.sum(late**2)))
        best = max(best, float(np.sum(early * late)) / scale if scale > 0 else 0.0)
    return float(np.interp(best, (0.5, 0.97), (1, 0)))


def _band_levels(sound: Sound) -> NDArray[np.float32]:
    """Levels in dB, no lower than 60 dB under the highest, ``(columns, 24)``, each band less its mean."""
    hop = max(1, round(0.05 * sound.rate_hz))
    mono = np.mean(sound.samples, axis=0)
    columns = mono[: mono.size // hop * hop].reshape(-1, hop) * np.hanning(hop)
    if columns.size == 0:
        return np.zeros((0, 24), np.float32)
    power = np.abs(np.fft.rfft(columns, axis=1)) ** 2
    edges = np.unique(np.geomspace(2, power.shape[1] - 1, 25).astype(int)) if power.shape[1] > 4 else [0]
    level = 10 * np.log10(np.add.reduceat(power, edges[:-1], axis=1) + 1e-12)
    level = np.maximum(level, level.max() - 60)
    return (level - level.mean(axis=0)).astype(np.float32)


def _arc(sound: Sound) -> float:
    lu = loudness_range_lu(sound.samples, sound.rate_hz)
    return 0.0 if lu is None else float(np.interp(lu, (0, 4, 10, 24), (0, 1, 1, 0)))


def _ending(sound: Sound) -> float:
    power = _block_power(sound)
    if power.size < 2 or sound.silent:
        return 0.0
    last = sound.samples[:, -max(1, round(0.1 * sound.rate_hz)) :]
    usual = float(np.median(power[power > 0]))
    drop_db = 10 * np.log10(usual / max(float(np.mean(last**2)), 1e-12))
    return drop_db / 30
