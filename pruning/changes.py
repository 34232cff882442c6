"""What pruning changed: the answers of two networks to the same images, counted, and the flips with the worst first."""

import math
from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from pruning.data.dataset import Dataset, Pixels
from pruning.evaluate import evaluation_batches, logits

Record = dict[str, Any]
Numbers = NDArray[np.int64]
Scores = NDArray[np.float64]  # (N, classes)
KINDS = {
    "lost": 100,
    "other": 50,
    "gained": 50,
}  # right → wrong, wrong → another wrong, wrong → right: so many are listed


@torch.no_grad()
def answers(
    model: nn.Module,
    x: Pixels,
    y: Numbers,
    dataset: Dataset,
    device: torch.device | str = "cpu",
    done: Callable[[int], object] = lambda images: None,
) -> Scores:
    """Class scores (N, classes) of every example, before softmax, as `evaluate` sees them; moves the model to `device`.

    `done` is told how many images have been answered.
    """
    model.to(device).eval()
    found: list[NDArray[np.float32]] = []
    for inputs, _ in evaluation_batches(x, y, dataset, device):
        found.append(logits(model(inputs)).float().cpu().numpy())
        done(sum(map(len, found)))
    return np.concatenate(found).astype(np.float64)


def shares(scores: Scores) -> Scores:
    """Softmax: the confidence in each class, (N, classes)."""
    raised = np.exp(scores - scores.max(1, keepdims=True))
    softened: Scores = raised / raised.sum(1, keepdims=True)
    return softened


def compared(dense: Scores, pruned: Scores, truth: Numbers, images: Numbers) -> Record:
    """How two networks' class scores differ: counts, flips, accuracy by class, confusion; `images`: numbers of the rows."""
    before, after = dense.argmax(1), pruned.argmax(1)
    kinds = sorted_out(before, after, truth)
    flips = listed(kinds, truth, images, shares(dense), shares(pruned))
    return {
        "accuracy": [float((before == truth).mean()), float((after == truth).mean())],
        "counts": {name: int(which.sum()) for name, which in kinds.items()},
        "chance": chance(int(kinds["lost"].sum()), int(kinds["gained"].sum())),
        "flips": flips,
        "by_class": by_class(before, after, truth, dense.shape[1]),
        "confusion": confusion(before, after, truth),
    }


def sorted_out(before: Numbers, after: Numbers, truth: Numbers) -> dict[str, NDArray[np.bool_]]:
    """Every image in one of five kinds by its two answers."""
    was, now, same = before == truth, after == truth, before == after
    return {
        "lost": was & ~now,
        "other": ~was & ~now & ~same,
        "gained": ~was & now,
        "right": was & now,
        "wrong": ~was & same,
    }


def listed(
    kinds: dict[str, NDArray[np.bool_]], truth: Numbers, images: Numbers, dense: Scores, pruned: Scores
) -> list[Record]:
    """The flips of each kind, by how much confidence in the true class was lost, or gained: the largest change first."""
    every = np.arange(len(truth))
    lost = dense[every, truth] - pruned[every, truth]
    chosen = [
        (kind, i) for kind, most in KINDS.items() for i in worst(kinds[kind], -lost if kind == "gained" else lost, most)
    ]
    return [
        {"kind": kind, "image": int(images[i]), "class": int(truth[i]), "lost": float(lost[i])}
        | {"dense": answer(dense[i]), "pruned": answer(pruned[i])}
        for kind, i in chosen
    ]


def worst(which: NDArray[np.bool_], change: NDArray[np.float64], most: int) -> list[int]:
    """Rows of one kind, the largest change first."""
    rows = np.flatnonzero(which)
    return [int(i) for i in rows[np.argsort(-change[rows], kind="stable")][:most]]


def answer(confidence: NDArray[np.float64]) -> list[float]:
    """[class, confidence in it]."""
    return [int(confidence.argmax()), float(confidence.max())]


def by_class(before: Numbers, after: Numbers, truth: Numbers, classes: int) -> list[list[int]]:
    """For each class: images of it, and how many of them each network gets right."""
    return [[int(np.sum(which[truth == c])) for which in (truth == c, before == truth, after == truth)] for c in range(classes)]  # fmt: skip


def confusion(before: Numbers, after: Numbers, truth: Numbers) -> list[list[int]]:
    """[true class, answer, images before, images after], for the cells that differ."""
    was, now = (Counter(zip(truth.tolist(), given.tolist(), strict=True)) for given in (before, after))
    return [[*cell, was[cell], now[cell]] for cell in sorted(was | now) if was[cell] != now[cell]]


def chance(lost: int, gained: int) -> float:
    """How likely so uneven a count of flips is, when a flip goes either way alike: McNemar's exact test, two-sided.

    McNemar 1947, Note on the sampling error of the difference between correlated proportions or percentages.
    """
    n = lost + gained
    logs = [math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1) for k in range(min(lost, gained) + 1)]
    return min(1.0, 2 * sum(math.exp(value - n * math.log(2)) for value in logs))
