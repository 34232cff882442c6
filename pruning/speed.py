"""A budget on measured latency: the largest network that is fast enough here, found in a few measurements."""

from collections.abc import Callable
from dataclasses import dataclass

from torch import nn

from pruning.allocate import Scores, from_settings
from pruning.budget import MOST
from pruning.channels.map import ChannelMap
from pruning.curves import Curves
from pruning.errors import UserError
from pruning.measure import latency
from pruning.plan import Plan
from pruning.report import Report
from pruning.spec import PruneSettings
from pruning.surgery import prune

GUESSES = 4  # measurements between the first plan and the smallest network; 8 in all where the machine is steady
Timer = Callable[[Plan], float]  # ms


@dataclass(frozen=True)
class Timed:
    plan: Plan
    ms: float

    @property
    def macs(self) -> int:
        return self.plan.counts().macs


def timed(model: nn.Module, plan: Plan) -> float:
    """Median ms of one example, where the model lies."""
    found: float = latency(prune(model, plan), plan.channels.input_shape)["median_ms"]
    return found


def within(
    clock: Timer,
    channels: ChannelMap,
    scores: Scores,
    settings: PruneSettings,
    curves: Curves | None,
    report: Report,
) -> Plan:
    """The plan for `max_latency`, and the other budgets: a budget of MACs is narrowed down until it is just fast enough.

    Its latency is measured twice and was never over. Raises UserError when no share is fast enough.
    """
    asked = channels.counts().macs

    def at(macs: int) -> Timed:
        plan = from_settings(channels, scores, settings.model_copy(update={"max_macs": macs}), curves)
        return Timed(plan, clock(plan))

    over = at(settings.max_macs or asked)
    found = (
        [over]
        if over.ms <= settings.max_latency
        else narrowed(at, over, smallest(clock, channels, scores, settings, curves), settings.max_latency)
    )
    for fast in found:
        again = clock(fast.plan)
        if again <= settings.max_latency:
            report.event(in_words(fast, again, settings.max_latency, asked))
            return fast.plan
    raise UserError(
        f"latency varies too much here to keep {settings.max_latency:g} ms: {found[-1].ms:.3g} ms, then {again:.3g} ms",
        do="Raise the budget, or leave the machine to this job.",
    )


def smallest(
    clock: Timer, channels: ChannelMap, scores: Scores, settings: PruneSettings, curves: Curves | None
) -> Timed:
    """The smallest network that the limits leave; raises UserError when it is not fast enough."""
    alone = settings.model_copy(update={"share": MOST, "max_params": 0, "max_macs": 0})
    plan = from_settings(channels, scores, alone, curves)
    ms = clock(plan)
    if ms > settings.max_latency:
        raise UserError(
            f"the smallest network that can be reached takes {ms:.3g} ms here, not {settings.max_latency:g}",
            do="Raise the budget, lower the floor and the share that always stays (keep_at_least), or protect fewer layers.",
        )
    return Timed(plan, ms)


def narrowed(at: Callable[[int], Timed], over: Timed, fits: Timed, most: float) -> list[Timed]:
    """Networks that were fast enough, the largest first: guesses by a straight line from MACs to ms."""
    found = [fits]
    for _ in range(GUESSES):
        slope = min(0.9, max(0.1, (most - fits.ms) / max(over.ms - fits.ms, 1e-9)))
        guess = at(round(fits.macs + slope * (over.macs - fits.macs)))
        if guess.ms > most:
            over = guess
        elif guess.macs > fits.macs:
            fits = guess
            found.insert(0, fits)
    return found


def in_words(fast: Timed, again: float, most: float, dense: int) -> str:
    return (
        f"Latency of at most {most:g} ms is met: {max(fast.ms, again):.3g} ms an image, the slower of two medians, "
        f"with {fast.macs / dense:.1%} of the MACs."
    )
