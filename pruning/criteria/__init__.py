"""CRITERIA: what a filter is worth, one small file each. A higher score is kept longer.

To add one: a file with `score(units) -> Tensor (units,)` (or `watch(a, g) -> Tensor (N, C)` for one that looks at
activations and gradients on data), a name in `settings.CriterionName`, and a line here.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from torch import Tensor, nn

from pruning.channels.map import ChannelMap
from pruning.criteria import bn_scale, l1, l2, random, taylor
from pruning.criteria.units import Batch, Units, units_of
from pruning.criteria.watch import Watch, watched
from pruning.errors import UserError
from pruning.spec import CriterionName


@dataclass(frozen=True)
class Criterion:
    title: str
    definition: str
    paper: str
    score: Callable[[Units], Tensor]
    watch: Watch | None = None  # what to record of activations (N, C, …) and gradients, per example: (N, C)
    needs_norm: bool = False  # groups without a batch norm behind them get no score, and stay whole


CRITERIA: Mapping[CriterionName, Criterion] = {
    CriterionName.L1: Criterion(
        "L1 norm",
        "Sum of |w| over the filter's weights.",
        "Li et al. 2017, Pruning Filters for Efficient ConvNets",
        l1.score,
    ),
    CriterionName.L2: Criterion(
        "L2 norm", "Square root of the sum of w² over the filter's weights.", "Li et al. 2017; He et al. 2018", l2.score
    ),
    CriterionName.RANDOM: Criterion(
        "Random", "A number drawn by seed: the control every criterion must beat.", "Mittal et al. 2019", random.score
    ),
    CriterionName.BN_SCALE: Criterion(
        "BN scale",
        "|γ| of the batch norm behind the filter.",
        "Liu et al. 2017, Network Slimming",
        bn_scale.score,
        needs_norm=True,
    ),
    CriterionName.TAYLOR: Criterion(
        "Taylor",
        "|mean over positions of activation × gradient| per example, averaged over examples.",
        "Molchanov et al. 2017, arXiv 1611.06440, eq. 8",
        taylor.score,
        taylor.watch,
    ),
}


def score(
    model: nn.Module,
    channels: ChannelMap,
    criterion: str,
    *,
    data: Iterable[Batch] | None = None,
    seed: int = 0,
) -> dict[str, Tensor]:
    """Scores (units,) of every group that the criterion can judge. `data`: batches (inputs, class numbers) for criteria that look at data.

    Raises UserError for an unknown criterion, missing data, or a criterion that this network gives nothing to.
    """
    if criterion not in CRITERIA:
        raise UserError(f"criterion={criterion!r} is not one of {', '.join(CRITERIA)}")
    chosen = CRITERIA[CriterionName(criterion)]
    if chosen.watch and data is None:
        raise UserError(f"{criterion} needs data to score on", do="Give data=, batches of (inputs, class numbers).")
    seen = watched(model, channels, chosen.watch, data) if chosen.watch and data is not None else {}
    judged = [u for u in units_of(model, channels, seen, seed) if judges(chosen, u)]
    if channels.groups and not judged:
        lacks = "needs batch norm" if chosen.needs_norm else "looks at the outputs of layers that can be cut"
        raise UserError(f"{criterion} {lacks}, and this network has none", do="Choose l1 or l2.")
    return {u.name: chosen.score(u).detach().cpu() for u in judged}


def judges(criterion: Criterion, units: Units) -> bool:
    """Whether there is something of these units for the criterion to look at."""
    return bool((units.scales.shape[1] or not criterion.needs_norm) and (units.seen or not criterion.watch))
