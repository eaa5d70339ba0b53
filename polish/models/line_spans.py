"""How long a line may last: about as long as the song's own lines take for their syllables.

A voice that is held, or sings what no line says, is heard as one vowel for seconds, and so is what
an instrument leaves in the stem; any word with that vowel explains all of it: the way through what
is heard then spreads one line over all that sounds between its neighbours, and may push others out
of their places. Where a line was spread so, what no line says is taken to be nearly as likely as the
best that could be heard there (`relieved`), and the way is looked for again: a vowel held wins
little. A line that is still too long is looked for alone between its neighbours, as long as a line
of its syllables is in this song (`bounded`).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from .acoustic import HOP_S
from .sung_chain import ELSE, Spelled, SungChain
from .words import KnownLine

Spans = NDArray[np.float64]
"""Start and end of each word of a line in s, ``(words, 2)``."""
_TIMES_USUAL, _HELD_S, _COMPACT_S = 1.5, 2.0, 1.0
"""A line may last so many times as long as is usual for its syllables, and a held note longer; one that
lasts longer is looked for again within less."""
_EVERY_S = 0.25
_WORSE = 0.65
"""What is no line's is taken to be so much worse, in a frame, than the best that could be heard."""


def relieved(
    lines: Sequence[KnownLine],
    spelled: Spelled,
    placed: Sequence[Spans | None],
    likelihoods: NDArray[np.float32],
) -> NDArray[np.float32] | None:
    """Likelihoods by which a line wins little by being spread over where one was; None when none was.

    Args:
        lines, spelled, placed, likelihoods: as for `bounded`.
    """
    spread = [placed[number] for number, _ in _too_long(lines, spelled, placed)]
    if not spread:
        return None
    fresh = likelihoods.copy()
    for spans_s in spread:
        assert spans_s is not None
        part = fresh[round(spans_s[0, 0] / HOP_S) : round(spans_s[-1, 1] / HOP_S)]
        part[:, ELSE] = np.maximum(part[:, ELSE], part[:, :ELSE].max(axis=1) - _WORSE)
    return fresh


def bounded(
    lines: Sequence[KnownLine],
    spelled: Spelled,
    placed: Sequence[Spans | None],
    likelihoods: NDArray[np.float32],
) -> list[Spans | None]:
    """The lines, none longer than the song's lines are: found again where it was, or None.

    A word sung again and again with nothing else in its line (ooh, la) may be held for as long as one likes.

    Args:
        spelled: the phones of the words of all the lines.
        placed: where the lines are, None for one that is not there.
        likelihoods: as from `alignment.fits`.
    """
    there = [number for number, spans_s in enumerate(placed) if spans_s is not None]
    found = list(placed)
    relative = likelihoods - likelihoods[:, :ELSE].max(axis=1, keepdims=True)
    relative[:, ELSE] = np.maximum(relative[:, 0], -_WORSE)
    end_s = len(likelihoods) * HOP_S
    for number, plausible_s in _too_long(lines, spelled, placed):
        place = there.index(number)
        before = [found[n] for n in there[:place] if found[n] is not None]
        after = found[there[place + 1]] if place + 1 < len(there) else None
        first_s = float(before[-1][-1, 1]) if before else 0.0
        last_s = float(after[0, 0]) if after is not None else end_s
        found[number] = _compact(spelled[number], relative, (first_s, last_s), plausible_s + _COMPACT_S)
    return found


def _too_long(
    lines: Sequence[KnownLine], spelled: Spelled, placed: Sequence[Spans | None]
) -> list[tuple[int, float]]:
    """The numbers of lines that last longer than they can, each with how long one like it lasts, in s."""
    there = [number for number, spans_s in enumerate(placed) if spans_s is not None]
    if not there:
        return []
    usual_s = float(np.median([_lasts_s(placed[n]) / sum(lines[n].syllables) for n in there]))
    plausible_s = {n: _TIMES_USUAL * usual_s * sum(lines[n].syllables) for n in there}
    return [
        (n, plausible_s[n])
        for n in there
        if not _one_word(spelled[n]) and _lasts_s(placed[n]) > plausible_s[n] + _HELD_S
    ]


def _lasts_s(spans_s: Spans | None) -> float:
    return 0.0 if spans_s is None else float(spans_s[-1, 1] - spans_s[0, 0])


def _one_word(line: Sequence[Sequence[str]]) -> bool:
    return len({tuple(word) for word in line}) == 1


def _compact(
    line: Sequence[Sequence[str]], relative: NDArray[np.float32], room_s: tuple[float, float], lasts_s: float
) -> Spans | None:
    """Where in its room a line fits best when it lasts no longer than this; None: nowhere."""
    chain = SungChain.of([line])
    first, last, frames = (round(t / HOP_S) for t in (*room_s, lasts_s))
    starts = range(first, max(first + 1, last - frames + 1), round(_EVERY_S / HOP_S))
    parts = [(start, relative[start : min(last, start + frames)]) for start in starts]
    parts = [(start, part) for start, part in parts if len(part) >= len(chain.kind)]
    if not parts:
        return None
    start, part = max(parts, key=lambda each: float(chain.worth(each[1])[0]))
    words = chain.followed(part).words
    inside = [np.flatnonzero(words == number) for number in range(len(line))]
    if any(frames_.size == 0 for frames_ in inside):
        return None
    return (start + np.array([(each[0], each[-1] + 1) for each in inside])) * HOP_S
