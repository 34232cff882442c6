"""Attention as people write it: fused or apart, with heads as attributes, masks, positions and shared keys."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from zoo.case import Tokens, net, parameter, tokens


def heads(m: Tokens, x: Tensor, layer: nn.Module) -> Tensor:
    """(N, T, heads · d) → (N, heads, T, d)."""
    return layer(x).view(x.shape[0], x.shape[1], m.heads, -1).transpose(1, 2)


def merged(x: Tensor) -> Tensor:
    return x.transpose(1, 2).flatten(2)


def three(m: Tokens, x: Tensor) -> tuple[Tensor, ...]:
    n, t, _ = x.shape
    return m.qkv(x).reshape(n, t, 3, m.heads, m.head_dim).permute(2, 0, 3, 1, 4).unbind(0)


def fused(m: Tokens, x: Tensor) -> Tensor:
    q, k, v = three(m, x)
    return x + m.proj(merged(((q * m.scale) @ k.transpose(-2, -1)).softmax(-1) @ v))


def fused_product(m: Tokens, x: Tensor) -> Tensor:
    return x + m.proj(merged(F.scaled_dot_product_attention(*three(m, x), scale=m.scale)))


def fused_default_scale(m: Tokens, x: Tensor) -> Tensor:
    return x + m.proj(merged(F.scaled_dot_product_attention(*three(m, x))))


def divided_width(m: Tokens, x: Tensor) -> Tensor:
    """The ViT of many tutorials: every size comes from the width of the residual stream."""
    n, t, c = x.shape
    q, k, v = m.qkv(x).reshape(n, t, 3, m.heads, c // m.heads).permute(2, 0, 3, 1, 4)
    return x + m.proj((F.scaled_dot_product_attention(q, k, v)).transpose(1, 2).reshape(n, t, c))


def apart(m: Tokens, x: Tensor) -> Tensor:
    q, k, v = (heads(m, x, layer) for layer in (m.q, m.k, m.v))
    return x + m.proj(merged((q @ k.transpose(-2, -1) * m.scale).softmax(-1) @ v))


def apart_default_scale(m: Tokens, x: Tensor) -> Tensor:
    q, k, v = (heads(m, x, layer) for layer in (m.q, m.k, m.v))
    return x + m.proj(merged(F.scaled_dot_product_attention(q, k, v, is_causal=True)))


def masked(m: Tokens, x: Tensor) -> Tensor:
    q, k, v = (heads(m, x, layer) for layer in (m.q, m.k, m.v))
    weights = (q @ k.transpose(-2, -1) * m.scale).masked_fill(m.mask, float("-inf")).softmax(-1)
    return x + m.proj(merged(F.dropout(weights, 0.1, m.training) @ v))


def einsum(m: Tokens, x: Tensor) -> Tensor:
    q, k, v = (layer(x).unflatten(-1, (m.heads, -1)) for layer in (m.q, m.k, m.v))
    weights = (torch.einsum("bihd,bjhd->bhij", q, k) * m.scale).softmax(-1)
    return x + m.proj(torch.einsum("bhij,bjhd->bihd", weights, v).flatten(2))


def grouped_query(m: Tokens, x: Tensor) -> Tensor:
    """Ainslie et al. 2023: two query heads share a key head."""
    n, t, _ = x.shape
    q = m.q(x).view(n, t, m.heads, -1).transpose(1, 2)
    k, v = (f(x).view(n, t, m.kv_heads, -1).transpose(1, 2).repeat_interleave(2, 1) for f in (m.k, m.v))
    return x + m.proj(merged((q @ k.transpose(-2, -1) * m.scale).softmax(-1) @ v))


def grouped_query_expanded(m: Tokens, x: Tensor) -> Tensor:
    n, t, _ = x.shape
    q = m.q(x).view(n, t, m.heads, -1).transpose(1, 2)
    k, v = (
        f(x).view(n, t, m.kv_heads, 1, -1).expand(-1, -1, -1, 2, -1).flatten(2, 3).transpose(1, 2) for f in (m.k, m.v)
    )
    return x + m.proj(merged((q @ k.transpose(-2, -1) * m.scale).softmax(-1) @ v))


def turned(x: Tensor, m: Tokens) -> Tensor:
    a, b = x.chunk(2, -1)
    return x * m.cos + torch.cat([-b, a], -1) * m.sin


def rotary(m: Tokens, x: Tensor) -> Tensor:
    """RoPE, Su et al. 2021, with tables of (T, d)."""
    q, k, v = (heads(m, x, layer) for layer in (m.q, m.k, m.v))
    return x + m.proj(merged((turned(q, m) @ turned(k, m).transpose(-2, -1) * m.scale).softmax(-1) @ v))


def cosine(m: Tokens, x: Tensor) -> Tensor:
    """Swin v2: normalised queries and keys, a learnt temperature for each head."""
    q, k, v = (heads(m, x, layer) for layer in (m.q, m.k, m.v))
    similar = F.normalize(q, dim=-1) @ F.normalize(k, dim=-1).transpose(-2, -1)
    return x + m.proj(merged((similar * m.t.exp()).softmax(-1) @ v))


def relative_bias(m: Tokens, x: Tensor) -> Tensor:
    q, k, v = (heads(m, x, layer) for layer in (m.q, m.k, m.v))
    bias = m.table[m.index.view(-1)].view(5, 5, -1).permute(2, 0, 1)
    return x + m.proj(merged((q @ k.transpose(-2, -1) * m.scale + bias).softmax(-1) @ v))


def normed_queries(m: Tokens, x: Tensor) -> Tensor:
    q, k, v = (heads(m, x, layer) for layer in (m.q, m.k, m.v))
    return x + m.proj(merged((m.qn(q) @ m.kn(k).transpose(-2, -1) * m.scale).softmax(-1) @ v))


def linear_attention(m: Tokens, x: Tensor) -> Tensor:
    """Katharopoulos et al. 2020: ELU + 1 makes one of a removed unit's zero."""
    q, k, v = (heads(m, x, layer) for layer in (m.q, m.k, m.v))
    return x + m.proj(merged((F.elu(q) + 1) @ ((F.elu(k) + 1).transpose(-2, -1) @ v) * m.scale))


