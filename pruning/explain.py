"""What Explore shows of a network: its channel groups and every criterion's scores, written as soon as they are known."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from pruning import measure
from pruning.channels.map import ChannelMap, Protected
from pruning.channels.trace import trace
from pruning.criteria import CRITERIA, scores_of
from pruning.criteria.units import Batch
from pruning.criterion_cards import ASKED, CARDS, LATER, Family
from pruning.data.batches import batches
from pruning.data.dataset import Dataset
from pruning.errors import UserError
from pruning.report import Report
from pruning.run import Run, write_atomic, write_json
from pruning.spec import Augment, Blocks, CriterionName, PruneSettings
from pruning.tiles import packed, tiles

BATCH = 32
MOST_MACS = 10**12  # of a forward pass over the scoring images that Explore can wait for: 64 images of VGG-16
MOST_DISTANCES = (
    10**9,
    3 * 10**10,
)  # multiplications between all filters of a group, before and after training: 0.2 and 5 s
FEWEST = 64  # scoring images


@dataclass(frozen=True)
class Images:
    """So many scoring images; each pass over them begins anew."""

    batches: Callable[[int], Iterable[Batch]]
    count: int

    def __iter__(self) -> Iterator[Batch]:
        return iter(self.batches(self.count))


Data = Callable[[int], Iterable[Batch]]  # so many images


def explain(model: nn.Module, input_shape: tuple[int, ...], run: Run, report: Report, data: Data | None = None) -> None:
    """Write channels, pictures of filters and scores, also for whole blocks where the network has some.

    Criteria that look at more than weights are left for later when there is no `data`; costly ones until they are asked for.
    """
    maps = maps_of(model, input_shape)
    pictures = {
        f"{blocks}/{name}": tile for blocks, whole in maps.items() for name, tile in tiles(model, whole).items()
    }
    write_atomic(run.filters, packed(pictures))
    if Blocks.WHOLE in maps:
        write_atomic(run.channels_whole, maps[Blocks.WHOLE].to_json())
    write_atomic(run.channels, maps[Blocks.INSIDE].to_json())  # last: it is what pages wait for
    for done, (blocks, channels) in enumerate(maps.items()):
        report.progress("score", done, len(maps))
        write_json(run.explained(blocks)[1], listed(model, channels, data))


def listed(model: nn.Module, channels: ChannelMap, data: Data | None) -> dict[str, Any]:
    """Every criterion's scores as lists, or {"error": the sentence why there are none}."""
    put_off = {name: reason for name in CRITERIA if (reason := waits(name, channels, has_data=data is not None))}
    count = max(FEWEST, min(PruneSettings().score_images, MOST_MACS // max(1, channels.counts().macs)))
    now = [name for name in CRITERIA if name not in put_off]
    found = scores_of(model, channels, now, data=Images(data, count) if data else None)
    return {name: in_lists(found[name]) if name in found else {"error": put_off[name]} for name in CRITERIA}


def waits(name: CriterionName, channels: ChannelMap, *, has_data: bool) -> str:
    """Why a criterion is not computed now, or empty."""
    before, after = (name is CriterionName.FPGM and distances(channels) > most for most in MOST_DISTANCES)
    if CARDS[name].is_costly or after:
        return ASKED
    is_later = before or CARDS[name].family not in (Family.WEIGHTS, Family.CONTROL)
    return LATER if is_later and not has_data else ""


def distances(channels: ChannelMap) -> int:
    """At most so many multiplications for the distances between the filters of every group."""
    return channels.counts().params * max((group.units for group in channels.groups), default=0)


def in_lists(found: Mapping[str, Tensor] | UserError) -> dict[str, Any]:
    if isinstance(found, UserError):
        return {"error": str(found)}
    return {group: values.tolist() for group, values in found.items()}


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


def scoring_data(dataset: Dataset, images: int, *, seed: int, device: torch.device, report: Report) -> Iterator[Batch]:
    """`images` training examples in random order, unchanged, a batch at a time; stops when the user wants it to."""
    left = images = min(images, len(dataset.train_y))
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
