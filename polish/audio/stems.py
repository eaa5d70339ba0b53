"""A folder of stems, as generators, separators and DAWs export them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..errors import BadInput, one_line
from .reading import read
from .sound import Samples, Sound
from .stem_names import is_part, stem_names

_SUFFIXES = (
    ".wav", ".wave", ".bwf", ".rf64", ".w64", ".aif", ".aiff", ".aifc", ".caf", ".flac", ".mp3", ".mp2",
    ".ogg", ".oga", ".opus", ".m4a", ".m4b", ".aac", ".mp4", ".webm", ".mka", ".wma", ".wv", ".ape",
)  # fmt: skip
_VOCALS = ("vocals", "lead_vocals", "backing_vocals")
_SAME = 0.1
"""How far a sum may be from its parts to be taken for them, as a ratio of RMS: −20 dB, which
lossy exports reach (two MP3 generations leave −20 to −25 dB)."""

_EXCERPTS, _EXCERPT_FRAMES = 64, 4096


@dataclass(frozen=True)
class StemFolder:
    """What a folder of stems holds.

    Attributes:
        stems: canonical name to sound, of one rate, length and channel count.
        left_out: files that are no stems, each with the reason in words.
        padded_s: stems that ended early, with the seconds of silence added.
    """

    stems: Mapping[str, Sound]
    left_out: Mapping[Path, str]
    padded_s: Mapping[str, float]

    def said(self) -> tuple[str, ...]:
        """What was left out and padded, a sentence each."""
        left_out = [f"{one_line(path.name)} is left out: {why}" for path, why in self.left_out.items()]
        padded = [
            f"{name} ends {seconds:.2f} s before the longest stem, and is silent from there on"
            for name, seconds in self.padded_s.items()
            if round(seconds, 2) > 0
        ]
        return (*left_out, *padded)


def read_stems(folder: str | Path) -> dict[str, Sound]:
    """The stems in a folder: canonical names, one rate, one channel count, one length.

    Names are those of `polish.audio.stem_names`; two files of one name become ``guitar`` and ``guitar_2``.
    Shorter stems are padded with silence at the end. A mix that lies beside its stems, and an
    instrumental that is the sum of others, are left out, because the stems are to add up.

    Raises:
        BadInput: no folder, no stems inside, a file that cannot be read, or files whose rates
            or channel counts differ.
    """
    return dict(stem_folder(folder).stems)


def stem_folder(folder: str | Path) -> StemFolder:
    """As `read_stems`, and what was left out or padded.

    Raises:
        BadInput: see `read_stems`.
    """
    folder = Path(folder)
    named, left_out = _named(folder)
    sounds = {name: read(path) for name, path in named.items()}
    _refuse_mixed(named, sounds)
    frames = max(sound.frames for sound in sounds.values())
    padded = {
        name: (frames - sound.frames) / sound.rate_hz
        for name, sound in sounds.items()
        if sound.frames < frames
    }
    stems = {name: _padded(sound, frames) for name, sound in sounds.items()}
    for whole, parts in _sums_in(stems).items():
        left_out[named[whole]] = f"it is the sum of {', '.join(parts)}"
        del stems[whole]
        padded.pop(whole, None)
    return StemFolder(stems, left_out, padded)


def _named(folder: Path) -> tuple[dict[str, Path], dict[Path, str]]:
    """Files by stem name in the order of their names, and those left out with the reason."""
    try:
        paths = sorted(
            (
                p
                for p in folder.iterdir()
                if p.suffix.lower() in _SUFFIXES and not p.name.startswith(".") and p.is_file()
            ),
            key=lambda p: [
                (int(t), "") if t.isdigit() else (-1, t) for t in re.split(r"(\d+)", p.name.lower())
            ],
        )
    except FileNotFoundError:
        raise BadInput("there is no such folder", where=folder) from None
    except OSError as error:
        raise BadInput(f"cannot be read as a folder: {error.strerror}", where=folder) from error
    if not paths:
        raise BadInput(
            "there are no sound files in this folder",
            where=folder,
            hint="give a folder of stems, or a sound file",
        )
    named: dict[str, Path] = {}
    mixes: list[Path] = []
    for path, name in zip(paths, stem_names([p.stem for p in paths]), strict=True):
        if name == "mix":
            mixes.append(path)
        else:
            named[_free(name, named)] = path
    if not named:
        raise BadInput(
            "there are no stems in this folder, only a mix", where=folder, hint=f"give {mixes[0].name} itself"
        )
    return named, dict.fromkeys(mixes, "it is a mix, not a stem")


def _free(name: str, taken: Mapping[str, Path]) -> str:
    """`name`, or with a number behind it when it is taken."""
    number, free = 1, name
    while free in taken:
        number += 1
        free = f"{name}_{number}"
    return free


def _refuse_mixed(named: Mapping[str, Path], sounds: Mapping[str, Sound]) -> None:
    first, *others = sounds
    for name in others:
        for what, unit in (("rate_hz", "Hz"), ("channels", "channels")):
            one, other = getattr(sounds[first], what), getattr(sounds[name], what)
            if one != other:
                files = (
                    f"{one_line(named[first].name)} has {one} {unit} and {one_line(named[name].name)} {other}"
                )
                raise BadInput(
                    f"stems must go together, but {files}",
                    where=named[first].parent,
                    hint="export all stems with the same settings",
                )


def _padded(sound: Sound, frames: int) -> Sound:
    if sound.frames == frames:
        return sound
    samples = np.zeros((sound.channels, frames), np.float32)
    samples[:, : sound.frames] = sound.samples
    return Sound(samples, sound.rate_hz)


def _sums_in(stems: Mapping[str, Sound]) -> dict[str, tuple[str, ...]]:
    """Stems that others add up to, with those others: a mix under another name, an
    instrumental beside its parts, vocals beside lead and backing."""
    heard = {name: _excerpts(stem) for name, stem in stems.items()}
    parts = [name for name in stems if is_part(name)]
    found: dict[str, tuple[str, ...]] = {}
    for whole in stems:
        others = [name for name in stems if name != whole and name not in found]
        groups = [
            others,
            [name for name in parts if name != whole],
            [name for name in parts if name != whole and name not in _VOCALS],
            [name for name in others if name in _VOCALS] if whole in _VOCALS else [],
        ]
        for group in groups:
            if len(group) > 1 and _is_sum(heard[whole], [heard[name] for name in group]):
                found[whole] = tuple(group)
                break
    return found


def _excerpts(stem: Sound) -> Samples:
    """What is compared: a few seconds from all over the stem, so that twelve long ones cost little."""
    starts = np.linspace(0, max(0, stem.frames - _EXCERPT_FRAMES), _EXCERPTS).astype(int)
    return np.concatenate([stem.samples[:, start : start + _EXCERPT_FRAMES] for start in starts], axis=1)


def _is_sum(whole: Samples, parts: Sequence[Samples]) -> bool:
    rest = whole - np.sum(parts, axis=0)
    power = float(np.vdot(whole, whole))
    return power > 0 and float(np.vdot(rest, rest)) <= _SAME**2 * power
