"""Attention with free widths computes what torch's and torchvision's does, before a cut and after it."""

import copy
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torchvision.models.maxvit import RelativePositionalMultiHeadAttention
from torchvision.models.swin_transformer import (
    PatchMergingV2,
    ShiftedWindowAttention,
    ShiftedWindowAttentionV2,
    SwinTransformer,
    SwinTransformerBlockV2,
)

import models
from pruning import allocate, checkpoint, prune, score, trace, verify
from pruning.attention import FreeMultiheadAttention, freed
from pruning.windows import FreeRelativeAttention, FreeWindowAttention, FreeWindowAttentionV2

CAUSAL = torch.ones(5, 5, dtype=torch.bool).triu(1)
LATE = torch.tensor([[False] * 5, [False, False, False, True, True]])
CALLS = {
    "plain": {},
    "no weights": {"need_weights": False},
    "weights of every head": {"average_attn_weights": False},
    "masked": {"attn_mask": CAUSAL},
    "added mask": {"attn_mask": torch.randn(5, 5, generator=torch.Generator().manual_seed(1), dtype=torch.float64)},
    "mask for every head": {"attn_mask": CAUSAL.expand(8, 5, 5)},
    "padded": {"key_padding_mask": LATE},
    "masked and padded": {"attn_mask": CAUSAL, "key_padding_mask": LATE},
}


@pytest.mark.parametrize("batch_first", [True, False])
@pytest.mark.parametrize("call", CALLS)
def test_free_attention_is_torchs(call: str, batch_first: bool) -> None:
    torch.manual_seed(0)
    attention = nn.MultiheadAttention(12, 4, batch_first=batch_first).double().eval()
    x = torch.randn((2, 5, 12) if batch_first else (5, 2, 12), dtype=torch.float64)
    same(attention, (x, x, x), CALLS[call])


def test_free_attention_takes_one_example_and_other_widths() -> None:
    torch.manual_seed(0)
    attention = nn.MultiheadAttention(12, 4, kdim=7, vdim=9, bias=False, batch_first=True).double().eval()
    same(attention, tuple(torch.randn(5, n, dtype=torch.float64) for n in (12, 7, 9)), {})


def same(attention: nn.Module, inputs: tuple[Tensor, ...], more: dict[str, Tensor]) -> None:
    expected = attention(*inputs, **more)
    with freed(attention):
        assert type(attention) is FreeMultiheadAttention
        found = attention(*inputs, **more)
    assert type(attention) is nn.MultiheadAttention
    for a, b in zip(expected, found, strict=True):
        assert (a is None and b is None) or torch.allclose(a, b, atol=1e-14)


def encoder() -> nn.Module:
    torch.manual_seed(0)
    return nn.TransformerEncoder(
        nn.TransformerEncoderLayer(16, 4, 24, dropout=0.0, batch_first=True, norm_first=True),
        2,
        enable_nested_tensor=False,
    )


@pytest.mark.parametrize(("blocks", "units"), [("inside", 4), ("whole", 4)])
def test_heads_and_their_places_are_cut_exactly(blocks: str, units: int) -> None:
    network, x = encoder(), torch.randn(2, 5, 16)
    channels = trace(network, x, blocks=blocks)
    group = next(g for g in channels.groups if g.name == "layers.0.self_attn")
    assert (group.units, group.approximate) == (units, "")
    plan = allocate(channels, score(network, channels, "l1"), shares={group.name: 0.5})
    small = prune(network, plan)
    attention = small.layers[0].self_attn
    assert type(attention) is FreeMultiheadAttention
    assert attention.num_heads == (2 if blocks == "whole" else 4)
    assert verify(network, small, plan, x) < 1e-12
    assert type(network.layers[0].self_attn) is nn.MultiheadAttention


def test_attention_that_is_not_cut_stays_torchs_own() -> None:
    network, x = encoder(), torch.randn(2, 5, 16)
    channels = trace(network, x)
    plan = allocate(channels, score(network, channels, "l1"), shares={"layers.0.linear1": 0.5})
    assert type(prune(network, plan).layers[0].self_attn) is nn.MultiheadAttention


def test_cut_attention_trains_and_is_copied() -> None:
    network, x = encoder(), torch.randn(2, 5, 16)
    channels = trace(network, x)
    small = prune(network, allocate(channels, score(network, channels, "l1"), share=0.5))
    small.train()(x).square().sum().backward()
    assert all(p.grad is not None for p in small.parameters())
    small.eval()
    assert torch.equal(copy.deepcopy(small)(x), small(x))


WINDOWS = {  # height and width that the windows of 4 × 4 divide, that they do not, and that one window covers
    "whole windows": (8, 12),
    "padded windows": (7, 9),
    "one window high": (3, 8),
    "a single window": (4, 4),
}


@pytest.mark.parametrize("size", WINDOWS)
@pytest.mark.parametrize("shift", [0, 2])
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("kind", [ShiftedWindowAttention, ShiftedWindowAttentionV2])
def test_free_windows_are_torchvisions(kind: type[nn.Module], bias: bool, shift: int, size: str) -> None:
    attention = kind(12, [4, 4], [shift, shift], 3, qkv_bias=bias, attention_dropout=0.1, dropout=0.2)
    computes_the_same(attention, torch.randn(2, *WINDOWS[size], 12))


