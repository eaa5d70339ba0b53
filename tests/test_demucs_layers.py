"""The quick layers of the Demucs networks against the layers that they stand for."""

from __future__ import annotations

from copy import deepcopy

import numpy as np
import pytest
import torch
from demucs.demucs import DConv
from demucs.hdemucs import HDecLayer, HEncLayer
from demucs.transformer import CrossTransformerEncoderLayer, MyTransformerEncoderLayer
from sounds import snr_db
from torch import nn
from torch.nn import functional

from polish.models.demixing.coders import Decoder, Encoder
from polish.models.demixing.layers import prepared, quickened
from polish.models.demixing.precision import Precision
from polish.models.demixing.products import gated, upward
from polish.models.demixing.residual import Branch, added
from polish.models.demixing.softmax import softmax
from polish.models.demixing.transformer import Layer
from polish.models.demixing.winograd import convolved, transformed

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
def test_tiles_give_what_convolution_and_gate_give(inputs: int, size: tuple[int, int]):
    torch.manual_seed(inputs)
    x, kernels, bias = torch.randn(inputs, *size), torch.randn(10, inputs, 3, 3), torch.randn(10)
    made = convolved(x.numpy(), transformed(kernels.numpy()), bias.numpy())
    whole = functional.conv2d(x.double(), kernels.double(), bias.double(), padding=1)
    wanted = functional.glu(whole, dim=0).numpy()
    assert made.shape == wanted.shape
    assert snr_db(wanted, made) >= NEAR_DB


