"""Products of activations, where a removed unit must be zero, and layers with a state."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from zoo.case import Net, conv, net, parameter, tokens, whole

FOLDED = "folded into one|dimensions"


def gram(x: Tensor) -> Tensor:
    flat = x.flatten(2)
    return flat @ flat.transpose(1, 2)


def non_local(m: Net, x: Tensor) -> Tensor:
    """Wang et al. 2018, with a softmax over places."""
    q, k, v = (layer(x).flatten(2) for layer in (m.q, m.k, m.v))
    mixed = torch.bmm(v, torch.bmm(q.transpose(1, 2), k).softmax(-1).transpose(1, 2))
    return x + m.o(mixed.view(x.shape[0], -1, *x.shape[2:]))


def over_channels(m: Net, x: Tensor) -> Tensor:
    """Attention over channels, Fu et al. 2019: every channel looks at every other."""
    return m.a((gram(x).softmax(-1) @ x.flatten(2)).view_as(x))


def gated_contraction(m: Net, x: Tensor) -> Tensor:
    """A sigmoid makes 0.5 of a removed unit's zero, and the sum over channels sees it."""
    a, b = m.a(x).sigmoid().flatten(2), m.b(x).sigmoid().flatten(2)
    return torch.bmm(a.transpose(1, 2), b)[:, None]


def biased_contraction(m: Net, x: Tensor) -> Tensor:
    """Adding one to what is summed over channels has the same effect."""
    return torch.einsum("bchw,bchw->bhw", x + 1, x + 1)[:, None]


def squared_distances(m: Net, x: Tensor) -> Tensor:
    return torch.cdist(x.mean((2, 3)), m.w)


def quantised(m: Net, x: Tensor) -> Tensor:
    """A soft codebook: similarities to learnt vectors weigh these."""
    flat = x.flatten(2).transpose(1, 2)
    return ((flat @ m.w.t()).softmax(-1) @ m.w).transpose(1, 2)


def recurrent(m: Net, x: Tensor) -> Tensor:
    """Rows of the image as a sequence."""
    return m.rnn(x.mean(3).transpose(1, 2))[0].transpose(1, 2)


def stepped(m: Net, x: Tensor) -> Tensor:
    hidden = torch.zeros(x.shape[0], m.cell.hidden_size, dtype=x.dtype, device=x.device)
    for step in x.mean(3).unbind(2):
        hidden = m.cell(step, hidden)
    return hidden


BOTH = {"a": conv(8, 6), "b": conv(8, 6)}

