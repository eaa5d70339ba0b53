"""What the separator's networks are trained by is what they are judged by."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from training.fitting import VOICE, source, with_voice
from training.masking import BINS, CUES, GRID, Softmax, distortion

from polish.dsp.spectrum import stft
from polish.models.cue_weights import SECOND, Weights
from polish.models.separation import _softmax

COLUMNS = 24


def test_the_loss_is_the_distortion_of_the_masked_mix() -> None:
    rng = np.random.default_rng(0)
    frames = (COLUMNS - 1) * GRID.hop
    stems = np.cumsum(rng.standard_normal((4, 2, frames)), axis=2).astype(np.float32)
    stems -= stems.mean(axis=2, keepdims=True)
    spectra = np.stack([stft(stem, GRID.size, GRID.hop) for stem in stems])
    mix = spectra.sum(axis=0)
    power = (np.abs(mix) ** 2).mean(axis=0).T
    level = power.mean()
    best = (spectra * mix.conj()).real.mean(axis=1).swapaxes(1, 2) / power
    energy = (np.abs(spectra) ** 2).mean(axis=1).sum(axis=1).T / level
    given = np.zeros((1, 1 + len(CUES) + 4, COLUMNS, BINS), np.float32)
    given[0, 0] = np.log(np.sqrt(power[:, :BINS] / level) + 1e-4)
    given[0, -4:] = best[:, :, :BINS]
    scores = 0.5 * rng.standard_normal((4, COLUMNS, BINS)).astype(np.float32)
    told = distortion(torch.from_numpy(scores)[None], torch.from_numpy(given), torch.from_numpy(energy)[None])

    masks = np.exp(scores) / np.exp(scores).sum(axis=0)
    masked = spectra[:, :, :BINS] - masks.swapaxes(1, 2)[:, None] * mix[None, :, :BINS]
    lost = (np.abs(masked) ** 2).sum(axis=(1, 2, 3)) / 2 / level
    had, floor = energy.sum(axis=0), 0.01 * power[:, :BINS].sum() / level
    assert np.allclose(told[0], 10 * np.log10((lost + floor) / (had + floor)), atol=0.02)


def test_training_starts_from_the_masks_that_the_separator_makes() -> None:
    given = np.random.default_rng(1).random((1, 1 + len(CUES), COLUMNS, BINS), np.float32)
    with torch.no_grad():
        masks = Softmax(ours=True)(torch.from_numpy(given)).softmax(1)[0].numpy()
    assert np.allclose(masks, _softmax(SECOND, dict(zip(CUES, given[0, 1:], strict=True)), GRID), atol=1e-5)


def test_weights_are_printed_as_they_stand_in_the_module() -> None:
    told: dict[str, object] = {"Weights": Weights}
    exec(source(SECOND), told)
    assert told["SECOND"] == SECOND


def test_another_voice_takes_the_place_of_a_band_s_own() -> None:
    rng = np.random.default_rng(2)
    band, singer = (rng.standard_normal((4, 2, frames)).astype(np.float32) for frames in (1000, 700))
    made = with_voice(band, singer)
    assert np.array_equal(made[:VOICE], band[:VOICE])
    voice = made[VOICE, :, :700] / singer[VOICE]
    assert np.allclose(voice, voice[0, 0])
    assert np.allclose(made[VOICE, :, 700:], made[VOICE, :, :300])
    assert 20 * np.log10(np.std(made[VOICE]) / np.std(band[:VOICE].sum(axis=0))) == pytest.approx(
        -1.9, abs=0.3
    )
    assert not with_voice(band, np.zeros_like(singer))[VOICE].any()
