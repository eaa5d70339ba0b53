"""The slots of a song as JSON, with their sounds kept apart; and what a step gets to see.

A sound is written as where its samples lie: ``{"sha256", "rate_hz", "channels", "frames"}``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from ..audio import Sound
from ..declared import Declared
from ..song import SLOTS, Beats, Finding, Lyrics, Master, Section, Song
from ..stages.base import Stage
from . import hashing

Open = Callable[[Mapping[str, Any]], Sound]


def written(sound: Sound) -> dict[str, Any]:
    """A sound by its content."""
    return {
        "sha256": hashing.of_sound(sound), "rate_hz": sound.rate_hz,
        "channels": sound.channels, "frames": sound.frames,
    }  # fmt: skip


def encode(song: Song, slot: str) -> Any:
    """A slot as a JSON value.

    Raises:
        ValueError: a NaN or an infinity is in its facts.
    """
    value = getattr(song, slot)
    if slot in ("draft", "mix"):
        return value and written(value)
    if slot == "stems":
        return [[name, written(stem)] for name, stem in value.items()]
    if slot == "masters":
        return [[name, written(made.sound), hashing.plain(made.facts)] for name, made in value.items()]
    if slot in ("beats", "lyrics"):
        return value and value.model_dump(mode="json")
    if slot in ("sections", "findings"):
        return [each.model_dump(mode="json") for each in value]
    return hashing.plain(value)


def decode(slot: str, value: Any, open_sound: Open) -> Any:
    """A slot from its JSON value; `open_sound` finds the samples."""
    if slot in ("draft", "mix"):
        return value and open_sound(value)
    if slot == "stems":
        return {name: open_sound(stem) for name, stem in value}
    if slot == "masters":
        return {name: Master(open_sound(sound), facts) for name, sound, facts in value}
    if slot in ("beats", "lyrics"):
        model = Beats if slot == "beats" else Lyrics
        return value and model.model_validate(value)
    if slot in ("sections", "findings"):
        item = Section if slot == "sections" else Finding
        return tuple(item.model_validate(each) for each in value)
    return value


def sounds(song: Song, slots: tuple[str, ...] = SLOTS) -> Iterator[tuple[str, Sound]]:
    """Every sound of a song with a name for it: ``mix``, ``stems vocals``, ``masters stream``."""
    for slot in slots:
        value = getattr(song, slot)
        if isinstance(value, Sound):
            yield slot, value
        elif slot == "stems":
            yield from ((f"stems {name}", stem) for name, stem in value.items())
        elif slot == "masters":
            yield from ((f"masters {name}", made.sound) for name, made in value.items())


def replaced(song: Song, keep: Callable[[Sound], Sound]) -> Song:
    """The same song with every sound put through `keep`."""
    return song.having(
        draft=song.draft and keep(song.draft),
        mix=song.mix and keep(song.mix),
        stems={name: keep(stem) for name, stem in song.stems.items()},
        masters={name: Master(keep(made.sound), made.facts) for name, made in song.masters.items()},
    )


def seen(declared: Declared) -> tuple[str, ...]:
    """The slots that something declared may look at: what it names in any way.

    A stage often looks at what it writes (`separate` keeps stems that are there), so that
    counts too; but masters and measurements only grow, and are seen when they are named
    in `reads` or `uses`.
    """
    named = {*declared.reads, *declared.uses}
    if isinstance(declared, Stage):
        named |= {*declared.writes, *declared.may_write} - {"masters", "measurements"}
    return tuple(slot for slot in SLOTS if slot in named)


def view(
    song: Song, declared: Declared, *, title: str = "song", tags: Mapping[str, str] | None = None
) -> Song:
    """The song with nothing but the slots that are declared.

    What cannot be seen cannot change a result, so a key made of what is seen is complete.
    """
    return Song(title=title, tags=tags or {}, **{slot: getattr(song, slot) for slot in seen(declared)})


def content(song: Song, slots: tuple[str, ...]) -> dict[str, str]:
    """The hash of each of these slots that holds something."""
    filled = song.filled()
    return {slot: hashing.of_value(encode(song, slot)) for slot in slots if slot in filled}
