"""Makes ``draft.flac`` and ``draft.lyrics.txt``: a song of our own composer with planted faults.

    python examples/make_draft.py

The faults are those that raw drafts of music generators have:

- mud: a broad boost around 300 Hz
- harshness: a boost around 3.2 kHz
- a flat arc: verses and bridge as loud as choruses
- overs: driven into full scale, with flat tops and true peaks above it
- an abrupt end: cut in the middle of a bar
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from polish import audio
from polish.audio import Sound
from polish.dsp import filters
from polish.dsp.loudness import integrated_lufs
from polish.files import write_text
from polish.models.composer import compose
from polish.song import Lyrics, Section
from polish.units import amplitude

HERE = Path(__file__).parent
SEED = 15
SECONDS = 60.0
END_S = 49.9
MUD = {"centre_hz": 310.0, "gain_db": 11.0, "q": 0.9}
HARSHNESS = {"centre_hz": 3200.0, "gain_db": 12.0, "q": 0.9}
LEVEL_LUFS = -14.0
DRIVE_DB = 5.5
FULL_SCALE = 32_767 / 32_768


def main() -> None:
    """Compose, spoil, write."""
    take = compose(SEED, seconds=SECONDS, style="pop")
    sound = take.mix.cut(0, END_S)
    sections = [section for section in take.sections if section.start_s < END_S]
    for fault in (MUD, HARSHNESS):
        sound = boosted(sound, **fault)
    sound = driven(flattened(sound, sections), DRIVE_DB)
    tags = {"title": "Draft", "artist": "polish composer"}
    path = audio.write(HERE / "draft.flac", sound, "flac 16-bit", tags=tags)
    if take.lyrics:
        write_text(HERE / "draft.lyrics.txt", lyrics_text(take.lyrics, END_S))
    print(f"{path}: {sound.duration_s:.1f} s")


def boosted(sound: Sound, *, centre_hz: float, gain_db: float, q: float) -> Sound:
    """The sound with a bell-shaped boost."""
    bell = filters.peak(sound.rate_hz, centre_hz, gain_db, q)
    return sound.with_samples(filters.apply(sound.samples, bell))


def flattened(sound: Sound, sections: list[Section]) -> Sound:
    """Every section at the same loudness; gains glide for a tenth of a second at the boundaries."""
    times, gains = [], []
    for section in sections:
        part = sound.cut(section.start_s, section.end_s)
        lufs = integrated_lufs(part.samples, part.rate_hz)
        gain = amplitude(LEVEL_LUFS - lufs) if lufs is not None else 1.0
        times += [section.start_s + 0.05, min(section.end_s, sound.duration_s) - 0.05]
        gains += [gain, gain]
    curve = np.interp(np.arange(sound.frames) / sound.rate_hz, times, gains)
    return sound.with_samples(sound.samples * curve)


def driven(sound: Sound, gain_db: float) -> Sound:
    """Louder than fits, the rest cut off flat."""
    loud = sound.samples * np.float32(amplitude(gain_db))
    return sound.with_samples(np.clip(loud, -FULL_SCALE, FULL_SCALE))


def lyrics_text(lyrics: Lyrics, end_s: float) -> str:
    """The words, one line a line, under the tags of their sections."""
    lines: list[str] = []
    tag = None
    before_s = -1.0
    for line in lyrics.lines:
        if line.end_s > end_s:
            break
        if line.section != tag or line.start_s - before_s > 6:
            lines += ["", f"[{line.section}]"]
            tag = line.section
        lines.append(line.text)
        before_s = line.end_s
    return "\n".join(lines).strip() + "\n"


if __name__ == "__main__":
    main()
