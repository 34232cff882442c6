"""Every criterion on a public ResNet-56 and CIFAR-10: accuracy right after Li et al.'s plans, and after batch norm is measured anew.

    python -m benchmarks.resnet56 CHECKPOINT CIFAR10.zip [criterion …]     (train/CLASS/*.jpg and test/CLASS/*.jpg in the zip)

Writes resnet56.md. Nothing is trained: criteria are compared by what their picks leave, before fine-tuning evens them out.
"""

import io
import sys
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import nn

import models
from benchmarks.tables import machine, table
from pruning import allocate, prune, score, trace, verify
from pruning.checkpoint import load_weights
from pruning.criteria import CRITERIA
from pruning.data.dataset import Dataset
from pruning.errors import UserError
from pruning.evaluate import evaluate, evaluation_batches
from pruning.recalibration import recalibrate

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # what the checkpoint was trained with
IMAGES, TESTED = 1024, 2000  # training images for scores and batch norm; test images, in random order
LI_B = (0.6, 0.3, 0.1), {16, 18, 20, 34, 38, 54}
HALF = (0.5, 0.5, 0.5), set[int]()
PLANS = {"B (−13.75 % of the parameters)": LI_B, "half of every block": HALF}
SEEDS = (0, 1, 2)


def first_convs(shares: tuple[float, ...], skip: set[int]) -> dict[str, float]:
    """Shares of the first convolution of every block; layers are numbered 2, 4, 6, … as in the paper."""
    places = [(stage, block) for stage in range(3) for block in range(9)]
    return {f"layer{s + 1}.{b}.conv1": shares[s] for s, b in places if 2 * (9 * s + b) + 2 not in skip}


def part(archive: zipfile.ZipFile, name: str, classes: list[str]) -> tuple[np.ndarray, np.ndarray]:
    files = sorted(n for n in archive.namelist() if n.startswith(f"{name}/") and n.endswith(".jpg"))
    images = [np.asarray(Image.open(io.BytesIO(archive.read(n))).convert("RGB")) for n in files]
    return np.stack(images).transpose(0, 3, 1, 2).copy(), np.array([classes.index(n.split("/")[1]) for n in files])


def cifar10(path: str) -> Dataset:
    """Training images in random order, so that the first are of all classes."""
    with zipfile.ZipFile(path) as archive:
        classes = sorted({n.split("/")[1] for n in archive.namelist() if n.endswith(".jpg")})
        (x, y), test = part(archive, "train", classes), part(archive, "test", classes)
    order = np.random.default_rng(0).permutation(len(y))
    held, rest = order[:1000], order[1000:]
    some = np.random.default_rng(1).permutation(len(test[1]))[:TESTED]
    test_x, test_y = (values[some] for values in test)
    return Dataset(
        "cifar10", tuple(classes), MEAN, STD, x[rest], y[rest], x[held], y[held], test_x, test_y, image_size=32
    )


def measured(dense: nn.Module, dataset: Dataset, criterion: str, seed: int) -> Iterator[list[float]]:
    """(accuracy after the cut, after recalibration) for every plan; raises UserError where the criterion judges nothing."""
    channels = trace(dense, torch.zeros(1, 3, 32, 32))
    images = list(evaluation_batches(dataset.train_x[:IMAGES], dataset.train_y[:IMAGES], dataset, "cpu", size=64))
    scores = score(dense, channels, criterion, data=images, seed=seed)
    for shares, skip in PLANS.values():
        plan = allocate(channels, scores, shares=first_convs(shares, skip))
        small = prune(dense, plan)
        verify(dense, small, plan)
        untuned = evaluate(small, dataset.test_x, dataset.test_y, dataset)["accuracy"]
        recalibrate(small, [x for x, _ in images])
        yield [untuned, evaluate(small, dataset.test_x, dataset.test_y, dataset)["accuracy"]]


def lines(dense: nn.Module, dataset: Dataset, names: Sequence[str]) -> Iterator[list[str]]:
    for name in names:
        try:
            found = np.array(
                [list(measured(dense, dataset, str(name), s)) for s in (SEEDS if name == "random" else (0,))]
            )
        except UserError as error:
            print(name, error, flush=True)
            continue
        cells = [f"{100 * a:.2f} → {100 * b:.2f}" for a, b in found.mean(0)]
        print(name, cells, flush=True)
        yield [str(name), *cells, f"{found.mean():.6f}"]


def main(weights: str, images: str, *names: str) -> None:
    dataset = cifar10(images)
    dense = models.build("resnet56-cifar", in_channels=3, num_classes=10, image_size=32)
    load_weights(dense, weights)
    accuracy = evaluate(dense.eval(), dataset.test_x, dataset.test_y, dataset)["accuracy"]
    rows = sorted(lines(dense, dataset, names or tuple(CRITERIA)), key=lambda row: -float(row[-1]))
    text = [
        "Public ResNet-56 on CIFAR-10 as JPEGs: test accuracy in % right after the cut → after batch norm is measured anew.",
        "",
        f"Dense: {100 * accuracy:.2f} % of {TESTED:,} test images. {IMAGES:,} training images for scores and batch norm; random is a mean over {len(SEEDS)} seeds; {machine()}.",
        "",
        table(["criterion", *PLANS], [row[:-1] for row in rows]),
        "",
    ]
    Path(__file__).with_suffix(".md").write_text("\n".join(text))


if __name__ == "__main__":
    torch.set_num_threads(1)
    main(*sys.argv[1:])
