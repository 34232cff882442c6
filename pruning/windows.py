"""torchvision's attention in windows with free widths: Swin (Liu et al. 2021, 2022) and MaxViT (Tu et al. 2022).

torchvision takes the widths of heads from the residual width. These have the same parameters under the same names and
compute the same function, with widths read from the tensors. They are plain modules: torchvision is not imported here.
"""

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

Pair = tuple[int, int]


class FreeWindowAttention(nn.Module):
    """softmax(q kᵀ / √d + bias) v per head and window (Swin, eq. 4); d is the head dimension before the cut."""

    window_size: list[int]
    shift_size: list[int]
    num_heads: int
    head_dim: int  # before the cut; torchvision's class has none
    attention_dropout: float
    dropout: float
    qkv: nn.Linear
    proj: nn.Linear
    relative_position_bias_table: Tensor
    relative_position_index: Tensor

    def forward(self, x: Tensor) -> Tensor:  # (N, H, W, C)
        height, width = x.shape[1:3]
        window = (self.window_size[0], self.window_size[1])
        x = F.pad(x, (0, 0, 0, -width % window[1], 0, -height % window[0]))
        size = (x.shape[1], x.shape[2])
        shift = (self.shift_size[0] * (window[0] < size[0]), self.shift_size[1] * (window[1] < size[1]))
        if any(shift):
            x = torch.roll(x, (-shift[0], -shift[1]), (1, 2))
        x = self.attend(partition(x, window), mask(x, window, shift) if any(shift) else None)
        x = departition(x, size, window)
        if any(shift):
            x = torch.roll(x, shift, (1, 2))
        return x[:, :height, :width].contiguous()

    def attend(self, x: Tensor, hidden: Tensor | None) -> Tensor:
        """x: (windows, T, C); hidden: (windows of an image, T, T), added to all heads."""
        q, k, v = (heads(t, self.num_heads) for t in self.projected(x))  # (windows, heads, T, d)
        scores = self.similarity(q, k) + self.bias()
        if hidden is not None:
            shape = scores.shape
            scores = (scores.reshape(-1, len(hidden), *shape[1:]) + hidden.unsqueeze(1)).reshape(shape)
        weights = F.dropout(scores.softmax(-1), self.attention_dropout, self.training)
        result = F.linear((weights @ v).transpose(1, 2).flatten(2), self.proj.weight, self.proj.bias)
        return F.dropout(result, self.dropout, self.training)

    def projected(self, x: Tensor) -> tuple[Tensor, ...]:
        return torch.split(F.linear(x, self.qkv.weight, self.qkv.bias), parts(self.qkv, self.proj), -1)

    def similarity(self, q: Tensor, k: Tensor) -> Tensor:
        scaled: Tensor = q * self.head_dim**-0.5
        return scaled @ k.transpose(-2, -1)

    def bias(self) -> Tensor:
        return position_bias(
            self.relative_position_bias_table, self.relative_position_index, math.prod(self.window_size)
        )


class FreeWindowAttentionV2(FreeWindowAttention):
    """softmax(cos(q, k) / τ + bias) v per head and window (Swin V2, eq. 2 and 3); the key has no bias."""

    logit_scale: Tensor
    cpb_mlp: nn.Sequential
    relative_coords_table: Tensor

    def projected(self, x: Tensor) -> tuple[Tensor, ...]:
        if self.qkv.bias is None:
            return super().projected(x)
        sizes = parts(self.qkv, self.proj)
        of_query, of_key, of_value = torch.split(self.qkv.bias, sizes)
        bias = torch.cat([of_query, torch.zeros_like(of_key), of_value])
        return torch.split(F.linear(x, self.qkv.weight, bias), sizes, -1)

    def similarity(self, q: Tensor, k: Tensor) -> Tensor:
        cosine = F.normalize(q, dim=-1) @ F.normalize(k, dim=-1).transpose(-2, -1)
        return cosine * self.logit_scale.clamp(max=math.log(100.0)).exp()

    def bias(self) -> Tensor:
        table = self.cpb_mlp(self.relative_coords_table).flatten(0, -2)
        return 16 * torch.sigmoid(position_bias(table, self.relative_position_index, math.prod(self.window_size)))


