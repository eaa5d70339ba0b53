"""Speech in the voices of people who once read to a recorder, with known times, by Flite and Festival.

Debian's packages `flite`, `festival` and `festvox-*` bring them. What they say is as eSpeak's speech in
`speech`, but no formants are made: they are those of people.
"""

from __future__ import annotations

import re
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soxr
from scipy.io import wavfile

from polish.models.phones import phones

from .speech import RATE_HZ, Speech

_USUAL_WORDS_A_MINUTE = 150
_ARPABET = {
    "aa": "ɑ", "ae": "æ", "ah": "ʌ", "ao": "ɔ", "aw": "aʊ", "ax": "ə", "axr": "ɚ", "ay": "aɪ", "ch": "tʃ",
    "dh": "ð", "dx": "ɾ", "eh": "ɛ", "el": "l", "em": "m", "en": "n", "er": "ɝ", "ey": "eɪ", "hh": "h",
    "hv": "h", "ih": "ɪ", "iy": "i", "jh": "dʒ", "ng": "ŋ", "nx": "n", "ow": "oʊ", "oy": "ɔɪ", "sh": "ʃ",
    "th": "θ", "uh": "ʊ", "uw": "u", "y": "j", "zh": "ʒ",
}  # fmt: skip
_SAMPA = {
    "A": "ɑ", "E": "ɛ", "O": "ɔ", "ax": "ə", "S": "ʃ", "Z": "ʒ", "J": "ɲ", "L": "ʎ", "N": "ŋ", "tS": "tʃ",
    "dZ": "dʒ", "rr": "r", "B": "β", "D": "ð", "G": "ɣ", "T": "θ", "uw": "w", "y": "j",
}  # fmt: skip
_FINNISH = {"@": "æ", "7": "ø", "N": "ŋ", "D": "d", "S": "ʃ"}
_CZECH = {
    "c": "ts", "ch": "x", "c~": "tʃ", "dz~": "dʒ", "s~": "ʃ", "z~": "ʒ", "r~": "rʒ", "t~": "t", "d~": "d",
    "n~": "n", "N*": "n", "r~*": "rʃ", "y": "i",
}  # fmt: skip
_RUSSIAN = {
    "ch": "tʃ", "sh": "ʃ", "zh": "ʒ", "c": "ts", "sch": "ʃ", "hh": "x", "h": "x", "y": "ɨ", "ae": "ə",
    "ur": "u", "ii": "i", "yy": "ɨ",
}  # fmt: skip
_SOUNDS = {
    "a": "aa ah", "æ": "ae", "e": "eh", "ə": "ax er", "i": "iy ih", "o": "ao", "u": "uw uh", "m": "m",
    "n": "n ng", "l": "l", "r": "r", "w": "w", "j": "y", "v": "v dh", "s": "s z", "ʃ": "sh zh", "f": "f th",
    "h": "hh", "p": "p t k", "b": "b d g",
}  # fmt: skip
"""What an English voice says for each class of phones; it has none for y."""


@dataclass(frozen=True)
class Reader:
    """A voice of Flite's or Festival's.

    Attributes:
        voice: its name there.
        language: a key of `languages.yaml`, or None: it reads the sounds of any.
        high: whether it is a woman's, or a child's.
        symbols: phonetic symbols for the names of its phones, where they are others.
        encoding: how it wants its letters; None: it is one of Flite's.
    """

    voice: str
    language: str | None
    high: bool
    symbols: dict[str, str]
    encoding: str | None = None


