"""Speech with known times, by eSpeak NG."""

from __future__ import annotations

import ctypes
import shutil
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import espeakng_loader
import numpy as np
from numpy.typing import NDArray

RATE_HZ = 22_050
_SYNCHRONOUS, _EVENTS, _IPA, _NO_EXIT = 2, 1, 2, 1 << 15
_WORDS_A_MINUTE, _PITCH = 1, 3
_WORD, _PHONE = 1, 7


@dataclass(frozen=True)
class Speech:
    """Something said.

    Attributes:
        samples: ``(frames,)`` at `RATE_HZ`.
        phones: when each begins, in s, and its phonetic symbols.
        words_s: when each word begins.
    """

    samples: NDArray[np.float64]
    phones: tuple[tuple[float, str], ...]
    words_s: tuple[float, ...]


class _Name(ctypes.Union):
    _fields_ = (("number", ctypes.c_int), ("name", ctypes.c_char_p), ("symbols", ctypes.c_char * 8))


class _Event(ctypes.Structure):
    _fields_ = (
        ("type", ctypes.c_int), ("identifier", ctypes.c_uint), ("text_position", ctypes.c_int),
        ("length", ctypes.c_int), ("audio_ms", ctypes.c_int), ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p), ("what", _Name),
    )  # fmt: skip


_Callback = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event)
)


def say(text: str, voice: str, words_a_minute: int = 150, pitch: int = 50) -> Speech:
    """Say a text with one of eSpeak's voices, ``es`` or ``en-us+f3``, at a pitch of 0 to 99."""
    parts: list[NDArray[np.int16]] = []
    phones: list[tuple[float, str]] = []
    words_s: list[float] = []

    def heard(samples, count: int, events) -> int:
        if samples and count > 0:
            parts.append(np.ctypeslib.as_array(samples, (count,)).copy())
        index = 0
        while (event := events[index]).type:
            if event.type == _PHONE:
                phones.append((event.audio_ms / 1000, event.what.symbols.decode("utf-8", "ignore")))
            elif event.type == _WORD:
                words_s.append(event.audio_ms / 1000)
            index += 1
        return 0

    callback = _Callback(heard)
    espeak = _espeak()
    espeak.espeak_SetSynthCallback(callback)
    espeak.espeak_SetVoiceByName(voice.encode())
    espeak.espeak_SetParameter(_WORDS_A_MINUTE, words_a_minute, 0)
    espeak.espeak_SetParameter(_PITCH, pitch, 0)
    letters = text.encode()
    espeak.espeak_Synth(letters, len(letters) + 1, 0, 1, 0, 1, None, None)
    espeak.espeak_Synchronize()
    samples = np.concatenate(parts) / 32768 if parts else np.zeros(0)
    return Speech(samples, tuple(phones), tuple(words_s))


@cache
def _espeak() -> ctypes.CDLL:
    """A copy of the library for ourselves, set up once.

    The library that the product has loaded is set up for other events, and setting one up a second
    time leaves its voices pointing at tables that are gone.
    """
    own = Path(tempfile.mkdtemp()) / "espeak-ng"
    shutil.copyfile(espeakng_loader.get_library_path(), own)
    library = ctypes.CDLL(str(own))
    shutil.rmtree(own.parent, ignore_errors=True)
    data = espeakng_loader.get_data_path().encode()
    rate_hz = library.espeak_Initialize(_SYNCHRONOUS, 0, data, _EVENTS | _IPA | _NO_EXIT)
    assert rate_hz == RATE_HZ, rate_hz
    return library
