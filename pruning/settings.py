"""The settings of data, network, training and pruning: each field holds default, bounds, help and the paper, for all who ask."""

import os
from enum import StrEnum
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from pruning.amounts import Ceiling, Floor


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

    UNIFORM = "uniform"  # `share` of every group, `shares` overrides single ones
    GROUPS = "groups"  # only the groups named in `shares`, others stay whole
    GLOBAL = "global"  # `share` of all units, lowest scores first
    ISOMORPHIC = "isomorphic"  # `share` of every class of groups with the same structure, lowest scores first
    PER_LAYER = "per-layer"  # `filters` units of every group
    TOTAL = "total"  # `filters` units over all groups, lowest scores first


SPREADS = {  # what each removes, and which wishes it reads
    Spread.UNIFORM: "the same share of every group (reads share, and shares for single groups)",
    Spread.GROUPS: "only of the groups named, others stay whole (reads shares)",
    Spread.GLOBAL: "a share of all filters, the lowest scores first (reads share)",
    Spread.ISOMORPHIC: "a share of every class of alike groups, the lowest scores first (reads share)",
    Spread.PER_LAYER: "so many filters of every group (reads filters)",
    Spread.TOTAL: "so many filters in all, the lowest scores first (reads filters)",
}
BY_SHARE = (Spread.UNIFORM, Spread.GLOBAL, Spread.ISOMORPHIC)  # those that read the one share of a sweep


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
    RANDOM = "random"
    BN_SCALE = "bn-scale"
    TAYLOR = "taylor"


def absolute(path: str) -> str:
    """A path as whoever gives it means it: the job runs in another folder."""
    return str(Path(os.path.expanduser(path.strip())).absolute()) if path.strip() else ""  # noqa: PTH111  # leaves ~nobody as it is


File = Annotated[str, AfterValidator(absolute)]


