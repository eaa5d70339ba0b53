"""What a file is, told by its first bytes. Names lie: an MP3 called ``song.wav`` is an MP3."""

from __future__ import annotations

HEAD_BYTES = 4096
"""How much of a file's beginning is looked at."""

BY_LIBSNDFILE = frozenset({"wav", "aiff", "flac", "ogg", "mp3", "w64", "caf", "au"})
"""The kinds that libsndfile reads, if their codec is one it knows; ffmpeg reads all others."""

_MP4_BOXES = frozenset({b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot"})
_STARTS: tuple[tuple[bytes, str], ...] = (
    (b"fLaC", "flac"), (b"OggS", "ogg"), (b"\x1aE\xdf\xa3", "webm"), (b"caff", "caf"), (b".snd", "au"),
    (b"riff\x2e\x91\xcf\x11", "w64"), (b"\x30\x26\xb2\x75", "asf"), (b"wvpk", "wavpack"), (b"MAC ", "ape"),
)  # fmt: skip
_NOT_SOUND: tuple[tuple[bytes, str], ...] = (
    (b"PK\x03\x04", "a ZIP archive"), (b"Rar!", "a RAR archive"), (b"\x1f\x8b", "a gzip archive"),
    (b"7z\xbc\xaf", "a 7-Zip archive"), (b"%PDF", "a PDF"), (b"\x89PNG", "a picture"), (b"GIF8", "a picture"),
    (b"\xff\xd8\xff", "a picture"), (b"MThd", "a MIDI file, which holds notes and no sound"),
)  # fmt: skip


def kind(head: bytes) -> str:
    """The container by its first bytes: ``wav``, ``aiff``, ``flac``, ``ogg``, ``mp3``, ``aac``,
    ``mp4``, ``webm`` …; empty when it is none that is known."""
    if head[:4] in (b"RIFF", b"RIFX", b"RF64", b"BW64") and head[8:12] == b"WAVE":
        return "wav"
    if head[:4] == b"FORM" and head[8:12] in (b"AIFF", b"AIFC"):
        return "aiff"
    if head[4:8] in _MP4_BOXES:
        return "mp4"
    for start, name in _STARTS:
        if head.startswith(start):
            return name
    if head.startswith(b"ID3"):
        return _behind_id3(head)
    return _mpeg(head)


def _behind_id3(head: bytes) -> str:
    """What follows an ID3v2 tag (ID3v2.4 structure, 3.1): nearly always MP3."""
    after = head[id3_bytes(head) :]
    return kind(after) if after[:4] == b"fLaC" else _mpeg(after) or "mp3"


def id3_bytes(head: bytes) -> int:
    """The length in bytes of the ID3v2 tag that `head` starts with; 0 when there is none."""
    if len(head) < 10 or head[:3] != b"ID3":
        return 0
    size = 0
    for seven_bits in head[6:10]:
        size = size << 7 | seven_bits & 0x7F
    return size + (20 if head[5] & 0x10 else 10)


def _mpeg(head: bytes) -> str:
    """An MPEG audio frame's sync word (ISO/IEC 11172-3, 2.4.2.3), or that of ADTS (13818-7)."""
    if len(head) < 4 or head[0] != 0xFF or (head[1] == 0xFE and head[3] == 0):  # UTF-16 text
        return ""
    if head[1] & 0xF6 == 0xF0:
        return "aac"
    version, layer, bitrate, rate = head[1] >> 3 & 3, head[1] >> 1 & 3, head[2] >> 4, head[2] >> 2 & 3
    valid = head[1] & 0xE0 == 0xE0 and version != 1 and layer != 0 and bitrate != 15 and rate != 3
    return "mp3" if valid else ""


def not_sound(head: bytes) -> str:
    """What a file that is no sound looks like, for the message; empty when nobody can tell."""
    for start, name in _NOT_SOUND:
        if head.startswith(start):
            return name
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "a picture"
    start = head.lstrip()[:200].lower()
    if start.startswith((b"<!doctype html", b"<html")):
        return "a web page"
    return "text" if _is_text(head) else ""


def _is_text(head: bytes) -> bool:
    if head[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return True
    if any(byte < 32 and byte not in b"\t\n\r\f\x1b" for byte in head):
        return False
    try:
        head[:-3].decode("utf-8")
    except UnicodeDecodeError as error:
        return error.start >= len(head) - 6
    return True
