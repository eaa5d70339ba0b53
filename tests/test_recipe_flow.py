"""Slot flow and engines: what is skipped and why, and what counts as made."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from small_stages import SMALL

from polish.errors import RecipeError
from polish.recipe import Plan, check, load

HEAD = "polish: 1\nsteps:\n"


@pytest.fixture
def plan(tmp_path: Path) -> Callable[..., Plan]:
    def made(text: str, **options: Any) -> Plan:
        (tmp_path / "mine.yaml").write_text(HEAD + text, encoding="utf-8")
        return check(load(tmp_path / "mine.yaml"), catalogue=SMALL, **options)

    return made


def skips(plan: Plan) -> dict[str, str | None]:
    return {each.id: each.skipped for each in (*plan.steps, *plan.deliveries)}


def test_auto_takes_the_engine_there_is_and_says_which(plan: Callable[..., Plan]) -> None:
    choice = plan("  - separate\n").steps[0].choice
    assert choice is not None
    assert (choice.kind, choice.name, choice.why) == ("separator", "builtin", "built-in engine")


def test_a_stage_without_engines_has_no_choice(plan: Callable[..., Plan]) -> None:
    assert plan("  - check\n").steps[0].choice is None


def test_an_optional_step_without_its_model_is_skipped_with_its_reason(plan: Callable[..., Plan]) -> None:
    made = plan("  - lyrics: {engine: whisper, optional: true}\n  - check\ndeliver: [report]\n")
    assert skips(made) == {"lyrics": "the weights of whisper are not here", "check": None, "report": None}


def test_what_a_skipped_step_would_have_made_is_missing_further_on(plan: Callable[..., Plan]) -> None:
    made = plan(
        "  - separate: {model: htdemucs, optional: yes}\n"
        "  - clean: {optional: yes}\n"
        "  - mix: {optional: yes}\n"
        "  - master\n"
        "deliver: [master, stems]\n"
    )
    why = "it needs stems, and `separate` is skipped: the weights of htdemucs are not here"
    assert skips(made) == {"separate": "the weights of htdemucs are not here", "clean": why, "mix": why,
                           "master": None, "stems": why}  # fmt: skip


def test_an_optional_step_whose_slots_nobody_makes_is_skipped(plan: Callable[..., Plan]) -> None:
    made = plan("  - clean: {optional: yes}\n  - master\n")
    assert skips(made)["clean"] == "it needs stems, and no step before it makes them"


def test_an_optional_step_that_runs_fills_its_slots(plan: Callable[..., Plan]) -> None:
    made = plan("  - separate: {optional: yes}\n  - mix\ndeliver: [stems]\n")
    assert set(skips(made).values()) == {None}


def test_a_delivery_of_a_skipped_master_is_skipped(plan: Callable[..., Plan]) -> None:
    made = plan(
        "  - level: {optional: yes}\n  - master: {id: a}\n"
        "  - separate: {model: htdemucs, optional: yes}\n"
        "  - mix: {optional: yes}\n  - master: {id: b, optional: yes}\n"
        "deliver:\n  - master: {of: a}\n  - master: {of: b}\n"
    )
    assert skips(made)["level"] == "it needs sections, and no step before it makes them"
    assert skips(made)["b"] is None
    assert skips(made)["master-2"] is None


def test_a_folder_of_stems_fills_stems(plan: Callable[..., Plan]) -> None:
    made = plan("  - mix\ndeliver: [stems]\n", given={"draft", "mix", "stems"})
    assert set(skips(made).values()) == {None}
    with pytest.raises(RecipeError, match="`mix` needs stems"):
        plan("  - mix\n")


def test_without_a_draft_the_first_step_must_make_one(plan: Callable[..., Plan]) -> None:
    with pytest.raises(RecipeError) as caught:
        plan("  - check\n  - master\n", given=())
    assert caught.value.what == (
        "`check` needs a mix, and no step before line 3 makes one: give a draft, or begin with `generate`"
    )
    assert caught.value.more == ()
    assert set(skips(plan("  - generate: {prompt: rain}\n  - check\n  - master\n", given=())).values()) == {
        None
    }


def test_what_a_step_only_may_write_does_not_count(plan: Callable[..., Plan]) -> None:
    with pytest.raises(RecipeError, match="`stems` needs stems, and no step makes them: add `separate`"):
        plan("  - generate: {prompt: rain}\ndeliver: [stems]\n", given=())


def test_a_missing_slot_is_reported_once_and_two_missing_slots_twice(plan: Callable[..., Plan]) -> None:
    with pytest.raises(RecipeError) as caught:
        plan("  - mix\n  - clean\n  - level\ndeliver: [stems, lyrics]\n")
    told = [caught.value.what, *(other.what for other in caught.value.more)]
    assert told == [
        "`mix` needs stems, and no step before line 3 makes them: add `separate`",
        "`level` needs sections, and no step before line 5 makes them: add `sections`",
        "`lyrics` needs lyrics, and no step makes them: add `lyrics`",
    ]


def test_the_master_a_delivery_names_may_be_any_that_is_made(plan: Callable[..., Plan]) -> None:
    made = plan(
        "  - master: {id: a}\n  - master: {id: b}\ndeliver:\n  - master: {of: b}\n  - master: {of: a}\n"
    )
    assert [each.delivery.of for each in made.deliveries] == ["b", "a"]