class FreeRelativeAttention(nn.Module):
    """softmax(q kᵀ s + bias) v per head of MaxViT; s is a number of the module, of the width before the cut."""

    n_heads: int
    head_dim: int
    max_seq_len: int
    scale_factor: float
    to_qkv: nn.Linear
    merge: nn.Linear
    relative_position_bias_table: Tensor
    relative_position_index: Tensor

    def forward(self, x: Tensor) -> Tensor:  # (N, windows, T, C)
        made = torch.split(self.to_qkv(x), parts(self.to_qkv, self.merge), -1)
        q, k, v = (heads(t, self.n_heads) for t in made)  # (N, windows, heads, T, d)
        scores = q @ (k * self.scale_factor).transpose(-2, -1)
        bias = position_bias(self.relative_position_bias_table, self.relative_position_index, self.max_seq_len)
        weights = (scores + bias).softmax(-1)
        return self.merge((weights @ v).transpose(-3, -2).flatten(-2))  # type: ignore[no-any-return]


def parts(made: nn.Linear, read: nn.Linear) -> list[int]:
    """Widths of query, key and value: the last is what the layer after reads, the first two are alike."""
    of_value = read.weight.shape[1]
    of_query = (len(made.weight) - of_value) // 2
    return [of_query, of_query, of_value]


def heads(x: Tensor, number: int) -> Tensor:
    """(…, T, heads · d) → (…, heads, T, d)."""
    return x.reshape(*x.shape[:-1], number, -1).transpose(-3, -2)


def position_bias(table: Tensor, index: Tensor, places: int) -> Tensor:
    """Rows of a table, (rows, heads), for every two places of a window: (1, heads, places, places)."""
    return table[index.flatten()].reshape(places, places, -1).permute(2, 0, 1).unsqueeze(0)


def partition(x: Tensor, window: Pair) -> Tensor:
    """(N, H, W, C) → (N · windows, T, C)."""
    n, height, width, channels = x.shape
    tiles = x.reshape(n, height // window[0], window[0], width // window[1], window[1], channels)
    return tiles.transpose(2, 3).reshape(-1, math.prod(window), channels)


def departition(x: Tensor, size: Pair, window: Pair) -> Tensor:
    """(N · windows, T, C) → (N, H, W, C)."""
    tiles = x.reshape(-1, size[0] // window[0], size[1] // window[1], *window, x.shape[-1])
    return tiles.transpose(2, 3).reshape(-1, *size, x.shape[-1])


def mask(x: Tensor, window: Pair, shift: Pair) -> Tensor:
    """(windows, T, T): −100 between places that only the cyclic shift of (N, H, W, C) has brought together."""
    rows, columns = (regions(n, w, s, x.device) for n, w, s in zip(x.shape[1:3], window, shift, strict=True))
    places = partition((3 * rows[:, None] + columns)[None, :, :, None], window)  # (windows, T, 1)
    return torch.where(places == places.transpose(1, 2), 0.0, -100.0).to(x.dtype)


def regions(places: int, window: int, shift: int, device: torch.device) -> Tensor:
    """Along one side: 0 before the last window, 1 in it, 2 for what the shift brought there."""
    i = torch.arange(places, device=device)
    return (i >= places - window).long() + (i >= places - shift) if shift else torch.zeros_like(i)


def free_window(module: nn.Module) -> type[nn.Module] | None:
    """The class with free widths for a module of torchvision's whose layers are plain ones."""
    kind, layers = FREE.get(f"{type(module).__module__}.{type(module).__qualname__}", (None, ()))
    plain = all(isinstance(m, nn.Linear) and "weight" in m._parameters for m in (getattr(module, n) for n in layers))
    return kind if plain else None


def is_cut_window(module: Any) -> bool:
    """Whether torchvision's class no longer computes it; its numbers are the dense network's, or from a saved network."""
    if free_window(module) is FreeRelativeAttention:
        made, read, width = module.to_qkv, module.merge, module.n_heads * module.head_dim
    elif hasattr(module, "head_dim"):
        return True
    else:
        made, read, width = module.qkv, module.proj, module.qkv.in_features
    return [*made.weight.shape, *read.weight.shape] != [3 * width, width, width, width]


def set_free_window(module: Any) -> None:
    """Give it free widths, while its numbers are still the dense network's."""
    kind = free_window(module)
    if not hasattr(module, "head_dim"):
        module.head_dim = module.qkv.in_features // module.num_heads
    module.__class__ = kind


SWIN = "torchvision.models.swin_transformer.ShiftedWindowAttention"
MAXVIT = "torchvision.models.maxvit.RelativePositionalMultiHeadAttention"
FREE: Mapping[str, tuple[type[nn.Module], tuple[str, str]]] = {  # torchvision's name -> class, layers before and after
    SWIN: (FreeWindowAttention, ("qkv", "proj")),
    f"{SWIN}V2": (FreeWindowAttentionV2, ("qkv", "proj")),
    MAXVIT: (FreeRelativeAttention, ("to_qkv", "merge")),
}
