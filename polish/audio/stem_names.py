"""What people call stems, and what polish calls them.

``01 My Song - Lead Vox`` is `lead_vocals`, ``MySong_(Drums)`` is `drums`. What all names of
a folder share (the song's title) and leading numbers say nothing and are dropped; a name
that is not known is kept, in lower case with underscores.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

_SPELLINGS: dict[str, str] = {
    "lead_vocals": """lead vocals, lead vocal, lead vox, lead voice, main vocals, main vocal, main vox""",
    "backing_vocals": """backing vocals, backing vocal, backing vox, background vocals, background vocal,
        bg vocals, bg vox, bgv, bgvs, bvs, bvox, back vocals, harmony vocals, harmonies, harmony, choir,
        choirs, adlibs, ad libs""",
    "vocals": """vocals, vocal, vox, voice, voices, voc, vocs, singing, singer, acapella, a cappella""",
    "drums": "drums, drum, drum kit, drumkit, kit, drum loop, beat, beats",
    "kick": "kick, kick drum, bass drum, bd",
    "snare": "snare, snare drum, sd",
    "hihat": "hihat, hi hat, hihats, hi hats, hats, hh",
    "cymbals": "cymbals, cymbal, overheads, oh",
    "toms": "toms, tom",
    "percussion": "percussion, perc, percs, percussions, shaker, tambourine, congas, bongos",
    "bass": "bass, bass guitar, electric bass, bassline, sub bass, 808, synth bass, bass synth",
    "lead_guitar": "lead guitar, lead gtr, solo guitar",
    "rhythm_guitar": "rhythm guitar, rhythm gtr",
    "acoustic_guitar": "acoustic guitar, acoustic gtr, ac guitar, agtr",
    "electric_guitar": "electric guitar, electric gtr, el guitar, e guitar, egtr",
    "guitar": "guitar, guitars, gtr, gtrs, gt",
    "piano": """piano, pno, pianos, grand piano, acoustic piano, rhodes, electric piano, e piano, epiano""",
    "organ": "organ, hammond, b3",
    "keys": "keys, keyboard, keyboards, kbd, keyb",
    "strings": "strings, string, violin, violins, viola, cello, celli, orchestra",
    "brass": "brass, horns, horn, trumpet, trumpets, trombone",
    "woodwinds": "woodwinds, woodwind, winds, wind, flute, sax, saxophone, clarinet, oboe",
    "synth": "synth, synths, synthesizer, synthesiser, syn, arp, lead synth, synth lead",
    "pads": "pads, pad, synth pad, synth pads",
    "fx": "fx, sfx, effects, effect, sound effects, risers, riser, atmos, ambience",
    "other": "other, others, rest, misc, residual, everything else",
    "instrumental": """instrumental, instrumentals, inst, instr, accompaniment, no vocals, backing track,
        karaoke, music""",
    "mix": """mix, full mix, mixdown, master, mastered, full, full song, original, stereo mix, song, bounce,
        premaster""",
}
_BY_WORDS = {
    tuple(spelling.split()): name for name, text in _SPELLINGS.items() for spelling in text.split(",")
}


def stem_names(file_names: Sequence[str]) -> list[str]:
    """Canonical names for file names, without their endings, that lie in one folder.

    The same name may come several times; ``mix`` is no stem. A file called like the song
    alone, where the others add what they are, is its mix.
    """
    files = [_words(name) for name in file_names]
    start = _shared(files) if len(files) > 1 else 0
    end = _shared([words[start:][::-1] for words in files]) if len(files) > 1 else 0
    names = []
    for words in files:
        telling = words[start : len(words) - end]
        if telling and not all(word.isdigit() for word in telling):
            names.append(_known(telling) or _slug(telling))
        else:
            names.append(_known(words) or (_slug(words) if telling else "mix"))
    return names


def is_part(name: str) -> bool:
    """Whether a stem of that name (or of that name and a number) is known to be one part of a song."""
    plain = re.sub(r"_\d+$", "", name)
    return plain in _SPELLINGS and plain not in ("instrumental", "mix")


def _words(text: str) -> tuple[str, ...]:
    """Words in lower case: split at everything but letters and digits, and where case changes."""
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", text)
    return tuple(word.lower() for word in re.split(r"[\W_]+", spaced) if word)


def _shared(files: Sequence[tuple[str, ...]]) -> int:
    """How many words all begin with."""
    count = 0
    for words in zip(*files, strict=False):
        if len(set(words)) > 1:
            break
        count += 1
    return count


def _slug(words: tuple[str, ...]) -> str:
    kept = words[1:] if len(words) > 1 and words[0].isdigit() else words
    return "_".join(kept) or "stem"


def _known(words: tuple[str, ...]) -> str:
    """The canonical name with the longest spelling among `words`, the last of equally long ones.

    A mix is called so by its whole name or its last word: «full» and «song» occur in titles.
    """
    letters = tuple(word for word in words if not word.isdigit())
    if _BY_WORDS.get(letters) == "mix" or letters[-1:] in (("mix",), ("master",), ("mixdown",)):
        return "mix"
    found = [
        (len(spelling), start, name)
        for spelling, name in _BY_WORDS.items()
        for start in range(len(words) - len(spelling) + 1)
        if words[start : start + len(spelling)] == spelling and name != "mix"
    ]
    return max(found, default=(0, 0, ""))[2]
