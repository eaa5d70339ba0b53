"""Tracks of an album share one gain: their relations stay, and together they are as loud as asked."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pyloudnorm
import pytest
import sounds
from pydantic import ValidationError
from typed import Type

from polish import audio
from polish.audio import Sound
from polish.audio.gains import read_gains
from polish.batch import Summary, batch, many
from polish.batch.worker import Job
from polish.dsp.album import Track, shared_gain, together_lufs
from polish.dsp.peak import true_peak_dbtp
from polish.song import Song
from polish.stages.album import Album

LEVELS = {"01 loud": 0.2, "02 quiet ü日本": 0.03, "03 middle": 0.08}


def meter(samples: np.ndarray, rate_hz: int = 44_100) -> float:
    """Integrated loudness by pyloudnorm."""
    return float(pyloudnorm.Meter(rate_hz, filter_class="DeMan").integrated_loudness(samples.T.astype(float)))


@pytest.fixture(scope="module")
def tracks() -> dict[str, Sound]:
    return {
        name: sounds.noise(2.0, level, seed=n, pink=True) for n, (name, level) in enumerate(LEVELS.items())
    }


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    """A batch's work is done in this process."""

    def run(jobs: Sequence[Job], workers: int, work: Callable) -> Iterator:
        yield from ((job, work(job)) for job in jobs)

    monkeypatch.setattr(many.local, "run", run)


def folder_of(tmp_path: Path, tracks: dict[str, Sound]) -> Path:
    for name, sound in tracks.items():
        audio.write(tmp_path / "in" / f"{name}.wav", sound, "wav 32-float")
    return tmp_path / "in"


def album(folder: Path, out: Path, **asked: object) -> Summary:
    return batch("album", [folder], out=out, sets=[f"album.{key}={value}" for key, value in asked.items()])


def written(out: Path, tracks: dict[str, Sound]) -> dict[str, np.ndarray]:
    return {name: audio.read(out / name / f"{name}.flac").samples for name in tracks}


def relations(tracks: dict[str, np.ndarray]) -> np.ndarray:
    found = np.array([meter(samples) for samples in tracks.values()])
    return found - found[0]


@pytest.mark.usefixtures("here")
def test_relations_stay_and_the_album_is_as_loud_as_asked(tracks, tmp_path):
    folder = folder_of(tmp_path, tracks)
    summary = album(folder, tmp_path / "out", loudness=-20)
    files = written(tmp_path / "out", tracks)
    before = relations({name: sound.samples for name, sound in tracks.items()})
    assert relations(files) == pytest.approx(before, abs=0.05)
    assert meter(np.concatenate(list(files.values()), axis=1)) == pytest.approx(-20, abs=0.1)
    assert summary.album["reason"] is None
    assert [Path(row["track"]).stem for row in summary.album["tracks"]] == list(tracks)
    for row, samples in zip(summary.album["tracks"], files.values(), strict=True):
        assert row["after_lufs"] == pytest.approx(meter(samples), abs=0.01)
        assert row["after_lufs"] - row["before_lufs"] == pytest.approx(row["gain_db"], abs=0.01)

    gains = [read_gains(tmp_path / "out" / name / f"{name}.flac") for name in tracks]
    assert {tags["replaygain_album_gain"] for tags in gains} == {"2.00 dB"}
    assert len({tags["replaygain_track_gain"] for tags in gains}) == len(tracks)
    highest = max(float(tags["replaygain_track_peak"]) for tags in gains)
    assert all(float(tags["replaygain_album_peak"]) == pytest.approx(highest, rel=0.002) for tags in gains)

    assert album(folder, tmp_path / "out", loudness=-20).skipped == len(tracks), "all is done already"
    audio.write(folder / "04 new.wav", sounds.noise(2.0, 0.3, seed=9, pink=True), "wav 32-float")
    grown = album(folder, tmp_path / "out", loudness=-20)
    assert grown.skipped == 0, "a new track gives all of them another gain"
    assert grown.album["gain_db"] < summary.album["gain_db"] - 1


@pytest.mark.usefixtures("here")
def test_without_headroom_the_whole_album_stays_quieter_and_names_the_track(tracks, tmp_path):
    spiky = tracks["03 middle"].samples.copy()
    spiky[:, 44_100:44_103] = 0.9
    tracks = {**tracks, "03 middle": tracks["03 middle"].with_samples(spiky)}
    summary = album(folder_of(tmp_path, tracks), tmp_path / "out")
    files = written(tmp_path / "out", tracks)
    before = relations({name: sound.samples for name, sound in tracks.items()})
    assert relations(files) == pytest.approx(before, abs=0.05)
    reason = summary.album["reason"]
    assert "−14 LUFS not reachable under −1 dBTP without limiting" in reason
    assert "03 middle.wav leaves no more" in reason
    peaks = [true_peak_dbtp(samples, 44_100) for samples in files.values()]
    assert max(peaks) == pytest.approx(-1, abs=0.02) and max(peaks) <= -1 + 1e-3
    assert all(row["masters"][0]["reason"].startswith("−14 LUFS not reachable") for row in summary.rows)


