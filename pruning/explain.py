"""What Explore shows of a network: its channel groups and every criterion's scores, written as soon as they are known."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

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
from pruning.spec import Augment, PruneSettings

BATCH = 32
MOST_MACS = 10**12  # of a forward pass over the scoring images that Explore can wait for: 64 images of VGG-16
FEWEST = 64  # scoring images
Data = Callable[[int], Iterable[Batch]]  # so many images
LATER = "It looks at data and at trained weights: computed when the training has ended."


def explain(model: nn.Module, input_shape: tuple[int, ...], run: Run, report: Report, data: Data | None = None) -> None:
    """Write channels.json and scores.json; criteria that look at data are left for later when there is no `data`."""
    channels = channels_of(model, input_shape)
    write_atomic(run.channels, channels.to_json())
    scores: dict[str, Any] = {}
    for done, (name, criterion) in enumerate(CRITERIA.items()):
        report.progress("score", done, len(CRITERIA))
        waits = criterion.watch is not None and data is None
        scores[name] = {"error": LATER} if waits else listed(model, channels, name, data)
    write_json(run.scores, scores)


def channels_of(model: nn.Module, input_shape: tuple[int, ...]) -> ChannelMap:
    """The traced map; one without groups that says why, when the network cannot be traced."""
    try:
        return trace(model, torch.zeros(2, *input_shape))
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
