"""A file that decodes under a ceiling: the sound is lowered by just enough, found on real encodes.

What a lossy codec puts back is not what went in: its noise adds to the peaks, by up to a few
dB where the bit rate is low and the sound is dense. How much cannot be told beforehand, and
does not move evenly with the gain. So the file is written, decoded and measured, and the gain
is searched for between one that is over the ceiling and one that is under it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from .. import audio
from ..audio import Sound
from ..units import amplitude

CLOSE_DB = 0.1
"""A file this near under its ceiling is not written again."""
_MARGIN_DB = 0.02
_MOST_WRITES = 6


@dataclass(frozen=True, eq=False)
class Fitted:
    """A file that was written, and how it came to fit.

    Attributes:
        back: the sound as the file decodes.
        gain_db: the gain of the sound in the file, 0 or less.
        lowered_db: how much of that the ceiling took, 0 or more.
        first_dbtp: true peak of the file as it would be without that; None for silence.
        true_peak_dbtp: true peak of the file as it is; None for silence.
        writes: how often it was written.
    """

    back: Sound
    gain_db: float
    lowered_db: float
    first_dbtp: float | None
    true_peak_dbtp: float | None
    writes: int


def fit(
    path: Path,
    sound: Sound,
    write: Callable[[Sound], object],
    *,
    ceiling_dbtp: float | None,
    gain_db: float = 0.0,
) -> Fitted:
    """Write a sound so that its file decodes with its true peak under a ceiling.

    It ends when the peak is at most `CLOSE_DB` under the ceiling, or a gain that little higher was
    over it; and after `_MOST_WRITES` writes, one more where the best was not the last. The file
    that is left is the loudest that fitted, or the lowest where none did.

    Args:
        path: where `write` leaves the file.
        write: writes a sound; the same sound gives the same file.
        ceiling_dbtp: None for no ceiling: the file is written once.
        gain_db: the gain to begin with, 0 or less.

    Raises:
        OutputError: see `polish.audio.write`.
    """
    from ..dsp.peak import true_peak_dbtp

    def written(at_db: float) -> tuple[Sound, float | None]:
        write(lowered(sound, at_db))
        back = audio.read(path)
        return back, true_peak_dbtp(back.samples, back.rate_hz)

    back, first_dbtp = written(gain_db)
    last = Fitted(back, gain_db, 0.0, first_dbtp, first_dbtp, 1)
    if ceiling_dbtp is None or first_dbtp is None or first_dbtp <= ceiling_dbtp:
        return last
    over_at_db, best = gain_db, None
    while last.writes < _MOST_WRITES:
        next_db = last.gain_db + ceiling_dbtp - (last.true_peak_dbtp or 0.0) - _MARGIN_DB
        if best and not best.gain_db < next_db < over_at_db:
            next_db = (best.gain_db + over_at_db) / 2
        back, peak_dbtp = written(next_db)
        last = Fitted(back, next_db, gain_db - next_db, first_dbtp, peak_dbtp, last.writes + 1)
        if peak_dbtp is not None and peak_dbtp > ceiling_dbtp:
            over_at_db = next_db
        else:
            best = last
        if best and (_close(best, ceiling_dbtp) or over_at_db - best.gain_db <= CLOSE_DB):
            break
    if best is None or best is last:
        return last
    written(best.gain_db)
    return replace(best, writes=last.writes + 1)


def _close(fitted: Fitted, ceiling_dbtp: float) -> bool:
    return fitted.true_peak_dbtp is None or ceiling_dbtp - fitted.true_peak_dbtp <= CLOSE_DB


def lowered(sound: Sound, gain_db: float) -> Sound:
    """The sound with a gain; the very sound for none."""
    return sound.with_samples(sound.samples * np.float32(amplitude(gain_db))) if gain_db else sound
