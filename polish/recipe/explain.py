"""``polish explain``: a stage or a delivery in words, from its declaration."""

from __future__ import annotations

from textwrap import wrap

from ..declared import Declared
from ..errors import UsageError
from ..stages.base import Stage
from . import library
from .catalogue import RESERVED, Catalogue, Shelf
from .words import guess, listed, printable

_WIDTH = 96


def explain(name: str, *, catalogue: Catalogue | None = None) -> str:
    """What a stage or a delivery does, its slots, engines and settings; both, where both have the name.

    Args:
        name: ``master``; ``deliver.master`` for the delivery alone.

    Raises:
        UsageError: nothing is called that.
    """
    catalogue = catalogue or Catalogue.installed()
    stages, deliveries = catalogue.stages, catalogue.deliveries
    parts = []
    if cls := stages.get(name):
        parts.append("\n".join(_stage(cls, catalogue)))
    if cls := deliveries.get(name.removeprefix("deliver.")):
        parts.append("\n".join(_delivery(cls)))
    if not parts:
        raise _unknown(name, stages, deliveries)
    return "\n\n".join(parts)


def _unknown(name: str, stages: Shelf, deliveries: Shelf) -> UsageError:
    everything = list(dict.fromkeys([*stages.names(), *deliveries.names()]))
    if name in library.names():
        return UsageError(f"`{name}` is a recipe, not a stage", hint=f"polish plan {name}")
    what = f"no stage or delivery is called `{printable(name)}`{guess(name, everything)}"
    return UsageError(what, hint=f"one of {', '.join(everything)}")


def _stage(cls: type[Stage], catalogue: Catalogue) -> list[str]:
    lines = [f"{cls.name}: {cls.about()}", ""]
    lines += _slots(cls)
    for verb, slots in (("writes", cls.writes), ("may write", cls.may_write)):
        lines += [f"  {verb:<9}  {', '.join(slots)}"] if slots else []
    if cls.kind:
        names = ", ".join(("auto", *catalogue.engine_names(cls.kind)))
        lines += [f"  {'engines':<9}  {line}" for line in wrap(names, _WIDTH - 13)[:1]]
        lines += [f"  {'':<9}  {line}" for line in wrap(names, _WIDTH - 13)[1:]]
    return [
        *lines,
        "",
        *_settings(cls),
        "",
        f"Every step also takes {listed(f'`{key}`' for key in RESERVED)}.",
    ]


def _delivery(cls: type[Declared]) -> list[str]:
    return [f"deliver {cls.name}: {cls.about()}", "", *_slots(cls), "", *_settings(cls)]


def _slots(cls: type[Declared]) -> list[str]:
    pairs = (("reads", cls.reads), ("uses", cls.uses))
    return [f"  {verb:<9}  {', '.join(slots)}" for verb, slots in pairs if slots]


def _settings(cls: type[Declared]) -> list[str]:
    """One setting an entry: name, kind, range, default, and below it the sentence."""
    settings = cls.settings()
    if not settings:
        return ["  no settings"]
    width = max(len(setting.name) for setting in settings)
    lines = []
    for setting in settings:
        default = "must be given" if setting.default is None else f"default {setting.default}"
        facts = "; ".join(filter(None, (setting.kind, setting.range, default)))
        below = " " * (width + 4)
        first, *rest = wrap(facts, _WIDTH - width - 4) or [""]
        lines.append(f"  {setting.name:<{width}}  {first}")
        lines += [below + line for line in rest]
        lines += [below + line for line in wrap(setting.about, _WIDTH - width - 4)]
    return lines
