"""What single weights are worth: a score for every element of every parameter, to mask weights or to sum over filters."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from pruning.channels.map import ChannelMap, Group
from pruning.criteria import fisher, grasp, hessian, lamp, snip, synflow
from pruning.criteria.units import Batch, Place, makers, positions, present, rows_of, with_starts
from pruning.criterion_cards import CARDS, WEIGHTWISE
from pruning.errors import UserError
from pruning.spec import CriterionName

BY_VALUE: Mapping[CriterionName, Callable[[Tensor], Tensor]] = {
    CriterionName.L1: torch.abs,
    CriterionName.L2: torch.square,
    CriterionName.LAMP: lamp.relative,
}
BY_LOSS: Mapping[CriterionName, Callable[[nn.Module, Iterable[Batch], int], dict[str, Tensor]]] = {
    CriterionName.SNIP: snip.saliency,
    CriterionName.GRASP: grasp.saliency,
    CriterionName.FISHER: fisher.saliency,
    CriterionName.HESSIAN: hessian.saliency,
}


def saliency(
    model: nn.Module,
    criterion: str,
    *,
    data: Iterable[Batch] | None = None,
    seed: int = 0,
    input_shape: tuple[int, ...] = (),
) -> dict[str, Tensor]:
    """A score of its shape for every parameter, by name, on its device; a higher one is kept longer. L2 scores by w².

    `data`: batches (inputs, class numbers); `input_shape` of one example: for synflow, where no data tells it.
    Raises UserError for a criterion that judges whole filters only, or for missing data.
    """
    name = known(criterion, data, input_shape)
    if name in BY_VALUE:
        return {parameter: BY_VALUE[name](p.detach()) for parameter, p in model.named_parameters()}
    if name is CriterionName.RANDOM:
        return drawn(model, seed)
    if name is CriterionName.SYNFLOW:
        return synflow.saliency(model, input_shape or shape_of(data))
    return BY_LOSS[name](model, data or (), seed)


def known(criterion: str, data: Any, input_shape: tuple[int, ...]) -> CriterionName:
    if criterion not in WEIGHTWISE:
        raise UserError(
            f"criterion={str(criterion)!r} scores no single weights.", do=f"Choose {', '.join(WEIGHTWISE)}."
        )
    name = CriterionName(criterion)
    if data is None and (CARDS[name].needs_data or (name is CriterionName.SYNFLOW and not input_shape)):
        raise UserError(f"{criterion} needs data to score on", do="Give data=, batches of (inputs, class numbers).")
    return name


def shape_of(data: Iterable[Batch] | None) -> tuple[int, ...]:
    return next((tuple(inputs.shape[1:]) for inputs, _ in data or ()), ())


def drawn(model: nn.Module, seed: int) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return {name: torch.rand(p.shape, generator=generator).to(p.device) for name, p in model.named_parameters()}


def of_filters(criterion: CriterionName) -> Callable[..., dict[str, Tensor]]:
    """A judge of groups: the criterion's saliencies of single weights, summed over each unit's weights and biases."""

    def judge(model: nn.Module, channels: ChannelMap, data: Iterable[Batch] | None, seed: int) -> dict[str, Tensor]:
        worth = saliency(model, criterion, data=data, seed=seed, input_shape=channels.input_shape)
        return summed(channels, worth)

    return judge


def summed(channels: ChannelMap, worth: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Scores of single weights, summed over the weights and biases that make each unit; {group: (units,)}."""
    found = {}
    for start, group in with_starts(channels):
        made = [p for p in makers(channels, start, group) if p.tensor in worth]
        places = [*made, *(p for weight in made for p in biases(channels, weight, start, group))]
        if places:
            found[group.name] = torch.stack([rows_of(worth[p.tensor], p, group).sum(1) for p in places]).sum(0)
    return found


def biases(channels: ChannelMap, weight: Place, start: int, group: Group) -> list[Place]:
    """The biases that are added to what a weight makes."""
    name = f"{weight.tensor.removesuffix('weight')}bias"
    if name == f"{weight.tensor}bias" or name not in channels.units:
        return []
    return present([Place(weight.module, name, 0, positions(channels, name, 0, start, group))])
