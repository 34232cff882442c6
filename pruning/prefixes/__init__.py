"""What many cuts of one network answer to the same images, computing only what a cut changes."""

from pruning.prefixes.bench import Bench, dense, measure, ordered, prepare

__all__ = ["Bench", "dense", "measure", "ordered", "prepare"]
