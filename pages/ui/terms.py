"""The terms that the pages use: one sentence each, with the paper where there is one."""

from dataclasses import dataclass

from pruning.criterion_cards import CARDS


@dataclass(frozen=True)
class Term:
    meaning: str
    paper: str = ""
    link: str = ""


_ARXIV = "https://arxiv.org/abs/"
_LI = ("Li et al. 2017, Pruning filters for efficient ConvNets", _ARXIV + "1608.08710")
_LIU = ("Liu et al. 2019, Rethinking the value of network pruning", _ARXIV + "1810.05270")
_TICKET = ("Frankle and Carbin 2019, The lottery ticket hypothesis", _ARXIV + "1803.03635")
_EARLY = ("Frankle et al. 2020, Linear mode connectivity", _ARXIV + "1912.05671")
_AGP = ("Zhu and Gupta 2017, To prune, or not to prune", _ARXIV + "1710.01878")
_GROWING = ("Wang et al. 2021, Neural pruning via growing regularization", _ARXIV + "2012.09243")
_NM = ("Zhou et al. 2021, Learning N:M fine-grained structured sparse neural networks", _ARXIV + "2102.04010")
_ISOMORPHIC = ("Fang et al. 2024, Isomorphic pruning for vision models", _ARXIV + "2407.04616")
_HAN = ("Han et al. 2015, Learning both weights and connections", _ARXIV + "1506.02626")
_TAYLOR = ("Molchanov et al. 2017, Pruning convolutional neural networks", _ARXIV + "1611.06440")