class Settings(BaseModel):
    """Frozen, and an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class DataSettings(Settings):
    name: str = Field("fashion-mnist-sample", title="Data set", description="Which images to learn from.")
    folder: File = Field(
        "", title="Folder", description="For imagefolder: the folder that holds train/CLASS/* and test/CLASS/*."
    )
    image_size: int = Field(
        0,
        ge=0,
        le=1024,
        title="Image size",
        description="Side of the square images in pixels; 0 takes the data set's own.",
    )
    limit: int = Field(
        0, ge=0, title="Training images", description="Use only this many training images (stratified); 0 uses all."
    )
    validation: float = Field(
        0.1,
        gt=0,
        le=0.5,
        title="Validation share",
        description="Share of the training images held back to choose the best epoch; the test images are used once, at the end.",
        json_schema_extra={"step": 0.05},
    )
    split_seed: int = Field(0, ge=0, title="Split seed", description="Seed of the train/validation split.")


class ModelSettings(Settings):
    name: str = Field("scnnb", title="Model", description="Which network to build.")
    pretrained: bool = Field(
        False,
        title="Pretrained weights",
        description="Start from torchvision's ImageNet weights (downloaded once); the head is replaced for the data set's classes.",
    )
    weights: File = Field(
        "", title="Checkpoint", description="A checkpoint file to start from; empty for a fresh start."
    )


class TrainSettings(Settings):
    epochs: int = Field(
        5, ge=0, le=1000, title="Epochs", description="Passes over the training images; 0 only evaluates."
    )
    batch_size: int = Field(128, ge=1, le=4096, title="Batch size", description="Images per step.")
    optimizer: Optimizer = Field(Optimizer.ADAM, title="Optimizer", description="Adam (Kingma 2015), SGD or RMSprop.")
    learning_rate: float = Field(
        1e-3,
        gt=0,
        le=10,
        title="Learning rate",
        description="Step size at the start.",
        json_schema_extra={"format": "%.2e"},
    )
    momentum: float = Field(
        0.9, ge=0, lt=1, title="Momentum", description="For SGD (Nesterov) and RMSprop; Adam ignores it."
    )
    weight_decay: float = Field(
        0.0,
        ge=0,
        le=1,
        title="Weight decay",
        description="L2 penalty on the weights.",
        json_schema_extra={"format": "%.1e"},
    )
    schedule: Schedule = Field(
        Schedule.CONSTANT, title="Schedule", description="Learning rate over time: constant, cosine to 0, or steps."
    )
    step_epochs: int = Field(
        10, ge=1, title="Step every", description="For the step schedule: epochs between two steps."
    )
    step_factor: float = Field(
        0.1,
        gt=0,
        lt=1,
        title="Step factor",
        description="For the step schedule: the learning rate is multiplied by this.",
    )
    patience: int = Field(
        0,
        ge=0,
        title="Early stop",
        description="Stop after this many epochs without a better validation accuracy; 0 never stops early.",
    )
    augment: Augment = Field(Augment.NONE, title="Augmentation", description="Random changes to every training image.")
    precision: Precision = Field(
        Precision.AUTO, title="Precision", description="bf16 autocast where it pays, or always/never."
    )
    device: Device = Field(Device.AUTO, title="Device", description="CUDA when there is one.")
    seed: int = Field(0, ge=0, title="Seed", description="Seed of initial weights, data order and augmentation.")


class PruneSettings(Settings):
    criterion: CriterionName = Field(CriterionName.L1, title="Criterion", description="How a filter's worth is scored.")
    spread: Spread = Field(
        Spread.UNIFORM,
        title="Spread",
        description="How the share is spread over the layers; isomorphic: Fang et al. 2024.",
    )
    share: float = Field(
        0.5,
        ge=0,
        lt=1,
        title="Share removed",
        description="Share of the filters to remove, 0.5 for half; for uniform, global and isomorphic.",
        json_schema_extra={"step": 0.01},
    )
    shares: dict[str, Annotated[float, Field(ge=0, lt=1)]] = Field(
        default_factory=dict,
        title="Share per group",
        description="Group name → share removed, such as conv1=0.3,fc1=0.5; for uniform they override the overall share.",
    )
    filters: int = Field(
        0,
        ge=0,
        title="Filters removed",
        description="For per-layer: filters removed of every layer; for total: over all layers.",
    )
    normalise: Normalise = Field(
        Normalise.L2,
        title="Normalise scores",
        description="Divide each layer's scores before layers are compared (global, isomorphic and total only).",
    )
    rounding: Rounding = Field(
        Rounding.CEIL, title="Rounding", description="From share × filters to a whole number of removed filters."
    )
    floor: Floor = Field(
        1,
        title="Floor",
        description="Filters that every group keeps at least; or for single groups, such as conv1=8,fc1=4.",
    )
    ceiling: Ceiling = Field(
        0,
        title="Ceiling",
        description="Filters that every group keeps at most, 0 for no ceiling; or for single groups, such as conv1=64,fc1=128.",
    )
    keep_at_least: float = Field(
        0.0,
        ge=0,
        lt=1,
        title="Share that always stays",
        description="Share of each group that is never removed, such as 0.1: no group collapses, whatever the spread.",
        json_schema_extra={"step": 0.05, "slider": False},
    )
    round_to: int = Field(
        1,
        ge=1,
        title="Multiple",
        description="Groups that are cut keep a multiple of this, such as 8 or 16; smaller groups are left alone. 1 rounds nothing.",
    )
    round_mode: RoundMode = Field(
        RoundMode.NEAREST, title="To the multiple", description="Nearest, up (keep more) or down (keep fewer)."
    )
    protect: tuple[str, ...] = Field(
        (),
        title="Protected layers",
        description="Layers to leave whole, by name or pattern, such as conv1 or layer4.*, with all that is tied to them.",
    )
    blocks: Blocks = Field(
        Blocks.INSIDE,
        title="Blocks",
        description="Attention heads, conv groups and norm groups get smaller, all by the same places (inside), or fewer (whole): half of 12 heads of 64 are 12 of 32, or 6 of 64.",
    )
    score_images: int = Field(
        1024, ge=1, title="Scoring images", description="Training images that data-driven criteria (Taylor) look at."
    )
    recalibrate_images: int = Field(
        0,
        ge=0,
        title="Recalibration images",
        description="Training images on which batch norm measures its statistics anew after the cut, such as 512 (EagleEye, Li 2020); 0 keeps the old ones.",
    )
    seed: int = Field(0, ge=0, title="Seed", description="Seed of the random criterion.")
