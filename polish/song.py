"""The song on its way through the stages.

A `Song` has slots. A stage reads some and returns a new song with others filled; nothing
is changed in place. Slots that hold sound are `Sound`; the others are small frozen models
that know their JSON. Times are seconds from the first frame of the draft.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from .audio.sound import Sound

SLOTS = (
    "draft", "mix", "stems", "beats", "sections", "lyrics", "masters", "findings", "measurements",
)  # fmt: skip
"""The names of the slots, in the order a song usually fills them."""


class Fact(BaseModel):
    """Base of what is known about a song: frozen, no unknown fields, no NaN."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Beats(Fact):
    """Tempo, beat times and key.

    A song without a steady beat has ``tempo_bpm=None`` and no beats: a grid is never made up.
    """

    tempo_bpm: float | None = None
    beats_s: tuple[float, ...] = ()
    downbeats_s: tuple[float, ...] = ()
    beats_per_bar: int | None = None
    key: str | None = None
    """Tonic and mode, ``C major`` or ``F# minor``."""
    confidence: float = 0.0
    """0 to 1: how clearly the beat stands out."""
    engine: str = ""


class Section(Fact):
    """A part of the song: `group` says which parts are alike, `label` what it is."""

    start_s: float
    end_s: float
    group: str
    """``A``, ``B``, …: sections of one group repeat each other."""
    label: str
    """``intro``, ``verse``, ``chorus``, ``bridge``, ``instrumental``, ``outro`` …"""
    confidence: float = 0.0
    loudness_lufs: float | None = None


class Word(Fact):
    start_s: float
    end_s: float
    text: str


class Line(Fact):
    start_s: float
    end_s: float
    text: str
    words: tuple[Word, ...] = ()
    section: str | None = None
    """The tag it stood under in known lyrics, ``verse`` or ``chorus``."""
    confidence: float | None = None
    """0 to 1: how sure it is that a known line is sung where it stands; None: not judged."""
    doubtful: bool = False
    """It is so unsure that somebody should listen there before the line is shown to others."""


class Gap(Fact):
    """Singing that none of the known lines accounts for."""

    start_s: float
    end_s: float


class Lyrics(Fact):
    """Timed words.

    Attributes:
        unmatched: known lines for which no time was found.
        gaps: where more is sung than the known lines.
    """

    language: str | None = None
    lines: tuple[Line, ...] = ()
    unmatched: tuple[str, ...] = ()
    gaps: tuple[Gap, ...] = ()
    engine: str = ""

    @property
    def doubtful(self) -> tuple[Line, ...]:
        """Lines that may not be sung where they stand."""
        return tuple(line for line in self.lines if line.doubtful)


class Finding(Fact):
    """Something that is wrong with the draft, with its time, size and mend."""

    kind: str
    start_s: float
    end_s: float
    severity: Literal["info", "warning", "error"]
    value: float | None
    unit: str
    message: str
    mend: str | None
    """The recipe step that mends it, ``master`` or ``clean: {mud: 50 %}``; None: none of ours."""


@dataclass(frozen=True, eq=False)
class Master:
    """A finished master with what was asked for and what was reached (see stage `master`)."""

    sound: Sound
    facts: Mapping[str, Any] = field(default_factory=dict)
    """JSON values: ``target``, ``reached``, ``reason``, ``before``, ``after``."""


@dataclass(frozen=True, eq=False)
class Song:
    """What travels through the stages.

    Attributes:
        draft: what came in; never changed after it is set.
        mix: the song as it sounds now.
        stems: parts by name, all of the mix's length, rate and channel count.
        masters: finished masters by the id of the step that made them.
        measurements: per step id, what that step measured and did; JSON values, keys
            ending in their unit.
        notices: what the user should know of how the draft was read.
    """

    title: str = "song"
    draft: Sound | None = None
    mix: Sound | None = None
    stems: Mapping[str, Sound] = field(default_factory=dict)
    beats: Beats | None = None
    sections: tuple[Section, ...] = ()
    lyrics: Lyrics | None = None
    masters: Mapping[str, Master] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()
    measurements: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    notices: tuple[str, ...] = ()

    @classmethod
    def read(cls, path: str | Path) -> Song:
        """Read a sound file, or a folder of stems, as a draft.

        A file fills `draft` and `mix`. A folder of stems (``vocals.wav``, ``drums.wav`` …,
        of one rate and channel count; shorter ones are padded with silence) also fills
        `stems`, and its sum is the mix; `notices` say what was padded or left out.

        Raises:
            BadInput: see `polish.audio.read` and `polish.audio.read_stems`.
        """
        from . import audio

        path = Path(path)
        if path.is_dir():
            folder = audio.stem_folder(path)
            mix = audio.add(list(folder.stems.values()))
            title = path.resolve().name
            return cls(title=title, draft=mix, mix=mix, stems=dict(folder.stems), notices=folder.said())
        sound = audio.read(path)
        return cls(title=path.stem, draft=sound, mix=sound, tags=audio.read_tags(path))

    def having(self, **slots: Any) -> Song:
        """The same song with these slots filled anew."""
        return replace(self, **slots)

    def noting(self, step: str, **facts: Any) -> Song:
        """The same song with `facts` added to what step `step` measured and did."""
        known = {**self.measurements.get(step, {}), **facts}
        return replace(self, measurements={**self.measurements, step: known})

    def filled(self) -> frozenset[str]:
        """The names of the slots that hold something."""
        return frozenset(
            slot for slot in SLOTS if (value := getattr(self, slot)) is not None and value not in ((), {})
        )
