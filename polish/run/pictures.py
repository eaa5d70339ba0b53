"""Pictures that lie beside the page, which fetches them when somebody looks."""

from __future__ import annotations

from ..song import Song
from . import slots
from .cache import Cache
from .deliveries import Desk
from .events import Teller

WORDS = "listen/words.svg"
_VOICE = "vocals"


def words(song: Song, desk: Desk, cache: Cache, teller: Teller) -> str | None:
    """Draw the lyrics over the voice's spectrogram; the file's name, None without lyrics or a voice.

    Raises:
        OutputError: it could not be written.
        Spoiled: see `Cache.check`.
    """
    if song.lyrics is None or not song.lyrics.lines or _VOICE not in song.stems:
        return None
    part = Song(title=song.title, lyrics=song.lyrics, stems={_VOICE: song.stems[_VOICE]})
    made_of = [song.title, slots.content(part, ("lyrics", "stems"))]

    def draw() -> str:
        from ..report.sung import sung

        assert part.lyrics is not None
        return sung(cache.check(part).stems[_VOICE], part.lyrics, part.title)

    return str(desk.write(WORDS, draw, made_of, teller)["name"])
