"""6,000 + 2,000 images of Fashion-MNIST that come with the program, so that everything works without a download."""

from pathlib import Path

import numpy as np

from pruning.data.dataset import DatasetCard, Progress, Source
from pruning.data.fashion_mnist import CLASSES, LICENCE, MEAN, STD
from pruning.spec import DataSettings

FILE = Path(__file__).with_name("fashion_mnist_sample.npz")


def load(settings: DataSettings, progress: Progress | None = None) -> Source:
    with np.load(FILE) as arrays:
        return Source(
            CLASSES,
            arrays["train_x"][:, None],
            arrays["train_y"].astype(np.int64),
            arrays["test_x"][:, None],
            arrays["test_y"].astype(np.int64),
        )


CARD = DatasetCard(
    "fashion-mnist-sample",
    "Fashion-MNIST sample (bundled)",
    "8,000 of Fashion-MNIST's images, 800 a class; no download.",
    LICENCE,
    CLASSES,
    1,
    28,
    load,
    mean=MEAN,
    std=STD,
    is_bundled=True,
)
