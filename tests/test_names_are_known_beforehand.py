"""Editors and type checkers know every name and default of the Python interface; nothing has to be run."""

from __future__ import annotations

import ast
from pathlib import Path

import polish
from polish import stages

ROOT = Path(polish.__file__).parent


def test_a_notebook_completes_what_there_is() -> None:
    assert set(dir(polish)) == {"Song", "__version__", "audio", "run", "stages"}
    assert all(hasattr(polish, name) for name in dir(polish))
    assert {name.lower() for name in dir(stages)} >= set(stages.ORDER)
    assert all(hasattr(stages, name) for name in dir(stages))


def test_type_checkers_see_the_stages_that_there_are() -> None:
    tree = ast.parse((ROOT / "stages" / "__init__.py").read_text(encoding="utf-8"))
    told = {
        (node.module, alias.name)
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.level
        for alias in node.names
    }
    assert told == {(name, stages.find(name).__name__) for name in stages.ORDER} | {("base", "Stage")}


def test_type_checkers_see_which_settings_may_be_left_out() -> None:
    """They know a default that is named (PEP 681, "Field specifiers"); any other setting they demand."""
    unnamed = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in ROOT.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Field" and node.args
    ]
    assert unnamed == []
