"""What is usual by kind of stem and by style: data with reasons, in the YAML files beside this."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib import resources
from types import MappingProxyType
from typing import Any


@cache
def styles() -> Mapping[str, Mapping[str, Any]]:
    """Settings of the stage `mix` by style: ``why``, and ``mix`` with settings by name."""
    return _read("styles")


@cache
def kinds() -> Mapping[str, Mapping[str, Any]]:
    """Kinds of stems: ``why``, ``names`` (parts of the names they go by) and ``lowest_hz``."""
    return _read("kinds")


def kind_of(name: str) -> str:
    """``vocals``, ``drums``, ``bass`` or ``other`` by a stem's name: «Backing Vocals» is a voice."""
    lower = name.lower()
    parts = ((kind, part) for kind, known in kinds().items() for part in known["names"])
    return next((kind for kind, part in parts if part in lower), "other")


def _read(name: str) -> Mapping[str, Mapping[str, Any]]:
    import yaml

    text = resources.files(__package__).joinpath(f"{name}.yaml").read_text(encoding="utf-8")
    return MappingProxyType(yaml.safe_load(text))
