"""Quantities as people write them: ``-14 LUFS``, ``+0.5 dB``, ``120 ms``, ``1:30``, ``50 %``.

A `Quantity` is the unit of a setting, with its range. Put into a type it makes pydantic
read text with that unit, plain numbers (which are in the unit), and nothing else::

    loudness: Annotated[float, LUFS.between(-40, -5)] = -14

Values are stored in the quantity's own unit: LUFS, LU, dB, dBTP, Hz, s, %, bars, BPM.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from numbers import Real
from typing import Any

_NUMBER = r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)"
_WRITTEN = re.compile(rf"\s*({_NUMBER})\s*([A-Za-z%/]*)\s*")
_CLOCK = re.compile(r"\s*(?:([0-9]+):(?=[0-5]?[0-9]:))?([0-9]{1,3}):([0-5][0-9](?:\.[0-9]*)?)\s*")
_MINUS_SIGNS = str.maketrans({"−": "-", "–": "-"})


@dataclass(frozen=True)
class Quantity:
    """A unit, the other units it may be written in, and a range.

    Attributes:
        unit: the unit values are stored in.
        also: other spellings, each with the factor that brings it to `unit`.
        low, high: the range, ends included, in `unit`.
        clock: whether ``m:ss`` and ``h:mm:ss`` are understood (times only).
    """

    unit: str
    also: Mapping[str, float] = field(default_factory=dict)
    low: float = -math.inf
    high: float = math.inf
    clock: bool = False

    def between(self, low: float, high: float) -> Quantity:
        """The same unit with a range, both ends included."""
        return replace(self, low=low, high=high)

    def parse(self, written: str | Real) -> float:
        """Read text or a plain number into a value in `unit`.

        Raises:
            ValueError: not a number, another unit, not finite, or out of range; the
                message is a sentence for the user.
        """
        if isinstance(written, bool) or not isinstance(written, (str, Real)):
            raise ValueError(f"expected {self.expected}, got {written!r}")
        try:
            value = self._from_text(written) if isinstance(written, str) else float(written)
        except OverflowError:
            value = math.inf
        if not math.isfinite(value):
            raise ValueError(f"{written} is not a number to work with")
        if not self.low <= value <= self.high:
            raise ValueError(f"{self.show(value)} is out of range: {self.range}")
        return value

    def _from_text(self, written: str) -> float:
        text = written.translate(_MINUS_SIGNS)
        if self.clock and (times := _CLOCK.fullmatch(text)):
            hours, minutes, seconds = times.groups()
            return float(hours or 0) * 3600 + float(minutes) * 60 + float(seconds)
        match = _WRITTEN.fullmatch(text)
        if match is None:
            raise ValueError(f"expected {self.expected}, got {written!r}")
        digits, unit = match.groups()
        factor = self._factor(unit, written)
        # Dividing by a whole number rounds once: 2900 ms is 2.9 s exactly, 2900 × 0.001 is not always.
        return float(digits) * factor if factor >= 1 else float(digits) / round(1 / factor)

    def _factor(self, unit: str, written: str) -> float:
        factors = {"": 1.0, self.unit.lower(): 1.0} | {k.lower(): v for k, v in self.also.items()}
        if unit.lower() not in factors:
            raise ValueError(f"{written!r} is in {unit}, but this is given in {self._units}")
        return factors[unit.lower()]

    def show(self, value: float) -> str:
        """Write a value with its unit, as a recipe would: ``-14 LUFS``."""
        return f"{number(value)} {self.unit}"

    @property
    def range(self) -> str:
        """The range in words, ``-40 to -5 LUFS``; empty when there is none."""
        if math.isinf(self.low) and math.isinf(self.high):
            return ""
        if math.isinf(self.high):
            return f"at least {self.show(self.low)}"
        if math.isinf(self.low):
            return f"at most {self.show(self.high)}"
        return f"{number(self.low)} to {self.show(self.high)}"

    @property
    def expected(self) -> str:
        """What to write, for an error: ``a value in s (or ms, min), such as 10 s``."""
        example = min(max(10.0, self.low), self.high)
        return f"a value in {self._units}, such as {self.show(example)}"

    @property
    def _units(self) -> str:
        others = [u for u in self.also if u.lower() != self.unit.lower()]
        return f"{self.unit} (or {', '.join(others)})" if others else self.unit

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> Any:
        from pydantic_core import core_schema

        return core_schema.no_info_before_validator_function(self.parse, handler(source))

    def __get_pydantic_json_schema__(self, schema: Any, handler: Any) -> dict[str, Any]:
        limits: dict[str, Any] = {"type": "number"}
        if math.isfinite(self.low):
            limits["minimum"] = self.low
        if math.isfinite(self.high):
            limits["maximum"] = self.high
        return {"anyOf": [limits, {"type": "string", "pattern": self._pattern}]}

    @property
    def _pattern(self) -> str:
        """What `parse` reads, as a regular expression that JSON Schema understands too."""
        units = "|".join(_any_case(unit) for unit in {self.unit: 1.0, **self.also})
        pattern = rf"^\s*[+\-−–]?([0-9]+(\.[0-9]*)?|\.[0-9]+)\s*({units})?\s*$"
        if self.clock:
            pattern += r"|^\s*([0-9]+:(?=[0-5]?[0-9]:))?[0-9]{1,3}:[0-5][0-9](\.[0-9]*)?\s*$"
        return pattern

    def __hash__(self) -> int:
        return hash((self.unit, self.low, self.high))


LUFS = Quantity("LUFS")
"""Loudness relative to full scale, K-weighted (ITU-R BS.1770-5)."""
LU = Quantity("LU", also={"dB": 1.0})
"""A difference of loudness (EBU Tech 3341)."""
DB = Quantity("dB")
"""A ratio of amplitudes, 20 log10."""
DBTP = Quantity("dBTP", also={"dB": 1.0})
"""True peak relative to full scale (ITU-R BS.1770-5 annex 2)."""
HZ = Quantity("Hz", also={"kHz": 1000.0})
SECONDS = Quantity("s", also={"ms": 0.001, "min": 60.0}, clock=True)
PERCENT = Quantity("%", low=0, high=100)
BARS = Quantity("bars", also={"bar": 1.0})
BPM = Quantity("BPM")


def number(value: float) -> str:
    """A number as people write it, six digits and no exponent: ``number(1e6) == '1000000'``."""
    text = f"{value + 0.0:.6g}"  # + 0.0 turns -0.0 into 0.0
    return f"{float(text):f}".rstrip("0").rstrip(".") if "e" in text else text


def _any_case(unit: str) -> str:
    return "".join(f"[{c.upper()}{c.lower()}]" if c.isalpha() else re.escape(c) for c in unit)


def decibels(amplitude: float) -> float | None:
    """Amplitude ratio to dB, ``20 log10``; ``None`` for zero, because silence has no level."""
    return 20 * math.log10(amplitude) if amplitude > 0 else None


def amplitude(decibels: float) -> float:
    """dB to an amplitude ratio."""
    return 10 ** (decibels / 20)


def clock(seconds: float) -> str:
    """Seconds as ``m:ss.s``, for messages: ``clock(83.25) == '1:23.2'``."""
    tenths = math.floor(max(0.0, seconds) * 10 + 1e-6)  # 64.1 s is 640.999… tenths in binary
    minutes, rest = divmod(tenths, 600)
    return f"{minutes}:{rest // 10:02d}.{rest % 10}"
