"""The engine interfaces, and how one is chosen.

An engine does what needs weights. For each kind there is one that needs none (``builtin``),
so that everything runs on a machine that has never been online.

======================  =====================================================
kind                    engines
======================  =====================================================
``separator``           htdemucs, htdemucs_ft, htdemucs_6s, hdemucs_mmi, builtin
``transcriber``         whisper-tiny … whisper-large-v3, whisper-turbo, builtin
``generator``           musicgen-small … musicgen-stereo-melody-large, builtin
``beat_tracker``        beat_this, beat_this-small, builtin
======================  =====================================================

Other packages add engines through the entry points ``polish.engines``, whose names are
``kind:name`` and whose objects are `Engine` classes.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from importlib.metadata import entry_points
from typing import Any, ClassVar, Literal

from ..audio.sound import Sound
from ..errors import ModelUnavailable, UsageError
from ..song import Beats, Lyrics, Section
from . import store
from .store import State

Progress = Callable[[float], None]


class Engine(ABC):
    """Base of all engines. Made with its name; loads weights only when it is first used.

    Class attributes:
        kind: the interface.
        weights: by engine name, the names of the files in the manifest that it needs;
            empty for an engine without weights.
    """

    kind: ClassVar[str]
    weights: ClassVar[Mapping[str, tuple[str, ...]]] = {}

    def __init__(self, name: str) -> None:
        self.name = name


Mode = Literal["exact", "fast"]
"""How a separator works: to the last bits it can give, or faster with a small error that it measures."""


@dataclass(frozen=True, eq=False)
class Separated:
    """What a separator made of a mix, and how.

    Attributes:
        stems: by name, in the engine's order, of the mix's rate, length and channels; their
            samples may be memory maps of files that go away with them.
        mode: how it really worked: an engine without a faster way answers `fast` with ``exact``.
        snr_db: how far the stems are from those of ``exact``: 10 log10(Σ exact² / Σ (exact − fast)²),
            measured on one stretch of this very mix, its loudest, over the stems that were made.
            None when the mode is ``exact``, or when that stretch gives the very same samples.
        shifts: over how many shifted passes the stems are means; 0 when it heard the mix once,
            as it lies.
    """

    stems: Mapping[str, Sound]
    mode: Mode = "exact"
    snr_db: float | None = None
    shifts: int = 0


class Separator(Engine):
    """A mix into stems."""

    kind = "separator"

    @property
    def stems(self) -> tuple[str, ...]:
        """The names of the stems it makes."""
        return ("drums", "bass", "other", "vocals")

    @property
    def best_mode(self) -> Mode:
        """The mode that ``auto`` stands for on this machine: ``fast`` where the hardware profits."""
        return "exact"

    @abstractmethod
    def separate(
        self,
        mix: Sound,
        *,
        seed: int,
        progress: Progress,
        stems: Collection[str] = (),
        mode: Mode = "exact",
        shifts: int = 0,
    ) -> Separated:
        """The stems of a mix; they need not sum to it.

        Args:
            mix: mono or stereo.
            seed: for everything random; the same seed gives the same bits.
            progress: told the share that is done, piece by piece, up to 1.
            stems: when some are named, others need not be made.
            mode: ``exact`` or ``fast``; ``auto`` is settled before, by `best_mode`.
            shifts: the mean over so many passes, each of which hears the mix shifted by a
                random time up to 0.5 s; 0 is one pass without. Costs as many times the work.
                An engine that gains nothing from it makes one pass and says 0.

        What was really done stands in the answer.
        """


class Transcriber(Engine):
    """Words and their times from a voice."""

    kind = "transcriber"

    @abstractmethod
    def transcribe(self, voice: Sound, *, language: str | None, progress: Progress) -> Lyrics:
        """What is sung. Engines that cannot recognise words raise `EngineUnable`."""

    @abstractmethod
    def align(self, voice: Sound, text: str, *, language: str | None, progress: Progress) -> Lyrics:
        """The times of known words, one line of `text` a line."""


@dataclass(frozen=True, eq=False)
class Take:
    """One generated take, with what its engine knows to be true of it.

    `facts` are JSON values: what the engine chose, and which words of the prompt it understood.
    """

    mix: Sound
    stems: Mapping[str, Sound] | None = None
    beats: Beats | None = None
    sections: tuple[Section, ...] = ()
    lyrics: Lyrics | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)


class Generator(Engine):
    """Music from words, from a melody, or as the continuation of a sound."""

    kind = "generator"

    @abstractmethod
    def generate(
        self,
        prompt: str,
        *,
        seconds: float,
        seed: int,
        melody: Sound | None,
        start: Sound | None,
        progress: Progress,
    ) -> Take:
        """One take of about `seconds`; a continuation begins with `start` itself."""


class BeatTracker(Engine):
    """Beats, downbeats and tempo."""

    kind = "beat_tracker"

    @abstractmethod
    def track(self, mix: Sound) -> Beats:
        """Beats of the mix; without a steady beat, `Beats` with none."""


OURS: Mapping[str, Mapping[str, str]] = {
    "separator": {
        "htdemucs": "demucs:Demucs",
        "htdemucs_ft": "demucs:Demucs",
        "htdemucs_6s": "demucs:Demucs",
        "hdemucs_mmi": "demucs:Demucs",
        "builtin": "separation:BuiltinSeparator",
    },
    "transcriber": {
        "whisper-turbo": "whisper:Whisper",
        "whisper-tiny": "whisper:Whisper",
        "whisper-base": "whisper:Whisper",
        "whisper-small": "whisper:Whisper",
        "whisper-medium": "whisper:Whisper",
        "whisper-large-v1": "whisper:Whisper",
        "whisper-large-v2": "whisper:Whisper",
        "whisper-large-v3": "whisper:Whisper",
        "builtin": "alignment:BuiltinAligner",
    },
    "generator": {
        "musicgen-small": "musicgen:MusicGen",
        "musicgen-medium": "musicgen:MusicGen",
        "musicgen-large": "musicgen:MusicGen",
        "musicgen-melody": "musicgen:MusicGen",
        "musicgen-melody-large": "musicgen:MusicGen",
        "musicgen-stereo-small": "musicgen:MusicGen",
        "musicgen-stereo-medium": "musicgen:MusicGen",
        "musicgen-stereo-large": "musicgen:MusicGen",
        "musicgen-stereo-melody": "musicgen:MusicGen",
        "musicgen-stereo-melody-large": "musicgen:MusicGen",
        "builtin": "composer:BuiltinComposer",
    },
    "beat_tracker": {
        "beat_this": "beat_this:BeatThis",
        "beat_this-small": "beat_this:BeatThis",
        "builtin": "beats:BuiltinBeatTracker",
    },
}
"""Our engines: kind, then name, to ``module:class`` in this folder; ``auto`` tries in this order."""


@dataclass(frozen=True)
class Choice:
    """The engine that would do the work, and why it is this one.

    Attributes:
        name: the engine's name.
        state: ``here`` (weights on this machine), ``fetchable``, or ``builtin``.
        why: a sentence for the terminal and the report.
    """

    kind: str
    name: str
    state: State | Literal["builtin"]
    why: str

    def make(self) -> Engine:
        """The engine, without its weights loaded yet."""
        return find(self.kind, self.name)(self.name)


@cache
def names(kind: str) -> tuple[str, ...]:
    """The engines of a kind, in the order that ``auto`` tries them; ``builtin`` is last."""
    foreign = sorted(
        point.name.partition(":")[2]
        for point in entry_points(group="polish.engines")
        if point.name.partition(":")[0] == kind
    )
    return (*foreign, *OURS[kind])


@cache
def find(kind: str, name: str) -> type[Engine]:
    """The engine class of that kind and name.

    Raises:
        UsageError: there is none.
    """
    for point in entry_points(group="polish.engines", name=f"{kind}:{name}"):
        return point.load()
    if name not in OURS[kind]:
        known = ", ".join(names(kind))
        raise UsageError(f"no {kind.replace('_', ' ')} is called {name!r}", hint=f"one of auto, {known}")
    module, _, attribute = OURS[kind][name].partition(":")
    return getattr(import_module(f".{module}", __package__), attribute)


def choose(kind: str, name: str = "auto", *, offline: bool = True) -> Choice:
    """Which engine does the work: the one named, or for ``auto`` the first that can.

    Nothing is loaded or fetched here. ``auto`` takes the first neural engine whose weights
    are here, else the first in line when its weights can be fetched now, else ``builtin``.

    Raises:
        UsageError: no engine has that name.
        ModelUnavailable: the named engine's weights are neither here nor to be fetched.
    """
    if name != "auto":
        return _named(kind, name, offline)
    candidates = names(kind)
    for candidate in candidates:
        if _state(kind, candidate, offline=True) == "here":
            return Choice(kind, candidate, "here", f"{candidate}: its weights are here")
    first = candidates[0]
    if _state(kind, first, offline) == "fetchable":
        return Choice(kind, first, "fetchable", f"{first}: its weights will be fetched")
    why = "built-in engine" if first == "builtin" else f"built-in engine: the weights of {first} are not here"
    return Choice(kind, "builtin", "builtin", why)


def _named(kind: str, name: str, offline: bool) -> Choice:
    state = _state(kind, name, offline)
    if state == "missing":
        raise ModelUnavailable(
            f"the weights of {name} are not here" + (", and fetching is off" if offline else ""),
            where=name,
            hint=f"polish models fetch {name}",
        )
    return Choice(kind, name, state, f"{name}, as asked")


def _state(kind: str, name: str, offline: bool) -> State | Literal["builtin"]:
    files = find(kind, name).weights.get(name, ())
    if not files:
        return "builtin"
    if all(store.here(file) for file in files):
        return "here"
    if offline or any(store.state(file) == "missing" for file in files):
        return "missing"
    return "fetchable"
