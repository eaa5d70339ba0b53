"""Lines that were found teach how a voice sounds, and no stretch of them how it is heard itself."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from safetensors.numpy import save_file
from training.phone_network import Network, folded

from polish.models import acoustic
from polish.models.acoustic import HOP_S
from polish.models.alignment import fits
from polish.models.own_voice import heard_again
from polish.models.phones import CLASSES

KIND = {name: number for number, name in enumerate(CLASSES)}
LINE = [["p", "a"], ["s", "e"], ["p", "e"], ["s", "a"]]
LINES, FRAMES_A_PHONE, FRAMES_A_LINE = 10, 10, 100
PHONES = [phone for word in LINE for phone in word]


def _heard() -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Ten lines by a voice whose e sounds rather like an a, and the class that is sung in each frame."""
    rng = np.random.default_rng(0)
    sung = np.zeros(LINES * FRAMES_A_LINE, int)
    for line in range(LINES):
        for place, phone in enumerate(PHONES):
            start = line * FRAMES_A_LINE + place * FRAMES_A_PHONE
            sung[start : start + FRAMES_A_PHONE] = KIND[phone]
    scores = rng.normal(-5, 0.5, (len(sung), len(CLASSES)))
    scores[np.arange(len(sung)), sung] = -0.5
    by_e = sung == KIND["e"]
    scores[by_e, KIND["e"]], scores[by_e, KIND["a"]] = -1.5, -0.7
    return scores.astype(np.float32), sung


def _spans_s(line: int) -> NDArray[np.float64]:
    ends = line * FRAMES_A_LINE + 2 * FRAMES_A_PHONE * np.arange(len(LINE) + 1)
    return np.stack([ends[:-1], ends[1:]], axis=1) * HOP_S


def test_a_phone_that_a_voice_sings_otherwise_is_known_from_its_other_lines() -> None:
    heard, sung = _heard()
    again = heard_again(
        heard[None], heard, [LINE] * LINES, [_spans_s(line) for line in range(LINES)], fits(heard)
    )
    by_e = sung == KIND["e"]
    assert (heard[by_e].argmax(axis=1) == KIND["e"]).mean() == 0
    assert (again[by_e].argmax(axis=1) == KIND["e"]).mean() > 0.9
    assert (again[~by_e].argmax(axis=1) == sung[~by_e]).mean() > 0.95
    assert np.allclose(np.exp(again).sum(axis=1), 1, atol=1e-4)


def test_a_line_within_a_stretch_does_not_teach_how_it_is_heard_itself() -> None:
    heard, _ = _heard()
    spans_s = [_spans_s(line) for line in range(LINES)]
    other = [["e", "s"], ["a", "p"], ["a", "s"], ["e", "p"]]
    at = slice(4 * FRAMES_A_LINE, 5 * FRAMES_A_LINE)
    right = heard_again(heard[None], heard, [LINE] * LINES, spans_s, fits(heard))
    wrong = heard_again(heard[None], heard, [*[LINE] * 4, other, *[LINE] * 5], spans_s, fits(heard))
    assert np.array_equal(right[at], wrong[at])
    assert not np.array_equal(right, wrong)


def test_too_few_lines_teach_nothing() -> None:
    heard, _ = _heard()
    placed = [*(_spans_s(line) for line in range(3)), *[None] * (LINES - 3)]
    assert heard_again(heard[None], heard, [LINE] * LINES, placed, fits(heard)) is heard
    assert heard_again(heard[None], heard, [LINE] * LINES, [None] * LINES, fits(heard)) is heard


def test_a_network_hears_the_same_as_it_is_trained_and_as_it_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.manual_seed(0)
    network = Network(16)
    heard = torch.randn(4, 300, acoustic.BANDS)
    network.train()(heard)  # its layers see what is usual
    network.eval()
    tensors = folded(network, np.full(len(CLASSES), 1 / len(CLASSES)))
    save_file({f"0.{name}": tensor for name, tensor in tensors.items()}, tmp_path / "sung_phones.safetensors")
    monkeypatch.setattr(acoustic, "files", lambda _: tmp_path)
    (kept,) = acoustic._networks.__wrapped__()
    with torch.no_grad():
        trained = network(heard[:1])[0].T.numpy()
    assert np.abs(acoustic._through(kept, heard[0].numpy()) - trained).max() < 0.1 * trained.std()
