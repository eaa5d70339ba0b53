"""The tone of the song: third-octave spectra before and after, at the same mean level."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from . import svg

_HEIGHT = 220
_TICKS = {
    50: "50", 100: "100", 200: "200", 500: "500", 1000: "1 kHz", 2000: "2 k", 5000: "5 k", 10_000: "10 k",
    20_000: "20 k",
}  # fmt: skip


def tone(before: Mapping[str, Any], after: Mapping[str, Any] | None) -> Markup:
    """Levels of the third-octave bands, re their own mean power, so that tone is compared and not loudness.

    Args:
        before, after: curves of `polish.report.series.curves`.
    """
    named = [("before", before)] + ([("after", after)] if after else [])
    curves = [(name, c["spectrum_hz"], _centred(c["spectrum_db"])) for name, c in named]
    heard = [db for _, _, levels in curves for db in levels]
    if not heard:
        return svg.tag("p", "The song is silent.", class_="quiet")
    top = math.ceil(max(heard) / 6) * 6
    low = max(top - 54, math.floor(min(heard) / 6) * 6)

    def x(hz: float) -> float:
        return svg.LEFT + svg.PLOT * math.log(hz / 20) / math.log(1050)

    def y(db: float) -> float:
        return _HEIGHT * (top - max(db, low)) / max(top - low, 1)

    parts: list[str] = [svg.line("grid", x(hz), 0, x(hz), _HEIGHT) for hz in _TICKS]
    parts += [svg.label(text, x(hz), _HEIGHT + 16) for hz, text in _TICKS.items()]
    parts += [svg.level(db, y(db), "dB" if db == low else "") for db in range(low, top, 12)]
    for name, bands_hz, levels in curves:
        points = [(x(hz), y(db)) for hz, db in zip(bands_hz, levels, strict=False)]
        parts.append(svg.path(points, f"line {name}"))
    return svg.picture("Spectrum", _HEIGHT + 24, parts)


def _centred(levels_db: Sequence[float]) -> list[float]:
    """Levels re the mean power of the bands; nothing for silence."""
    power = sum(10 ** (db / 10) for db in levels_db)
    if power <= 1e-12:
        return []
    mean_db = 10 * math.log10(power / len(levels_db))
    return [db - mean_db for db in levels_db]