PRODUCTS = {
    "gram-matrix": net(lambda m, x: m.a(gram(x).flatten(1)), 6, a=nn.Linear(64, 6), exact={"a": 6}, alone={"conv": FOLDED}),
    "bilinear-pooling": net(lambda m, x: torch.einsum("bchw,bdhw->bcd", m.a(x), m.b(x)).flatten(1), 36, **BOTH, exact={"conv": 8}, alone={"a": FOLDED, "b": FOLDED}),
    "bilinear-kept-apart": net(lambda m, x: m.d(torch.bmm(m.a(x).flatten(2), m.b(x).flatten(2).transpose(1, 2)).transpose(1, 2)), 6, **BOTH, d=nn.Linear(6, 5), exact={"conv": 8, "a": 6, "b": 6}),
    "bilinear-layer": tokens(lambda m, x: m.a(x, m.b(x)), 7, a=nn.Bilinear(12, 8, 7), b=nn.Linear(12, 8), alone={"embed": "_trilinear has no rule", "b": "_trilinear has no rule"}),
    "einsum-with-a-weight": net(lambda m, x: torch.einsum("bchw,oc->bohw", x, m.w), 6, w=parameter(6, 8), exact={"conv": 8, "w": 6}),
    "einsum-per-channel": net(lambda m, x: m.a(torch.einsum("bchw,bc->bchw", x, m.b(x.mean((2, 3))).sigmoid())), 6, b=nn.Linear(8, 8), a=conv(8, 6), exact={"conv": 8, "a": 6}),
    "einsum-over-channels": net(lambda m, x: torch.einsum("bchw,bchw->bhw", m.a(x), m.b(x))[:, None], 1, **BOTH, exact={"conv": 8, "a": 6}),
    "einsum-of-three": net(lambda m, x: torch.einsum("bchw,oc,po->bphw", x, m.v, m.w), 5, v=parameter(6, 8), w=parameter(5, 6), exact={"conv": 8}),
    "einsum-diagonal-blocks": net(lambda m, x: torch.einsum("bgihw,gio->bgohw", x.unflatten(1, (2, -1)), m.w).flatten(1, 2), 6, w=parameter(2, 4, 3), exact={"conv": 4}),
    "two-branch-bmm": net(lambda m, x: torch.bmm(m.a(x).flatten(2).transpose(1, 2), m.b(x).flatten(2))[:, None], 1, **BOTH, exact={"conv": 8, "a": 6}),
    "non-local": net(non_local, 8, q=conv(8, 6, 1), k=conv(8, 6, 1), v=conv(8, 5, 1), o=conv(5, 8, 1), exact={"conv": 8, "q": 6, "v": 5}),
    "attention-over-channels": net(over_channels, 6, a=conv(8, 6), exact={"a": 6}, doubtful=("conv",)),
    "sigmoid-before-a-contraction": net(gated_contraction, 1, **BOTH, exact={"conv": 8}, doubtful=("a", "b")),
    "one-before-a-contraction": net(biased_contraction, 1, doubtful=("conv",)),
    "exponent-before-a-sum": net(lambda m, x: m.a(x) * x.exp().sum(1, keepdim=True), 6, a=conv(8, 6), exact={"a": 6}, doubtful=("conv",)),
    "batch-norm-before-a-sum": net(lambda m, x: m.a(x) * m.n(x).sum(1, keepdim=True), 6, a=conv(8, 6), n=nn.BatchNorm2d(8, affine=False), exact={"a": 6}, doubtful=("conv",)),
    "sum-over-channels": net(lambda m, x: m.a(x) * x.sum(1, keepdim=True), 6, a=conv(8, 6), exact={"a": 6}),
    "product-over-channels": net(lambda m, x: m.a(x) + x.prod(1, keepdim=True), 6, a=conv(8, 6), exact={"a": 6}, doubtful=("conv",)),
    "cosine-similarity": net(lambda m, x: F.cosine_similarity(m.a(x), m.b(x), 1)[:, None], 1, **BOTH, exact={"conv": 8}),
    "distances": net(squared_distances, 7, w=parameter(7, 8)),
    "codebook": net(quantised, 8, w=parameter(7, 8)),
    "outer-product": net(lambda m, x: (m.a(x)[:, :, None] * m.b(x)[:, None]).flatten(1, 2), 36, **BOTH, exact={"conv": 8}, alone={"a": FOLDED, "b": FOLDED}),
    "dynamic-filter": net(lambda m, x: F.conv2d(x.flatten(0, 1)[None], m.a(x.mean((2, 3))).view(-1, 1, 3, 3), padding=1, groups=x.shape[0] * x.shape[1]).view_as(x), 8, a=nn.Linear(8, 72)),
    "baddbmm": tokens(lambda m, x: torch.baddbmm(x, x, m.w.expand(x.shape[0], -1, -1)) + torch.addmm(m.b, x[:, 0], m.w)[:, None], w=parameter(12, 12), b=parameter(12), exact={"embed": 12}),
    "addmv": tokens(lambda m, x: torch.addmv(m.b, m.w, x.mean((0, 1)))[None] + x.mean(1), 12, w=parameter(12, 12), b=parameter(12)),
    "lstm-after-conv": net(recurrent, 6, rnn=nn.LSTM(8, 6, batch_first=True), exact={"conv": 8}),
    "gru-after-conv": net(recurrent, 12, rnn=nn.GRU(8, 6, batch_first=True, bidirectional=True), exact={"conv": 8}),
    "lstm-of-two-layers": net(recurrent, 4, rnn=nn.LSTM(8, 4, 2, batch_first=True), exact={"conv": 8}),
    "gru-cell": net(stepped, 6, cell=nn.GRUCell(8, 6), exact={"conv": 8}),
    "embedding": whole(lambda m, x: m.fc(F.relu(m.a(m.words(x).mean(1)))), words=nn.Embedding(9, 6, padding_idx=0), a=nn.Linear(6, 8), fc=nn.Linear(8, 3), inputs=lambda n: (torch.arange(n * 4).view(n, 4) % 9,), exact={"words": 6, "a": 8}),
    "embedding-bag": whole(lambda m, x: m.fc(F.relu(m.a(m.words(x)))), words=nn.EmbeddingBag(9, 6), a=nn.Linear(6, 8), fc=nn.Linear(8, 3), inputs=lambda n: (torch.arange(n * 4).view(n, 4) % 9,), exact={"a": 8}),
    "one-hot": whole(lambda m, x: m.fc(F.relu(m.a(F.one_hot(x, 9).to(m.a.weight.dtype).mean(1)))), a=nn.Linear(9, 8), fc=nn.Linear(8, 3), inputs=lambda n: (torch.arange(n * 4).view(n, 4) % 9,), exact={"a": 8}),
}  # fmt: skip
