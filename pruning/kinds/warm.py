"""What one process keeps between requests: the last networks, channel maps and data sets, while their files stay as they were."""

from functools import lru_cache
from pathlib import Path

import torch
from torch import nn

from pruning import checkpoint, data
from pruning.channels.map import ChannelMap
from pruning.channels.trace import trace
from pruning.data.dataset import Dataset
from pruning.origin import ancestor
from pruning.run import Run, data_home
from pruning.spec import Blocks, DataSettings

NETWORKS, MAPS, DATA_SETS = 3, 6, 2  # kept at most


def network(run: Run) -> nn.Module:
    """The run's saved network, in eval mode on the CPU; whoever changes it must change a copy."""
    return _network(str(run.model), stamp(run.model))


def channels(run: Run, blocks: Blocks = Blocks.INSIDE) -> ChannelMap:
    """Traced from the run's network, so that it can be cut (its `units` are known)."""
    return _channels(str(run.model), stamp(run.model), blocks)


def dataset(run: Run) -> Dataset:
    """The data set that the run's line of parents was trained on."""
    settings = ancestor(run).data
    return _dataset(settings.model_dump_json(), data.DATASETS[settings.name].stamp(settings), str(data_home()))


def input_shape(path: Path | str) -> tuple[int, ...]:
    """(C, H, W) or (F,), as the saved network has it noted: no data set need be read for it."""
    return tuple(checkpoint.recipe(path)["extra"]["input_shape"])


def stamp(path: Path) -> int:
    return path.stat().st_mtime_ns


@lru_cache(NETWORKS)
def _network(path: str, stamp: int) -> nn.Module:
    return checkpoint.load(path)


@lru_cache(MAPS)
def _channels(path: str, stamp: int, blocks: Blocks) -> ChannelMap:
    return trace(_network(path, stamp), torch.zeros(2, *input_shape(path)), blocks=blocks)


@lru_cache(DATA_SETS)
def _dataset(settings: str, stamp: str, home: str) -> Dataset:
    return data.load(DataSettings.model_validate_json(settings))
