"""How much each channel counts towards loudness: by where its loudspeaker stands.

Channels lie in the order of WAVE_FORMAT_EXTENSIBLE, and their weights are those of BS.1770-5
table 4: 1.41 (+1.5 dB) beside the listener (60° to 120° to the left or right, less than 30° up
or down), 1 elsewhere, and none for low-frequency effects.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..audio.layouts import USUAL

_LFE, _BACK, _SIDE = 0x8, 0x30, 0x600
_BESIDE = 1.41


def channel_weights(channels: int, speakers: int | None = None) -> NDArray[np.float64]:
    """Weight of each channel by BS.1770-5 table 4, ``(channels,)``.

    Side loudspeakers stand at ±90° to ±110°. So do back ones where there are none at the sides
    (quad, 5.0, 5.1); with sides they stand beyond 120° (7.1) and weigh 1.

    Args:
        speakers: WAV's channel mask, the loudspeakers in the order of its bits: 1 front left,
            2 front right, 4 front centre, 8 LFE, 16 and 32 back left and right, 64 and 128
            front left and right of centre, 256 back centre, 512 and 1024 side left and right,
            higher bits above the listener. When left out, or for other channels than there
            are, the usual ones for that many: L R; L R C; L R Ls Rs; L R C Ls Rs;
            L R C LFE Ls Rs; L R C LFE Cs Ls Rs; L R C LFE Lb Rb Ls Rs; with Ltf Rtf Ltb Rtb
            behind 5.1 or 7.1 for 10 and 12. Any other count weighs 1 throughout.
    """
    if speakers is None or speakers.bit_count() != channels:
        speakers = USUAL.get(channels)
    if speakers is None:
        return np.ones(channels)
    beside = _SIDE if speakers & _SIDE else _BACK
    places = [1 << bit for bit in range(32) if speakers >> bit & 1]
    return np.array([0.0 if place == _LFE else _BESIDE if place & beside else 1.0 for place in places])
