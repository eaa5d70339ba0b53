"""``extends`` and ``--set``: one recipe over another, and the command line over both."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from small_stages import SMALL
from tables import table

from polish.errors import PolishError, RecipeError, UsageError
from polish.recipe import Plan, check, load

BASE = """\
polish: 1
about: the base
steps:
  - check
  - separate: {stems: [vocals, drums]}
  - mix:
      gains: {vocals: +1 dB, drums: -1 dB}
  - master: {id: stream, loudness: -14}
deliver:
  - master: {of: stream}
  - report
"""
PATCHES = table("wrong_patches")
CHANGES = table("wrong_changes")
OVER = "polish: 1\nextends: base.yaml\n"


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "base.yaml").write_text(BASE)
    return tmp_path


@pytest.fixture
def plan(here: Path) -> Callable[..., Plan]:
    def made(text: str, *sets: str) -> Plan:
        (here / "mine.yaml").write_text(text, encoding="utf-8")
        return check(load("mine.yaml", sets=sets), catalogue=SMALL)

    return made


def wrong(plan: Callable[..., Plan], text: str, *sets: str) -> str:
    with pytest.raises(PolishError) as caught:
        plan(text, *sets)
    assert caught.value.exit_code == 2
    return str(caught.value)


def ids(plan: Plan) -> list[str]:
    return [step.id for step in plan.steps]


def test_a_recipe_that_only_extends_is_its_base(plan: Callable[..., Plan]) -> None:
    made = plan(OVER)
    assert (ids(made), made.about, made.name) == (["check", "separate", "mix", "stream"], "the base", "mine")
    assert made.digest == check(load("base.yaml"), catalogue=SMALL).digest


def test_a_step_with_an_id_of_the_base_changes_that_step(plan: Callable[..., Plan]) -> None:
    made = plan(OVER + "steps:\n  - master: {id: stream, ceiling: -2 dBTP}\n")
    assert ids(made) == ["check", "separate", "mix", "stream"]
    assert (made.steps[3].stage.ceiling, made.steps[3].stage.loudness) == (-2, -14)
    assert made.steps[3].origins["ceiling"] == "mine.yaml:4"
    assert made.steps[3].origins["loudness"] == "base.yaml:8"


def test_the_id_may_stand_for_the_stage(plan: Callable[..., Plan]) -> None:
    made = plan(OVER + "steps:\n  - stream: {ceiling: -2 dBTP}\n")
    assert (ids(made)[-1], made.steps[3].stage.name, made.steps[3].stage.ceiling) == ("stream", "master", -2)


def test_groups_are_laid_over_key_by_key_and_lists_whole(plan: Callable[..., Plan]) -> None:
    made = plan(OVER + "steps:\n  - mix: {gains: {drums: 0 dB, bass: 2 dB}}\n  - separate: {stems: [bass]}\n")
    assert made.steps[2].stage.gains == {"vocals": 1, "drums": 0, "bass": 2}
    assert made.steps[1].stage.stems == ["bass"]


def test_a_new_step_comes_last_or_where_it_is_put(plan: Callable[..., Plan]) -> None:
    made = plan(
        OVER + "steps:\n"
        "  - sections: {before: mix}\n  - level: {after: mix}\n  - clean: {after: separate}\n"
        "  - clean: {id: again, after: separate}\n  - master: {id: loud}\n"
    )
    assert ids(made) == ["check", "separate", "clean", "again", "sections", "mix", "level", "stream", "loud"]


def test_a_step_of_the_base_can_be_moved_and_removed(plan: Callable[..., Plan]) -> None:
    made = plan(
        OVER + "steps:\n  - check: {after: stream}\n  - mix: {remove: yes}\n  - separate: {optional: yes}\n"
    )
    assert ids(made) == ["separate", "stream", "check"]
    assert made.steps[0].optional


def test_deliveries_are_patched_by_the_same_rule(plan: Callable[..., Plan]) -> None:
    made = plan(
        OVER + "deliver:\n  - report: {remove: yes}\n  - stems\n  - master: {format: flac}\n"
        "  - master: {id: phone, format: mp3 320k}\n"
    )
    told = [(each.id, each.delivery.name, getattr(each.delivery, "of", "")) for each in made.deliveries]
    assert told == [("master", "master", "stream"), ("stems", "stems", ""), ("phone", "master", None)]
    assert made.deliveries[0].delivery.format == "flac"


def test_a_chain_of_recipes_is_laid_over_in_order(plan: Callable[..., Plan], here: Path) -> None:
    (here / "sub").mkdir()
    (here / "sub" / "middle.yaml").write_text(
        "polish: 1\nabout: middle\nextends: ../base.yaml\nsteps:\n  - stream: {loudness: -9, ceiling: -3}\n"
    )
    made = plan("polish: 1\nextends: sub/middle.yaml\nsteps:\n  - stream: {ceiling: -2}\n")
    assert (made.steps[3].stage.loudness, made.steps[3].stage.ceiling, made.about) == (-9, -2, "middle")
    assert made.steps[3].origins["loudness"] == "middle.yaml:5"


def test_a_shipped_recipe_is_extended_by_its_name(here: Path) -> None:
    (here / "streaming.yaml").write_text(
        "polish: 1\nextends: streaming\nsteps:\n  - stream: {loudness: -9}\n"
    )
    recipe = load("./streaming.yaml")
    assert recipe.steps[-1].id == "stream"
    assert len(recipe.steps) == len(load("streaming").steps)


@pytest.mark.parametrize("name", PATCHES)
def test_a_wrong_patch_gives_exactly_this_message(plan: Callable[..., Plan], name: str) -> None:
    text, message = PATCHES[name]
    assert wrong(plan, text) == message


def test_a_circle_of_recipes_is_shown(plan: Callable[..., Plan], here: Path) -> None:
    (here / "a.yaml").write_text("polish: 1\nextends: b.yaml\n")
    (here / "b.yaml").write_text("polish: 1\nextends: a.yaml\n")
    assert wrong(plan, "polish: 1\nextends: a.yaml\n") == (
        "b.yaml:2:10: `extends` goes in a circle: mine.yaml → a.yaml → b.yaml → a.yaml\n"
        "  2 | extends: a.yaml\n    |          ^^^^^^\n  try: take one of these `extends` out"
    )


def test_a_chain_has_an_end(plan: Callable[..., Plan], here: Path) -> None:
    for link in range(12):
        (here / f"{link}.yaml").write_text(f"polish: 1\nextends: {link + 1}.yaml\n")
    assert wrong(plan, "polish: 1\nextends: 0.yaml\n").startswith(
        "6.yaml:2:10: more than 8 recipes extend one another: "
    )


def test_a_mistake_in_the_base_is_shown_in_the_base(plan: Callable[..., Plan], here: Path) -> None:
    (here / "base.yaml").write_text(BASE.replace("-14", "loud"))
    assert wrong(plan, OVER).startswith("base.yaml:8:36: `loudness` is ")


ONE = "polish: 1\nsteps:\n  - check\n  - master: {id: stream}\n"


@pytest.mark.parametrize(
    ("written", "name", "value"),
    [
        ("stream.ceiling=-2dBTP", "ceiling", -2.0),
        ("stream.ceiling = -2 dBTP ", "ceiling", -2.0),
        ("stream.floor=", "floor", None),
        ("stream.floor=~", "floor", None),
        ("stream.dynamics='reach'", "dynamics", "reach"),
    ],
)
def test_the_command_line_changes_a_setting(
    plan: Callable[..., Plan], written: str, name: str, value: object
) -> None:
    made = plan(ONE, written)
    assert getattr(made.steps[1].stage, name) == value
    assert made.steps[1].origins[name] == "--set"


def test_the_command_line_reaches_groups_lists_and_deliveries(plan: Callable[..., Plan]) -> None:
    sets = (
        "mix.gains.vocals=+3 dB",
        "mix.space={size: 50 %}",
        "mix.space.decay=2 s",
        "separate.stems=[vocals, bass]",
        "separate.optional=yes",
        "deliver.master.format=flac 24-bit",
    )
    made = plan(OVER, *sets)
    assert made.steps[2].stage.gains == {"vocals": 3, "drums": -1}
    assert (made.steps[2].stage.space.size, made.steps[2].stage.space.decay) == (50, 2)
    assert made.steps[1].stage.stems == ["vocals", "bass"]
    assert made.steps[1].optional
    assert made.deliveries[0].delivery.format == "flac 24-bit"
    assert made.deliveries[0].origins == {"of": "base.yaml:10", "format": "--set"}


def test_the_command_line_reaches_the_usual_deliveries(plan: Callable[..., Plan]) -> None:
    assert plan(ONE, "deliver.master.format=flac").deliveries[0].delivery.format == "flac"


def test_the_last_of_two_changes_wins(plan: Callable[..., Plan]) -> None:
    assert plan(ONE, "stream.ceiling=-2", "stream.ceiling=-3").steps[1].stage.ceiling == -3


@pytest.mark.parametrize("name", CHANGES)
def test_a_wrong_change_gives_exactly_this_message(plan: Callable[..., Plan], name: str) -> None:
    written, message = CHANGES[name]
    assert wrong(plan, ONE, written.strip()) == message


@pytest.mark.parametrize("written", ["stream.ceiling", "=-2", "stream..ceiling=-2", ""])
def test_a_change_is_written_key_equals_value(written: str) -> None:
    with pytest.raises(UsageError, match="not written KEY=VALUE"):
        load("streaming", sets=[written])


def test_a_wrong_change_of_an_unknown_stage_is_one_mistake(plan: Callable[..., Plan]) -> None:
    with pytest.raises(RecipeError) as caught:
        plan("polish: 1\nsteps:\n  - mastr: {id: stream}\n", "stream.ceiling=-2")
    assert caught.value.more == ()
    assert "there is no stage `mastr`" in caught.value.what
