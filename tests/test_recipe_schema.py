"""The JSON Schema, and the shipped recipes: both against the declarations of every stage there is."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator
from small_stages import SMALL
from tables import table

from polish.recipe import Catalogue, check, explain, load, schema, shipped, show
from polish.recipe.catalogue import PLACING, RESERVED
from polish.recipe.library import folder

SHIPPED = (
    "album",
    "background",
    "daw",
    "karaoke",
    "loudness",
    "podcast",
    "prompt-to-release",
    "streaming",
    "visuals",
)
REAL = Catalogue.installed()
EVERYTHING = [
    *((REAL.stages, name) for name in REAL.stages.names()),
    *((REAL.deliveries, name) for name in REAL.deliveries.names()),
]
every = pytest.mark.parametrize(
    ("shelf", "name"), EVERYTHING, ids=[f"{shelf.noun} {name}" for shelf, name in EVERYTHING]
)


def faults(recipe: Any, made: dict[str, Any]) -> list[str]:
    return [error.message for error in Draft202012Validator(made).iter_errors(recipe)]


@pytest.fixture(scope="module")
def small() -> dict[str, Any]:
    return schema(catalogue=SMALL)


@pytest.fixture(scope="module")
def real() -> dict[str, Any]:
    return schema()


def test_the_schema_is_a_schema(small: dict[str, Any], real: dict[str, Any]) -> None:
    for made in (small, real):
        Draft202012Validator.check_schema(made)
        assert json.loads(json.dumps(made, allow_nan=False)) == made


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_recipe_fits_the_schema(name: str, real: dict[str, Any]) -> None:
    text = (folder() / f"{name}.yaml").read_text(encoding="utf-8")
    assert faults(yaml.safe_load(text), real) == []
    assert faults(yaml.load(text, Loader=Yaml12), real) == []


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_recipe_checks_on_a_machine_without_weights(name: str) -> None:
    given = set() if name == "prompt-to-release" else {"draft", "mix"}
    plan = check(load(name), given=given, offline=True)
    assert {step.id: step.skipped for step in plan.steps if step.skipped} == {}
    assert {each.id: each.skipped for each in plan.deliveries if each.skipped} == {}
    assert show(plan).startswith(f"{name}: ")


def test_every_shipped_recipe_says_what_it_is_for() -> None:
    assert tuple(shipped()) == SHIPPED
    assert all(shipped().values())


GOOD_TEXTS = """\
steps: [check]
---
polish: '1'
about:
steps:
  - check
  - master:
---
steps:
  - separate: {replace: no, stems: [vocals]}
  - clean: {mud: yes, amount: 50 %}
---
steps:
  - separate: {replace: 'no'}
  - clean: {mud: 30}
---
steps:
  - generate: {prompt: no, seconds: 1:30, takes: '5'}
---
steps:
  - generate: {prompt: 3, seconds: 1.5 min, takes: 5, optional: true}
---
steps:
  - master: {id: 2, loudness: keep, floor: none, ceiling: −1 dbtp}
---
steps:
  - master: {id: stream, loudness: -14LUFS, floor: }
deliver:
  - master: {of: stream}
---
steps:
  - separate
  - mix:
      gains: {vocals: +0.5 dB, drums: -1}
      space: {size: 20 %, decay: 0:02}
---
extends: streaming
---
extends: a.yaml
steps:
  - stream: {ceiling: -2}
  - generate: {takes: 2, after: check}
  - level: {remove: yes}
deliver:
  - phone: {format: mp3 320k}
"""
GOOD = GOOD_TEXTS.split("---\n")


class Yaml12(yaml.SafeLoader):
    """Reads as editors do: ``yes``, ``no``, ``on`` and ``off`` are texts."""


Yaml12.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if not tag.endswith(":bool") or first in "tTfF"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


@pytest.mark.parametrize("loader", [yaml.SafeLoader, Yaml12])
@pytest.mark.parametrize("text", GOOD)
def test_a_good_recipe_fits_the_schema(text: str, loader: Any, small: dict[str, Any], tmp_path: Any) -> None:
    text = text if "polish:" in text else "polish: 1\n" + text
    assert faults(yaml.load(text, Loader=loader), small) == []
    if "extends" not in text:
        (tmp_path / "good.yaml").write_text(text, encoding="utf-8")
        check(load(tmp_path / "good.yaml"), catalogue=SMALL)


BEYOND = {
    "no such file", "a folder for a file", "two settings that contradict", "unknown engine",
    "placed without a base", "duplicate key", "duplicate key on one line", "two steps of one name",
    "two deliveries of one id", "out of range", "out of range in a group", "merge key", "missing slot",
    "missing slot that many need", "missing slot that a later step makes", "missing slot of a delivery",
    "missing slot that only a stage may fill", "missing slot of a skipped step",
    "delivery of an unknown step", "anchor",
    "delivery of a step that makes no master", "delivery of a master that nobody makes",
}  # fmt: skip
"""What a schema cannot say: other places in the recipe, the disk, and ranges of numbers with a unit."""


@pytest.mark.parametrize("name", table("wrong_recipes"))
def test_an_editor_sees_what_a_schema_can_say(name: str, small: dict[str, Any]) -> None:
    text, message = table("wrong_recipes")[name]
    try:
        recipe = yaml.safe_load(text)
    except yaml.YAMLError:
        return
    assert bool(faults(recipe, small)) is (name not in BEYOND), message


@every
def test_every_setting_says_what_it_does(shelf: Any, name: str) -> None:
    cls = shelf.find(name)
    assert cls.about().endswith(".")
    for setting in cls.settings():
        assert setting.about.endswith("."), setting.name
        assert setting.name not in {**RESERVED, **PLACING}, setting.name
        assert setting.name in explain(name)


NEEDED = {"generate": {"prompt": "rain"}}
"""What a stage cannot do without."""


@every
def test_every_default_can_be_written_as_it_is_shown(
    shelf: Any, name: str, tmp_path: Any, real: dict[str, Any]
) -> None:
    """What `explain` and `plan` print can be copied into a recipe: it checks and fits the schema."""
    cls = shelf.find(name)
    shown = {
        setting.name: '""' if setting.default in ("", '""') else setting.default for setting in cls.settings()
    }
    needed = NEEDED.get(name, {})
    shown |= needed
    settings = "".join(f"      {key}: {default}\n" for key, default in shown.items())
    entry = f"  - {name}:\n{settings}" if settings else f"  - {name}\n"
    maker = "" if shelf is REAL.stages else "  - check\n"
    text = f"polish: 1\nsteps:\n{maker}" + (entry if not maker else f"deliver:\n{entry}")
    (tmp_path / "r.yaml").write_text(text, encoding="utf-8")
    filled = {"draft", "mix", "stems", "beats", "sections", "lyrics", "findings", "masters"}
    plan = check(load(tmp_path / "r.yaml"), given=filled)
    made = plan.steps[0].stage if shelf is REAL.stages else plan.deliveries[0].delivery
    assert made.resolved() == cls(**needed).resolved()
    assert faults(yaml.safe_load(text), real) == []


@every
def test_every_slot_a_declaration_names_exists(shelf: Any, name: str) -> None:
    from polish.song import SLOTS

    cls = shelf.find(name)
    for names in (cls.reads, cls.uses, getattr(cls, "writes", ()), getattr(cls, "may_write", ())):
        assert set(names) <= set(SLOTS)
