"""Good recipes: what a scalar becomes, where a value comes from, what a plan says."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from small_stages import SMALL

from polish.recipe import Plan, check, describe, explain, load, show

HEAD = "polish: 1\nsteps:\n"


@pytest.fixture
def plan(tmp_path: Path) -> Callable[..., Plan]:
    """Checks the text of a recipe."""

    def made(text: str, *, sets: tuple[str, ...] = (), **options: Any) -> Plan:
        (tmp_path / "mine.yaml").write_text(text, encoding="utf-8")
        return check(load(tmp_path / "mine.yaml", sets=sets), catalogue=SMALL, **options)

    return made


def setting(plan: Plan, name: str, step: int = 0) -> Any:
    return getattr(plan.steps[step].stage, name)


@pytest.mark.parametrize(
    ("written", "value"),
    [
        *((word, word) for word in ("no", "yes", "1:30", "0x10", "1e3", "2024-01-01", "-14", "夜 の 雨")),
        ("'no'", "no"),
        ("'null'", "null"),
        ("|\n        a\n        b\n", "a\nb\n"),
    ],
)
def test_text_stays_as_it_is_written(plan: Callable[..., Plan], written: str, value: str) -> None:
    assert setting(plan(f"{HEAD}  - generate:\n      prompt: {written}\n"), "prompt") == value


@pytest.mark.parametrize("written", ["yes", "Yes", "true", "True", "on", "'yes'"])
def test_yes_in_a_yes_or_no_setting_is_true(plan: Callable[..., Plan], written: str) -> None:
    assert setting(plan(f"{HEAD}  - separate: {{replace: {written}}}\n"), "replace") is True


@pytest.mark.parametrize("written", ["no", "No", "false", "FALSE", "off"])
def test_no_in_a_yes_or_no_setting_is_false(plan: Callable[..., Plan], written: str) -> None:
    assert setting(plan(f"{HEAD}  - separate: {{replace: {written}}}\n"), "replace") is False


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        ("1:30", 90.0),
        ("0:05", 5.0),
        ("90", 90.0),
        ("'90'", 90.0),
        ("90 s", 90.0),
        ("1.5 min", 90.0),
        ("2500 ms", 2.5),
    ],
)
def test_a_time_is_written_in_many_ways(plan: Callable[..., Plan], written: str, seconds: float) -> None:
    made = plan(f"{HEAD}  - generate: {{prompt: rain, seconds: {written}}}\n")
    assert setting(made, "seconds") == seconds


def test_a_quoted_number_fills_a_number(plan: Callable[..., Plan]) -> None:
    made = plan(f"{HEAD}  - generate: {{prompt: rain, takes: '5'}}\n  - master: {{ceiling: '-2'}}\n")
    assert (setting(made, "takes"), setting(made, "ceiling", 1)) == (5, -2.0)


def test_a_setting_with_two_types_takes_the_one_that_fits(plan: Callable[..., Plan]) -> None:
    text = HEAD + "  - separate\n  - clean: {mud: %s}\n"
    assert [setting(plan(text % word), "mud", 1) for word in ("no", "yes", "30 %")] == [False, True, 30.0]
    assert setting(plan(HEAD + "  - master: {loudness: keep}\n"), "loudness") == "keep"


@pytest.mark.parametrize("written", ["", "~", "null", "none"])
def test_a_setting_that_may_be_absent_is_written_absent(plan: Callable[..., Plan], written: str) -> None:
    text = f"{HEAD}  - master:\n      floor: {written}\n      reference: {written}\n"
    made = plan(f"{text}  - lyrics:\n      language: {written}\n")
    assert setting(made, "floor") is None
    assert setting(made, "reference") is None
    assert setting(made, "language", 1) is None
    assert setting(plan(HEAD + "  - lyrics: {language: 'none'}\n"), "language") == "none"


def test_a_name_that_python_keeps_is_a_setting_like_any_other(plan: Callable[..., Plan]) -> None:
    made = plan(HEAD + "  - lyrics: {from: mix}\n")
    assert setting(made, "from_") == "mix"
    assert made.steps[0].origins["from"] == "mine.yaml:3"
    assert made.steps[0].stage.resolved()["from"] == "mix"


def test_a_step_may_have_empty_settings(plan: Callable[..., Plan]) -> None:
    assert [step.id for step in plan(HEAD + "  - check:\n  - master: {}\n").steps] == ["check", "master"]


def test_every_value_knows_where_it_comes_from(plan: Callable[..., Plan]) -> None:
    text = (
        HEAD
        + "  - separate\n  - mix:\n      gains: {vocals: +1 dB}\n"
        + "  - master:\n      id: stream\n      loudness: -9\n"
    )
    made = plan(text, sets=("stream.ceiling=-2dBTP", "mix.gains.drums=-1 dB"))
    assert made.steps[2].origins == {
        "loudness": "mine.yaml:8", "ceiling": "--set", "dynamics": "default", "reference": "default",
        "floor": "default",
    }  # fmt: skip
    origins = made.steps[1].origins
    assert (origins["gains.vocals"], origins["gains.drums"]) == ("mine.yaml:5", "--set")
    assert setting(made, "gains", 1) == {"vocals": 1.0, "drums": -1.0}


def test_places_name_file_line_and_column(plan: Callable[..., Plan], tmp_path: Path) -> None:
    made = plan(HEAD + "  - check\n  - master: {id: a}\ndeliver:\n  - report\n")
    assert [step.where for step in made.steps] == [f"{tmp_path}/mine.yaml:3:5", f"{tmp_path}/mine.yaml:4:5"]
    assert made.source == "mine.yaml"


def test_two_deliveries_of_a_kind_need_no_id(plan: Callable[..., Plan]) -> None:
    made = plan(HEAD + "  - master\ndeliver:\n  - master\n  - master: {format: mp3 320k}\n  - master\n")
    assert [each.id for each in made.deliveries] == ["master", "master-2", "master-3"]


def test_without_deliver_the_masters_and_the_report_leave(plan: Callable[..., Plan]) -> None:
    assert [each.id for each in plan(HEAD + "  - master\n").deliveries] == ["master", "report"]
    assert [each.id for each in plan(HEAD + "  - check\n").deliveries] == ["report"]


def test_a_file_starts_at_the_folder_of_the_recipe_that_names_it(tmp_path: Path) -> None:
    (tmp_path / "base").mkdir()
    (tmp_path / "base" / "like.wav").write_bytes(b"x")
    (tmp_path / "base" / "base.yaml").write_text(HEAD + "  - master: {reference: like.wav}\n")
    (tmp_path / "mine.yaml").write_text("polish: 1\nextends: base/base.yaml\n")
    made = check(load(tmp_path / "mine.yaml"), catalogue=SMALL)
    assert setting(made, "reference") == str(tmp_path / "base" / "like.wav")
    assert made.steps[0].stage.files() == {"reference": str(tmp_path / "base" / "like.wav")}


def test_a_file_on_the_command_line_starts_at_the_working_folder(
    plan: Callable[..., Plan], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "like.wav").write_bytes(b"x")
    monkeypatch.chdir(tmp_path / "here")
    made = plan(HEAD + "  - master\n", sets=("master.reference=like.wav",))
    assert setting(made, "reference") == str(tmp_path / "here" / "like.wav")


def test_the_digest_knows_what_is_done_and_not_how_it_is_laid_out(
    plan: Callable[..., Plan], tmp_path: Path
) -> None:
    plain = plan(HEAD + "  - master: {ceiling: -2, loudness: -14}\n").digest
    assert (
        plan("# mine\npolish: 1\nabout: other\nsteps:\n  - master:\n      ceiling: -2.0 dBTP\n").digest
        == plain
    )
    assert plan(HEAD + "  - master\n", sets=("master.ceiling=-2dBTP",)).digest == plain
    assert plan(HEAD + "  - master: {ceiling: -3}\n").digest != plain


def test_the_digest_knows_a_file_by_its_content(plan: Callable[..., Plan], tmp_path: Path) -> None:
    for name, content in (("a", b"x"), ("b", b"x"), ("c", b"y")):
        (tmp_path / name).write_bytes(content)
    a, b, c = (plan(f"{HEAD}  - master: {{reference: {name}}}\n").digest for name in "abc")
    assert a == b != c


def test_a_plan_shows_every_value_with_its_origin(plan: Callable[..., Plan]) -> None:
    text = "polish: 1\nabout: mine\nsteps:\n  - separate: {model: htdemucs, optional: yes}\n  - lyrics\n"
    made = plan(text + "  - master: {id: stream, ceiling: -2}\n", sets=("stream.loudness=-9LUFS",))
    assert (
        show(made)
        == """\
