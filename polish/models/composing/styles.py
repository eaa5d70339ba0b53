"""The styles: what tempo, feel, instruments and drum patterns go together."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Style:
    """What a style prefers.

    Attributes:
        bpm: its slowest and fastest usual tempo.
        minor: how often it is in minor, 0 to 1.
        swing: how often and how much it swings: (share of songs, least, most).
        swung: what is swung, in beats: 1 for eighths, 0.5 for sixteenths.
        waltz: how often it is in three.
        kit: the drum kit.
        grooves: names of drum patterns in four.
        bass: basses it may have; chords: instruments that comp; pads; leads: instruments
            that play figures.
        seventh: how often chords have a seventh.
        drums_level_db, bass_level_db: balance against the other styles.
        pumping: how deep the kick ducks bass and chords, 0 to 1.
        space_s: reverberation time.
        words: words of a prompt that mean it.
    """

    bpm: tuple[float, float]
    minor: float
    kit: str
    grooves: tuple[str, ...]
    bass: tuple[str, ...]
    chords: tuple[str, ...]
    pads: tuple[str, ...]
    leads: tuple[str, ...]
    swing: tuple[float, float, float] = (0.0, 0.0, 0.0)
    swung: float = 1.0
    waltz: float = 0.0
    seventh: float = 0.1
    drums_level_db: float = 0.0
    bass_level_db: float = 0.0
    pumping: float = 0.0
    space_s: float = 1.4
    words: tuple[str, ...] = ()


STYLES: dict[str, Style] = {
    "pop": Style(
        (92, 128), 0.35, "tight", ("backbeat", "busy", "four"), ("picked", "synth"),
        ("piano", "keys", "pluck"), ("saws", "strings"), ("bell", "pluck"), words=("pop", "catchy", "radio"),
    ),
    "rock": Style(
        (104, 164), 0.4, "room", ("backbeat", "driving", "busy"), ("picked",), ("crunch", "crunch", "organ"),
        ("organ", "strings"), ("crunch", "bell"), drums_level_db=1.0, space_s=1.1,
        words=("rock", "punk", "metal", "guitar", "grunge", "band"),
    ),
    "ballad": Style(
        (60, 86), 0.4, "soft", ("sparse", "halftime", "backbeat"), ("round",), ("piano", "guitar"),
        ("strings", "warm"), ("bell", "keys"), waltz=0.3, drums_level_db=-2.0, space_s=2.2,
        words=("ballad", "piano", "romantic", "love", "lullaby", "cinematic", "orchestral"),
    ),
    "electronic": Style(
        (116, 140), 0.6, "machine", ("four", "four", "breaks"), ("synth", "sub"), ("stab", "pluck"),
        ("saws",), ("pluck", "square"), pumping=0.7, drums_level_db=1.0, space_s=1.6,
        words=("electronic", "edm", "house", "techno", "trance", "dance", "club", "electro"),
    ),
    "synthwave": Style(
        (84, 118), 0.7, "gated", ("backbeat", "four", "halftime"), ("synth",), ("saws", "stab"),
        ("saws", "warm"), ("square", "pluck"), pumping=0.4, space_s=1.9,
        words=("synthwave", "retro", "80s", "eighties", "synth", "neon"),
    ),
    "hiphop": Style(
        (72, 98), 0.6, "dusty", ("boombap", "halftime", "sparse"), ("sub", "round"), ("keys", "piano"),
        ("warm",), ("bell", "keys"), swing=(0.8, 0.3, 0.9), swung=0.5, seventh=0.8, space_s=1.0,
        words=("hip", "hop", "hiphop", "lofi", "lo-fi", "rap", "chill", "chillhop", "trap", "beats"),
    ),
    "funk": Style(
        (96, 116), 0.5, "tight", ("funk", "busy"), ("picked", "synth"), ("keys", "guitar", "organ"),
        ("organ", "strings"), ("square", "keys"), swing=(0.5, 0.1, 0.5), swung=0.5, seventh=0.9,
        bass_level_db=1.5, space_s=0.9, words=("funk", "funky", "disco", "groove", "groovy", "soul", "r&b"),
    ),
    "folk": Style(
        (76, 126), 0.3, "brushes", ("train", "sparse", "backbeat"), ("round", "picked"), ("guitar",),
        ("strings", "warm"), ("bell", "guitar"), waltz=0.35, swing=(0.3, 0.2, 0.8), drums_level_db=-2.5,
        space_s=1.3, words=("folk", "acoustic", "country", "singer", "songwriter", "campfire"),
    ),
    "blues": Style(
        (66, 132), 0.3, "room", ("shuffle",), ("round", "picked"), ("organ", "keys", "crunch"),
        ("organ",), ("guitar", "keys"), swing=(1.0, 0.8, 1.0), seventh=1.0, space_s=1.2,
        words=("blues", "jazz", "swing", "shuffle", "jazzy", "bluesy"),
    ),
}  # fmt: skip
"""By name. The order is part of what a seed means: add at the end."""
