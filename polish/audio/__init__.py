"""The only door through which sound comes in or goes out.

`read` takes any common format and refuses what is damaged, `write` leaves whole files that
were read back, `scratch` makes room for sounds that are too long for memory. Names are
imported when they are first used: libsndfile, soxr and mutagen are not loaded by
``polish --help``.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from .sound import Samples, Sound

if TYPE_CHECKING:
    from .convert import add, peak, resample
    from .formats import Format
    from .karaoke_video import lyric_video
    from .lyric_tags import HOLDS_LYRICS, write_lyrics
    from .previews import preview
    from .probing import Probe, probe
    from .reading import read
    from .scratching import rest, scratch
    from .stems import read_stems, stem_folder
    from .streaming import Blocks, blocks
    from .tags import read_tags
    from .writing import write

__all__ = [
    "HOLDS_LYRICS", "Blocks", "Format", "Probe", "Samples", "Sound", "add", "blocks", "lyric_video", "peak",
    "preview", "probe", "read", "read_stems", "read_tags", "resample", "rest", "scratch", "stem_folder",
    "write", "write_lyrics",
]  # fmt: skip

_HOMES = {
    "HOLDS_LYRICS": "lyric_tags", "Blocks": "streaming", "Format": "formats", "Probe": "probing",
    "add": "convert", "blocks": "streaming", "lyric_video": "karaoke_video", "write_lyrics": "lyric_tags",
    "peak": "convert", "preview": "previews", "probe": "probing", "read": "reading", "read_stems": "stems",
    "read_tags": "tags", "resample": "convert", "rest": "scratching", "scratch": "scratching",
    "stem_folder": "stems", "write": "writing",
}  # fmt: skip


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = getattr(import_module(f".{_HOMES[name]}", __name__), name)
    globals()[name] = found
    return found
