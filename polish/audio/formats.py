"""The formats polish writes, as a recipe names them: ``wav 24-bit``, ``mp3 320k``."""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

_SUFFIXES = {"wav": ".wav", "flac": ".flac", "mp3": ".mp3", "m4a": ".m4a", "ogg": ".ogg", "opus": ".opus"}
_ALSO = {"aac": "m4a", "vorbis": "ogg", "wave": "wav"}
_DEPTHS = {"wav": ("16-bit", "24-bit", "32-float"), "flac": ("16-bit", "24-bit")}
_USUAL = {"wav": "24-bit", "flac": "24-bit", "mp3": "320k", "m4a": "256k", "ogg": "192k", "opus": "160k"}
_BITRATES = {"mp3": (32, 320), "m4a": (32, 512), "ogg": (48, 500), "opus": (12, 510)}
_MP3_BITRATES = (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)
_RATES_HZ = {
    "mp3": (8_000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000),
    "m4a": (8_000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000, 64_000, 88_200, 96_000),
    "ogg": (8_000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000),
    "opus": (48_000,),
}
_VORBIS_MOST_KBPS = ((9_000, 32), (15_000, 44), (19_000, 86), (26_000, 86), (40_000, 190), (50_000, 240))
"""libvorbis' largest managed bit rate a channel, by the rate up to which it holds."""
_CHANNELS = {"flac": 8, "mp3": 2, "m4a": 8, "ogg": 8, "opus": 8}
_UNIT = "bits?|float|k|kbps|kbit/s"
_WRITTEN = re.compile(rf"\s*([a-z0-9]+)(?:[ ,:_-]+(\d+)\s*-?\s*({_UNIT})?|[ ,:_-]+(float))?\s*", re.I)
_PATTERN = rf"^\s*({'|'.join([*_SUFFIXES, *_ALSO])})([ ,:_-]+([0-9]+\s*-?\s*({_UNIT})?|float))?\s*$"


@dataclass(frozen=True)
class Format:
    """A kind of file with its depth or bit rate; a type that settings can have.

    Attributes:
        kind: ``wav``, ``flac``, ``mp3``, ``m4a``, ``ogg`` or ``opus``.
        detail: ``16-bit``, ``24-bit``, ``32-float``, or a bit rate such as ``320k``.
    """

    kind: str
    detail: str

    @classmethod
    def parse(cls, written: str | Format) -> Format:
        """Read ``wav 24-bit``, ``wav 32-float``, ``flac 16``, ``mp3 320k``, ``m4a``, ``opus 160k`` …

        Raises:
            ValueError: no such format, depth or bit rate; a sentence for the user.
        """
        if isinstance(written, Format):
            return written
        match = _WRITTEN.fullmatch(written) if isinstance(written, str) else None
        if match is None:
            raise ValueError(f"expected a format such as wav 24-bit or mp3 320k, got {written!r}")
        name = _ALSO.get(match[1].lower(), match[1].lower())
        if name not in _SUFFIXES:
            near = get_close_matches(name, [*_SUFFIXES, *_ALSO], 1)
            guess = f"; did you mean {near[0]}?" if near else f": there are {', '.join(_SUFFIXES)}"
            raise ValueError(f"no format {match[1]!r}{guess}")
        detail = _detail(name, match[2], (match[3] or match[4] or "").lower())
        return cls(name, detail)

    def __str__(self) -> str:
        return f"{self.kind} {self.detail}"

    @property
    def suffix(self) -> str:
        """The end of the file's name, with the dot."""
        return _SUFFIXES[self.kind]

    @property
    def lossy(self) -> bool:
        return self.kind not in _DEPTHS

    @property
    def floating(self) -> bool:
        """Whether values beyond full scale survive."""
        return self.detail == "32-float"

    @property
    def bits(self) -> int | None:
        """Bits a sample; `None` for lossy formats."""
        return None if self.lossy else int(self.detail.split("-")[0])

    @property
    def bitrate_kbps(self) -> int | None:
        """`None` for lossless formats."""
        return int(self.detail[:-1]) if self.lossy else None

    def bitrate_for(self, rate_hz: int, channels: int) -> int:
        """The bit rate in kbit/s to ask the encoder for: Vorbis has a largest one at each rate."""
        kbps = self.bitrate_kbps or 0
        if self.kind != "ogg":
            return kbps
        most = next(most for up_to_hz, most in _VORBIS_MOST_KBPS if rate_hz <= up_to_hz)
        return min(kbps, most * channels)

    @property
    def most_channels(self) -> int:
        return _CHANNELS.get(self.kind, 64)

    def rate_for(self, rate_hz: int) -> int:
        """The rate a sound of `rate_hz` is written at: its own, or the nearest above that the
        codec knows, or the highest there is."""
        rates = _RATES_HZ.get(self.kind)
        if rates is None or rate_hz in rates:
            return rate_hz
        return min((rate for rate in rates if rate > rate_hz), default=rates[-1])

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> Any:
        from pydantic_core import core_schema

        return core_schema.no_info_plain_validator_function(
            cls.parse, serialization=core_schema.to_string_ser_schema()
        )

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: Any, handler: Any) -> dict[str, Any]:
        return {"type": "string", "pattern": _PATTERN, "examples": [f"{k} {d}" for k, d in _USUAL.items()]}


def _detail(name: str, number: str | None, unit: str) -> str:
    if number is None and not unit:
        return _USUAL[name]
    if name in _DEPTHS:
        return _depth(name, number, unit)
    if unit not in ("", "k", "kbps", "kbit/s"):
        raise ValueError(f"{name} is given with a bit rate, such as {name} {_USUAL[name]}")
    kbps = int(number or 0)
    low, high = _BITRATES[name]
    if not low <= kbps <= high:
        raise ValueError(f"{name} {kbps}k is out of range: {low}k to {high}k")
    if name == "mp3" and kbps not in _MP3_BITRATES:
        raise ValueError(
            f"mp3 has no bit rate {kbps}k: there are {', '.join(f'{k}k' for k in _MP3_BITRATES)}"
        )
    return f"{kbps}k"


def _depth(name: str, number: str | None, unit: str) -> str:
    wanted = "32-float" if unit == "float" and number in (None, "32") else f"{number}-bit"
    if wanted == "32-bit" and unit == "" and name == "wav":
        wanted = "32-float"
    if wanted not in _DEPTHS[name] or unit.startswith("k"):
        raise ValueError(f"{name} is given with a depth: {', '.join(_DEPTHS[name])}")
    return wanted
