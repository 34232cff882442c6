"""CRITERIA: what a filter is worth, one small file each. A higher score is kept longer.

To add one: a name in `choices.CriterionName`, a card in `criterion_cards.CARDS`, a file, and a line here. The file has
`score(units) -> Tensor (units,)`; with it `watch(a, g)` or `look(a) -> Tensor (N, C)` for one that looks at activations on
data; or `saliency(model, …)`, a score for every single weight, that is summed over the unit's.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from pruning.channels.map import ChannelMap
from pruning.choices import ScoreAt
from pruning.criteria import (
    activation,
    apoz,
    bn_scale,
    fpgm,
    hrank,
    l1,
    l2,
    lamp,
    mean,
    random,
    taylor,
    taylor_element,
    taylor_gate,
    taylor_signed,
    thinet,
)
from pruning.criteria.saliency import of_filters
from pruning.criteria.units import Batch, Units, units_of, watchable
from pruning.criteria.watch import Look, Watch, Watcher, watched
from pruning.criterion_cards import CARDS, CriterionCard
from pruning.errors import UserError
from pruning.spec import CriterionName

Judge = Callable[[nn.Module, ChannelMap, Iterable[Batch] | None, int], dict[str, Tensor]]
Scores = dict[str, Tensor]  # by group, (units,)


@dataclass(frozen=True)
class Criterion:
    """Either `score` of what belongs to each unit, with `watch` or `look` recorded on data; or `judge`, all of it at once."""

    card: CriterionCard
    score: Callable[[Units], Tensor] | None = None
    watch: Watch | None = None  # of activations and gradients at each layer
    look: Look | None = None  # of activations alone
    judge: Judge | None = None
    at: ScoreAt | None = None  # where it looks, whatever is asked for

    @property
    def is_watching(self) -> bool:
        return bool(self.watch or self.look)


C = CriterionName
CRITERIA: Mapping[CriterionName, Criterion] = {
    C.L1: Criterion(CARDS[C.L1], l1.score),
    C.L2: Criterion(CARDS[C.L2], l2.score),
    C.MEAN: Criterion(CARDS[C.MEAN], mean.score),
    C.FPGM: Criterion(CARDS[C.FPGM], fpgm.score),
    C.LAMP: Criterion(CARDS[C.LAMP], lamp.score),
    C.BN_SCALE: Criterion(CARDS[C.BN_SCALE], bn_scale.score),
    C.TAYLOR: Criterion(CARDS[C.TAYLOR], taylor.score, taylor.watch),
    C.TAYLOR_SIGNED: Criterion(CARDS[C.TAYLOR_SIGNED], taylor_signed.score, taylor_signed.watch),
    C.TAYLOR_ELEMENT: Criterion(CARDS[C.TAYLOR_ELEMENT], taylor_element.score, taylor_element.watch),
    C.TAYLOR_GATE: Criterion(CARDS[C.TAYLOR_GATE], taylor_gate.score, taylor_gate.watch, at=ScoreAt.NORM),
    C.ACTIVATION: Criterion(CARDS[C.ACTIVATION], activation.score, look=activation.look),
    C.APOZ: Criterion(CARDS[C.APOZ], apoz.score, look=apoz.look),
    C.HRANK: Criterion(CARDS[C.HRANK], hrank.score, look=hrank.look),
    C.THINET: Criterion(CARDS[C.THINET], judge=thinet.judge),
    C.FISHER: Criterion(CARDS[C.FISHER], judge=of_filters(C.FISHER)),
    C.HESSIAN: Criterion(CARDS[C.HESSIAN], judge=of_filters(C.HESSIAN)),
    C.SNIP: Criterion(CARDS[C.SNIP], judge=of_filters(C.SNIP)),
    C.GRASP: Criterion(CARDS[C.GRASP], judge=of_filters(C.GRASP)),
    C.SYNFLOW: Criterion(CARDS[C.SYNFLOW], judge=of_filters(C.SYNFLOW)),
    C.RANDOM: Criterion(CARDS[C.RANDOM], random.score),
}


def score(
    model: nn.Module,
    channels: ChannelMap,
    criterion: str,
    *,
    data: Iterable[Batch] | None = None,
    seed: int = 0,
    at: str = ScoreAt.LAYER,
) -> Scores:
    """Scores (units,) of every group that the criterion can judge. `data`: batches (inputs, class numbers) for criteria that look at data.

    `at`: whether criteria that look at activations do so at the layer's output or behind its batch norm.
    Raises UserError for an unknown criterion, missing data, or a criterion that this network gives nothing to.
    """
    if criterion not in CRITERIA:
        raise UserError(f"criterion={criterion!r} is not one of {', '.join(CRITERIA)}")
    found = scores_of(model, channels, [CriterionName(criterion)], data=data, seed=seed, at=at)[
        CriterionName(criterion)
    ]
    if isinstance(found, UserError):
        raise found
    return found


def scores_of(
    model: nn.Module,
    channels: ChannelMap,
    criteria: Iterable[CriterionName],
    *,
    data: Iterable[Batch] | None = None,
    seed: int = 0,
    at: str = ScoreAt.LAYER,
) -> dict[CriterionName, Scores | UserError]:
    """Scores by several criteria, or why one has none. `data` is passed once for all that watch activations; the others
    need it once each, so it must be a list or the like where there are some."""
    names, place = list(criteria), ScoreAt(at)
    watchers = [watcher(model, channels, name, place) for name in names if CRITERIA[name].is_watching]
    found: dict[CriterionName, Scores | UserError] = {}
    seen: dict[str, dict[str, Tensor]] = {}
    try:
        if watchers and data is not None:
            seen = watched(model, watchers, data)
    except RuntimeError as error:
        found = {CriterionName(w.name): unable(CriterionName(w.name), error) for w in watchers}
    for name in (name for name in names if name not in found):
        try:
            found[name] = scored(model, channels, name, data, seen.get(name, {}), seed, place)
        except UserError as error:
            found[name] = error
        except RuntimeError as error:
            found[name] = unable(name, error)
    return found


def unable(name: CriterionName, error: RuntimeError) -> UserError:
    """What torch says of an op without a derivative and the like, in a sentence; a full memory is the job's own business."""
    if isinstance(error, torch.OutOfMemoryError) or "can't allocate memory" in str(error):
        raise error
    return UserError(f"{name} cannot be computed on this network: {str(error).splitlines()[0]}", do="Choose l1 or l2.")