def module(m: Tokens, x: Tensor) -> Tensor:
    return x + m.attention(x, x, x, need_weights=False)[0]


def module_with_weights(m: Tokens, x: Tensor) -> Tensor:
    y, weights = m.attention(x, x, x, attn_mask=m.mask)
    return x + y * weights.mean((1, 2)).view(-1, 1, 1)


def module_time_first(m: Tokens, x: Tensor) -> Tensor:
    x = x.transpose(0, 1)
    return (x + m.attention(x, x, x)[0]).transpose(0, 1)


def module_crossed(m: Tokens, x: Tensor) -> Tensor:
    hidden = torch.zeros(x.shape[:2], dtype=torch.bool, device=x.device)
    return x + m.attention(x, m.a(x), m.b(x), key_padding_mask=hidden, need_weights=False)[0]


def class_token(m: Tokens, x: Tensor) -> Tensor:
    x = torch.cat([m.token.expand(x.shape[0], -1, -1), x], 1) + m.places
    return fused(m, x)[:, 0]


def image_tokens(m: nn.Module, x: Tensor) -> Tensor:
    n, c, h, w = x.shape
    return fused(m, x.flatten(2).transpose(1, 2)).transpose(1, 2).view(n, c, h, w)  # type: ignore[arg-type]


def linear(i: int = 12, o: int = 12) -> nn.Linear:
    return nn.Linear(i, o)


def separate() -> dict[str, object]:
    return {"q": linear(), "k": linear(), "v": linear(), "proj": linear(), "heads": 3, "scale": 0.5}


def together(**more: object) -> dict[str, object]:
    return {"qkv": linear(12, 36), "proj": linear(), "heads": 3, "head_dim": 4, "scale": 0.5, **more}


def multihead(**more: object) -> nn.MultiheadAttention:
    return nn.MultiheadAttention(12, 3, **({"batch_first": True} | more))


APART = {**separate(), "exact": {"embed": 12, "q": 4, "v": 4}, "whole": {"embed": 12, "q": 3}}
TRIANGLE = torch.ones(5, 5).triu(1).bool()
SHARED = {
    "q": linear(),
    "k": linear(12, 6),
    "v": linear(12, 6),
    "proj": linear(),
    "heads": 4,
    "kv_heads": 2,
    "scale": 0.5,
}
SHARED_OUTCOME = {"exact": {"embed": 12, "q": 3, "v": 3}, "whole": {"embed": 12, "q": 2}}
FUSED = {"exact": {"embed": 12, "qkv": 4}, "whole": {"embed": 12, "qkv": 3}}
MODULE = {"exact": {"attention": None}, "whole": {"attention": 3}}

