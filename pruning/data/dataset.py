"""What a data set is: its card in the registry, its raw parts, and the split arrays that training sees."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pruning.spec import DataSettings

Progress = Callable[[float, float], None]  # done, of


@dataclass(frozen=True)
class Rows:
    """Some rows of a large array on disk, in a chosen order; indexing copies only the rows asked for."""

    array: NDArray[np.uint8]  # (M, C, H, W), usually a memmap
    index: NDArray[np.int64]  # (N,)

    def __len__(self) -> int:
        return len(self.index)

    def __getitem__(self, key: Any) -> NDArray[np.uint8]:
        rows: NDArray[np.uint8] = np.array(self.array[self.index[key]])
        return rows

    @property
    def shape(self) -> tuple[int, ...]:
        return (len(self.index), *self.array.shape[1:])

    @property
    def dtype(self) -> np.dtype[np.uint8]:
        return self.array.dtype

    @property
    def nbytes(self) -> int:
        return int(np.prod(self.shape))


Pixels = NDArray[Any] | Rows


def take(x: Pixels, index: NDArray[np.int64]) -> Pixels:
    """The rows `index` of `x`; stays on disk where `x` is."""
    return Rows(x.array, x.index[index]) if isinstance(x, Rows) else x[index]


@dataclass(frozen=True)
class Source:
    """A data set as it was published: training and test part, all images of one size."""

    classes: tuple[str, ...]
    train_x: Pixels  # uint8 (N, C, H, W), or float32 (N, F)
    train_y: NDArray[np.int64]
    test_x: Pixels
    test_y: NDArray[np.int64]
    image_size: int = 0  # side that a network sees where images are stored larger, pixels
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class DatasetCard:
    name: str
    title: str
    doc: str
    licence: str
    classes: tuple[str, ...]  # () until a folder is read
    channels: int  # features, where there are no images
    image_size: int  # pixels; 0: rows of features
    load: Callable[[DataSettings, Progress | None], Source]
    mean: tuple[float, ...] = ()  # of pixels scaled to 0..1, a channel
    std: tuple[float, ...] = ()
    is_bundled: bool = False  # needs no download and reads in well under a second
    stamp: Callable[[DataSettings], str] = field(default=lambda settings: "")  # changes when the files change


@dataclass(frozen=True)
class Dataset:
    """The arrays a job learns from; `validation` was held back from the training part."""

    name: str
    classes: tuple[str, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    train_x: Pixels  # uint8 (N, C, H, W), or float32 (N, F)
    train_y: NDArray[np.int64]  # (N,)
    validation_x: Pixels
    validation_y: NDArray[np.int64]
    test_x: Pixels
    test_y: NDArray[np.int64]
    image_size: int  # pixels; 0: rows of features
    notes: tuple[str, ...] = ()

    @property
    def input_shape(self) -> tuple[int, ...]:
        """What a network sees of one example: (C, H, W), or (F,)."""
        channels = int(self.train_x.shape[1])
        return (channels, self.image_size, self.image_size) if self.image_size else (channels,)
