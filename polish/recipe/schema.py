"""The JSON Schema of recipes, made from the declarations; editors complete and check with it.

    # yaml-language-server: $schema=polish.schema.json

A recipe's scalars take their type from the setting they fill, while a schema sees what a
YAML reader made of them, and readers differ: ``yes`` is true for one and a text for the
next, ``1:30`` is 90 or a text. So each setting accepts every form its value may arrive in.
What a schema cannot say (slot flow, whether a file is there) is left to the check.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ..declared import Declared, show
from .catalogue import PLACING, RESERVED, Catalogue, Shelf
from .outline import ID, KEYS
from .settings import holds_group

DRAFT = "https://json-schema.org/draft/2020-12/schema"

_WORDS = ("yes", "no", "true", "false", "on", "off")
_WHOLE = r"[+-]?[0-9]+"
_NUMBER = r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?"


def schema(*, catalogue: Catalogue | None = None) -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of a whole recipe."""
    catalogue = catalogue or Catalogue.installed()
    shelves = (catalogue.stages, catalogue.deliveries)
    defs: dict[str, Any] = {}
    for shelf in shelves:
        required: dict[str, list[str]] = {}
        for name in shelf.names():
            settings, required[name] = _settings(shelf, name)
            defs.update(settings)
        defs[shelf.noun] = _item(shelf, required)
        defs[f"{shelf.noun} patch"] = _patch(shelf)
    return {
        "$schema": DRAFT,
        "title": "A polish recipe",
        "type": "object",
        "properties": _properties(),
        "required": ["polish"],
        "additionalProperties": False,
        "if": {"required": ["extends"]},
        "then": _lists(shelves, " patch"),
        "else": {"required": ["steps"], **_lists(shelves, "")},
        "$defs": defs,
    }


def _properties() -> dict[str, Any]:
    extends = "Another recipe to build on: a shipped name, or a path that starts at this file's folder."
    deliver = "What leaves. Without this list: the masters and the report."
    said = {
        "polish": {"enum": [1, "1"], "description": "The version of the recipe format."},
        "about": {"type": ["string", "null"], "description": "What the recipe is for, in a sentence."},
        "extends": {"type": "string", "description": extends},
        "steps": {"type": "array", "minItems": 1, "description": "What is done to the song, in this order."},
        "deliver": {"type": "array", "minItems": 1, "description": deliver},
    }
    return {key: said[key] for key in KEYS}


def _lists(shelves: Iterable[Shelf], suffix: str) -> dict[str, Any]:
    return {
        "properties": {shelf.home: {"items": {"$ref": f"#/$defs/{shelf.noun}{suffix}"}} for shelf in shelves}
    }


def _item(shelf: Shelf, required: Mapping[str, list[str]]) -> dict[str, Any]:
    """An entry of a list: a name, or one name with its settings."""
    bare = [
        {"const": name, "description": shelf.find(name).about()}
        for name in shelf.names()
        if not required[name]
    ]
    named = {
        name: {"$ref": f"#/$defs/{shelf.noun} {name}", "type": "object", "required": required[name]}
        if required[name]
        else {"$ref": f"#/$defs/{shelf.noun} {name}"}
        for name in shelf.names()
    }
    return {"oneOf": [*bare, _one_of(named, other=False)]}


def _patch(shelf: Shelf) -> dict[str, Any]:
    """An entry in a recipe that extends another: the name may also be an id of that one."""
    named = {name: {"$ref": f"#/$defs/{shelf.noun} {name}"} for name in shelf.names()}
    return {"anyOf": [{"type": "string"}, _one_of(named, other={"type": ["object", "null"]})]}


def _one_of(named: dict[str, Any], other: Any) -> dict[str, Any]:
    """An object with one key."""
    return {
        "type": "object",
        "minProperties": 1,
        "maxProperties": 1,
        "properties": named,
        "additionalProperties": other,
    }


def _settings(shelf: Shelf, name: str) -> tuple[dict[str, Any], list[str]]:
    """Definitions of the settings of a stage or delivery and of the groups in them; the required ones."""
    own = f"{shelf.noun} {name}"
    cls: type[Declared] = shelf.find(name)
    made = cls.model_json_schema(ref_template=f"#/$defs/{own}.{{model}}")
    groups = {f"{own}.{group}": _loose(part) for group, part in made.pop("$defs", {}).items()}
    required = made.pop("required", [])
    made = _loose(made)
    for key, info in cls.fields().items():
        if isinstance(made["properties"][key].get("default"), dict) and not holds_group(info):
            made["properties"][key]["default"] = show(info.get_default(call_default_factory=True))
    made["type"] = ["object", "null"]
    made["description"] = cls.about()
    reserved = {key: _reserved(key, about) for key, about in {**RESERVED, **PLACING}.items()}
    made["properties"] = {**made.get("properties", {}), **reserved}
    return {own: made, **groups}, required


def _reserved(key: str, about: str) -> dict[str, Any]:
    if key in ("optional", "remove"):
        return {**_loose({"type": "boolean"}), "description": about}
    return {"type": ["string", "number"], "pattern": f"^{ID}$", "description": about}


def _loose(part: Any) -> Any:
    """A part of pydantic's schema that accepts every form a YAML reader may have given a value."""
    if not isinstance(part, dict):
        return [_loose(each) for each in part] if isinstance(part, list) else part
    kept = {key: value for key, value in part.items() if key != "title"}
    if "properties" in kept:
        kept["properties"] = {name: _loose(value) for name, value in kept["properties"].items()}
        return kept
    said = {key: kept.pop(key) for key in ("description", "default", "examples") if key in kept}
    return {**said, **_loose_value(kept)}


def _loose_value(kept: dict[str, Any]) -> dict[str, Any]:
    kind = kept.get("type")
    if "enum" in kept or "const" in kept:
        return {"enum": _as_read(kept.get("enum", [kept.get("const")]))}
    if kind == "string" and "pattern" not in kept:
        return {**kept, "type": ["string", "number", "boolean"]}
    if kind == "boolean":
        return {"enum": [True, False, *_WORDS]}
    if kind in ("number", "integer"):
        pattern = rf"^\s*{_WHOLE if kind == 'integer' else _NUMBER}\s*$"
        return {"anyOf": [kept, {"type": "string", "pattern": pattern}]}
    if kind == "null":
        return {"enum": [None, "none"]}
    branches = kept.get("anyOf", [])
    if any("pattern" in branch for branch in branches):  # a quantity: its text has a branch of its own
        return {
            "anyOf": [branch if branch.get("type") == "number" else _loose(branch) for branch in branches]
        }
    return {key: _loose(value) for key, value in kept.items()}


def _as_read(words: list[Any]) -> list[Any]:
    """Words with what YAML 1.1 readers take some of them for, and numbers with their text."""
    truths = {"yes": True, "true": True, "on": True, "no": False, "false": False, "off": False}
    read = [truths[word] for word in words if isinstance(word, str) and word in truths]
    texts = [str(word) for word in words if isinstance(word, (int, float)) and not isinstance(word, bool)]
    return [*words, *dict.fromkeys([*read, *texts])]
