"""Masks: weights set to zero that stay zero, chosen by the methods of torch.nn.utils.prune; the network keeps its size."""

import difflib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.conv import _ConvNd, _ConvTransposeNd
from torch.nn.utils import prune

from pruning.criteria import hessian
from pruning.criteria.saliency import saliency
from pruning.criteria.units import Batch
from pruning.errors import UserError
from pruning.freezing import finds, holders
from pruning.refusals import refuse_masks
from pruning.session import Session
from pruning.shaping import silence
from pruning.spec import CriterionName, MaskScope, MaskSettings, MaskStructure

Masks = Mapping[str, Tensor]  # parameter → bool of its shape: True where the weight stays
Scores = Mapping[str, Tensor]  # parameter → a score for each weight
EXACT = 1000  # parameters of networks whose Hessian's diagonal is computed weight by weight


@dataclass
class Held:
    """Masks that hold while a network trains: after every step what is masked is zero again, whatever momentum says."""

    masks: Masks
    gone: dict[nn.Parameter, Tensor] = field(default_factory=dict)

    def before_step(self, session: Session) -> None:
        if not self.gone:
            self.gone = {p: ~self.masks[n].to(p.device) for n, p in named(session.model) if n in self.masks}

    def after_backward(self, session: Session) -> None: ...

    def after_step(self, session: Session) -> None:
        silence(self.gone)

    def is_complete(self, session: Session) -> bool:
        return True

    def state(self) -> dict[str, Any]:
        return {}

    def restore(self, session: Session, state: dict[str, Any]) -> None: ...


def named(model: nn.Module) -> Iterator[tuple[str, nn.Parameter]]:
    return model.named_parameters()


@torch.no_grad()
def apply(model: nn.Module, masks: Masks) -> nn.Module:
    """Set what the masks do not keep to zero, in place."""
    silence({parameter: ~masks[name].to(parameter.device) for name, parameter in named(model) if name in masks})
    return model


def masked(model: nn.Module, settings: MaskSettings, *, data: Iterable[Batch] | None = None) -> Masks:
    """Masks of a network by criterion; `data`: batches (inputs, class numbers) for criteria that look at data.

    Raises UserError for settings that contradict each other, or that would leave a layer no weight at all.
    """
    refuse_masks(settings)
    masks = choose(model, settings, worth(model, settings, data))
    refuse_emptied(model, masks)
    return masks


def worth(
    model: nn.Module, settings: MaskSettings, data: Iterable[Batch] | None, input_shape: tuple[int, ...] = ()
) -> Scores:
    """A score for every weight. Optimal Brain Damage takes the exact diagonal of the Hessian where that is cheap.

    Elsewhere Hutchinson's estimate stands for it, by its magnitude as in AdaHessian (Yao 2021): of single weights, chance
    makes many estimates negative, and large weights would go first.
    """
    if settings.criterion is not CriterionName.HESSIAN or data is None:
        return saliency(model, settings.criterion, data=data, seed=settings.seed, input_shape=input_shape)
    if parameters(model) <= EXACT:
        return hessian.exact(model, data)
    return {name: score.abs() for name, score in hessian.saliency(model, data, settings.seed).items()}


def parameters(model: nn.Module) -> int:
    return sum(p.numel() for _, p in named(model))


def choose(model: nn.Module, settings: MaskSettings, scores: Scores) -> Masks:
    """Masks of the chosen layers by scores of every weight; `settings.amount` is rounded as torch does, half to even."""
    chosen = maskable(model, settings.layers)
    found = {name: scores[name].detach().float() for name in chosen}
    if settings.structure is MaskStructure.N_OF_M:
        return {name: neighbours(found[name], inputs(module), settings) for name, module in chosen.items()}
    if settings.structure is MaskStructure.STRUCTURED:
        return {name: slices(module, found[name], settings) for name, module in chosen.items()}
    if settings.scope is MaskScope.GLOBAL:
        return anywhere(found, settings.amount)
    return {name: single(score, settings.amount) for name, score in found.items()}


def refuse_emptied(model: nn.Module, masks: Masks) -> None:
    """Raise UserError when a layer would keep no weight at all: the network's answers would not depend on its input."""
    for name, mask in masks.items():
        if mask.dim() > 1 and not mask.any():
            raise UserError(f"{name} would keep no weight at all.", do="Mask less, or leave this layer out.")


def maskable(model: nn.Module, patterns: Sequence[str] = ()) -> dict[str, nn.Module]:
    """Weight → its module, for the conv and linear layers that a name or pattern finds; without patterns all.

    A weight that two layers share stands there once. Raises UserError for a pattern that finds nothing.
    """
    names = {parameter: name for name, parameter in named(model)}
    layers = [m for m in model.modules() if isinstance(m, _ConvNd | nn.Linear) and m._parameters.get("weight") in names]
    found = {names[module.weight]: module for module in layers if isinstance(module.weight, nn.Parameter)}
    for pattern in patterns:
        if not any(finds(pattern, name) for name in found):
            raise unknown(pattern, found)
    return {n: module for n, module in found.items() if not patterns or any(finds(p, n) for p in patterns)}