def test_free_relative_attention_is_torchvisions() -> None:
    computes_the_same(RelativePositionalMultiHeadAttention(12, 4, 16), torch.randn(2, 3, 16, 12))


def computes_the_same(attention: nn.Module, x: Tensor) -> None:
    """In eval and train mode, output and gradients; the module is torchvision's own again after."""
    attention, x, kind, own = attention.double(), x.double(), type(attention), set(vars(attention))
    for parameter in attention.parameters():
        nn.init.normal_(parameter, std=0.3)
    for training in (False, True):
        expected = run(attention.train(training), x)
        with freed(attention):
            assert type(attention).__module__ == "pruning.windows"
            found = run(attention, x)
        assert all(torch.allclose(a, b, rtol=1e-14, atol=1e-14) for a, b in zip(expected, found, strict=True))
        assert type(attention) is kind
        assert set(vars(attention)) == own


def run(attention: nn.Module, x: Tensor) -> list[Tensor]:
    torch.manual_seed(0)
    y = attention(x)
    used = {n: p for n, p in attention.named_parameters() if p.requires_grad}
    return [y, *torch.autograd.grad(y.square().sum(), list(used.values()))]


def swin(kind: str) -> nn.Module:
    torch.manual_seed(0)
    second = {"block": SwinTransformerBlockV2, "downsample_layer": PatchMergingV2} if kind == "v2" else {}
    return SwinTransformer([2, 2], 12, [2, 2], [3, 6], [4, 4], stochastic_depth_prob=0.0, num_classes=5, **second)


def relative() -> nn.Module:
    torch.manual_seed(0)
    attention = RelativePositionalMultiHeadAttention(12, 4, 16)
    return nn.Sequential(nn.Linear(3, 12), nn.ReLU(), attention, nn.Linear(12, 5))


CASES = {
    "swin": (lambda: swin("v1"), (2, 3, 24, 24), "features.1.0.attn", FreeWindowAttention),
    "swin v2": (lambda: swin("v2"), (2, 3, 24, 24), "features.1.0.attn", FreeWindowAttentionV2),
    "maxvit": (relative, (2, 4, 16, 3), "2", FreeRelativeAttention),
}


@pytest.mark.parametrize(("blocks", "units"), [("inside", 4), ("whole", 3)])
@pytest.mark.parametrize("case", CASES)
def test_heads_in_windows_and_their_places_are_cut_exactly(case: str, blocks: str, units: int) -> None:
    build, shape, name, free = CASES[case]
    network, x = build(), torch.randn(shape)
    channels = trace(network, x, blocks=blocks)
    assert [p.name for p in channels.protected if "written in the network's code" in p.reason] == []
    group = next(g for g in channels.groups if g.name.startswith(name))
    assert (group.units, group.approximate) == (units, "")
    shares = {g.name: 0.5 for g in channels.groups if not g.approximate}
    plan = allocate(channels, score(network, channels, "l1"), shares=shares)
    small = prune(network, plan)
    assert type(small.get_submodule(name)) is free
    assert verify(network, small, plan, x) < 1e-12
    assert trace(small, x, blocks=blocks).counts() == plan.counts()


def test_residual_widths_around_windows_are_cut() -> None:
    """Its heads were cut too; the scale is still that of the dense head dimension."""
    network, x = swin("v1"), torch.randn(2, 3, 24, 24)
    channels = trace(network, x)
    small = prune(network, allocate(channels, score(network, channels, "l1"), share=0.5))
    attention = small.features[1][0].attn
    assert (attention.num_heads, attention.head_dim) == (3, 4)
    assert [tuple(p.shape) for p in attention.qkv.parameters()] == [(18, 6), (18,)]
    assert small.train()(x).shape == (2, 5)


def test_windows_that_are_not_cut_stay_torchvisions_own() -> None:
    network, x = swin("v1"), torch.randn(2, 3, 24, 24)
    channels = trace(network, x)
    plan = allocate(channels, score(network, channels, "l1"), shares={"features.1.0.mlp.0": 0.5})
    assert type(prune(network, plan).features[1][0].attn) is ShiftedWindowAttention


@pytest.mark.parametrize("blocks", ["inside", "whole"])
def test_a_cut_swin_is_saved_and_loaded(tmp_path: Path, blocks: str) -> None:
    arguments = {"num_classes": 5, "image_size": 32}
    network, x = models.build("swin_t", **arguments).eval(), torch.randn(1, 3, 32, 32)
    channels = trace(network, x, blocks=blocks)
    plan = allocate(channels, score(network, channels, "l1"), share=0.5)
    small, file = prune(network, plan), tmp_path / "small.safetensors"
    checkpoint.save(small, file, name="swin_t", arguments=arguments, plan=plan, blocks=blocks)
    found = checkpoint.load(file)
    assert type(found.features[1][0].attn) is FreeWindowAttention
    assert torch.allclose(found.double()(x.double()), small.double()(x.double()), rtol=1e-12)
