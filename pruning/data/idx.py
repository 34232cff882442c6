"""The idx files of MNIST and Fashion-MNIST (LeCun's format): the header says how many bytes there must be."""

from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pruning.data import download
from pruning.data.dataset import Source
from pruning.errors import UserError
from pruning.run import data_home

UNSIGNED_BYTE = 8
FILES = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)


def read(path: Path) -> NDArray[np.uint8]:
    """The array of an idx file of bytes; raises UserError that names the file when it is cut short or something else."""
    content = np.fromfile(path, np.uint8)
    if len(content) < 4 or content[:2].any() or content[2] != UNSIGNED_BYTE:
        raise _broken(path, "it is not an idx file of bytes")
    start = 4 + 4 * int(content[3])
    if len(content) < start:
        raise _broken(path, "it ends within its header")
    shape = tuple(int(size) for size in content[4:start].view(">u4"))
    if len(content) - start != np.prod(shape):
        raise _broken(path, f"it has {len(content):,} bytes, its header says {start + int(np.prod(shape)):,}")
    return content[start:].reshape(shape)


def _broken(path: Path, why: str) -> UserError:
    return UserError(f"{path} is damaged: {why}", do=f"Delete {path.name} in {path.parent} and prepare the data again.")


def published(name: str, classes: tuple[str, ...], *, title: str) -> Source:
    """The torchvision data set called `name` from `data_home()/NAME/raw`, downloaded first where a file misses."""
    folder = data_home() / name / "raw"
    if wanted := missing(folder):
        download.into(folder, wanted, partial(fetch, name, classes), title=title)
    return source(folder, classes)


def fetch(name: str, classes: tuple[str, ...], folder: Path) -> Path:
    """Download into `folder`, md5 checked by torchvision, sizes by us; returns where the idx files lie."""
    from torchvision import datasets

    raw = Path(getattr(datasets, name)(folder, download=True).raw_folder)
    source(raw, classes)
    return raw


def missing(folder: Path) -> list[str]:
    return [name for name in FILES if not (folder / name).exists()]


def source(folder: Path, classes: tuple[str, ...]) -> Source:
    """Training and test part of the four files in `folder`, images as (N, 1, H, W)."""
    parts = [read(folder / name) for name in FILES]
    for images, labels, name in ((parts[0], parts[1], FILES[1]), (parts[2], parts[3], FILES[3])):
        if len(images) != len(labels) or labels.max(initial=0) >= len(classes):
            raise _broken(folder / name, "its labels do not fit the images")
    train_x, train_y, test_x, test_y = parts
    return Source(classes, train_x[:, None], train_y.astype(np.int64), test_x[:, None], test_y.astype(np.int64))