def watcher(model: nn.Module, channels: ChannelMap, name: CriterionName, at: ScoreAt) -> Watcher:
    chosen = CRITERIA[name]
    return Watcher(name, watchable(model, channels, chosen.at or at), chosen.watch, chosen.look)


def scored(
    model: nn.Module,
    channels: ChannelMap,
    name: CriterionName,
    data: Iterable[Batch] | None,
    seen: Mapping[str, Tensor],
    seed: int,
    at: ScoreAt,
) -> Scores:
    chosen = CRITERIA[name]
    if chosen.card.needs_data and data is None:
        raise UserError(f"{name} needs data to score on", do="Give data=, batches of (inputs, class numbers).")
    if chosen.judge:
        found = chosen.judge(model, channels, data, seed)
    elif chosen.score:
        judged = [u for u in units_of(model, channels, seen, seed, chosen.at or at) if judges(chosen, u)]
        found = {u.name: chosen.score(u) for u in judged}
    return checked(name, channels, {group: values.detach().cpu() for group, values in found.items()})


def judges(criterion: Criterion, units: Units) -> bool:
    """Whether there is something of these units for the criterion to look at."""
    has_norm, was_seen = bool(units.scales.shape[1]), bool(units.seen.shape[1])
    return (has_norm or not criterion.card.needs_norm) and (was_seen or not criterion.is_watching)


def checked(name: CriterionName, channels: ChannelMap, found: Scores) -> Scores:
    """Raise UserError for scores of nothing, or ones that are no numbers."""
    if channels.groups and not found:
        raise UserError(f"{name} {NEEDS.get(name, SEES)}, and this network has none", do="Choose l1 or l2.")
    if not all(values.isfinite().all() for values in found.values()):
        raise UserError(f"{name} gives numbers that are not finite on this network.", do="Choose another criterion.")
    return found


SEES = "looks at the outputs of layers that can be cut"
NEEDS = {
    C.BN_SCALE: "needs batch norm",
    C.HRANK: "looks at feature maps of layers that can be cut",
    C.THINET: "looks at the inputs of convolutions and linear layers behind those that can be cut",
}
