"""Fashion-MNIST: 70,000 articles of clothing (Xiao et al. 2017, arXiv 1708.07747), downloaded by torchvision."""

from pruning.data import idx
from pruning.data.dataset import DatasetCard, Progress, Source
from pruning.spec import DataSettings

CLASSES = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)
LICENCE = "MIT, Zalando SE"
MEAN, STD = (0.2860,), (0.3530,)


def load(settings: DataSettings, progress: Progress | None = None) -> Source:
    return idx.published("FashionMNIST", CLASSES, title="Fashion-MNIST")


CARD = DatasetCard(
    "fashion-mnist",
    "Fashion-MNIST",
    "70,000 articles of clothing of 28 × 28 grey pixels.",
    LICENCE,
    CLASSES,
    1,
    28,
    load,
    mean=MEAN,
    std=STD,
)