@pytest.mark.usefixtures("here")
def test_reach_limits_the_tracks_that_need_it(tracks, tmp_path):
    summary = album(folder_of(tmp_path, tracks), tmp_path / "out", loudness=-12, dynamics="reach")
    files = written(tmp_path / "out", tracks)
    assert meter(np.concatenate(list(files.values()), axis=1)) == pytest.approx(-12, abs=0.1)
    assert max(true_peak_dbtp(samples, 44_100) for samples in files.values()) <= -1 + 0.05
    quiet = summary.album["tracks"][1]
    assert quiet["after_lufs"] - quiet["before_lufs"] == pytest.approx(quiet["gain_db"], abs=0.02)


@pytest.mark.usefixtures("here")
def test_a_track_that_cannot_be_read_stops_no_other(tracks, tmp_path):
    folder = folder_of(tmp_path, tracks)
    (folder / "00 broken.wav").write_bytes(b"nothing")
    audio.write(folder / "05 silent.wav", sounds.silence(1.0), "wav 16-bit")
    summary = album(folder, tmp_path / "out", loudness=-20)
    assert [row["status"] for row in summary.rows] == ["failed", "done", "done", "done", "done"]
    files = written(tmp_path / "out", {**tracks, "05 silent": None})
    assert meter(np.concatenate(list(files.values()), axis=1)) == pytest.approx(-20, abs=0.1)
    assert summary.album["tracks"][-1]["after_lufs"] is None
    json.dumps(summary.facts(), allow_nan=False)


@pytest.mark.usefixtures("here")
def test_the_command_shows_the_tracks(tracks, tmp_path, type_: Type):
    folder = folder_of(tmp_path, tracks)
    said = type_("batch", "album", folder, "-o", tmp_path / "out", "--set", "album.loudness=-20")
    assert said.code == 0
    lines = [line for line in said.out.splitlines() if ".wav" in line or "all together" in line]
    assert [line.split("  ")[0] for line in lines] == [*(f"{name}.wav" for name in tracks), "all together"]
    assert "-20.00" in lines[-1]
    found = type_(
        "batch", "album", folder, "-o", tmp_path / "out", "--set", "album.loudness=-20", "--json"
    ).json
    assert found["album"]["target_lufs"] == -20 and len(found["album"]["tracks"]) == len(tracks)


def test_loudness_together_is_that_of_the_sounds_one_after_the_other():
    parts = [sounds.noise(2.0, level, seed=n) for n, level in enumerate((0.2, 0.001, 0.05))]
    parts.append(sounds.silence(3.0))
    whole = meter(np.concatenate([part.samples for part in parts], axis=1))
    surveyed = [pickle.loads(pickle.dumps(Track.of(part.samples, part.rate_hz))) for part in parts]
    assert together_lufs(surveyed) == pytest.approx(whole, abs=0.01)
    assert together_lufs([]) is None


def test_the_search_for_a_limited_gain_ends_even_where_nothing_is_reached():
    asked: list[float | None] = []
    tone = Track.of(sounds.sine(level=0.5, seconds=1.0).samples, 44_100)

    def stuck(gain_db: float | None) -> list[Track]:
        asked.append(gain_db)
        return [tone]

    found = shared_gain(stuck, -1, -6, limiting=True)
    assert len(asked) <= 6
    assert found.loudness_lufs == pytest.approx(together_lufs([tone]))


def run(mix: Sound, **asked: object) -> Song:
    return Album(**asked).run(Song(mix=mix))


def test_a_track_alone_is_an_album_of_one():
    mix = sounds.noise(2.0, 0.02, pink=True)
    master = run(mix, loudness=-23).masters["album"]
    assert meter(master.sound.samples) == pytest.approx(-23, abs=0.1)
    assert master.facts["reached"] and master.facts["album"]["loudness_lufs"] == pytest.approx(-23, abs=0.1)
    again = run(master.sound, loudness=master.facts["after"]["integrated_lufs"]).masters["album"]
    assert sounds.snr_db(master.sound.samples, again.sound.samples) > 70


def test_a_gain_that_is_given_is_the_gain_and_the_ceiling_is_kept():
    mix = sounds.noise(2.0, 0.02)
    given = run(mix, gain=6.0).masters["album"]
    assert np.allclose(given.sound.samples, mix.samples * 10 ** (6 / 20), rtol=1e-5)
    assert not given.facts["reached"] and given.facts["limiting"]["max_reduction_db"] == 0
    limited = run(mix, gain=30.0, ceiling=-2.0).masters["album"]
    assert true_peak_dbtp(limited.sound.samples, 44_100) <= -2 + 0.05
    assert limited.facts["limiting"]["max_reduction_db"] > 3


@pytest.mark.parametrize(
    "mix", [sounds.silence(1.0), sounds.noise(0.1), Sound(np.zeros((1, 1), np.float32), 8000)]
)
def test_what_has_no_loudness_passes_as_it_is(mix):
    master = run(mix).masters["album"]
    assert np.array_equal(master.sound.samples, mix.samples)
    assert "no loudness to reach" in master.facts["reason"]


def test_a_target_gives_its_figures_and_a_ceiling_above_full_scale_is_refused():
    assert (Album(target="ebu-r128").loudness, Album(target="ebu-r128").ceiling) == (-23, -1)
    with pytest.raises(ValidationError, match="out of range"):
        Album(ceiling=0.1)
