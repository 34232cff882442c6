"""CIFAR-10: 60,000 small colour photos (Krizhevsky 2009), downloaded and read by torchvision."""

from pathlib import Path

import numpy as np

from pruning.data import download
from pruning.data.dataset import DatasetCard, Progress, Source
from pruning.errors import UserError
from pruning.run import data_home
from pruning.spec import DataSettings

FOLDER = "cifar-10-batches-py"
FILES = ["batches.meta", *(f"data_batch_{i}" for i in range(1, 6)), "test_batch"]
CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")


def load(settings: DataSettings, progress: Progress | None = None) -> Source:
    folder = data_home() / FOLDER
    if wanted := [name for name in FILES if not (folder / name).exists()]:
        download.into(folder, wanted, fetch, title="CIFAR-10")
    check(folder)
    return read(data_home())


def check(folder: Path) -> None:
    """Raise UserError that names the files whose md5 is not the published one."""
    from torchvision.datasets import CIFAR10
    from torchvision.datasets.utils import check_integrity

    sums = dict([*CIFAR10.train_list, *CIFAR10.test_list, (CIFAR10.meta["filename"], CIFAR10.meta["md5"])])
    damaged = [name for name, md5 in sums.items() if not check_integrity(folder / name, md5)]
    if damaged:
        raise UserError(
            f"{', '.join(damaged)} in {folder}: damaged or cut short (the md5 differs)",
            do="Delete them and prepare the data again.",
        )


def read(root: Path) -> Source:
    from torchvision.datasets import CIFAR10

    parts = [CIFAR10(root, train=train) for train in (True, False)]
    images = [np.ascontiguousarray(part.data.transpose(0, 3, 1, 2)) for part in parts]  # (N, C, H, W)
    labels = [np.asarray(part.targets, np.int64) for part in parts]
    return Source(CLASSES, images[0], labels[0], images[1], labels[1])


def fetch(folder: Path) -> Path:
    """Download into `folder`, md5 checked by torchvision; returns where the batch files lie."""
    from torchvision.datasets import CIFAR10

    CIFAR10(folder, download=True)
    return folder / FOLDER


CARD = DatasetCard(
    "cifar10",
    "CIFAR-10",
    "60,000 photos of 32 × 32 pixels in ten classes.",
    "Free for research, Alex Krizhevsky",
    CLASSES,
    3,
    32,
    load,
    mean=(0.4914, 0.4822, 0.4465),
    std=(0.2470, 0.2435, 0.2616),
)