def unknown(pattern: str, names: Iterable[str]) -> UserError:
    known = sorted({holder for name in names for holder in holders(name.removesuffix(".weight"))})
    near = difflib.get_close_matches(pattern.rstrip(".*?"), known, n=3, cutoff=0.5)
    do = f"Did you mean {' or '.join(near)}?" if near else f"Layers are called {', '.join(known[:4])} …"
    return UserError(f"layers={pattern!r} matches no convolution or linear layer of this network.", do=do)


def inputs(module: nn.Module) -> int:
    """The dimension of a layer's weight that runs along its input channels; the other of 0 and 1 makes its filters."""
    return 0 if isinstance(module, _ConvTransposeNd) else 1


def single(score: Tensor, amount: float) -> Tensor:
    """The lowest scores of a tensor go, at most all but one."""
    count = min(round(amount * score.numel()), max(score.numel() - 1, 0))
    return by(prune.L1Unstructured(count), positive(score))


def by(method: prune.BasePruningMethod, score: Tensor) -> Tensor:
    mask: Tensor = method.compute_mask(score, torch.ones_like(score))  # type: ignore[no-untyped-call]
    return mask > 0


def anywhere(scores: Scores, amount: float) -> Masks:
    """The lowest scores over all tensors go, but for the highest of each: no layer is cut through."""
    mask = single(torch.cat([with_one_for_ever(score.flatten()) for score in scores.values()]), amount)
    parts = torch.split(mask, [score.numel() for score in scores.values()])
    return {name: part.view_as(score) for (name, score), part in zip(scores.items(), parts, strict=True)}


def with_one_for_ever(score: Tensor) -> Tensor:
    return score.index_fill(0, score.argmax(), torch.inf) if score.numel() else score


def slices(module: nn.Module, score: Tensor, settings: MaskSettings) -> Tensor:
    """The slices of a dimension with the lowest norm of weights go, or with the lowest sum of another criterion's scores."""
    dimension = inputs(module) if settings.dimension else 1 - inputs(module)
    count = min(round(settings.amount * score.shape[dimension]), score.shape[dimension] - 1)
    norm = settings.norm
    if settings.criterion is not CriterionName.L1:
        others = [d for d in range(score.dim()) if d != dimension]
        score, norm = positive(score.sum(others, keepdim=True)).expand_as(score), 1
    return by(prune.LnStructured(count, norm, dimension), score)


def neighbours(score: Tensor, dimension: int, settings: MaskSettings) -> Tensor:
    """The n highest of every m neighbours along the inputs stay; so does the rest that fills no m."""
    rows = score.movedim(dimension, -1)  # (…, inputs)
    whole = rows.shape[-1] // settings.m * settings.m
    blocks = rows[..., :whole].reshape(*rows.shape[:-1], whole // settings.m, settings.m)
    stays = torch.zeros_like(blocks, dtype=torch.bool).scatter_(-1, blocks.topk(settings.n, -1).indices, True)
    mask = torch.cat([stays.flatten(-2), torch.ones_like(rows[..., whole:], dtype=torch.bool)], -1)
    return mask.movedim(-1, dimension).contiguous()


def positive(score: Tensor) -> Tensor:
    """Scores that torch's methods, which go by |score|, order as they are: their ranks where some are negative."""
    if score.numel() == 0 or score.min() >= 0:
        return score.contiguous()
    order = score.flatten().argsort(stable=True)
    ranks = torch.empty(len(order), dtype=torch.float64, device=score.device)  # float32 counts to 16 million only
    ranks[order] = torch.arange(len(order), dtype=torch.float64, device=score.device)
    return ranks.view(score.shape)


def own(model: nn.Module, tensors: Mapping[str, Tensor]) -> Masks:
    """Masks from a file, by parameter name or as torch writes them (`conv1.weight_mask`); zero means masked.

    Raises UserError for a name or a shape that the network does not have.
    """
    shapes = {name: tuple(parameter.shape) for name, parameter in named(model)}
    masks = {name.removesuffix("_mask"): tensor != 0 for name, tensor in tensors.items()}
    for name, mask in masks.items():
        if name not in shapes:
            raise UserError(f"The masks name {name}, which this network does not have.", do="Name masks as parameters.")
        if tuple(mask.shape) != shapes[name]:
            shape = tuple(mask.shape)
            raise UserError(f"The mask of {name} is {shape}, the weights are {shapes[name]}.", do="Give their shape.")
    return masks


def together(first: Masks, later: Masks) -> Masks:
    """What both keep: what was masked once stays masked."""
    shared = first.keys() & later.keys()
    return {**first, **later, **{name: first[name] & later[name].to(first[name].device) for name in shared}}
