"""Attention with free widths computes what torch's does, before a cut and after it."""

import copy

import pytest
import torch
from torch import Tensor, nn

from pruning import allocate, prune, score, trace, verify
from pruning.attention import FreeMultiheadAttention, freed

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


def test_taylor_leaves_attention_to_others_and_judges_the_rest() -> None:
    network = nn.Sequential(encoder(), nn.Flatten(), nn.Linear(80, 3))
    data = [(torch.randn(4, 5, 16), torch.tensor([0, 1, 2, 0]))]
    channels = trace(network, data[0][0])
    judged = score(network, channels, "taylor", data=data)
    assert {"0.layers.0.linear1", "0.layers.1.linear1"} <= judged.keys()
    assert not any(name.endswith("self_attn") for name in judged)
