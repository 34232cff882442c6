"""Attention whose query, key, value and residual widths are free of each other, for heads and head dimensions that are cut.

torch's own modules take every width from `embed_dim`. These have the same parameters under the same names, and compute
the same function; a pruned network gets them where its attention was cut.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeGuard

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pruning.windows import free_window, is_cut_window, set_free_window


class FreeMultiheadAttention(nn.MultiheadAttention):
    """softmax(q kᵀ / √d) v per head (Vaswani et al. 2017, eq. 1); d is the head dimension before the cut."""

    def forward(
        self,
        query: Tensor,  # (N, L, E), (L, N, E) or (L, E), as in nn.MultiheadAttention
        key: Tensor,
        value: Tensor,
        key_padding_mask: Tensor | None = None,
        need_weights: bool = True,
        attn_mask: Tensor | None = None,
        average_attn_weights: bool = True,
        is_causal: bool = False,
    ) -> tuple[Tensor, Tensor | None]:
        batched = query.dim() == 3
        given = (query, key, value) if batched else (t.unsqueeze(0) for t in (query, key, value))
        first = (t.transpose(0, 1) if batched and not self.batch_first else t for t in given)
        q, k, v = (self.heads(t, *p) for t, p in zip(first, self.projections(), strict=True))  # (N, heads, L, d)
        scores = q * self.head_dim**-0.5 @ k.transpose(-2, -1)
        if attn_mask is not None:
            own = attn_mask.reshape(-1, self.num_heads, *attn_mask.shape[1:]) if attn_mask.dim() == 3 else attn_mask
            scores = hidden(scores, own)
        if key_padding_mask is not None:
            scores = hidden(scores, key_padding_mask[..., None, None, :])
        weights = F.dropout(scores.softmax(-1), self.dropout, self.training)
        result = self.out_proj((weights @ v).transpose(1, 2).flatten(2))
        shown = (weights.mean(1) if average_attn_weights else weights) if need_weights else None
        if not batched:
            return result[0], None if shown is None else shown[0]
        return (result if self.batch_first else result.transpose(0, 1)), shown

    def projections(self) -> Iterator[tuple[Tensor, Tensor | None]]:
        """Weight and bias of query, key and value."""
        of_value = self.out_proj.weight.shape[1]
        rows = 2 * len(self.q_proj_weight) + of_value if self.in_proj_weight is None else len(self.in_proj_weight)
        sizes = [(rows - of_value) // 2, (rows - of_value) // 2, of_value]
        apart = (self.q_proj_weight, self.k_proj_weight, self.v_proj_weight)
        weights = apart if self.in_proj_weight is None else torch.split(self.in_proj_weight, sizes)
        biases = (None,) * 3 if self.in_proj_bias is None else torch.split(self.in_proj_bias, sizes)
        return zip(weights, biases, strict=True)

    def heads(self, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        """(N, L, E) → (N, heads, L, d)."""
        made = F.linear(x, weight, bias)
        return made.reshape(*made.shape[:-1], self.num_heads, -1).transpose(1, 2)


def hidden(scores: Tensor, mask: Tensor) -> Tensor:
    """A boolean mask is True where attention may not look; another is added."""
    return scores.masked_fill(mask, float("-inf")) if not mask.is_floating_point() else scores + mask


def is_plain(module: nn.Module) -> TypeGuard[nn.MultiheadAttention]:
    """Whether it is torch's own attention, with nothing added to the keys."""
    return type(module) is nn.MultiheadAttention and module.bias_k is None and not module.add_zero_attn


def free_class(module: nn.Module) -> type[nn.Module] | None:
    """The class with free widths, for attention that has not got it and that is known."""
    return FreeMultiheadAttention if is_plain(module) else free_window(module)


def set_free(module: nn.Module) -> None:
    """Give a cut attention the class that can run it; before its numbers follow the cut."""
    if is_plain(module) and is_cut(module):
        module.__class__ = FreeMultiheadAttention
        module._qkv_same_embed_dim = False  # nn.TransformerEncoderLayer must not take its fused path
    elif free_window(module) and is_cut_window(module):
        set_free_window(module)


def is_cut(module: nn.MultiheadAttention) -> bool:
    width = module.embed_dim
    dense = [(width, width), (width, module.kdim), (width, module.vdim)]
    apart = [module.q_proj_weight, module.k_proj_weight, module.v_proj_weight]
    shapes = [(3 * width, width)] if module.in_proj_weight is not None else dense
    weights = [module.in_proj_weight] if module.in_proj_weight is not None else apart
    pairs = zip([*shapes, (width, width)], [*weights, module.out_proj.weight], strict=True)
    return any(weight.shape != shape for shape, weight in pairs)


@contextmanager
def freed(model: nn.Module) -> Iterator[None]:
    """All of a network's attention with free widths, for a while."""
    dense = [(module, type(module), set(vars(module))) for module in model.modules() if free_class(module)]
    for module, kind, _ in dense:
        if kind is nn.MultiheadAttention:
            module.__class__ = FreeMultiheadAttention
        else:
            set_free_window(module)
    try:
        yield
    finally:
        for module, kind, own in dense:
            module.__class__ = kind
            for attribute in set(vars(module)) - own:
                delattr(module, attribute)
