"""What Explore shows of a network: its channel groups and every criterion's scores, written as soon as they are known."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from pruning import measure
from pruning.channels.map import ChannelMap, Protected
from pruning.channels.trace import trace
from pruning.criteria import CRITERIA, score
from pruning.criteria.units import Batch
from pruning.data.batches import batches
from pruning.data.dataset import Dataset
from pruning.errors import UserError
from pruning.report import Report
from pruning.run import Run, write_atomic, write_json
from pruning.spec import Augment, Blocks, PruneSettings

BATCH = 32
MOST_MACS = 10**12  # of a forward pass over the scoring images that Explore can wait for: 64 images of VGG-16
FEWEST = 64  # scoring images
Data = Callable[[int], Iterable[Batch]]  # so many images
LATER = "It looks at data and at trained weights: computed when the training has ended."


def explain(model: nn.Module, input_shape: tuple[int, ...], run: Run, report: Report, data: Data | None = None) -> None:
    """Write channels and scores, also for whole blocks where the network has some.

    Criteria that look at data are left for later when there is no `data`.
    """
    maps = maps_of(model, input_shape)
    if Blocks.WHOLE in maps:
        write_atomic(run.channels_whole, maps[Blocks.WHOLE].to_json())
    write_atomic(run.channels, maps[Blocks.INSIDE].to_json())  # last: it is what pages wait for
    for number, (blocks, channels) in enumerate(maps.items()):
        found: dict[str, Any] = {}
        for done, (name, criterion) in enumerate(CRITERIA.items(), number * len(CRITERIA)):
            report.progress("score", done, len(maps) * len(CRITERIA))
            waits = criterion.watch is not None and data is None
            found[name] = {"error": LATER} if waits else listed(model, channels, name, data)
        write_json(run.explained(blocks)[1], found)


def maps_of(model: nn.Module, input_shape: tuple[int, ...]) -> dict[Blocks, ChannelMap]:
    """The map for each way to cut blocks; only the default where the other is the same."""
    inside, whole = (channels_of(model, input_shape, blocks) for blocks in (Blocks.INSIDE, Blocks.WHOLE))
    return {Blocks.INSIDE: inside} if same(inside, whole) else {Blocks.INSIDE: inside, Blocks.WHOLE: whole}


def same(a: ChannelMap, b: ChannelMap) -> bool:
    """Whether two maps have the same groups, and the same units at every place."""
    pairs = [pair for name in a.units if name in b.units for pair in zip(a.units[name], b.units[name], strict=True)]
    return a == b and a.units.keys() == b.units.keys() and all(np.array_equal(x, y) for x, y in pairs)  # type: ignore[arg-type]


def channels_of(model: nn.Module, input_shape: tuple[int, ...], blocks: Blocks = Blocks.INSIDE) -> ChannelMap:
    """The traced map; one without groups that says why, when the network cannot be traced."""
    try:
        return trace(model, torch.zeros(2, *input_shape), blocks=blocks)
    except UserError as error:
        whole = Protected("network", 0, str(error))
        params, macs = sum(p.numel() for p in model.parameters()), measure.macs(model, input_shape)
        size = measure.stored_bytes(model)
        return ChannelMap((), (whole,), params=((params, ()),), macs=((macs, ()),), bytes=((size, ()),))


def listed(model: nn.Module, channels: ChannelMap, name: str, data: Data | None) -> Mapping[str, Any]:
    """One criterion's scores as lists, or {"error": the sentence why it cannot be computed}."""
    images = max(FEWEST, min(PruneSettings().score_images, MOST_MACS // max(1, channels.counts().macs)))
    try:
        found = score(model, channels, name, data=data(images) if data else None)
    except UserError as error:
        return {"error": str(error)}
    return {group: values.tolist() for group, values in found.items()}


def scoring_data(dataset: Dataset, images: int, *, seed: int, device: torch.device, report: Report) -> Iterator[Batch]:
    """`images` training examples in random order, unchanged, a batch at a time; stops when the user wants it to."""
    left = min(images, len(dataset.train_y))
    for number, (inputs, targets) in enumerate(training_order(dataset, seed, device)):
        report.progress("score", number * BATCH, images)
        yield inputs[:left], targets[:left]
        left -= len(targets)
        if left <= 0:
            return


def training_order(dataset: Dataset, seed: int, device: torch.device) -> Iterator[tuple[Tensor, Tensor]]:
    return batches(
        dataset.train_x,
        dataset.train_y,
        size=BATCH,
        seed=seed,
        epoch=0,
        mean=dataset.mean,
        std=dataset.std,
        augment=Augment.NONE,
        device=device,
        shuffle=True,
        image_size=dataset.image_size,
    )
