"""What a recipe can name: stages, deliveries, engines. The check takes it as a parameter."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ..declared import Declared
from ..models import engines

RESERVED = {
    "id": "The name of this step, under which `extends`, `--set` and deliveries find it; "
    "the stage's own name when it is left out.",
    "optional": "Whether the step is skipped, with its reason in the report, when it cannot run.",
}
"""Keys every step takes beside the settings of its stage."""

PLACING = {
    "after": "Put this step behind the step with this id of the recipe that is extended.",
    "before": "Put this step before the step with this id of the recipe that is extended.",
    "remove": "Take the step with this id out of the recipe that is extended.",
}
"""Keys a step also takes in a recipe that extends another."""


@dataclass(frozen=True)
class Shelf:
    """Classes by name; each is imported when it is first asked for.

    Attributes:
        noun: what one of them is called: ``stage``, ``delivery``.
        home: the list of a recipe that names them: ``steps``, ``deliver``.
    """

    noun: str
    home: str
    names: Callable[[], tuple[str, ...]]
    find: Callable[[str], type[Any]]

    @classmethod
    def of(cls, noun: str, home: str, classes: Iterable[type[Declared]]) -> Shelf:
        """A shelf with just these."""
        by_name: Mapping[str, type[Declared]] = {each.name: each for each in classes}
        return cls(noun, home, lambda: tuple(by_name), by_name.__getitem__)

    def get(self, name: str) -> type[Any] | None:
        """The class of that name, or `None`."""
        return self.find(name) if name in self.names() else None

    def with_setting(self, setting: str) -> list[str]:
        """The names of those that have a setting of that name."""
        return [name for name in self.names() if setting in self.find(name).fields()]


@dataclass(frozen=True)
class Catalogue:
    """The stages and deliveries there are, and how engines are chosen for them.

    Attributes:
        stages: what `steps` may name.
        deliveries: what `deliver` may name.
        engine_names: the names of the engines of a kind.
        choose: the engine that would do the work, see `polish.models.engines.choose`.
    """

    stages: Shelf
    deliveries: Shelf
    engine_names: Callable[[str], tuple[str, ...]] = engines.names
    choose: Callable[..., engines.Choice] = engines.choose

    @classmethod
    def installed(cls) -> Catalogue:
        """Our own and those that other packages bring."""
        from .. import deliver, stages

        return cls(
            Shelf("stage", "steps", stages.names, stages.find),
            Shelf("delivery", "deliver", deliver.names, deliver.find),
        )

    @classmethod
    def of(cls, stages: Iterable[type[Declared]], deliveries: Iterable[type[Declared]]) -> Catalogue:
        """Just these."""
        return cls(Shelf.of("stage", "steps", stages), Shelf.of("delivery", "deliver", deliveries))
