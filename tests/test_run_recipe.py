"""A shipped recipe from end to end, on a few seconds of our own band."""

from __future__ import annotations

import hashlib
import json
import subprocess
from pathlib import Path

import imageio_ffmpeg
import pytest
import soundfile
import sounds

import polish
from polish.errors import ModelUnavailable, RecipeError, UsageError


def write(path: Path) -> Path:
    sound = sounds.total(sounds.band(6.0))
    soundfile.write(path, sound.samples.T, sound.rate_hz)
    return path


def ebur128(path: Path) -> tuple[float, float]:
    """Integrated loudness (LUFS) and true peak (dBTP), as ffmpeg measures them."""
    command = [
        imageio_ffmpeg.get_ffmpeg_exe(),
        "-nostats",
        "-i",
        path,
        "-af",
        "ebur128=peak=true",
        "-f",
        "null",
        "-",
    ]
    summary = subprocess.run(command, capture_output=True, text=True, check=True).stderr.rpartition(
        "Summary:"
    )[2]
    words = summary.split()
    return float(words[words.index("I:") + 1]), float(words[words.index("Peak:") + 1])


def test_the_loudness_recipe_lands_and_says_what_it_did(tmp_path):
    result = polish.run("loudness", write(tmp_path / "band.wav"), out=tmp_path / "out", offline=True)
    loudness_lufs, peak_dbtp = ebur128(result.folder / "band.wav")
    assert loudness_lufs == pytest.approx(-14, abs=0.2)
    assert peak_dbtp <= -0.9
    assert soundfile.info(result.folder / "band.wav").frames == 6 * sounds.RATE_HZ
    facts = json.loads((result.folder / "facts.json").read_text())
    assert facts["masters"][0]["measured"]["integrated_lufs"] == pytest.approx(loudness_lufs, abs=0.1)
    assert facts["before"]["integrated_lufs"] != facts["masters"][0]["measured"]["integrated_lufs"]
    assert facts["recipe"]["steps"][0]["settings"]["loudness"] == -14
    assert facts["recipe"]["steps"][0]["origins"]["loudness"].startswith("loudness.yaml")
    assert facts["listen"]
    page = (result.folder / "report.html").read_text()
    assert "band" in page
    for file in result.folder.glob("*.json"):
        assert str(tmp_path) not in file.read_text()
    assert str(tmp_path) not in page


def test_the_same_recipe_again_does_nothing_and_a_changed_setting_little(tmp_path):
    draft = write(tmp_path / "band.wav")

    def run(*sets: str) -> tuple[polish.run.Result, dict[Path, str]]:
        result = polish.run("loudness", draft, out=tmp_path / "out", offline=True, sets=sets)
        return result, {file: hashlib.sha256(file.read_bytes()).hexdigest() for file in result.files}

    _, first = run()
    again, second = run()
    assert second == first
    assert all(step.cached for step in again.steps)
    changed, third = run("master.ceiling=-3dBTP", "master.loudness=-16 LUFS")
    assert not changed.steps[0].cached
    assert third.keys() == first.keys()
    assert third != first
    assert ebur128(changed.folder / "band.wav")[0] == pytest.approx(-16, abs=0.2)


def test_what_is_wrong_is_said_before_anything_is_written(tmp_path):
    draft = write(tmp_path / "band.wav")
    with pytest.raises(RecipeError):
        polish.run("loudness", draft, out=tmp_path / "out", sets=["master.cieling=-3dBTP"])
    with pytest.raises(UsageError, match="starts from a draft") as caught:
        polish.run("loudness", out=tmp_path / "out")
    assert "polish run loudness draft.mp3" in str(caught.value)
    recipe = tmp_path / "mine.yaml"
    recipe.write_text("polish: 1\nsteps:\n  - separate: {model: htdemucs}\n  - mix\n  - master\n")
    with pytest.raises(ModelUnavailable, match="polish models fetch htdemucs"):
        polish.run(recipe, draft, out=tmp_path / "out", offline=True)
    assert not (tmp_path / "out").exists()


@pytest.mark.real
def test_a_draft_that_names_its_generator_is_believed(real):
    from polish.audio import read_tags
    from polish.run.provenance import generated_with

    assert generated_with(read_tags(real / "drafts" / "suno-01.mp3"), ()) == "suno"
    assert generated_with(read_tags(real / "drafts" / "yue-02.mp3"), ()) is None


@pytest.mark.parametrize(
    ("tags", "said"),
    [
        ({"comment": "made with Suno AI; created=2026"}, "Suno"),
        ({"website": "https://www.udio.com/songs/x"}, "udio"),
        ({"encodedby": "Stable Audio 2"}, "Stable Audio"),
        ({"title": "Suno", "artist": "Loudly"}, None),
        ({"comment": "yuezhong"}, None),
        ({}, None),
    ],
)
def test_only_tags_that_speak_of_origin_count(tags, said):
    from polish.run.provenance import generated_with

    assert generated_with(tags, ()) == said
