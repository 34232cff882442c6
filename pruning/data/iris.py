"""Iris: 150 flowers, four measures each (Fisher 1936), from scikit-learn, standardised."""

import numpy as np

from pruning.data.dataset import DatasetCard, Progress, Source
from pruning.data.split import stratified
from pruning.errors import UserError
from pruning.spec import DataSettings

CLASSES = ("setosa", "versicolor", "virginica")
TRAIN, SEED = 120, 0  # 80 / 20


def load(settings: DataSettings, progress: Progress | None = None) -> Source:
    """Features scaled by mean and spread of the training part; raises UserError for an image size."""
    from sklearn.datasets import load_iris

    if settings.image_size:
        raise UserError("iris has rows of features, not images", do="Set the image size to 0.")
    x, y = load_iris(return_X_y=True)
    train = stratified(y, TRAIN, SEED)
    test = np.setdiff1d(np.arange(len(y)), train)
    x = ((x - x[train].mean(0)) / x[train].std(0)).astype(np.float32)
    y = y.astype(np.int64)
    return Source(CLASSES, x[train], y[train], x[test], y[test])


CARD = DatasetCard(
    "iris",
    "Iris",
    "150 flowers with four measures each, in three classes.",
    "CC BY 4.0, UCI Machine Learning Repository",
    CLASSES,
    4,
    0,
    load,
)
