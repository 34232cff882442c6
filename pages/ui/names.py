"""Choices by the names that users read: one table for forms, settings and titles."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from pruning.criterion_cards import CARDS
from pruning.spec import (
    Augment,
    Blocks,
    Cost,
    CriterionName,
    Curve,
    Device,
    MaskScope,
    MaskStructure,
    Normalise,
    Optimizer,
    Order,
    Precision,
    Rewind,
    Rounding,
    RoundMode,
    Schedule,
    ScoreAt,
    Spread,
    When,
)

NAMES: Mapping[type[StrEnum], Mapping[Any, str]] = {  # by class: two classes may have a member of one value
    CriterionName: {name: card.title for name, card in CARDS.items()},
    Optimizer: {
        Optimizer.SGD: "SGD",
        Optimizer.ADAM: "Adam",
        Optimizer.RMSPROP: "RMSprop",
    },
    Schedule: {
        Schedule.CONSTANT: "Constant",
        Schedule.COSINE: "Cosine",
        Schedule.STEP: "Steps",
    },
    Augment: {
        Augment.NONE: "None",
        Augment.FLIP: "Flip",
        Augment.CROP_FLIP: "Crop and flip",
    },
    Precision: {
        Precision.AUTO: "Where it pays",
        Precision.FP32: "float32",
        Precision.BF16: "bfloat16",
    },
    Device: {
        Device.AUTO: "Automatic",
        Device.CPU: "CPU",
        Device.CUDA: "CUDA",
    },
    Spread: {
        Spread.UNIFORM: "Same share of every group",
        Spread.GROUPS: "Only chosen groups",
        Spread.GLOBAL: "Lowest scores anywhere",
        Spread.ISOMORPHIC: "Lowest among alike groups",
        Spread.PERCENTILE: "Below a percentile of each group",
        Spread.SENSITIVITY: "Equal cost in accuracy",
        Spread.PER_LAYER: "n filters of every group",
        Spread.TOTAL: "n filters anywhere",
    },
    Rounding: {
        Rounding.CEIL: "Up",
        Rounding.ROUND: "Nearest",
        Rounding.FLOOR: "Down",
    },
    RoundMode: {
        RoundMode.NEAREST: "Nearest",
        RoundMode.UP: "Up (keep more)",
        RoundMode.DOWN: "Down (keep fewer)",
    },
    Blocks: {
        Blocks.INSIDE: "Smaller",
        Blocks.WHOLE: "Fewer",
    },
    Normalise: {
        Normalise.L2: "By L2 norm",
        Normalise.MEAN: "By mean",
        Normalise.MAX: "By maximum",
        Normalise.NONE: "Not at all",
    },
    ScoreAt: {
        ScoreAt.LAYER: "The layer's output",
        ScoreAt.NORM: "Behind its batch norm",
    },
    Order: {
        Order.INDEPENDENT: "Independent",
        Order.GREEDY: "Greedy",
    },
    When: {
        When.CUT: "Cut, then fine-tune",
        When.TRAINING: "Mask while training",
        When.REGULARISED: "Growing penalty",
    },
    Curve: {
        Curve.LINEAR: "Linear",
        Curve.POLYNOMIAL: "Polynomial (AGP)",
        Curve.EXPONENTIAL: "Exponential",
    },
    Rewind: {
        Rewind.NONE: "Weights left",
        Rewind.INITIAL: "Initial weights",
        Rewind.EARLY: "Early weights",
        Rewind.SCRATCH: "Fresh weights (control)",
    },
    MaskStructure: {
        MaskStructure.UNSTRUCTURED: "Single weights",
        MaskStructure.STRUCTURED: "Whole slices",
        MaskStructure.N_OF_M: "All but n of every m",
    },
    MaskScope: {
        MaskScope.LAYER: "Every tensor alike",
        MaskScope.GLOBAL: "Lowest over all tensors",
    },
    Cost: {
        Cost.PARAMS: "Parameters",
        Cost.MACS: "MACs",
        Cost.LATENCY: "Latency",
    },
}


def of(choice: Any) -> str:
    """A choice in words; other values as they are."""
    return NAMES.get(type(choice), {}).get(choice, str(choice))