NETWORK = {
    "Pruning": Term("Removing the filters of a trained network that matter least, so that it gets smaller and faster."),
    "Filter": Term("One output channel of a convolution, or one unit of a linear layer."),
    "Group": Term(
        "Layers whose channels are tied together and can only be removed together, such as the two ends of a shortcut."
    ),
    "Unit": Term("One removable index of a group: the same channel in every layer of the group."),
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
}
SPREADS = {
    "Share": Term("The part of the filters that is removed, 0 % to 99 %."),
    "Spread": Term("How a wish such as “remove half” is divided over the groups."),
    "Same share of every group": Term("A spread: each group loses the share, or its own where you set one.", *_LI),
    "Only chosen groups": Term("A spread: groups lose the shares that you set for them, all others stay whole."),
    "Lowest scores anywhere": Term(
        "A spread: the lowest scores of the whole network go, after each layer's are made comparable.", *_TAYLOR
    ),
    "Lowest among alike groups": Term(
        "A spread that compares scores only among groups of the same structure, and takes the same share of each such class (isomorphic pruning).",
        *_ISOMORPHIC,
    ),
    "Percentile": Term(
        "The score below which a given share of a group lies, such as the 30th percentile for 30 %; filters that score just so stay."
    ),
    "Below a percentile of each group": Term("A spread: of every group goes what scores below its percentile."),
    "Sensitivity": Term("How much accuracy is lost when one group alone is pruned, as a scan measures it.", *_LI),
    "Predicted accuracy": Term(
        "What a scan of single groups foretells for a setting, right after the cut: what each group alone leaves above guessing, "
        "multiplied, with one exponent learnt from measured settings; the interval is made to hold 80 % of measurements.",
        "Lei et al. 2018, Distribution-free predictive inference for regression (the interval)",
        _ARXIV + "1604.04173",
    ),
    "Evaluate now": Term(
        "Cuts the network by the present setting, checks that it is the masked network, and measures its accuracy without any fine-tuning."
    ),
    "Equal cost in accuracy": Term(
        "A spread: sensitive groups lose fewer filters than others, so that each alone would cost equally much accuracy.",
        *_LI,
    ),
    "n filters of every group": Term("A spread: each group loses the same number of filters."),
    "n filters anywhere": Term("A spread: so many filters go in all, the lowest scores first.", *_TAYLOR),
    "Normalise": Term(
        "Dividing the scores of a layer by their norm, mean or maximum before layers are compared: raw scores of different layers mean different things."
    ),
    "Budget": Term(
        "What the pruned network may cost: parameters, MACs, milliseconds; the smallest share that meets it is found."
    ),
    "Greedy": Term(
        "Scores that leave out the inputs which layers before have lost; independent scores use whole filters.", *_LI
    ),
}
TRAINING = {
    "Fine-tuning": Term("Training the pruned network for a few more epochs so that it regains accuracy."),
    "Schedule": Term("When filters go: at once or in steps, after the training or during it."),
    "Cut, then fine-tune": Term("A schedule: trained, cut, fine-tuned; in several steps if you like.", *_LI),
    "Mask while training": Term(
        "A schedule: while it trains, ever more filters are silenced; at the end they are cut.", *_AGP
    ),
    "Growing penalty": Term(
        "A schedule (growing regularisation): what is to go is pulled to zero by an L2 penalty that grows while training, then cut.",
        *_GROWING,
    ),
    "Linear": Term("A growth of the share removed: equally much in every step."),
    "Polynomial (AGP)": Term(
        "A growth of the share removed: much at first, less and less towards the end, 1 − (1 − t)³ (automated gradual pruning).",
        *_AGP,
    ),
    "Exponential": Term("A growth of the share removed: every step removes the same part of what is left.", *_TICKET),
    "Rewinding": Term("Putting the weights that stay back to what they were earlier, before training on.", *_EARLY),
    "Weights left": Term("No rewinding: training goes on with the weights that the cut leaves."),
    "Initial weights": Term("Rewinding to the weights with which the training began.", *_TICKET),
    "Early weights": Term("Rewinding to the weights after an early epoch, which the training has to keep.", *_EARLY),
    "Fresh weights (control)": Term(
        "The pruned architecture trained from new random weights: what is gained by keeping the old ones?", *_LIU
    ),
    "Lottery ticket": Term(
        "A part of a network that, trained alone from its initial weights, gets as good as the whole.", *_TICKET
    ),
    "Distillation": Term(
        "Fine-tuning on the dense network's soft answers as well as on the labels.",
        "Hinton et al. 2015, Distilling the knowledge in a neural network",
        _ARXIV + "1503.02531",
    ),
    "Network slimming": Term(
        "Training with an L1 penalty on the scales of batch norm, so that many get near zero and their filters can go.",
        "Liu et al. 2017, Network slimming",
        _ARXIV + "1708.06519",
    ),
    "Recalibration": Term(
        "Measuring batch norm's statistics anew after a cut, on training images and without training.",
        "Li et al. 2020, EagleEye",
        _ARXIV + "2007.02491",
    ),
}
MASKS = {
    "Mask": Term("Ones and zeros over a weight: what is masked is zero, but stored and computed as before."),
    "Sparsity": Term("The share of weights that are zero; it makes no network smaller or faster by itself."),
    "Single weights": Term("A mask of the least important weights, wherever they are (unstructured).", *_HAN),
    "Whole slices": Term("A mask of whole filters, or of whole input channels (structured)."),
    "All but n of every m": Term("An N:M mask: of every m neighbouring weights, n stay, such as 2 of 4.", *_NM),
    "N:M": Term("Sparsity that some hardware computes faster: of every m neighbouring weights, n stay.", *_NM),
    "OBD": Term(
        "Optimal Brain Damage: the weights go whose removal raises the loss least, by half its curvature times the squared weight.",
        "LeCun et al. 1990, Optimal Brain Damage",
        "https://papers.nips.cc/paper/1989/hash/6c9882bbac1c7093bd25041881277658-Abstract.html",
    ),
}
STUDIES = {
    "Sweep": Term("One prune run for every combination of criterion, share and seed, from the same parent."),
    "Recipe": Term("A source document or a row of a paper as one tree of runs, with the numbers it should come to."),
    "Scan": Term("A run that measures sensitivity: each group alone is cut at several shares.", *_LI),
    "Search": Term(
        "A run that tries many settings of shares per group, and keeps those that no other beats in accuracy and cost.",
        "Akiba et al. 2019, Optuna",
        _ARXIV + "1907.10902",
    ),
    "Audit": Term("A run that compares every criterion with what removing single filters really costs.", *_TAYLOR),
    "Oracle": Term("The change of the loss when a filter is really removed: what criteria try to foretell.", *_TAYLOR),
    "Spearman": Term(
        "A correlation of two rankings: 1 for the same order, 0 for no relation, −1 for the reverse.",
        "Spearman 1904, The proof and measurement of association between two things",
        "https://doi.org/10.2307/1412159",
    ),
    "Flip": Term("A test image that the pruned network answers otherwise than the network before."),
    "Confusion": Term("How often images of one class are answered with another, for every two classes."),
    "Feature map": Term("What one filter gives for one image, as a small picture: bright where it responds most."),
    "McNemar's test": Term(
        "Whether two networks differ by more than chance on the same images: it counts only the answers that became right or wrong.",
        "McNemar 1947, Note on the sampling error of the difference between correlated proportions",
        "https://doi.org/10.1007/BF02295996",
    ),
    "Overlap": Term("How many of the filters that one criterion would remove another would remove too."),
}
NUMBERS = {
    "Parameters": Term("Learned numbers of the network: weights, biases and normalisation scales."),
    "MACs": Term(
        "Multiply-accumulate operations for one image, counted as conv and linear weights once per output position "
        "(no biases, no normalisation)."
    ),
    "Size": Term("Bytes of all parameters and buffers as stored."),
    "Latency": Term("Median time of one forward pass on this machine, batch of one, in milliseconds."),
    "Predicted latency": Term(
        "What a forward pass would take after a cut, from layers timed at many widths on this machine, for one batch size and runtime."
    ),
    "Runtime": Term(
        "The program that runs a network: PyTorch, or ONNX Runtime or OpenVINO, which only infer and are faster at it."
    ),
    "Accuracy": Term("Share of test images that are classified right; the test images are used once, when a run ends."),
    "Validation": Term("Training images held back to choose the best epoch."),
    "Baseline": Term("The unpruned network that a pruned one is compared with."),
    "Pareto front": Term(
        "The points that no other beats: for every other, one of these is at least as accurate and costs no more."
    ),
    "Moving average": Term(
        "Exponential moving average, corrected for its start: s = w·s + (1 − w)·v after every epoch, shown as s / (1 − wᵗ). "
        "The larger w, the smoother the curve.",
        "Kingma and Ba 2015, Adam, section 3",
        _ARXIV + "1412.6980",
    ),
    "Masked check": Term(
        "After every prune the smaller network is compared in float64 with the original whose removed filters are silenced."
    ),
    "Checkpoint": Term("A file with a network's weights and the recipe to rebuild it."),
}
CRITERIA = {card.title: Term(f"{card.definition} {card.equation}", card.paper, card.link) for card in CARDS.values()}
PARTS: dict[str, dict[str, Term]] = {
    "Networks and their parts": NETWORK,
    "How much goes, and where": SPREADS,
    "Criteria": CRITERIA,
    "Training and schedules": TRAINING,
    "Masks": MASKS,
    "Studies": STUDIES,
    "Numbers": NUMBERS,
}
TERMS: dict[str, Term] = {name: term for part in PARTS.values() for name, term in part.items()}
