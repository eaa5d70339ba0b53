"""Where a decoder looks while it says each token: times from cross-attention.

As in openai-whisper's ``timing.py``: scores of the heads that follow the sound are made
probabilities, standardised over the tokens, smoothed over time and averaged; dynamic time
warping (Sakoe & Chiba 1978) then gives each token the frames it is said in.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

_SMOOTHED_OVER = 7


def first_frames(scores: NDArray[np.float32], frames: int, lead: int) -> NDArray[np.intp]:
    """The frame in which each token begins.

    Args:
        scores: cross-attention before the softmax, ``(heads, rows, all frames)``; a row is where
            the decoder looks while it says the next token.
        frames: how many of all frames hold sound.
        lead: how many rows stand before the one that says the first token; the last row is past
            the end.

    Returns:
        Rising, ``(rows - lead - 1,)``; the first is 0, the last is where the end is said.
    """
    scores = scores[:, :, : max(frames, 1)]
    weights = np.exp(scores - scores.max(axis=-1, keepdims=True))
    weights /= weights.sum(axis=-1, keepdims=True)
    spread = np.maximum(weights.std(axis=1, keepdims=True), 1e-12)
    weights = (weights - weights.mean(axis=1, keepdims=True)) / spread
    weights = ndimage.median_filter(weights, (1, 1, _SMOOTHED_OVER), mode="reflect")
    return warp(weights.mean(axis=0)[lead:-1])


def warp(likeness: NDArray[np.floating]) -> NDArray[np.intp]:
    """Lay rows over frames in order so that the likeness they meet sums to the most.

    Each row takes at least one frame, as long as there are frames enough.

    Args:
        likeness: ``(rows, frames)``.
    """
    rows, frames = likeness.shape
    if rows >= frames:
        return np.linspace(0, frames, rows, endpoint=False).astype(np.intp)
    best = np.full(rows, -np.inf)
    best[0] = 0.0
    entered = np.zeros((frames, rows), bool)
    for frame in range(frames):
        before = np.concatenate([[-np.inf], best[:-1]]) if frame else np.full(rows, -np.inf)
        entered[frame] = before > best
        best = np.where(entered[frame], before, best) + likeness[:, frame]
    starts = np.zeros(rows, np.intp)
    row = rows - 1
    for frame in range(frames - 1, 0, -1):
        if row and entered[frame, row]:
            starts[row] = frame
            row -= 1
    return starts
