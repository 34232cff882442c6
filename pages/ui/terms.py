"""The terms that the pages use: one sentence each, with the paper where there is one."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Term:
    meaning: str
    paper: str = ""
    link: str = ""


_ARXIV = "https://arxiv.org/abs/"

TERMS: dict[str, Term] = {
    "Pruning": Term("Removing the filters of a trained network that matter least, so that it gets smaller and faster."),
    "Filter": Term("One output channel of a convolution, or one unit of a linear layer."),
    "Group": Term(
        "Layers whose channels are tied together and can only be removed together, such as the two ends of a shortcut."
    ),
    "Unit": Term("One removable index of a group: the same channel in every layer of the group."),
    "Share": Term("The part of the filters that is removed, 0 % to 99 %."),
    "Spread": Term("How a wish such as “remove half” is divided over the groups."),
    "Isomorphic": Term(
        "A spread that compares scores only among groups of the same structure, and takes the same share of each such class.",
        "Fang et al. 2024, Isomorphic pruning for vision models",
        _ARXIV + "2407.04616",
    ),
    "Protected": Term(
        "A layer whose channels are left alone, with the reason: most often because it makes the outputs, or because you want it whole."
    ),
    "Approximate": Term(
        "A mark on groups that pass through a layer norm or group norm: its statistics change when channels go, so the "
        "pruned network is close to the masked one, not equal to it."
    ),
    "Blocks": Term(
        "The attention heads of a layer, the groups of a grouped convolution or of a group norm. All get smaller by the same "
        "places, or there are fewer of them."
    ),
    "Criterion": Term("The rule that scores a filter; those with the lowest scores are removed first."),
    "L1": Term(
        "Sum of the absolute weights of a filter.",
        "Li et al. 2017, Pruning filters for efficient ConvNets",
        _ARXIV + "1608.08710",
    ),
    "L2": Term("Euclidean length of a filter's weights.", "He et al. 2018, Soft filter pruning", _ARXIV + "1808.06866"),
    "Taylor": Term(
        "Estimated change of the loss when a channel is silenced: |mean of activation × gradient|, averaged over images.",
        "Molchanov et al. 2017, Pruning convolutional neural networks",
        _ARXIV + "1611.06440",
    ),
    "BN scale": Term(
        "Absolute value of the batch norm's scale of the channel.",
        "Liu et al. 2017, Network slimming",
        _ARXIV + "1708.06519",
    ),
    "Random": Term("A score drawn by chance: the yardstick that every criterion has to beat."),
    "Sensitivity": Term("How much accuracy is lost when one layer alone is pruned."),
    "Fine-tuning": Term("Training the pruned network for a few more epochs so that it regains accuracy."),
    "Sweep": Term("One prune run for every combination of criterion and share, from the same parent."),
    "Parameters": Term("Learned numbers of the network: weights, biases and normalisation scales."),
    "MACs": Term(
        "Multiply-accumulate operations for one image, counted as conv and linear weights once per output position "
        "(no biases, no normalisation)."
    ),
    "Size": Term("Bytes of all parameters and buffers as stored."),
    "Latency": Term("Median time of one forward pass on this machine, batch of one, in milliseconds."),
    "Accuracy": Term("Share of test images that are classified right; the test images are used once, when a run ends."),
    "Validation": Term("Training images held back to choose the best epoch."),
    "Baseline": Term("The unpruned network that a pruned one is compared with."),
    "Masked check": Term(
        "After every prune the smaller network is compared in float64 with the original whose removed filters are silenced."
    ),
    "Checkpoint": Term("A file with a network's weights and the recipe to rebuild it."),
}
