"""What services do to a master: loud ones are turned down, quiet ones up where the service does that."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polish.stages.playback import SERVICES, playback
from polish.stages.targets import TARGETS


def of(service: str, loudness_lufs: float, true_peak_dbtp: float) -> dict:
    return next(entry for entry in playback(loudness_lufs, true_peak_dbtp) if entry["service"] == service)


def test_every_service_of_the_table_is_there_and_says_its_loudness():
    assert {service.target for service in SERVICES} >= {
        "spotify", "spotify-loud", "apple-music", "youtube", "tidal", "amazon", "deezer", "soundcloud",
    }  # fmt: skip
    for service, entry in zip(SERVICES, playback(-10, -1), strict=True):
        assert entry["loudness_lufs"] == TARGETS[service.target].loudness_lufs
        assert entry["official"] == TARGETS[service.target].official


@pytest.mark.parametrize(
    ("service", "loudness_lufs", "true_peak_dbtp", "gain_db", "limited_db"),
    [
        ("YouTube", -9, -1, -5, 0),
        ("YouTube", -20, -9, 0, 0),
        ("Spotify", -14.04, -1, 0, 0),
        # Spotify's own example: −20 LUFS with a true peak of −5 dB is lifted to −16.
        ("Spotify", -20, -5, 4, 0),
        ("Spotify", -20, -0.5, 0, 0),
        ("Spotify, loud", -14, -1, 3, 3),
        ("Spotify, loud", -14, -6, 3, 0),
        ("Apple Music", -14, -1, -2, 0),
    ],
)
def test_a_service_does_what_it_says(service, loudness_lufs, true_peak_dbtp, gain_db, limited_db):
    entry = of(service, loudness_lufs, true_peak_dbtp)
    assert (entry["gain_db"], entry["limited_db"]) == (gain_db, limited_db)
    assert entry["plays_at_lufs"] == pytest.approx(loudness_lufs + gain_db, abs=0.01)
    reached = abs(entry["plays_at_lufs"] - entry["loudness_lufs"]) < 0.1
    assert reached == (entry["why"] is None)


@given(st.floats(-60, 0), st.floats(-40, 6))
def test_nothing_is_turned_up_beyond_its_headroom_without_a_limiter(loudness_lufs, true_peak_dbtp):
    for service, entry in zip(SERVICES, playback(loudness_lufs, true_peak_dbtp), strict=True):
        if entry["gain_db"] > 0:
            after_dbtp = true_peak_dbtp + entry["gain_db"] - entry["limited_db"]
            assert after_dbtp <= service.headroom_dbtp + 0.011
        json.dumps(entry, allow_nan=False)


def test_silence_is_played_as_it_is():
    assert playback(None, None) == [] == playback(None, -3.0)
