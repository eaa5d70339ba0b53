"""The synthetic test signals of EBU Tech 3341 (2023, table 1) and Tech 3342 (2023, table 1).

67 checks: integrated loudness of cases 1 to 6 (6), momentary and short-term of cases 1 and 2
(4), case 9 (1), the 20 files of case 10, case 11 (1), case 12 (1), the 20 files of case 13,
case 14 (1), true peak of cases 15 to 23 (9), and loudness range of cases 1 to 4 of Tech 3342
(4). Left out are 7 and 8, and 5 and 6, which are recorded programmes. Signals are made from
their descriptions, at 48 kHz.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import scipy.signal

RATE_HZ = 48_000
HOP_S = 0.01
"""At which a meter is read; live meters are to be read often enough to see each segment."""
MOMENTARY_S, SHORT_TERM_S = 0.4, 3.0


class Reader(Protocol):
    """A meter under test: a figure, or loudness over time; None where it has no such thing.

    A series has a value for each `HOP_S`, the window beginning at 0 s first; None for silence.
    """

    def integrated_lufs(self, samples: np.ndarray) -> float | None: ...
    def momentary_lufs(self, samples: np.ndarray) -> Sequence[float | None] | None: ...
    def short_term_lufs(self, samples: np.ndarray) -> Sequence[float | None] | None: ...
    def loudness_range_lu(self, samples: np.ndarray) -> float | None: ...
    def true_peak_dbtp(self, samples: np.ndarray) -> float | None: ...


@dataclass(frozen=True)
class Check:
    """One check: a signal, what a meter is asked of it, and what it may answer."""

    name: str
    signal: Callable[[], np.ndarray]
    passes: Callable[[Any, np.ndarray], bool]

    def passed_by(self, meter: Reader) -> bool:
        return self.passes(meter, self.signal())


Part = tuple[float, float | None]
"""Seconds, and the peak level in dBFS or None for silence."""


def tones(*parts: Part, channels: int = 2) -> np.ndarray:
    """1 kHz in all channels, part after part."""
    levels = [
        np.full(round(seconds * RATE_HZ), 0.0 if level_dbfs is None else 10 ** (level_dbfs / 20))
        for seconds, level_dbfs in parts
    ]
    gain = np.concatenate(levels)
    wave = gain * np.sin(2 * np.pi * 1000 * np.arange(gain.size) / RATE_HZ)
    return np.tile(wave.astype(np.float32), (channels, 1))


def surround() -> np.ndarray:
    """Case 6: L, R, C, Ls, Rs."""
    front, centre, back = (tones((20, level_dbfs), channels=1)[0] for level_dbfs in (-28, -24, -30))
    return np.stack([front, front, centre, back, back])


def tapered(divisor: int, degrees: float, level: float) -> np.ndarray:
    """Cases 15 to 19: fs/`divisor` with 10 ms of fading at each end, stereo."""
    n = np.arange(RATE_HZ)
    wave = level * np.sin(2 * np.pi * n / divisor + np.deg2rad(degrees))
    return np.tile((wave * scipy.signal.windows.tukey(n.size, 0.02)).astype(np.float32), (2, 1))


def between(offset: int) -> np.ndarray:
    """Cases 20 to 23: fs/6 at 0.5 with one period of fs/4 at 1.0, made at 4 fs, every fourth sample taken."""
    tone = 0.5 * np.sin(2 * np.pi * np.arange(4 * RATE_HZ) / 24)
    fine = np.concatenate([tone, np.sin(2 * np.pi * np.arange(16) / 16), tone])
    fine *= scipy.signal.windows.tukey(fine.size, 0.01)
    low = scipy.signal.firwin(1023, 0.475 * RATE_HZ, fs=4 * RATE_HZ)
    wave = scipy.signal.oaconvolve(fine, low, mode="same")[offset::4]
    return np.tile(wave.astype(np.float32), (2, 1))


def near(value: float | None, wanted: float, below: float = 0.1, above: float = 0.1) -> bool:
    return value is not None and -below - 1e-9 <= value - wanted <= above + 1e-9


def _figure(name: str, wanted: float, below: float = 0.1, above: float = 0.1) -> Callable[..., bool]:
    return lambda meter, samples: near(getattr(meter, name)(samples), wanted, below, above)


def _steady(name: str, wanted: float, *, after_s: float, window_s: float) -> Callable[..., bool]:
    """Every value whose window ends later than `after_s` is the one wanted."""

    def passes(meter: Any, samples: np.ndarray) -> bool:
        series = getattr(meter, name)(samples)
        return bool(series) and all(near(value, wanted) for value in series[_index(after_s - window_s) :])

    return passes


def _highest(name: str, wanted: float) -> Callable[..., bool]:
    def passes(meter: Any, samples: np.ndarray) -> bool:
        series = getattr(meter, name)(samples)
        return bool(series) and near(_most(series), wanted)

    return passes


def _successive(name: str, ends_s: Sequence[float], *, window_s: float) -> Callable[..., bool]:
    """Read at each end, the highest value so far is −38, −37, …, −19."""

    def passes(meter: Any, samples: np.ndarray) -> bool:
        series = getattr(meter, name)(samples)
        so_far = [series[: _index(end_s - window_s) + 1] for end_s in ends_s] if series else []
        return bool(so_far) and all(near(_most(part), -38.0 + i) for i, part in enumerate(so_far))

    return passes


def _index(seconds: float) -> int:
    return max(0, round(seconds / HOP_S))


def _most(series: Sequence[float | None]) -> float | None:
    return max((value for value in series if value is not None), default=None)


def checks() -> list[Check]:
    """All 67."""
    return [
        *_integrated(),
        *_over_time("S", "short_term_lufs", SHORT_TERM_S, 9, [(1.34, -20.0), (1.66, -30.0)] * 5),
        *_over_time("M", "momentary_lufs", MOMENTARY_S, 12, [(0.18, -20.0), (0.22, -30.0)] * 25),
        *_true_peak(),
        *_range(),
    ]


def _integrated() -> Iterator[Check]:
    signals: list[tuple[Callable[[], np.ndarray], float]] = [
        (lambda: tones((20, -23)), -23),
        (lambda: tones((20, -33)), -33),
        (lambda: tones((10, -36), (60, -23), (10, -36)), -23),
        (lambda: tones((10, -72), (10, -36), (60, -23), (10, -36), (10, -72)), -23),
        (lambda: tones((20, -26), (20.1, -20), (20, -26)), -23),
        (surround, -23),
    ]
    for case, (signal, lufs) in enumerate(signals, start=1):
        yield Check(f"3341-{case}-I", signal, _figure("integrated_lufs", lufs))


def _over_time(letter: str, name: str, window_s: float, case: int, pattern: list[Part]) -> Iterator[Check]:
    """Cases 1, 2 and three in a row, which are alike for short-term and for momentary loudness."""
    for first, lufs in ((1, -23), (2, -33)):
        steady = _steady(name, lufs, after_s=window_s, window_s=window_s)
        yield Check(f"3341-{first}-{letter}", lambda lufs=lufs: tones((20, lufs)), steady)
    steady = _steady(name, -23, after_s=3 if letter == "S" else 1, window_s=window_s)
    yield Check(f"3341-{case}-{letter}", lambda: tones(*pattern), steady)
    step_s = window_s / 20
    for i in range(20):
        parts = ((i * step_s, None), (window_s, -23.0), (1.0, None))
        yield Check(f"3341-{case + 1}-{letter}-{i}", lambda parts=parts: tones(*parts), _highest(name, -23))
    live = [
        part
        for i in range(20)
        for part in ((i * step_s, None), (window_s, -38.0 + i), (window_s - i * step_s, None))
    ]
    ends_s = [2 * window_s * (i + 1) for i in range(20)]
    successive = _successive(name, ends_s, window_s=window_s)
    yield Check(f"3341-{case + 2}-{letter}", lambda: tones(*live), successive)


def _true_peak() -> Iterator[Check]:
    cases = [
        (4, 0.0, 0.5, -6),
        (4, 45.0, 0.5, -6),
        (6, 60.0, 0.5, -6),
        (8, 67.5, 0.5, -6),
        (4, 45.0, 1.41, 3),
    ]
    signals = [(lambda tone=tone: tapered(*tone), dbtp) for *tone, dbtp in cases]
    signals += [(lambda offset=offset: between(offset), 0) for offset in range(4)]
    for case, (signal, dbtp) in enumerate(signals, start=15):
        yield Check(f"3341-{case}-TP", signal, _figure("true_peak_dbtp", dbtp, 0.4, 0.2))


def _range() -> Iterator[Check]:
    cases = [((-20, -30), 10), ((-20, -15), 5), ((-40, -20), 20), ((-50, -35, -20, -35, -50), 15)]
    for case, (levels, range_lu) in enumerate(cases, start=1):
        parts = [(20, level) for level in levels]
        wanted = _figure("loudness_range_lu", range_lu, 1, 1)
        yield Check(f"3342-{case}-LRA", lambda parts=parts: tones(*parts), wanted)