READERS = (
    *(Reader(name, language, name == "slt", _ARPABET)
      for name in ("slt", "rms", "awb", "kal16") for language in ("en-us", None)),
    Reader("voice_cmu_us_slt_arctic_hts", "en-us", True, _ARPABET, "utf-8"),
    Reader("voice_ked_diphone", "en-us", False, _ARPABET, "utf-8"),
    Reader("voice_lp_diphone", "it", True, _SAMPA, "latin-1"),
    Reader("voice_pc_diphone", "it", False, _SAMPA, "latin-1"),
    Reader("voice_upc_ca_ona_hts", "ca", True, _SAMPA, "latin-1"),
    Reader("voice_suo_fi_lj_diphone", "fi", True, _FINNISH, "latin-1"),
    Reader("voice_hy_fi_mv_diphone", "fi", False, _FINNISH, "latin-1"),
    Reader("voice_czech_dita", "cs", True, _CZECH, "iso8859-2"),
    Reader("voice_czech_machac", "cs", False, _CZECH, "iso8859-2"),
    Reader("voice_czech_krb", "cs", True, _CZECH, "iso8859-2"),
    Reader("voice_msu_ru_nsh_clunits", "ru", False, _RUSSIAN, "utf-8"),
)  # fmt: skip


def read(rng: np.random.Generator, reader: Reader, text: str, language: str, words_a_minute: int) -> Speech:
    """A text in the letters of a language, read.

    Raises:
        subprocess.CalledProcessError: it was not.
    """
    slower = _USUAL_WORDS_A_MINUTE / words_a_minute
    with tempfile.TemporaryDirectory() as folder:
        wave = Path(folder) / "said.wav"
        if reader.encoding:
            segments = _festival(reader, text, slower, wave)
        elif reader.language:
            segments = _flite(reader, ("-t", text), slower, wave)
        else:
            segments = _flite(reader, ("-p", _sounds(rng, text, language)), slower, wave)
        rate_hz, samples = wavfile.read(wave)
    starts_s = [0.0, *(end_s for end_s, _ in segments[:-1])]
    symbols = [_symbols(reader, name) for _, name in segments]
    sound = soxr.resample(samples.astype(np.float64) / 32768, rate_hz, RATE_HZ)
    return Speech(sound, tuple(zip(starts_s, symbols, strict=True)), ())


def _sounds(rng: np.random.Generator, text: str, language: str) -> str:
    """How an English voice says a text in any language, as near as it can."""
    words = text.split() if " " in text else list(text)
    kinds = [kind for word in words for kind in phones(word, language) if kind in _SOUNDS]
    return " ".join(["pau", *(str(rng.choice(_SOUNDS[kind].split())) for kind in kinds), "pau"])


def _flite(reader: Reader, said: tuple[str, str], slower: float, wave: Path) -> list[tuple[float, str]]:
    stretch = f"duration_stretch={slower:.2f}"
    command = ["flite", "-voice", reader.voice, "-psdur", "--setf", stretch, *said, str(wave)]
    out = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    pairs = (each.rsplit(":", 1) for each in out.split())
    return [(float(end_s), name) for name, end_s in pairs]


def _festival(reader: Reader, text: str, slower: float, wave: Path) -> list[tuple[float, str]]:
    assert reader.encoding
    marks = wave.with_suffix(".seg")
    letters = re.sub(r'["\\]', "", text)
    script = wave.with_suffix(".scm")
    script.write_text(
        f"({reader.voice})\n(Parameter.set 'Duration_Stretch {slower:.2f})\n"
        f'(let ((said (utt.synth (Utterance Text "{letters}"))))\n'
        f'  (utt.save.wave said "{wave}" \'riff)\n  (utt.save.segs said "{marks}"))\n',
        encoding=reader.encoding, errors="ignore",
    )  # fmt: skip
    subprocess.run(["festival", "--batch", str(script)], check=True, capture_output=True)
    rows = marks.read_text(encoding=reader.encoding).splitlines()
    cells = [row.split() for row in rows[rows.index("#") + 1 :]]
    return [(float(end_s), name) for end_s, _, name in cells]


def _symbols(reader: Reader, name: str) -> str:
    """Phonetic symbols for a phone's name; nothing for a pause."""
    plain = name.rstrip(":!'")
    if plain in reader.symbols:
        return reader.symbols[plain]
    plain = plain.rstrip("0123456789")
    if plain in {"pau", "#", "_", ""}:
        return ""
    found = reader.symbols.get(plain)
    if found is None and len(plain) == 2 and plain[0] == plain[1]:  # long, or soft
        return reader.symbols.get(plain[0], plain[0])
    return found or plain
