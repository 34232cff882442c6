"""What a moved slider costs: new shares → parameters and MACs, with and without the indices of the filters."""

import math
import statistics
import time
from collections.abc import Callable, Mapping

from torch import Tensor

from pruning import allocate
from pruning.channels.map import ChannelMap

ROUNDS = 41


def replan(channels: ChannelMap, scores: Mapping[str, Tensor]) -> float:
    """Median seconds from new shares to a plan, its parameters and its MACs."""
    vectors = {name: values.numpy() for name, values in scores.items()}
    return seconds(lambda share: allocate(channels, vectors, share=share).counts())


def recount(channels: ChannelMap) -> float:
    """Median seconds from new shares to parameters and MACs: which filters go does not matter to these."""
    return seconds(
        lambda share: channels.counts({g.name: g.units - math.ceil(share * g.units) for g in channels.groups})
    )


def seconds(work: Callable[[float], object]) -> float:
    times = []
    for i in range(ROUNDS):
        started = time.process_time()
        work(0.1 + 0.8 * i / ROUNDS)
        times.append(time.process_time() - started)
    return statistics.median(times)
