"""CARDS: every criterion in words: what it measures, its equation, its paper, and what it needs. No torch."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from pruning.choices import CriterionName

# What stands in a run's scores in place of those that are not there yet.
LATER = "It takes longer, or looks at data: computed when the training has ended."
ASKED = "It takes long: computed when asked for."


class Family(StrEnum):
    """What a criterion looks at."""

    WEIGHTS = "weights"
    ACTIVATIONS = "activations"
    GRADIENTS = "gradients"
    CONTROL = "control"


@dataclass(frozen=True)
class CriterionCard:
    title: str
    definition: str  # one sentence
    paper: str
    equation: str  # s: the score of a unit; w, b: its weights and biases; a, g: its activations and their gradients
    link: str
    family: Family
    needs_data: bool = False
    is_costly: bool = False  # computed when asked for, not for every network
    needs_norm: bool = False  # groups without a batch norm behind them get no score, and stay whole
    also_weights: bool = False  # single weights can be scored as well


CARDS: Mapping[CriterionName, CriterionCard] = {
    CriterionName.L1: CriterionCard(
        "L1 norm",
        "Sum of |w| over the filter's weights.",
        "Li et al. 2017, Pruning Filters for Efficient ConvNets",
        "s = Σ |w|",
        "https://arxiv.org/abs/1608.08710",
        Family.WEIGHTS,
        also_weights=True,
    ),
    CriterionName.L2: CriterionCard(
        "L2 norm",
        "Square root of the sum of w² over the filter's weights.",
        "He et al. 2018, Soft Filter Pruning",
        "s = √(Σ w²)",
        "https://arxiv.org/abs/1808.06866",
        Family.WEIGHTS,
        also_weights=True,
    ),
    CriterionName.MEAN: CriterionCard(
        "Mean weight",
        "Mean of |w| over the filter's weights: L1 that does not favour layers with many inputs.",
        "Molchanov et al. 2017, Pruning Convolutional Neural Networks, section 2.2",
        "s = mean |w|",
        "https://arxiv.org/abs/1611.06440",
        Family.WEIGHTS,
    ),
    CriterionName.FPGM: CriterionCard(
        "Geometric median",
        "Sum of the distances to all other filters of the group: low for a filter that others can stand in for.",
        "He et al. 2019, Filter Pruning via Geometric Median (FPGM)",
        "sᵢ = Σⱼ ‖Fᵢ − Fⱼ‖₂",
        "https://arxiv.org/abs/1811.00250",
        Family.WEIGHTS,
    ),
    CriterionName.LAMP: CriterionCard(
        "LAMP",
        "Squared weight (for filters: squared L2 norm) over the sum of all squares in the layer that are not smaller, so that layers compare.",
        "Lee et al. 2021, Layer-Adaptive Sparsity for the Magnitude-based Pruning",
        "sᵤ = wᵤ² / Σ w²ᵥ over |wᵥ| ≥ |wᵤ|",
        "https://arxiv.org/abs/2010.07611",
        Family.WEIGHTS,
        also_weights=True,
    ),
    CriterionName.BN_SCALE: CriterionCard(
        "BN scale",
        "|γ| of the batch norm behind the filter.",
        "Liu et al. 2017, Learning Efficient Convolutional Networks through Network Slimming",
        "s = |γ|",
        "https://arxiv.org/abs/1708.06519",
        Family.WEIGHTS,
        needs_norm=True,
    ),
    CriterionName.TAYLOR: CriterionCard(
        "Taylor",
        "|mean over positions of activation × gradient| per example, averaged over examples.",
        "Molchanov et al. 2017, Pruning Convolutional Neural Networks, eq. 8",
        "s = meanₙ |meanₚ a·g|",
        "https://arxiv.org/abs/1611.06440",
        Family.GRADIENTS,
        needs_data=True,
    ),
    CriterionName.TAYLOR_SIGNED: CriterionCard(
        "Taylor, signed",
        "|mean over examples of the sum of activation × gradient|: positive and negative parts cancel; at a layer's output the same from its weights.",
        "Molchanov et al. 2017, Pruning Convolutional Neural Networks",
        "s = |meanₙ Σₚ a·g| = |Σ w·∂L/∂w + b·∂L/∂b|",
        "https://arxiv.org/abs/1611.06440",
        Family.GRADIENTS,
        needs_data=True,
    ),
    CriterionName.TAYLOR_ELEMENT: CriterionCard(
        "Taylor, per element",
        "Mean of |activation × gradient| over positions and examples: nothing cancels.",
        "Molchanov et al. 2017, Pruning Convolutional Neural Networks",
        "s = mean |a·g|",
        "https://arxiv.org/abs/1611.06440",
        Family.GRADIENTS,
        needs_data=True,
    ),
    CriterionName.TAYLOR_GATE: CriterionCard(
        "Taylor, gate",
        "Squared sum of activation × gradient per example, averaged; behind the batch norm where there is one.",
        "Molchanov et al. 2019, Importance Estimation for Neural Network Pruning",
        "s = meanₙ (Σₚ a·g)² = meanₙ (γ·∂L/∂γ + β·∂L/∂β)²",
        "https://arxiv.org/abs/1906.10771",
        Family.GRADIENTS,
        needs_data=True,
    ),
    CriterionName.ACTIVATION: CriterionCard(
        "Mean activation",
        "Mean of max(activation, 0), what a ReLU passes on, over positions and examples.",
        "Molchanov et al. 2017, Pruning Convolutional Neural Networks, section 2.2",
        "s = mean max(a, 0)",
        "https://arxiv.org/abs/1611.06440",
        Family.ACTIVATIONS,
        needs_data=True,
    ),
    CriterionName.APOZ: CriterionCard(
        "APoZ",
        "One minus the average share of zeros behind a ReLU: the share of activations above 0.",
        "Hu et al. 2016, Network Trimming",
        "s = 1 − share of a ≤ 0",
        "https://arxiv.org/abs/1607.03250",
        Family.ACTIVATIONS,
        needs_data=True,
    ),
    CriterionName.HRANK: CriterionCard(
        "HRank",
        "Mean rank of the filter's feature maps, as a ReLU passes them on; layers without maps are not judged.",
        "Lin et al. 2020, HRank: Filter Pruning using High-Rank Feature Map",
        "s = meanₙ rank(max(A, 0))",
        "https://arxiv.org/abs/2002.10179",
        Family.ACTIVATIONS,
        needs_data=True,
        is_costly=True,
    ),
    CriterionName.THINET: CriterionCard(
        "ThiNet",
        "Place in the order in which channels go when each next one is the least loss to the inputs of the layers behind.",
        "Luo et al. 2017, ThiNet: A Filter Level Pruning Method",
        "next = argminⱼ Σ (Σ over T ∪ {j} of w·x)²",
        "https://arxiv.org/abs/1707.06342",
        Family.ACTIVATIONS,
        needs_data=True,
        is_costly=True,
    ),
    CriterionName.FISHER: CriterionCard(
        "OBD, Fisher",
        "Optimal Brain Damage with the empirical Fisher information as curvature: squared gradients of single examples.",
        "LeCun et al. 1990, Optimal Brain Damage; Theis et al. 2018, Fisher pruning",
        "s = Σ ½·meanₙ(gₙ²)·w²",
        "https://arxiv.org/abs/1801.05787",
        Family.GRADIENTS,
        needs_data=True,
        is_costly=True,
        also_weights=True,
    ),
    CriterionName.HESSIAN: CriterionCard(
        "OBD, Hessian",
        "Optimal Brain Damage: half the loss's curvature times the squared weight; the diagonal by Hutchinson's random vectors.",
        "LeCun et al. 1990, Optimal Brain Damage",
        "s = Σ ½·hₖₖ·wₖ²,  h = mean v ⊙ Hv,  v = ±1",
        "https://papers.nips.cc/paper/1989/hash/6c9882bbac1c7093bd25041881277658-Abstract.html",
        Family.GRADIENTS,
        needs_data=True,
        is_costly=True,
        also_weights=True,
    ),
    CriterionName.SNIP: CriterionCard(
        "SNIP",
        "Sum of |gradient × weight| over the filter's weights, the gradient being that of all examples.",
        "Lee et al. 2019, SNIP: Single-shot Network Pruning",
        "s = Σ |g·w|",
        "https://arxiv.org/abs/1810.02340",
        Family.GRADIENTS,
        needs_data=True,
        also_weights=True,
    ),
    CriterionName.GRASP: CriterionCard(
        "GraSP",
        "How much gradient flow is lost with the weights: what lessens the gradient's norm least goes first.",
        "Wang et al. 2020, Picking Winning Tickets by Preserving Gradient Flow",
        "s = Σ w·(Hg)",
        "https://arxiv.org/abs/2002.07376",
        Family.GRADIENTS,
        needs_data=True,
        is_costly=True,
        also_weights=True,
    ),
    CriterionName.SYNFLOW: CriterionCard(
        "SynFlow",
        "Share of the synaptic flow through the weights: outputs for an input of ones, all weights made positive; no data.",
        "Tanaka et al. 2020, Pruning neural networks without any data",
        "s = Σ |w|·∂R/∂|w|,  R = Σ f(1; |w|)",
        "https://arxiv.org/abs/2006.05467",
        Family.GRADIENTS,
        also_weights=True,
    ),
    CriterionName.RANDOM: CriterionCard(
        "Random",
        "A number drawn by seed: the control every criterion must beat.",
        "Mittal et al. 2019, Recovering from Random Pruning",
        "s ~ U(0, 1)",
        "https://arxiv.org/abs/1801.10447",
        Family.CONTROL,
        also_weights=True,
    ),
}

WEIGHTWISE = tuple(name for name, card in CARDS.items() if card.also_weights)
