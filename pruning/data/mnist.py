"""MNIST: 70,000 handwritten digits (LeCun et al. 1998), downloaded by torchvision."""

from pruning.data import idx
from pruning.data.dataset import DatasetCard, Progress, Source
from pruning.spec import DataSettings

CLASSES = tuple("0123456789")


def load(settings: DataSettings, progress: Progress | None = None) -> Source:
    return idx.published("MNIST", CLASSES, title="MNIST")


CARD = DatasetCard(
    "mnist",
    "MNIST",
    "70,000 handwritten digits of 28 × 28 grey pixels.",
    "CC BY-SA 3.0, Yann LeCun and Corinna Cortes",
    CLASSES,
    1,
    28,
    load,
    mean=(0.1307,),
    std=(0.3081,),
)
