"""The engines of a run: their weights fetched before work starts, and what they are made of."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import cache, partial
from typing import Any

from ..errors import ModelUnavailable
from ..files import sha256
from ..models import engines, store
from ..models.engines import Choice
from .events import Teller


def weights(choice: Choice) -> dict[str, str]:
    """The files of an engine's weights, each with its SHA-256; empty for a built-in engine."""
    models = {file.split("/", 1)[0] for file in _files(choice)}
    found = {file for model in models for file in store.status(model).files} | set(_files(choice))
    return {file: store.known_hash(file) or _hash(file) for file in sorted(found)}


def _files(choice: Choice) -> tuple[str, ...]:
    return tuple(engines.find(choice.kind, choice.name).weights.get(choice.name, ()))


@cache
def _hash(file: str) -> str:
    return sha256(store.root() / file)


def licences(choice: Choice) -> list[dict[str, Any]]:
    """The licence of each model an engine is made of, and whether it lets one sell the result."""
    models = sorted({file.split("/", 1)[0] for file in _files(choice)})
    known = [(model, store.licence(model)) for model in models]
    return [{"model": model, "licence": found[0], "sells": found[1]} for model, found in known if found]


def fetched(steps: Iterable[Any], teller: Teller) -> tuple[tuple[Any, ...], bool]:
    """Fetch the weights that steps wait for, before any work starts.

    A step that left its engine open falls back on what is here when the fetch fails; an
    optional one is skipped.

    Returns:
        The steps with the engines they end up with, and whether everything could be fetched.

    Raises:
        ModelUnavailable: weights of an engine that a step names cannot be had.
    """
    ready, whole = [], True
    for step in steps:
        choice = step.choice
        if step.skipped is not None or choice is None or choice.state != "fetchable":
            ready.append(step)
            continue
        try:
            _fetch(choice, step.id, teller)
            ready.append(replace(step, choice=engines.choose(choice.kind, step.stage.engine(), offline=True)))
        except ModelUnavailable as error:
            whole = False
            ready.append(_without(step, choice, error, teller))
    return tuple(ready), whole


def _fetch(choice: Choice, step: str, teller: Teller) -> None:
    for model in dict.fromkeys(file.split("/", 1)[0] for file in _files(choice)):
        teller.tell("model_fetch", step, 0.0, f"fetching {model}", model=model)
        store.fetch(
            model, partial(teller.tell, "model_fetch", step, message=f"fetching {model}", model=model)
        )


def _without(step: Any, choice: Choice, error: ModelUnavailable, teller: Teller) -> Any:
    """The step when its weights could not be fetched."""
    if step.stage.engine() == "auto":
        teller.tell("notice", step.id, message=str(error.what))
        return replace(step, choice=engines.choose(choice.kind, "auto", offline=True))
    if step.optional:
        return replace(step, skipped=error.what)
    raise error
