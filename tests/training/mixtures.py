"""Mixes whose stems are known, made of nothing but synthesis: what a separator can be trained on.

Bands are played by the built-in composer's own synthesiser, and, where FluidSynth and a General
MIDI bank are there (``apt install fluidsynth fluid-soundfont-gm``), its scores also by that bank's
instruments. The voices are `singing`, now and then the composer's own. A mix takes its drums,
its other instruments and its voice from three songs, each retuned, coloured, placed and levelled
at random.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from functools import lru_cache
from pathlib import Path

import mido
import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray
from scipy.signal import butter, oaconvolve, sosfilt

from polish.models.composer import compose
from polish.models.composing import form
from polish.models.composing.arrange import Arranger
from polish.models.composing.choices import Wish, decide
from polish.models.composing.form import Grid
from polish.models.composing.material import invent
from polish.models.composing.score import Score
from polish.models.separation import SOURCES

from . import singing
from .speech import RATE_HZ as SPEECH_HZ

RATE_HZ = 44_100
SECONDS = 20.0
BANK = Path("/usr/share/sounds/sf2/FluidR3_GM.sf2")
_BAND_S, _VOICE_S = 40.0, 30.0
_LEVEL_DB = {"drums": -1.0, "bass": -3.0, "other": -2.0, "vocals": 0.0}
_PROGRAMS = {
    "bass": (32, 33, 33, 34, 35, 36, 38, 39),
    "chords": (0, 1, 2, 4, 5, 16, 18, 24, 25, 26, 27, 28, 29, 30, 30),
    "pad": (48, 49, 50, 52, 61, 62, 89, 90, 18), "figure": (11, 24, 27, 30, 56, 61, 65, 80, 81, 87, 105),
    "tune": (26, 29, 30, 40, 56, 65, 73, 81),
}  # fmt: skip
_DRUM_KEYS = {"kick": 36, "snare": 38, "rim": 37, "clap": 39, "hat": 42, "open": 46, "ride": 51,
              "crash": 49, "tom high": 50, "tom mid": 47, "tom low": 43, "shaker": 70}  # fmt: skip
_DRUM_SETS = (0, 0, 8, 16, 16, 24, 25, 32, 40)

Wave = NDArray[np.float32]
"""`float32`, shape ``(2, frames)`` at `RATE_HZ`."""


def mixture(seed: int, kept: Path, songs: range) -> Wave:
    """The four stems of a mix, ``(4, 2, frames)``, in the order of `SOURCES`.

    Args:
        kept: a folder for the bands and voices of which mixes are made.
        songs: the numbers of those it may take.
    """
    rng = np.random.default_rng(seed)
    drummer, band, singer = (int(rng.choice(songs)) for _ in range(3))
    if rng.random() < 0.5:
        drummer = band
    stems = {"drums": _kept(kept, "band", drummer)["drums"]}
    stems |= {name: _kept(kept, "band", band)[name] for name in ("bass", "other")}
    stems["vocals"] = _kept(kept, "voice", singer)["vocals"]
    frames = round(SECONDS * RATE_HZ)
    speeds = rng.uniform(0.88, 1.14, 2)
    mixed = np.zeros((4, 2, frames), np.float32)
    for out, name in zip(mixed, SOURCES, strict=True):
        if rng.random() < (0.15 if name == "vocals" else 0.07):
            continue
        wave = stems[name].astype(np.float32)
        first = int(rng.integers(wave.shape[1] - int(1.15 * frames)))
        wave = wave[:, first : first + int(1.15 * frames) + 8]
        wave = soxr.resample(wave.T, RATE_HZ * speeds[int(name == "vocals")], RATE_HZ).T[:, :frames]
        wave = _spoilt(rng, wave, name)
        level = np.sqrt(np.mean(wave**2)) + 1e-9
        out[:, : wave.shape[1]] = wave * (0.1 * 10 ** ((_LEVEL_DB[name] + rng.normal(0, 3.5)) / 20) / level)
    return mixed


def _spoilt(rng: np.random.Generator, wave: Wave, name: str) -> Wave:
    """Another colour, place, room and saturation."""
    for _ in range(2):
        corner_hz, gain = float(np.exp(rng.uniform(np.log(150), np.log(8000)))), rng.uniform(-0.5, 0.9)
        wave = wave + gain * sosfilt(
            butter(1, corner_hz, ("low", "high")[rng.integers(2)], fs=RATE_HZ, output="sos"), wave
        )
    if rng.random() < 0.3:
        wave = sosfilt(butter(4, rng.uniform(7000, 16_000), fs=RATE_HZ, output="sos"), wave)
    middle, side = wave.mean(axis=0), 0.5 * (wave[0] - wave[1])
    width = rng.uniform(0, 1.5)
    pan = rng.normal(0, 0.3 if name == "other" else 0.07)
    wave = np.stack([(1 + pan) * middle + width * side, (1 - pan) * middle - width * side])
    if rng.random() < 0.5 and name != "bass":
        tail = np.arange(int(rng.uniform(0.2, 1.6) * RATE_HZ))
        room = rng.standard_normal((2, tail.size)) * np.exp(-6.9 * tail / tail.size)
        room *= rng.uniform(0.05, 0.4) / np.sqrt((room**2).sum(axis=1, keepdims=True))
        wave = wave + np.stack(
            [oaconvolve(side, ir)[: side.size] for side, ir in zip(wave, room, strict=True)]
        )
    if rng.random() < 0.5:
        drive = rng.uniform(0.5, 4) / (np.abs(wave).max() + 1e-9)
        wave = np.tanh(drive * wave)
    if name == "vocals" and rng.random() < 0.3:
        late = int(rng.uniform(0.015, 0.3) * RATE_HZ)
        wave[rng.integers(2), late:] += rng.uniform(0.2, 0.6) * wave[0, :-late]
    return wave.astype(np.float32)


@lru_cache(maxsize=16)
def _kept(folder: Path, kind: str, number: int) -> dict[str, NDArray[np.float16]]:
    path = folder / f"{kind}-{number}.npz"
    if not path.exists():
        made = _band(number) if kind == "band" else {"vocals": _voice(number)}
        loud = {name: wave / (np.abs(wave).max() + 1e-9) for name, wave in made.items()}
        np.savez(path, **{name: wave.astype(np.float16) for name, wave in loud.items()})
    with np.load(path) as found:
        return dict(found)


def _voice(seed: int) -> Wave:
    rng = np.random.default_rng(70_000 + seed)
    if seed % 6 == 5:
        return compose(seed, seconds=_VOICE_S, prompt="pop song with a singer").stems["vocals"].samples
    voice, _ = singing.song(rng, _VOICE_S)
    high = soxr.resample(voice, SPEECH_HZ, RATE_HZ)
    return np.stack([high, high])


def _band(seed: int) -> dict[str, Wave]:
    """Drums, bass and other."""
    if seed % 3 and BANK.exists() and shutil.which("fluidsynth"):
        return _by_bank(np.random.default_rng(seed), _score(seed))
    stems = compose(seed, seconds=_BAND_S).stems
    return {name: stems[name].samples for name in SOURCES[:3]}


def _score(seed: int) -> Score:
    rng = np.random.default_rng(seed)
    choices = decide(rng, Wish())
    style_bars = int(_BAND_S * choices.bpm / 60 / choices.beats_per_bar)
    shape = form.parts(rng, max(1, style_bars))
    grid = Grid(0.1, choices.bpm, choices.beats_per_bar, choices.swing, 1.0)
    arranger = Arranger(rng, choices=choices, grid=grid, material=invent(rng, choices, shape))
    return arranger.write(shape, _BAND_S)


def _by_bank(rng: np.random.Generator, score: Score) -> dict[str, Wave]:
    drums = [(time_s, 0.2, _DRUM_KEYS[drum], strength) for drum, time_s, strength in score.drums]
    stems = {"drums": _played([(9, int(rng.choice(_DRUM_SETS)), drums)])}
    parts = []
    for channel, (player, programs) in enumerate(_PROGRAMS.items()):
        notes = [(n.start_s, n.length_s, round(n.pitch), n.velocity) for n in score.players[player]]
        parts.append((channel, int(rng.choice(programs)), notes))
    return stems | {"bass": _played(parts[:1]), "other": _played(parts[1:])}


def _played(parts: list[tuple[int, int, list[tuple[float, float, int, float]]]]) -> Wave:
    """Parts as (MIDI channel, program, notes), played by the bank."""
    events = []
    for channel, program, notes in parts:
        events.append((0.0, mido.Message("program_change", channel=channel, program=program)))
        for start_s, length_s, key, velocity in notes:
            loud = int(np.clip(30 + 97 * velocity, 1, 127))
            events.append((start_s, mido.Message("note_on", channel=channel, note=key, velocity=loud)))
            events.append((start_s + length_s, mido.Message("note_off", channel=channel, note=key)))
    track, at = mido.MidiTrack(), 0
    for time_s, message in sorted(events, key=lambda event: event[0]):
        tick = round(960 * max(0.0, time_s))
        track.append(message.copy(time=tick - at))
        at = tick
    with tempfile.TemporaryDirectory() as folder:
        song, sound = Path(folder) / "song.mid", Path(folder) / "song.wav"
        mido.MidiFile(ticks_per_beat=480, tracks=[track]).save(song)
        command = ["fluidsynth", "-ni", "-q", "-g", "0.5", "-r", str(RATE_HZ), "-O", "float", "-F"]
        subprocess.run([*command, str(sound), str(BANK), str(song)], check=True, capture_output=True)
        samples = soundfile.read(sound, dtype="float32", always_2d=True)[0].T
    out = np.zeros((2, round(_BAND_S * RATE_HZ)), np.float32)
    out[:, : samples.shape[1]] = samples[:, : out.shape[1]]
    return out
