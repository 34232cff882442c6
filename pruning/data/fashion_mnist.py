"""Fashion-MNIST: 70,000 articles of clothing (Xiao et al. 2017, arXiv 1708.07747), downloaded by torchvision."""

from pathlib import Path

from pruning.data import download, idx
from pruning.data.dataset import DatasetCard, Progress, Source
from pruning.run import data_home
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
    folder = data_home() / "FashionMNIST" / "raw"
    if wanted := idx.missing(folder):
        download.into(folder, wanted, fetch, title="Fashion-MNIST")
    return idx.source(folder, CLASSES)


def fetch(folder: Path) -> Path:
    """Download into `folder`, md5 checked by torchvision, sizes by us; returns where the idx files lie."""
    from torchvision.datasets import FashionMNIST

    raw = Path(FashionMNIST(folder, download=True).raw_folder)
    idx.source(raw, CLASSES)
    return raw


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