mine: mine

steps
  separate  [optional; skipped: the weights of htdemucs are not here]
    model    htdemucs  mine.yaml:4
    stems    []        default
    replace  no        default
  lyrics  [built-in engine]
    from      vocals  default
    language  none    default
    engine    auto    default
  master (id: stream)
    loudness   -9 LUFS  --set
    ceiling    -2 dBTP  mine.yaml:6
    dynamics   protect  default
    reference  none     default
    floor      none     default

deliver
  master
    of      none        default
    format  wav 24-bit  default
  report"""
    )


def test_a_plan_is_json(plan: Callable[..., Plan]) -> None:
    told = describe(plan(HEAD + "  - separate\n  - master: {id: stream}\n"))
    assert json.loads(json.dumps(told, allow_nan=False)) == told
    assert told["steps"][0]["engine"] == "builtin"
    assert told["steps"][1]["settings"]["ceiling"] == {"value": -1.0, "origin": "default"}


def test_explain_says_everything_a_stage_declares() -> None:
    assert (
        explain("lyrics", catalogue=SMALL)
        == """\
lyrics: Finds the words and their times.

  reads      mix
  writes     lyrics
  engines    auto, whisper, builtin

  from      one of vocals, mix; default vocals
            Where the voice is.
  language  text; default none
            The language; none: found out.
  engine    text; default auto
            The engine that listens.

