"""What a song is to be: what the prompt and the caller ask for, and the seed decides the rest."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

import numpy as np

from .harmony import Key
from .styles import STYLES

_SLOW = (
    "slow",
    "slowly",
    "calm",
    "relaxed",
    "gentle",
    "sleepy",
    "peaceful",
    "dreamy",
    "mellow",
    "meditative",
)
_FAST = (
    "fast",
    "quick",
    "uptempo",
    "up-tempo",
    "energetic",
    "driving",
    "upbeat",
    "hectic",
    "frantic",
    "running",
)
_SAD = ("sad", "melancholic", "melancholy", "dark", "gloomy", "moody", "angry", "tragic", "mysterious",
        "sorrowful", "haunting", "lonely")  # fmt: skip
_HAPPY = ("happy", "joyful", "cheerful", "bright", "sunny", "uplifting", "optimistic", "playful", "euphoric",
          "hopeful")  # fmt: skip
_INSTRUMENTAL = ("instrumental", "no vocals", "without vocals", "no singing", "no voice", "no vocal")
_DRUMLESS = ("no drums", "without drums", "drumless", "no percussion")
_PLAYED = {
    "electric piano": ("chords", "keys"), "rhodes": ("chords", "keys"), "piano": ("chords", "piano"),
    "acoustic guitar": ("chords", "guitar"), "distorted guitar": ("chords", "crunch"),
    "electric guitar": ("chords", "crunch"), "organ": ("chords", "organ"), "strings": ("pad", "strings"),
    "bells": ("figure", "bell"), "arpeggio": ("figure", "pluck"),
}  # fmt: skip
"""Words for instruments: who plays it, and what; the first that is found for a player holds."""
_TEMPO = re.compile(r"\b(\d{2,3})\s*bpm\b")
_KEY = re.compile(r"\b([A-Ga-g](?:#|b|♯|♭| sharp| flat)?)[ -](major|minor)\b")
_METRE = re.compile(r"\b([34])/4\b")


@dataclass(frozen=True)
class Wish:
    """What is asked for; None leaves it to the seed.

    Attributes:
        bpm: 60 to 180. pace: −1 slow, 1 fast within what the style allows.
        beats_per_bar: 3 or 4. swing: 0 to 1. key, mode: as in `Key`.
        style: one of `STYLES`. sung, drums: whether there is a voice, and drums.
        played: by player, the instrument asked for.
        understood: the words of a prompt that had an effect.
    """

    bpm: float | None = None
    pace: int = 0
    beats_per_bar: int | None = None
    swing: float | None = None
    key: Key | None = None
    mode: str | None = None
    style: str | None = None
    sung: bool | None = None
    drums: bool | None = None
    played: tuple[tuple[str, str], ...] = ()
    understood: tuple[str, ...] = ()

    def over(self, **given: object) -> Wish:
        """The same wish with every value in `given` that is not None put in its place."""
        return replace(self, **{name: value for name, value in given.items() if value is not None})  # type: ignore[arg-type]


@dataclass(frozen=True)
class Choices:
    """Everything that is decided before the first note."""

    style: str
    bpm: float
    beats_per_bar: int
    swing: float
    key: Key
    sung: bool
    drums: bool
    played: tuple[tuple[str, str], ...] = ()


def wish(prompt: str) -> Wish:
    """What a prompt asks for. Words that no table knows have no effect on the music's plan."""
    text = " ".join(re.sub(r"[^\w#♯♭/&'-]+", " ", prompt.lower()).split())
    found: list[str] = []

    def says(words: tuple[str, ...]) -> bool:
        hits = [word for word in words if re.search(rf"(?<![\w-]){re.escape(word)}(?![\w-])", text)]
        found.extend(hits)
        return bool(hits)

    drums = False if says(_DRUMLESS) else None
    sung = False if says(_INSTRUMENTAL) else None
    pace = says(_FAST) - says(_SLOW)
    mood = says(_HAPPY) - says(_SAD)
    votes = {name: sum(says((word,)) for word in style.words) for name, style in STYLES.items()}
    style = max(votes, key=lambda name: votes[name]) if any(votes.values()) else None
    players: dict[str, str] = {}
    for word, (player, instrument) in _PLAYED.items():
        if player not in players and says((word,)):
            players[player] = instrument
    asked = Wish(pace=pace, sung=sung, drums=drums, style=style, played=tuple(players.items()),
                 mode={1: "major", -1: "minor"}.get(mood))  # fmt: skip
    if (tempo := _TEMPO.search(text)) and 60 <= int(tempo[1]) <= 180:
        found.append(tempo[0])
        asked = replace(asked, bpm=float(tempo[1]))
    if named := _KEY.search(text):
        found.append(named[0])
        tonic = named[1].replace(" sharp", "#").replace(" flat", "b")
        asked = replace(asked, key=Key.parse(f"{tonic} {named[2]}"))
    if metre := _METRE.search(text):
        found.append(metre[0])
        asked = replace(asked, beats_per_bar=int(metre[1]))
    elif says(("waltz",)):
        asked = replace(asked, beats_per_bar=3)
    return replace(asked, understood=tuple(dict.fromkeys(found)))


def decide(rng: np.random.Generator, asked: Wish) -> Choices:
    """Fill in what is left open. The same draws are made whatever is asked for."""
    drawn = list(STYLES)[int(rng.integers(len(STYLES)))]
    name = asked.style or drawn
    style = STYLES[name]
    tonic, minor, waltz, swings, depth, place = (float(x) for x in rng.random(6))
    mode = asked.mode or ("minor" if minor < style.minor else "major")
    key = asked.key or Key(int(tonic * 12), mode)
    metre = asked.beats_per_bar or (3 if waltz < style.waltz else 4)
    share, least, most = style.swing
    swing = least + depth * (most - least) if swings < share else 0.0
    low, high = style.bpm
    if asked.pace:
        place = (place + (1.0 if asked.pace > 0 else -1.0)) * 0.75
    bpm = float(np.clip(round(low + place * (high - low)), 60, 180))
    return Choices(
        style=name, bpm=asked.bpm or bpm, beats_per_bar=metre,
        swing=swing if asked.swing is None else asked.swing, key=key,
        sung=asked.sung is not False, drums=asked.drums is not False,
        played=asked.played,
    )  # fmt: skip
