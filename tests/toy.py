"""A data set, a network and a report that are small enough to train in a test."""

import hashlib
from dataclasses import dataclass, field

import numpy as np
from torch import nn

import models
from pruning import data
from pruning.data.dataset import Dataset, DatasetCard, Source
from pruning.report import FolderReport


def dataset(train=40, held=12, seed=0) -> Dataset:
    """Three classes of 8 × 8 images that differ in brightness, with noise."""
    random = np.random.default_rng(seed)

    def part(count):
        y = np.arange(count) % 3
        return random.integers(0, 90, (count, 1, 8, 8), np.uint8) + (60 * y[:, None, None, None]).astype(np.uint8), y

    parts = {"train": part(train), "validation": part(held), "test": part(held)}
    arrays = {f"{name}_{axis}": array for name, pair in parts.items() for axis, array in zip("xy", pair, strict=True)}
    return Dataset("toy", ("dark", "grey", "bright"), (0.5,), (0.25,), image_size=8, **arrays)


def network() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(1, 6, 3), nn.BatchNorm2d(6), nn.ReLU(), nn.Flatten(), nn.Dropout(0.3), nn.Linear(216, 3)
    )


class Blocks(nn.Sequential):
    """Group norm and a grouped convolution, both of four blocks of two channels."""

    def __init__(self, **_: object) -> None:
        grouped = nn.Conv2d(1, 8, 3), nn.GroupNorm(4, 8), nn.ReLU(), nn.Conv2d(8, 8, 3, groups=4), nn.ReLU()
        super().__init__(*grouped, nn.Flatten(), nn.Linear(128, 3))


def digest(model: nn.Module) -> str:
    """SHA-256 of all weights and buffers."""
    return hashlib.sha256(b"".join(t.numpy().tobytes() for t in model.state_dict().values())).hexdigest()


def registered(patch) -> None:
    """Add the toy data set, and the network of blocks, to those that have a name."""
    whole = dataset(train=100)
    source = Source(whole.classes, whole.train_x, whole.train_y, whole.test_x, whole.test_y)
    card = DatasetCard("toy", "Toy", "", "", whole.classes, 1, 8, lambda *_: source, whole.mean, whole.std)
    patch.setitem(data.DATASETS, "toy", card)
    patch.setitem(models.MODELS, "blocks", models.ModelCard("toy:Blocks", "Four blocks.", "", 8, 1))


class Stopped(Exception):
    pass


@dataclass
class Notes:
    """A report that remembers, and stops the job at its `stop`th sign of progress."""

    stop: int = -1
    signs: int = 0
    records: list = field(default_factory=list)
    events: list = field(default_factory=list)

    def progress(self, stage, done, of):
        self.signs += 1
        if self.signs == self.stop:
            raise Stopped

    def metrics(self, **values):
        self.records.append(values)

    def event(self, text):
        self.events.append(text)

    def check(self):
        pass


class StopsIn(FolderReport):
    """The report of a run, which stops its job at a sign of progress."""

    def __init__(self, run, stage, at):
        super().__init__(run)
        self.where = stage, at

    def progress(self, stage, done, of):
        super().progress(stage, done, of)
        if (stage, done) == self.where:
            raise Stopped
