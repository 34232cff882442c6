"""MNIST: 70,000 handwritten digits (LeCun et al. 1998), downloaded by torchvision."""

from pathlib import Path

from pruning.data import download, idx
from pruning.data.dataset import DatasetCard, Progress, Source
from pruning.run import data_home
from pruning.spec import DataSettings

CLASSES = tuple("0123456789")


def load(settings: DataSettings, progress: Progress | None = None) -> Source:
    folder = data_home() / "MNIST" / "raw"
    if wanted := idx.missing(folder):
        download.into(folder, wanted, fetch, title="MNIST")
    return idx.source(folder, CLASSES)


def fetch(folder: Path) -> Path:
    """Download into `folder`, md5 checked by torchvision, sizes by us; returns where the idx files lie."""
    from torchvision.datasets import MNIST

    raw = Path(MNIST(folder, download=True).raw_folder)
    idx.source(raw, CLASSES)
    return raw


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
