"""What a person types gives what the design promises: exit codes, JSON on stdout, words on stderr."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import sounds
from typed import Type

from polish import audio
from polish.cli import polish
from polish.song import Song

MEASURED = {
    "integrated_lufs", "momentary_max_lufs", "short_term_max_lufs", "loudness_range_lu", "true_peak_dbtp",
    "true_peak_filter", "sample_peak_dbfs", "plr_db", "psr_db", "crest_db", "correlation", "mono_loss_lu",
    "dc_offset_dbfs", "clipped_samples", "clipped_runs", "bandwidth_hz", "duration_s", "sample_rate_hz",
    "channels", "file",
}  # fmt: skip
COMMANDS = {
    "run", "plan", "recipes", "explain", "schema", "measure", "master", "separate", "beats", "sections",
    "check", "lyrics", "generate", "batch", "models",
}  # fmt: skip


@pytest.fixture
def draft(tmp_path: Path) -> Path:
    return audio.write(tmp_path / "draft.wav", sounds.total(sounds.band(8.0)), "wav 24-bit")


def test_every_command_of_the_design_is_there_and_has_help(type_: Type) -> None:
    assert set(polish.commands) == COMMANDS
    for name in COMMANDS:
        said = type_(name, "--help")
        assert said.code == 0
        assert "Usage: polish" in said.out


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys\nfrom polish.cli import main\n"
        "try: main(['--help'])\nexcept SystemExit: pass\n"
        "heavy = {'numpy', 'scipy', 'torch', 'librosa', 'pydantic', 'rich', 'yaml', 'soundfile', 'numba'}\n"
        "sys.exit(' '.join(sorted(heavy & set(sys.modules))) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_measure_has_exactly_the_promised_keys(type_: Type, draft: Path) -> None:
    said = type_("measure", draft, "--json")
    assert said.code == 0
    assert set(said.json) == MEASURED
    assert len(type_("measure", draft, draft, "--json").json) == 2
    series = type_("measure", draft, "--json", "--series").json
    assert set(series) == MEASURED | {"momentary_lufs", "short_term_lufs"}
    assert len(series["momentary_lufs"]) > 9 * len(series["short_term_lufs"])


def test_master_reports_what_is_in_the_written_file(type_: Type, draft: Path, tmp_path: Path) -> None:
    out = tmp_path / "master.wav"
    said = type_("master", draft, "-o", out, "--loudness", "-16 LUFS", "--ceiling", "-1.5dBTP", "--json")
    assert said.code == 0
    assert {"before", "after", "target", "reached", "reason"} <= set(said.json)
    after = type_("measure", out, "--json").json
    assert {key: said.json["after"][key] for key in after} == after
    assert after["integrated_lufs"] == pytest.approx(-16, abs=0.1)
    assert after["true_peak_dbtp"] <= -1.5 + 0.05
    assert after["duration_s"] == said.json["before"]["duration_s"]


def test_a_master_never_overwrites_its_draft(type_: Type, draft: Path) -> None:
    before = draft.read_bytes()
    said = type_("master", draft, "-o", draft)
    assert said.code == 2
    assert "never overwritten" in said.err
    assert draft.read_bytes() == before


def test_separate_gives_stems_that_sum_to_the_file(type_: Type, draft: Path, tmp_path: Path) -> None:
    said = type_("separate", draft, "-o", tmp_path / "stems", "--model", "builtin", "--json")
    assert said.code == 0
    song, mix = Song.read(tmp_path / "stems"), audio.read(draft)
    assert set(song.stems) == {"drums", "bass", "other", "vocals"}
    assert (song.mix.samples.shape, song.mix.rate_hz) == (mix.samples.shape, mix.rate_hz)
    assert abs(song.mix.samples - mix.samples).max() <= 1e-6


@pytest.mark.parametrize(
    ("command", "keys"),
    [
        ("beats", {"tempo_bpm", "key", "beats_s", "downbeats_s"}),
        ("sections", {"tempo_bpm", "key", "beats_s", "downbeats_s", "sections"}),
        ("check", {"findings"}),
    ],
)
def test_judging_commands_have_the_promised_keys(
    type_: Type, draft: Path, command: str, keys: set[str]
) -> None:
    said = type_(command, draft, "--json")
    assert said.code == 0
    assert keys <= set(said.json)
    assert type_(command, draft).out.strip(), "words for people too"


def test_lyrics_with_known_words(type_: Type, draft: Path, tmp_path: Path) -> None:
    words = tmp_path / "words.txt"
    words.write_text("la la la\nla la", encoding="utf-8")
    said = type_("lyrics", draft, "--text", words, "--engine", "builtin", "--json")
    assert said.code == 0
    assert {"language", "lines", "unmatched"} <= set(said.json)


def test_generate_ranks_its_takes(type_: Type, tmp_path: Path) -> None:
    asked = ("--prompt", "slow waltz", "--seconds", "12 s", "--takes", 2, "--engine", "builtin")
    said = type_("generate", *asked, "-o", tmp_path / "takes", "--json")
    assert said.code == 0
    takes = said.json["takes"]
    assert [take["rank"] for take in takes] == [1, 2]
    assert takes[0]["score"] >= takes[1]["score"]
    assert all(audio.read(take["file"]).duration_s > 8 for take in takes)
    assert takes[0]["parts"]


def test_absent_weights_end_with_4_and_the_command_that_fetches_them(
    type_: Type, draft: Path, tmp_path: Path
) -> None:
    for arguments in (
        ("separate", draft, "-o", tmp_path / "stems", "--model", "htdemucs"),
        ("generate", "--prompt", "x", "--engine", "musicgen-small", "-o", tmp_path / "takes"),
        ("lyrics", draft, "--engine", "whisper-small"),
        ("run", "streaming", draft, "-o", tmp_path / "out", "--set", "separate.model=htdemucs"),
    ):
        said = type_(*arguments, "--offline")
        assert said.code == 4, said.err
        assert "polish models fetch" in said.err
        assert "Traceback" not in said.err


def test_wrong_settings_end_with_2_and_name_the_option(type_: Type, draft: Path, tmp_path: Path) -> None:
    said = type_("master", draft, "-o", tmp_path / "m.wav", "--loudness", "+3 LUFS")
    assert said.code == 2
    assert "--loudness" in said.err
    assert "out of range" in said.err
    assert type_("master", draft, "-o", tmp_path / "m.xyz").code == 2
    assert type_("nonsense").code == 2
    assert type_("run", "no-such-recipe", draft).code == 2


def test_recipes_can_be_listed_planned_and_explained(type_: Type) -> None:
    names = [recipe["name"] for recipe in type_("recipes", "--json").json]
    assert {"streaming", "daw", "loudness", "background", "prompt-to-release"} <= set(names)
    for name in names:
        said = type_("plan", name, "--offline")
        assert said.code == 0, said.err
        assert "default" in said.out
    assert "dBTP" in type_("explain", "master").out
    assert "Spotify" in type_("explain", "targets").out
    assert type_("schema").json["$schema"]


def test_models_can_be_listed(type_: Type) -> None:
    listed = type_("models", "list", "--json").json
    assert {"name", "size_bytes", "sha256", "licence", "here"} <= set(listed[0])
    assert type_("models", "path").code == 0
    assert type_("models", "fetch", "no-such-model").code == 4


def test_a_bug_of_ours_ends_with_1_and_no_traceback(
    type_: Type, draft: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("oh")

    monkeypatch.setattr(audio, "blocks", broken)
    said = type_("measure", draft)
    assert said.code == 1
    assert "a bug of ours" in said.err
    assert "Traceback" not in said.err
    assert "Traceback" in type_("--debug", "measure", draft).err