@pytest.mark.parametrize("taps", [1, 3])
@pytest.mark.parametrize(
    ("inputs", "outputs", "frames"), [(3, 5, 1), (3, 5, 2), (4, 6, 40_001), (300, 300, 2000)]
)
def test_products_give_what_convolution_and_gate_give(inputs: int, outputs: int, frames: int, taps: int):
    torch.manual_seed(frames)
    x, bias = torch.randn(inputs, frames), torch.randn(2 * outputs)
    weight = torch.randn(2 * outputs, inputs, taps) / inputs**0.5
    made = gated(x.numpy(), weight.permute(0, 2, 1).reshape(2 * outputs, -1).numpy(), bias.numpy())
    whole = functional.conv1d(x.double(), weight.double(), bias.double(), padding=taps // 2)
    assert snr_db(functional.glu(whole, dim=0).numpy(), made) >= NEAR_DB


@pytest.mark.parametrize("activate", [True, False])
@pytest.mark.parametrize("size", [(1, 1), (1, 7), (30_001, 1), (9, 336), (70, 2)])
def test_products_give_what_the_transposed_convolution_gives(size: tuple[int, int], activate: bool):
    torch.manual_seed(size[0])
    x, weight, bias = torch.randn(6, *size), torch.randn(6, 10, 8, 1), torch.randn(10)
    by_row = weight[..., 0].unflatten(2, (2, 4)).permute(1, 3, 2, 0).reshape(40, -1).numpy()
    kept = 4 * size[0] - 1
    made = upward(x.numpy(), by_row, bias.numpy(), stride=4, trim=2, kept=kept, activate=activate)
    whole = functional.conv_transpose2d(x.double(), weight.double(), bias.double(), stride=(4, 1))
    wanted = whole[:, 2 : 2 + kept]
    assert snr_db((functional.gelu(wanted) if activate else wanted).numpy(), made) >= NEAR_DB


@pytest.mark.parametrize("columns", [1, 5, 2688])
def test_a_softmax_in_halves_is_within_their_rounding(columns: int):
    torch.manual_seed(columns)
    scores = 9 * torch.randn(50, columns).bfloat16()
    scores[0] = -1e4  # all alike, and far from zero
    scores[1, 0] = 3e4  # so high that the others are as good as nothing
    wanted = torch.softmax(scores.double() / 3, -1)
    made = scores.clone()
    softmax(made.view(torch.int16).numpy(), 1 / 3)
    assert torch.all((made.double() - wanted).abs() <= wanted / 64 + 1e-30)
    assert torch.all((made.double().sum(-1) - 1).abs() < 0.01)


@pytest.mark.parametrize("freq", [True, False])
def test_encoders_and_decoders_give_what_those_of_demucs_give(freq: bool):
    torch.manual_seed(5)
    settings = {"freq": freq, "norm": False, "dconv_kw": {"depth": 2, "compress": 4, "init": 0.3}}
    encoder = HEncLayer(12, 24, **settings).eval().requires_grad_(False)
    decoder = HDecLayer(24, 12, **settings).eval().requires_grad_(False)
    assert Encoder.fits(encoder)
    assert Decoder.fits(decoder)
    x = torch.randn(1, 12, 32, 50) if freq else torch.randn(1, 12, 1001)
    skip = torch.randn(encoder(x).shape)
    wanted = encoder(x)
    outermost, last = decoder(wanted, skip, x.shape[-1])
    precision = Precision()
    quick = Decoder(decoder, precision)
    with precision.of("single"):
        inner = Encoder(encoder, precision)(x)
        outer, before = quick(inner, skip, x.shape[-1])
    for one, other in ((wanted, inner), (outermost, outer), (last, before)):
        assert snr_db(one.numpy(), other.numpy()) >= NEAR_DB
    with precision.of("exact"):
        assert torch.equal(Encoder(encoder, precision)(x), wanted)
        for _ in range(2):  # the first time shows how the second may be worked out
            assert torch.equal(quick(wanted, skip, x.shape[-1])[0], outermost)
    assert not Encoder.fits(HEncLayer(12, 24, freq=freq))
    assert not Decoder.fits(HDecLayer(24, 12, freq=freq))


@pytest.mark.parametrize("crossed", [False, True])
def test_layers_of_the_transformer_give_what_those_of_demucs_give(crossed: bool):
    torch.manual_seed(1)
    kind = CrossTransformerEncoderLayer if crossed else MyTransformerEncoderLayer
    settings = {"layer_scale": True, "norm_first": True, "norm_out": True, "batch_first": True}
    layer = kind(64, 2, 96, 0.0, functional.gelu, init_values=0.5, **settings).eval().requires_grad_(False)
    for norm in (layer.norm1, layer.norm2, layer.norm_out):
        norm.weight.normal_(1, 0.3)
        norm.bias.normal_(0, 0.3)
    assert Layer.fits(layer)
    x, given = torch.randn(1, 700, 64) + 0.2, (torch.randn(1, 450, 64),) if crossed else ()
    wanted = layer(x, *given)
    made = quickened(nn.ModuleList([layer]))
    assert isinstance(made[0], Layer)
    with torch.inference_mode():
        for precision, least in (("exact", 120), ("single", 110), ("half", 38)):
            with made.precision.of(precision):
                assert snr_db(wanted.numpy(), made[0](x, *given).numpy()) >= least


def test_what_is_laid_out_beforehand_changes_nothing_and_nothing_is_left_to_lay_out():
    torch.manual_seed(2)
    settings = {"layer_scale": True, "norm_first": True, "norm_out": True, "batch_first": True}
    layer = MyTransformerEncoderLayer(64, 2, 96, 0.0, functional.gelu, init_values=0.5, **settings).eval()
    coders = {"freq": True, "norm": False, "dconv_kw": {"depth": 1, "compress": 4}}
    parts = [layer, HEncLayer(12, 24, **coders).eval(), HDecLayer(24, 12, **coders).eval()]
    x, sound = torch.randn(1, 70, 64), torch.randn(1, 12, 32, 50)

    def made(network: nn.Module) -> list[torch.Tensor]:
        with torch.inference_mode(), network.precision.of("half"):
            inner = network[1](sound)
            return [network[0](x), inner, network[2](inner, inner, 50)[0]]

    def held(network: nn.Module) -> list[int]:
        return [len(vars(each)) + sum(v is None for v in vars(each).values()) for each in network.modules()]

    lazy, ready = (quickened(nn.ModuleList(deepcopy(parts)).requires_grad_(False)) for _ in range(2))
    prepared(ready, "half")
    before = held(ready)
    assert all(torch.equal(one, other) for one, other in zip(made(lazy), made(ready), strict=True))
    assert held(ready) == before != held(quickened(nn.ModuleList(deepcopy(parts)).requires_grad_(False)))
