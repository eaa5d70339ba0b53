"""MP3 frame by frame: how many there are, how many there ought to be (ISO/IEC 11172-3, 2.4)."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from .sniff import id3_bytes

_KBPS = {
    True: (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    False: (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
_RATES_HZ = {3: (44_100, 48_000, 32_000), 2: (22_050, 24_000, 16_000), 0: (11_025, 12_000, 8_000)}
_WINDOW_BYTES = 1 << 20
_TAILS = (b"TAG", b"APETAGEX", b"LYRICSBEGIN")


@dataclass(frozen=True)
class Mp3:
    """The frames of an MP3 file.

    Attributes:
        promised: sound frames (not MPEG frames) that its Xing or Info header promises, less
            the encoder's delay and padding; `None` without such a header.
        there: sound frames that whole MPEG frames hold, the same taken off.
        unbroken: whether one frame follows the other up to the end, or to tags.
        broken_off: whether the file ends in the middle of a frame.
    """

    rate_hz: int
    promised: int | None
    there: int
    unbroken: bool
    broken_off: bool

    @property
    def tidy(self) -> bool:
        """Whether decoders agree on what is in it: nothing between the frames, and no more of them
        than promised, as when one file was hung behind another."""
        return self.unbroken and (self.promised is None or abs(self.there - self.promised) <= 1152)

    @property
    def cut_short(self) -> bool:
        """Whether frames are missing that were promised. One may be: some encoders count the
        header's own frame; unless the file plainly breaks off."""
        if self.promised is None or not (self.unbroken or self.broken_off):
            return False
        missing = self.promised - self.there
        return missing > 1152 or (self.broken_off and missing > 0)


def walk(file: BinaryIO) -> Mp3:
    """Follow the frame headers of an MP3 from its first byte to its last."""
    size = file.seek(0, os.SEEK_END)
    position = id3_bytes(_look(file, 0, 10))
    first = _look(file, position, 4096)
    promised_frames, lame = _xing(first)
    taken_off = sum(_delay_and_padding(first, lame))
    count, samples, rate_hz = 0, 0, 0
    data, start = b"", 0
    broken_off = False
    while True:
        if position + 4 > start + len(data):
            data, start = _look(file, position, _WINDOW_BYTES), position
        if (frame := _frame(data, position - start)) is None:
            break
        length, samples, rate_hz = frame
        if position + length > size:
            broken_off = True
            break
        position += length
        count += 1
    rest = _look(file, position, 32).lstrip(b"\0")
    unbroken = not broken_off and count > 1 and (not rest or rest.startswith(_TAILS))
    there = max(0, (count - (promised_frames is not None)) * samples - taken_off)
    promised = None if promised_frames is None else max(0, promised_frames * samples - taken_off)
    return Mp3(rate_hz, promised or None, there, unbroken, broken_off)


def _look(file: BinaryIO, position: int, count: int) -> bytes:
    file.seek(position)
    return file.read(count)


def _frame(data: bytes, position: int) -> tuple[int, int, int] | None:
    """Of the layer III frame at `position`: bytes, sound frames, rate in Hz; `None` for none."""
    head = data[position : position + 4]
    if len(head) < 4 or head[0] != 0xFF or head[1] & 0xE6 != 0xE2:
        return None
    version, bitrate, rate = head[1] >> 3 & 3, head[2] >> 4, head[2] >> 2 & 3
    if version == 1 or bitrate in (0, 15) or rate == 3:  # 0 is «free format», which nobody writes
        return None
    mpeg1 = version == 3
    samples = 1152 if mpeg1 else 576
    rate_hz = _RATES_HZ[version][rate]
    return samples * 125 * _KBPS[mpeg1][bitrate] // rate_hz + (head[2] >> 1 & 1), samples, rate_hz


def _xing(head: bytes) -> tuple[int | None, int]:
    """MPEG frames by the Xing or Info header, and where in `head` the LAME tag begins; 0 for none."""
    found = max(head.find(b"Xing", 0, 200), head.find(b"Info", 0, 200))
    flags = int.from_bytes(head[found + 4 : found + 8], "big")
    if found < 0 or not flags & 1:
        return None, 0
    count = int.from_bytes(head[found + 8 : found + 12], "big")
    lame = found + 8 + 4 * (flags & 1) + 4 * (flags >> 1 & 1) + 100 * (flags >> 2 & 1) + 4 * (flags >> 3 & 1)
    return count, lame if head[lame : lame + 4] in (b"LAME", b"Lavf", b"Lavc") else 0


def _delay_and_padding(head: bytes, lame: int) -> tuple[int, int]:
    """Sound frames the encoder put before and behind the sound, 12 bits each (LAME tag, 2.1)."""
    packed = int.from_bytes(head[lame + 21 : lame + 24], "big") if lame else 0
    return packed >> 12, packed & 0xFFF


def state_length(path: Path, frames: int) -> None:
    """Make the LAME tag of an MP3 that was just encoded state its exact length.

    ffmpeg states up to 46 frames of padding too few, and players then play those too.
    """
    with open(path, "r+b") as file:
        start = id3_bytes(file.read(10))
        file.seek(start)
        head = bytearray(file.read(4096))
        count, lame = _xing(head)
        frame = _frame(head, 0)
        if not count or not lame or frame is None:
            return
        delay, _ = _delay_and_padding(head, lame)
        padding = count * frame[1] - delay - frames
        if not 0 <= padding <= 0xFFF:
            return
        head[lame + 21 : lame + 24] = (delay << 12 | padding).to_bytes(3, "big")
        head[lame + 34 : lame + 36] = bytes(2)
        head[lame + 34 : lame + 36] = _crc16(head[:190]).to_bytes(2, "big")
        file.seek(start + lame)
        file.write(head[lame : lame + 36])


def _crc16(data: bytes) -> int:
    """CRC-16 with the polynomial 0x8005, bits reflected, as the LAME tag has it (LAME tag, 2.1)."""
    crc = 0
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ 0xA001 if crc & 1 else crc >> 1
    return crc
