"""Tags by one set of names, whatever the file calls them.

`title`, `artist`, `album`, `albumartist`, `date`, `genre`, `tracknumber`, `discnumber`,
`composer`, `isrc`, `copyright`, `publisher`, `comment`, `website` (where the sound comes from:
generators name themselves there) and, read only, `encodedby`. In MP3 and WAV they are ID3v2.4
frames (WAV gets a RIFF ``INFO`` list besides, which more programs show), in M4A iTunes'
atoms, in FLAC, Ogg and Opus Vorbis comments.
"""

from __future__ import annotations

import string
import struct
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import quote

from .headers import chunks

_NAMES: dict[str, tuple[str, str, str]] = {
    "title": ("TIT2", "\xa9nam", "INAM"),
    "artist": ("TPE1", "\xa9ART", "IART"),
    "album": ("TALB", "\xa9alb", "IPRD"),
    "albumartist": ("TPE2", "aART", ""),
    "date": ("TDRC", "\xa9day", "ICRD"),
    "genre": ("TCON", "\xa9gen", "IGNR"),
    "tracknumber": ("TRCK", "trkn", "ITRK"),
    "discnumber": ("TPOS", "disk", ""),
    "composer": ("TCOM", "\xa9wrt", "IMUS"),
    "isrc": ("TSRC", "----:com.apple.iTunes:ISRC", ""),
    "copyright": ("TCOP", "cprt", "ICOP"),
    "publisher": ("TPUB", "----:com.apple.iTunes:LABEL", ""),
    "comment": ("COMM", "\xa9cmt", "ICMT"),
    "website": ("WOAS", "----:com.apple.iTunes:WEBSITE", ""),
    "encodedby": ("TENC", "\xa9too", ""),
}
NAMES = tuple(_NAMES)
"""The names tags are read and written under."""
_READ_ONLY = ("encodedby",)
_VORBIS_ALSO = {
    "website": ("url", "contact"),
    "encodedby": ("encoded-by",),
    "publisher": ("organization", "label"),
    "comment": ("description",),
    "date": ("year",),
}


def read_tags(path: str | Path) -> dict[str, str]:
    """The tags of a sound file, empty when it has none or they cannot be read."""
    import mutagen
    from mutagen.id3 import ID3
    from mutagen.mp4 import MP4Tags

    try:
        with open(path, "rb") as file:
            tags = getattr(mutagen.File(file), "tags", None)
            if isinstance(tags, ID3):
                found = {name: tags.getall(frame) for name, (frame, _, _) in _NAMES.items()}
            elif isinstance(tags, MP4Tags):
                found = {name: tags.get(atom, []) for name, (_, atom, _) in _NAMES.items()}
            elif tags is not None:
                found = {name: _vorbis(tags, name) for name in _NAMES}
            else:
                found = _info(file)
            return _clean(found)
    except (mutagen.MutagenError, OSError, ValueError, struct.error):
        return {}


def put_tags(path: Path, tags: Mapping[str, str]) -> None:
    """Write tags into an MP3, M4A, FLAC, Ogg or Opus file, by its content; unknown names are left out.

    Padding is left out too, so that the same tags give the same bytes.
    """
    import mutagen
    from mutagen.mp4 import MP4

    known = _writable(tags)
    if not known:
        return
    file = mutagen.File(path)
    if file is None:
        raise ValueError(f"{path.name} is no file that tags go into")
    if file.tags is None:
        file.add_tags()
    if isinstance(file, MP4):
        for name, text in known.items():
            file.tags[_NAMES[name][1]] = [_mp4_value(name, text)]
    elif path.suffix == ".mp3":
        for frame in _id3_frames(known):
            file.tags.add(frame)
    else:
        for name, text in known.items():
            file.tags[name] = [text]
    file.save(padding=lambda _: 0)


def riff_chunks(tags: Mapping[str, str]) -> dict[bytes, bytes]:
    """Chunks that hold tags in a WAV file: ``LIST`` of type ``INFO`` in UTF-8, and ``id3 ``."""
    from mutagen.id3 import ID3

    known = _writable(tags)
    if not known:
        return {}
    info = b"INFO"
    for name, text in known.items():
        if four := _NAMES[name][2]:
            content = text.encode() + b"\0"
            info += struct.pack("<4sI", four.encode(), len(content)) + content + b"\0" * (len(content) % 2)
    id3, buffer = ID3(), BytesIO()
    for frame in _id3_frames(known):
        id3.add(frame)
    id3.save(buffer, padding=lambda _: 0)
    return {b"LIST": info, b"id3 ": buffer.getvalue()}


def _writable(tags: Mapping[str, str]) -> dict[str, str]:
    """The tags that are known, in one line each, without what no file can hold."""
    known = {
        name: " ".join(text.encode("utf-8", "replace").decode().replace("\0", " ").split())
        for name, text in tags.items()
        if name in _NAMES and name not in _READ_ONLY
    }
    if "website" in known:  # ID3 takes ASCII only (ID3v2.4 frames, 4.3)
        known["website"] = quote(known["website"], safe=string.punctuation)
    return {name: text for name, text in known.items() if text}


def _id3_frames(tags: Mapping[str, str]) -> list[Any]:
    from mutagen import id3

    frames = []
    for name, text in tags.items():
        kind = getattr(id3, _NAMES[name][0])
        if issubclass(kind, id3.UrlFrame):
            frames.append(kind(url=text))
        else:
            more = {"lang": "XXX", "desc": ""} if kind is id3.COMM else {}
            frames.append(kind(encoding=3, text=[text], **more))
    return frames


def _mp4_value(name: str, text: str) -> Any:
    if name in ("tracknumber", "discnumber"):
        parts = text.split("/", 1)
        numbers = [min(int(part), 0xFFFF) if part.strip().isdecimal() else 0 for part in parts]
        return (numbers[0], numbers[1] if len(numbers) > 1 else 0)
    return text.encode() if _NAMES[name][1].startswith("----") else text


def _vorbis(tags: Any, name: str) -> list[Any]:
    return next((found for key in (name, *_VORBIS_ALSO.get(name, ())) if (found := tags.get(key))), [])


def _info(file: Any) -> dict[str, list[Any]]:
    """The ``INFO`` list of a WAV file."""
    file.seek(0)
    if file.read(12)[8:] != b"WAVE":
        return {}
    texts: dict[bytes, bytes] = {}
    for name, size in chunks(file, "<"):
        if name == b"LIST" and size < 1 << 20 and file.read(4) == b"INFO":
            inside = BytesIO(file.read(size - 4))
            texts |= {four: inside.read(length) for four, length in chunks(inside, "<")}
            file.seek(-size, 1)
    return {
        name: [texts[four.encode()].rstrip(b"\0")]
        for name, (_, _, four) in _NAMES.items()
        if four.encode() in texts
    }


def _clean(found: Mapping[str, list[Any]]) -> dict[str, str]:
    """Values of all kinds to plain text, several joined by ``; ``, empty ones left out."""
    tags = {
        name: "; ".join(dict.fromkeys(t for v in values if (t := _text(v)))) for name, values in found.items()
    }
    return {name: text for name, text in tags.items() if text}


def _text(value: Any) -> str:
    if isinstance(value, tuple):
        return "/".join(str(n) for n in value if n)
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace").strip()
    if hasattr(value, "url"):
        return str(value.url).strip()
    if hasattr(value, "text"):  # an ID3 frame with one or several texts
        return "; ".join(str(text).strip() for text in value.text if str(text).strip())
    return str(value).strip()
