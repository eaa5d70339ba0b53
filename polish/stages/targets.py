"""Loudness targets: what services, broadcasters and media ask for, and who says so.

A figure is official when the service or the standards body itself publishes it; the others
are what measurements and mastering engineers agree on, or do not.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

TargetName = Literal[
    "spotify", "spotify-loud", "apple-music", "youtube", "tidal", "amazon", "deezer", "soundcloud",
    "ebu-r128", "atsc-a85", "netflix", "podcast", "podcast-mono", "club", "cd",
]  # fmt: skip


@dataclass(frozen=True)
class Target:
    """A loudness and a ceiling with their source.

    Attributes:
        loudness_lufs: integrated loudness.
        ceiling_dbtp: the highest true peak.
        official: whether those who play it say so themselves.
        source: who says so.
        year: of the standard or paper, or the last one in which the figure was seen.
        note: what else to know; empty for nothing.
    """

    loudness_lufs: float
    ceiling_dbtp: float
    official: bool
    source: str
    year: int
    note: str = ""


_SPOTIFY = "Spotify for Artists, «Loudness normalization» (support.spotify.com)"
_MEASURED = "measured by mastering engineers; the service publishes no figure"

TARGETS: dict[TargetName, Target] = {
    "spotify": Target(
        -14, -1, True, _SPOTIFY, 2025, "quiet songs are turned up as far as 1 dB of headroom lets them"
    ),
    "spotify-loud": Target(
        -11, -2, True, _SPOTIFY, 2025,
        "a listener's choice, with a limiter of the service where it turns songs up; "
        "−2 dBTP is asked of masters louder than −14 LUFS",
    ),
    "apple-music": Target(
        -16, -1, False, _MEASURED, 2026,
        "Sound Check; 1 dB of headroom for AAC is from Apple Digital Masters, a technology brief of Apple's",
    ),
    "youtube": Target(
        -14, -1, False, _MEASURED, 2026, "turns down only; the player's «Stats for nerds» shows by how much"
    ),
    "tidal": Target(
        -14, -1, False, "E. Grimm, «Analyzing Loudness Aspects of 4.2 Million Albums», AES 147, 2019", 2019,
        "by the loudest track of the album",
    ),
    "amazon": Target(
        -14, -2, False, "Amazon's audio requirements for Alexa; taken to hold for its music too", 2026,
        "sources disagree: −9 to −14 LUFS",
    ),
    "deezer": Target(-15, -1, False, _MEASURED, 2026, "sources disagree: −14 to −16 LUFS"),
    "soundcloud": Target(
        -14, -1, False, _MEASURED, 2026,
        "sources disagree: −8 to −14 LUFS, and most see no normalisation at all",
    ),
    "ebu-r128": Target(
        -23, -1, True, "EBU R 128 version 5.0", 2023, "±0.2 LU where loudness can be set, ±1 LU live"
    ),
    "atsc-a85": Target(-24, -2, True, "ATSC A/85:2013, 12 March 2013", 2013, "±2 dB"),
    "netflix": Target(
        -27, -2, True, "Netflix Sound Mix Specifications v1.4 (partnerhelp.netflixstudios.com)", 2025,
        "±2 LU, measured on dialogue there (BS.1770-1), here on all of the sound; "
        "−24 LUFS on all of it where less than 15 % is dialogue",
    ),
    "podcast": Target(
        -16, -1, True, "Apple Podcasts, «Audio requirements» (podcasters.apple.com)", 2025, "stereo; ±1 dB"
    ),
    "podcast-mono": Target(
        -19, -1, False, "custom of podcasters: as loud as −16 LUFS in stereo when one channel plays on two "
        "speakers", 2026,
    ),
    "club": Target(-8, -0.5, False, "custom: releases for DJs lie at −6 to −9 LUFS; no norm", 2026),
    "cd": Target(-9, -0.3, False, "custom: releases since 2000 lie at −7 to −11 LUFS; no norm", 2026),
}  # fmt: skip
"""The targets by name."""


def filled_in(settings: Any) -> Any:
    """Settings as they are given, with the figures of the target they name where they leave them open."""
    if not isinstance(settings, dict) or settings.get("target") not in TARGETS:
        return settings
    target = TARGETS[settings["target"]]
    return {"loudness": target.loudness_lufs, "ceiling": target.ceiling_dbtp} | settings
