"""What streaming services do to a master when they play it: turn it down, turn it up, or nothing.

The loudness they bring songs to is that of `targets`; here is what they do about it. Most only
turn down. Spotify turns up as far as 1 dB of headroom lets it, and under «loud» as far as it
takes, into a limiter («Loudness normalization», Spotify for Artists, 2025). Apple's Sound Check
is said to turn up as far as the peaks allow, and the others never to turn up: that is the common
account among engineers, unofficial, for these services publish nothing on it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from .targets import TARGETS, TargetName

_AUDIBLE_DB = 0.05


@dataclass(frozen=True)
class Service:
    """How a service plays what is not at its loudness.

    Attributes:
        title: its name as people write it.
        target: its loudness, by the target's name.
        up: what it does with quieter songs: never turns them up, does as far as their peaks
            leave `headroom_dbtp`, or does with a limiter at `headroom_dbtp`.
    """

    title: str
    target: TargetName
    up: Literal["never", "to headroom", "with a limiter"] = "never"
    headroom_dbtp: float = -1.0


SERVICES = (
    Service("Spotify", "spotify", "to headroom"),
    Service("Spotify, loud", "spotify-loud", "with a limiter"),
    Service("Apple Music", "apple-music", "to headroom"),
    Service("YouTube", "youtube"),
    Service("Tidal", "tidal"),
    Service("Amazon Music", "amazon"),
    Service("Deezer", "deezer"),
    Service("SoundCloud", "soundcloud"),
)


def playback(loudness_lufs: float | None, true_peak_dbtp: float | None) -> list[dict[str, Any]]:
    """What each service will do to a track of that loudness and true peak; JSON values.

    Returns:
        One entry a service: ``service``, ``loudness_lufs`` (what it plays at), ``gain_db`` (what
        it does to this track; 0 for nothing), ``plays_at_lufs``, ``limited_db`` (what a limiter of
        its own takes off the peaks, at most), ``why`` (why it does not reach its loudness, or
        None) and ``official`` (whether the service says so itself). Empty for a track that has
        no loudness.
    """
    if loudness_lufs is None or true_peak_dbtp is None:
        return []
    return [_entry(service, loudness_lufs, true_peak_dbtp) for service in SERVICES]


def _entry(service: Service, loudness_lufs: float, true_peak_dbtp: float) -> dict[str, Any]:
    target = TARGETS[service.target]
    away_db = gain_db = target.loudness_lufs - loudness_lufs
    limited_db, why = 0.0, None
    room_db = service.headroom_dbtp - true_peak_dbtp
    if away_db > _AUDIBLE_DB and service.up == "never":
        gain_db, why = 0.0, "turns nothing up"
    elif away_db > _AUDIBLE_DB and service.up == "with a limiter":
        limited_db = max(0.0, away_db - room_db)
    elif away_db > max(_AUDIBLE_DB, room_db):
        gain_db, why = (
            max(0.0, room_db),
            f"keeps peaks under {service.headroom_dbtp:g} dBTP".replace("-", "−"),
        )
    if abs(gain_db) <= _AUDIBLE_DB:
        gain_db = 0.0
    return {
        "service": service.title, "loudness_lufs": float(target.loudness_lufs),
        "gain_db": round(gain_db, 2), "plays_at_lufs": round(loudness_lufs + gain_db, 2),
        "limited_db": round(limited_db, 2), "why": why, "official": target.official,
    }  # fmt: skip
