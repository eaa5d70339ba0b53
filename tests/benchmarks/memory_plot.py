"""Memory over the length of a song, for two sides, as SVG."""

from __future__ import annotations

from pathlib import Path

import numpy as np


def draw(found: list[tuple[float, float, float]], path: Path) -> None:
    """Memory over length as an SVG of two lines."""
    wide, high, left, low = 560, 300, 60, 40
    longest, most = max(row[0] for row in found), 1.1 * max(max(row[1:]) for row in found)

    def at(minutes: float, gigabytes: float) -> tuple[float, float]:
        return left + minutes / longest * (wide - left - 90), high - low - gigabytes / most * (
            high - low - 20
        )

    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {wide} {high}" font-family="sans-serif" '
             f'font-size="12"><rect width="{wide}" height="{high}" fill="white"/>']  # fmt: skip
    for step in np.linspace(0, most, 5):
        _, y = at(0, float(step))
        parts.append(f'<path d="M{left} {y:.1f}H{wide - 90}" stroke="#ddd"/>'
                     f'<text x="{left - 6}" y="{y + 4:.1f}" text-anchor="end">{step:.1f}</text>')  # fmt: skip
    for length, *_ in found:
        x, y = at(length, 0)
        parts.append(f'<text x="{x:.1f}" y="{y + 16:.1f}" text-anchor="middle">{length:g}</text>')
    for column, label, colour in ((1, "demucs", "#b33"), (2, "polish", "#267")):
        points = [at(row[0], row[column]) for row in found]
        line = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        dots = "".join(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>' for x, y in points)
        x, y = points[-1]
        parts.append(f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="2"/>{dots}'
                     f'<text x="{x + 8:.1f}" y="{y + 4:.1f}" fill="{colour}">{label}</text>')  # fmt: skip
    parts.append(f'<text x="{left}" y="14">peak memory, GB</text>')
    parts.append(f'<text x="{wide - 90}" y="{high - 6}" text-anchor="end">minutes of stereo</text></svg>')
    path.write_text("\n".join(parts) + "\n", encoding="utf-8")