Every step also takes `id` and `optional`.

deliver lyrics: The lyrics as files.

  reads      lyrics

  formats  list of one of lrc, srt; default [lrc]
           The formats."""
    )


def test_explain_offers_the_nearest_word() -> None:
    from polish.errors import UsageError

    with pytest.raises(UsageError) as caught:
        explain("mastr", catalogue=SMALL)
    assert str(caught.value).startswith("no stage or delivery is called `mastr`, did you mean `master`?\n")
    with pytest.raises(UsageError, match="is a recipe"):
        explain("streaming", catalogue=SMALL)


def test_checking_imports_nothing_heavy() -> None:
    code = (
        "import sys\nfrom polish.recipe import *\nshow(check(load('streaming')))\nschema()\n"
        "heavy = 'torch', 'transformers', 'demucs', 'whisper', 'librosa', 'pedalboard', 'pyloudnorm'\n"
        "print([name for name in heavy if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_shipped_recipes_are_found_in_an_installed_package(tmp_path: Path) -> None:
    """A wheel has them at ``polish/recipes``; there the folder beside the package is someone else's."""
    import polish

    package = Path(polish.__file__).parent
    shutil.copytree(
        package, tmp_path / "polish", ignore=shutil.ignore_patterns("__pycache__", "*.nbi", "*.nbc")
    )
    shutil.copytree(package.parent / "recipes", tmp_path / "polish" / "recipes")
    (tmp_path / "recipes").mkdir()
    (tmp_path / "recipes" / "stranger.yaml").write_text("polish: 1\nsteps: [check]\n")
    code = "import polish.recipe as r; print(r.__file__, *r.shipped())"
    env = {**os.environ, "PYTHONPATH": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=env, cwd=tmp_path
    )
    where, *names = done.stdout.split()
    assert where.startswith(str(tmp_path))
    assert {"streaming", "daw", "loudness", "background", "prompt-to-release"} <= set(names)
    assert "stranger" not in names
