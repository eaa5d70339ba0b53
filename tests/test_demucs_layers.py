"""The quick layers of the Demucs networks against the layers that they stand for."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from demucs.demucs import DConv
from sounds import snr_db
from torch.nn import functional

from polish.models.demucs_residual import Branch, added
from polish.models.demucs_winograd import convolved, transformed

NEAR_DB = 105.0


@pytest.mark.parametrize(
    ("channels", "rows", "frames"),
    [(48, 5, 336), (24, 2, 1100), (48, 1, 9000), (384, 1, 70), (24, 3, 1), (24, 1, 2), (24, 1, 4097)],
)
def test_residual_branches_in_one_pass_are_those_of_demucs(channels: int, rows: int, frames: int):
    torch.manual_seed(channels + frames)
    whole = DConv(channels, compress=8, depth=3).eval().requires_grad_(False)
    for layer in whole.layers:
        layer[-1].scale.uniform_(-0.5, 0.5)
        for norm in (layer[1], layer[4]):
            norm.weight.normal_(1, 0.3)
            norm.bias.normal_(0, 0.3)
    x = torch.randn(rows, channels, frames) + 0.5
    branches = [Branch.of(layer) for layer in whole.layers]
    assert all(branches)
    made = added(np.ascontiguousarray(x.numpy().swapaxes(0, 1)), [each for each in branches if each])
    wanted = whole.double()(x.double()).numpy()
    assert snr_db(wanted, made.swapaxes(0, 1)) >= NEAR_DB
    assert snr_db(wanted - x.numpy(), made.swapaxes(0, 1) - x.numpy()) >= NEAR_DB - 15


def test_branches_of_another_kind_are_left_to_demucs():
    assert Branch.of(DConv(48, compress=8, lstm=True).layers[0]) is None
    assert Branch.of(DConv(48, compress=8, norm=False).layers[0]) is None
    assert Branch.of(DConv(44, compress=11).layers[0]) is None


@pytest.mark.parametrize("size", [(1, 1), (3, 5), (8, 336), (17, 1030), (64, 40)])
@pytest.mark.parametrize("inputs", [1, 6])
def test_tiles_give_what_the_convolution_gives(inputs: int, size: tuple[int, int]):
    torch.manual_seed(inputs)
    x, kernels, bias = torch.randn(inputs, *size), torch.randn(10, inputs, 3, 3), torch.randn(10)
    made = convolved(x.numpy(), transformed(kernels.numpy()), bias.numpy())
    wanted = functional.conv2d(x.double(), kernels.double(), bias.double(), padding=1).numpy()
    assert made.shape == wanted.shape
    assert snr_db(wanted, made) >= NEAR_DB
