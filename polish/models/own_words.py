"""Whether lyrics are those of the song in which they are looked for.

Anything can be laid over a song somehow, but only a song's own words fit it much better than
others would. How others would, nonsense made of the very words tells, for this voice and these
lines: the words in another order, and each word for another about as long wherever it stands,
which leaves the lines their lengths and what comes again comes again.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from .sung_chain import Spelled, SungChain

_FEW_LINES, _FEW_WORDS = 4, 8
"""With fewer lines, or fewer different words, nonsense made of them says nothing."""
_TRIED, _TRIED_IN_DOUBT = 10, 36
_BETTER = 3.2
"""By how many times its spread the words must fit better than nonsense, as the mean over both kinds."""
_DOUBT = (1.5, 6.0)
"""What the first few say is asked again of more when it lies between these."""
_TORN = 40.0
"""What a line costs that is left out within a stretch: more than elsewhere, that nonsense chooses less."""
_ABOUT = 2.0
"""Words whose numbers of phones differ by less may stand for each other."""


def own_part(spelled: Spelled, likelihoods: NDArray[np.float32]) -> slice:
    """The stretch of the lines that is the song's, if it explains what is heard better than nonsense does.

    A part of a song takes a part of its lyrics. Too few words to judge by are all taken as the song's.

    Args:
        spelled: the phones of the words of the lines.
        likelihoods: as from `alignment.fits`.

    Returns:
        The numbers of the lines, none when the words are not the song's.
    """
    if len(spelled) < _FEW_LINES or len({tuple(word) for line in spelled for word in line}) < _FEW_WORDS:
        return slice(0, len(spelled))
    better = evidence(spelled, likelihoods, _TRIED)
    if _DOUBT[0] < better < _DOUBT[1]:
        better = evidence(spelled, likelihoods, _TRIED_IN_DOUBT)
    return SungChain.of(spelled).stretch(likelihoods)[1] if better > _BETTER else slice(0, 0)


def evidence(spelled: Spelled, likelihoods: NDArray[np.float32], tried: int) -> float:
    """How much better the words fit than nonsense does, in times its spread: the mean over both kinds.

    Args:
        tried: how much nonsense of each kind is laid over the song.
    """
    fit = SungChain.of(spelled).stretch(likelihoods, _TORN)[0]
    found = []
    for kind in (_other_orders(spelled), _other_words(spelled)):
        others = np.array([SungChain.of(next(kind)).stretch(likelihoods, _TORN)[0] for _ in range(tried)])
        found.append((fit - others.mean()) / max(float(others.std()), 1.0))
    return float(np.mean(found))


def _other_orders(lines: Spelled) -> Iterator[Spelled]:
    """The same words in other orders, in lines of as many; the same orders every time."""
    words = [word for line in lines for word in line]
    rng = np.random.default_rng(0)
    while True:
        fresh = iter(rng.permutation(len(words)))
        yield [[words[next(fresh)] for _ in line] for line in lines]


def _other_words(lines: Spelled) -> Iterator[Spelled]:
    """Every word stands for another about as long, the same one everywhere."""
    words = sorted({tuple(word) for line in lines for word in line})
    lengths = np.array([len(word) for word in words])
    rng = np.random.default_rng(0)
    while True:
        first, second = (np.argsort(lengths + _ABOUT * rng.random(len(words))) for _ in range(2))
        stands_for = {words[a]: words[b] for a, b in zip(first, second, strict=True)}
        yield [[stands_for[tuple(word)] for word in line] for line in lines]