ATTENTION = {
    "attention-fused": tokens(fused, **together(), **FUSED),
    "attention-product-with-scale": tokens(fused_product, **together(), **FUSED),
    "attention-product-default-scale": tokens(fused_default_scale, **together(), exact={"embed": 12, "qkv": 3}, whole={"embed": 12, "qkv": 3}),
    "attention-divided-width": tokens(divided_width, **together(), alone={"qkv": "."}),
    "attention-apart": tokens(apart, **APART),
    "attention-apart-default-scale": tokens(apart_default_scale, **separate(), exact={"embed": 12}, whole={"embed": 12, "q": 3}),
    "attention-masked": tokens(masked, **APART, mask=TRIANGLE),
    "attention-einsum": tokens(einsum, **APART),
    "grouped-query": tokens(grouped_query, **SHARED, **SHARED_OUTCOME),
    "grouped-query-expanded": tokens(grouped_query_expanded, **SHARED, **SHARED_OUTCOME),
    "rotary": tokens(rotary, **separate(), cos=torch.rand(5, 4), sin=torch.rand(5, 4), exact={"embed": 12, "q": 2, "v": 4}, whole={"embed": 12, "q": 3}),
    "cosine-attention": tokens(cosine, **APART, t=parameter(3, 1, 1)),
    "relative-bias": tokens(relative_bias, **APART, table=parameter(9, 3), index=torch.arange(25).view(5, 5) % 9),
    "normed-queries": tokens(normed_queries, **separate(), qn=nn.LayerNorm(4), kn=nn.LayerNorm(4), exact={"embed": 12, "v": 4}, approximate={"q": 4}, whole={"embed": 12, "q": 3}),
    "linear-attention": tokens(linear_attention, **separate(), exact={"embed": 12, "v": 4}, doubtful=("q", "k"), whole={"embed": 12, "q": 3}),
    "class-token": tokens(class_token, **together(), **FUSED, token=parameter(1, 1, 12), places=parameter(1, 6, 12)),
    "image-tokens": net(image_tokens, 8, qkv=linear(8, 36), proj=linear(12, 8), heads=3, head_dim=4, scale=0.5, exact={"conv": 8, "qkv": 4}, whole={"conv": 8, "qkv": 3}),
    "multihead": tokens(module, attention=multihead(), **MODULE),
    "multihead-with-weights": tokens(module_with_weights, attention=multihead(), mask=TRIANGLE, **(MODULE | {"whole": None})),
    "multihead-time-first": tokens(module_time_first, attention=multihead(batch_first=False), **MODULE),
    "multihead-crossed": tokens(module_crossed, attention=multihead(kdim=10, vdim=9), a=linear(12, 10), b=linear(12, 9), **(MODULE | {"exact": {"attention": None, "a": 10, "b": 9}})),
    "multihead-bias-kv": tokens(module, attention=multihead(add_bias_kv=True, add_zero_attn=True)),
    "encoder-layer": tokens(lambda m, x: m.e(x), e=nn.TransformerEncoderLayer(12, 3, 16, batch_first=True), exact={"e.linear1": 16}),
    "encoder-layer-norm-first": tokens(lambda m, x: m.e(x), e=nn.TransformerEncoder(nn.TransformerEncoderLayer(12, 3, 16, batch_first=True, norm_first=True, activation="gelu"), 2, enable_nested_tensor=False), exact={"e.layers.0.linear1": 16, "e.layers.1.linear1": 16}),
    "decoder-layer": tokens(lambda m, x: m.e(x, m.a(x)), e=nn.TransformerDecoderLayer(12, 3, 16, batch_first=True), a=linear(), exact={"e.linear1": 16}),
    "token-mixing": tokens(lambda m, x: x + m.b(F.gelu(m.a(x.transpose(1, 2)))).transpose(1, 2), a=linear(5, 7), b=linear(7, 5), exact={"embed": 12, "a": 7}),
}  # fmt: skip
