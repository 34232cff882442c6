"""What a setting may be: every choice by its name in specs, forms and on the command line."""

from enum import StrEnum


class Optimizer(StrEnum):
    SGD = "sgd"
    ADAM = "adam"
    RMSPROP = "rmsprop"


class Schedule(StrEnum):
    CONSTANT = "constant"
    COSINE = "cosine"
    STEP = "step"


class Augment(StrEnum):
    NONE = "none"
    FLIP = "flip"
    CROP_FLIP = "crop-flip"


class Precision(StrEnum):
    AUTO = "auto"
    FP32 = "fp32"
    BF16 = "bf16"


class Device(StrEnum):
    AUTO = "auto"
    CPU = "cpu"
    CUDA = "cuda"


class Spread(StrEnum):
    """How a wish is spread over the groups."""

    UNIFORM = "uniform"  # `share` of every group; as in all spreads, `shares` overrides single ones
    GROUPS = "groups"  # only the groups named in `shares`, others stay whole
    GLOBAL = "global"  # `share` of all units, lowest scores first
    ISOMORPHIC = "isomorphic"  # `share` of every class of groups with the same structure, lowest scores first
    PERCENTILE = "percentile"  # of every group, what scores below its `share`-th quantile
    SENSITIVITY = "sensitivity"  # `share` of all units, so that each group alone would cost equally much accuracy
    PER_LAYER = "per-layer"  # `filters` units of every group
    TOTAL = "total"  # `filters` units over all groups, lowest scores first


SPREADS = {  # what each removes, and which wishes it reads
    Spread.UNIFORM: "the same share of every group (reads share)",
    Spread.GROUPS: "only of the groups named, others stay whole (reads shares)",
    Spread.GLOBAL: "a share of all filters, the lowest scores first (reads share)",
    Spread.ISOMORPHIC: "a share of every class of alike groups, the lowest scores first (reads share)",
    Spread.PERCENTILE: "of every group, the filters that score below its percentile (reads share)",
    Spread.SENSITIVITY: "a share of all filters, so that each group alone costs equally much accuracy (reads share)",
    Spread.PER_LAYER: "so many filters of every group (reads filters)",
    Spread.TOTAL: "so many filters in all, the lowest scores first (reads filters)",
}
# Those that read the one share of a sweep, or of a budget.
BY_SHARE = (Spread.UNIFORM, Spread.GLOBAL, Spread.ISOMORPHIC, Spread.PERCENTILE, Spread.SENSITIVITY)

RANKED = (Spread.GLOBAL, Spread.ISOMORPHIC, Spread.TOTAL)  # that compare scores of different groups


class Rounding(StrEnum):
    CEIL = "ceil"
    ROUND = "round"
    FLOOR = "floor"


class RoundMode(StrEnum):
    NEAREST = "nearest"  # of two that are equally near, the larger
    UP = "up"
    DOWN = "down"


class Blocks(StrEnum):
    """How grouped convolutions, attention heads and group norms are cut."""

    INSIDE = "inside"  # the same places in every block
    WHOLE = "whole"  # entire blocks


class Normalise(StrEnum):
    L2 = "l2"
    MEAN = "mean"
    MAX = "max"
    NONE = "none"


class CriterionName(StrEnum):
    L1 = "l1"
    L2 = "l2"
    MEAN = "mean"
    FPGM = "fpgm"
    LAMP = "lamp"
    BN_SCALE = "bn-scale"
    TAYLOR = "taylor"
    TAYLOR_SIGNED = "taylor-signed"
    TAYLOR_ELEMENT = "taylor-element"
    TAYLOR_GATE = "taylor-gate"
    ACTIVATION = "activation"
    APOZ = "apoz"
    HRANK = "hrank"
    THINET = "thinet"
    FISHER = "fisher"
    HESSIAN = "hessian"
    SNIP = "snip"
    GRASP = "grasp"
    SYNFLOW = "synflow"
    RANDOM = "random"


WEIGHT_NORMS = (CriterionName.L1, CriterionName.L2, CriterionName.MEAN, CriterionName.FPGM, CriterionName.LAMP)


class ScoreAt(StrEnum):
    """Where criteria that look at activations look."""

    LAYER = "layer"  # the output of the layer that makes them
    NORM = "norm"  # behind its batch norm, where there is one


class Order(StrEnum):
    """Whether a filter's score counts the inputs that layers before it lose (Li et al. 2017, section 3.2)."""

    INDEPENDENT = "independent"
    GREEDY = "greedy"


class When(StrEnum):
    """When units go."""

    CUT = "cut"  # cut, then fine-tune; in several steps if wanted
    TRAINING = "training"  # masked more and more while training, cut at its end
    REGULARISED = "regularised"  # decayed by a growing penalty, then cut


class Curve(StrEnum):
    """How the share removed grows over the steps."""

    LINEAR = "linear"
    POLYNOMIAL = "polynomial"  # 1 − (1 − t)³, automated gradual pruning
    EXPONENTIAL = "exponential"  # every step removes the same share of what is left


class Rewind(StrEnum):
    """Which weights the pruned network is trained from."""

    NONE = "none"  # those that it has
    INITIAL = "initial"  # those it was born with
    EARLY = "early"  # those after the training's early epoch
    SCRATCH = "scratch"  # fresh ones: the control


class MaskStructure(StrEnum):
    UNSTRUCTURED = "unstructured"
    STRUCTURED = "structured"  # whole slices of a dimension
    N_OF_M = "n-of-m"  # at most n of every m neighbours stay


class MaskScope(StrEnum):
    LAYER = "layer"  # the amount of every tensor
    GLOBAL = "global"  # the amount over all tensors


class Cost(StrEnum):
    PARAMS = "params"
    MACS = "macs"
    LATENCY = "latency"
