"""What a job is: one frozen model per kind. Forms, checks, command line and documentation all come from these fields."""

from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from pruning.errors import UserError


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
    PER_LAYER = "per-layer"  # `filters` units of every group
    TOTAL = "total"  # `filters` units over all groups, lowest scores first


class Rounding(StrEnum):
    CEIL = "ceil"
    ROUND = "round"
    FLOOR = "floor"


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


class Settings(BaseModel):
    """Frozen, and an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class DataSettings(Settings):
    name: str = Field("fashion-mnist-sample", title="Data set", description="Which images to learn from.")
    folder: str = Field(
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
    weights: str = Field(
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
    spread: Spread = Field(Spread.UNIFORM, title="Spread", description="How the share is spread over the layers.")
    share: float = Field(
        0.5,
        ge=0,
        lt=1,
        title="Share removed",
        description="Share of the filters to remove.",
        json_schema_extra={"step": 0.01},
    )
    shares: dict[str, Annotated[float, Field(ge=0, lt=1)]] = Field(
        default_factory=dict,
        title="Share per group",
        description="Group name → share removed; overrides the overall share.",
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
        description="Divide each layer's scores before layers are compared (global and total only).",
    )
    rounding: Rounding = Field(
        Rounding.CEIL, title="Rounding", description="From share × filters to a whole number of removed filters."
    )
    floor: int = Field(1, ge=1, title="Floor", description="Filters that every layer keeps at least.")
    score_images: int = Field(
        1024, ge=1, title="Scoring images", description="Training images that data-driven criteria (Taylor) look at."
    )
    seed: int = Field(0, ge=0, title="Seed", description="Seed of the random criterion.")


class TrainSpec(Settings):
    kind: Literal["train"] = "train"
    title: str = ""
    data: DataSettings = DataSettings()
    model: ModelSettings = ModelSettings()
    training: TrainSettings = TrainSettings()


class PruneSpec(Settings):
    """Prune a finished run's network, then fine-tune it (`finetune.epochs` = 0: no fine-tuning)."""

    kind: Literal["prune"] = "prune"
    title: str = ""
    parent: int
    pruning: PruneSettings = PruneSettings()
    finetune: TrainSettings = TrainSettings(epochs=2)


class FinetuneSpec(Settings):
    kind: Literal["finetune"] = "finetune"
    title: str = ""
    parent: int
    training: TrainSettings = TrainSettings(epochs=2)


class SweepSpec(Settings):
    """Every criterion × share as one prune run from the same parent."""

    kind: Literal["sweep"] = "sweep"
    title: str = ""
    parent: int
    criteria: tuple[CriterionName, ...] = Field((CriterionName.L1,), min_length=1)
    shares: tuple[Annotated[float, Field(ge=0, lt=1)], ...] = Field((0.1, 0.3, 0.5, 0.7, 0.9), min_length=1)
    pruning: PruneSettings = PruneSettings()
    finetune: TrainSettings = TrainSettings(epochs=2)

    def children(self) -> list[PruneSpec]:
        return [
            PruneSpec(
                title=f"{criterion} {share:.0%}",
                parent=self.parent,
                pruning=self.pruning.model_copy(update={"criterion": criterion, "share": share}),
                finetune=self.finetune,
            )
            for criterion in self.criteria
            for share in self.shares
        ]


class InspectSpec(Settings):
    """A small request: trace a fresh network for a data set, and say its layers, parameters and MACs."""

    kind: Literal["inspect"] = "inspect"
    title: str = ""
    data: DataSettings = DataSettings()
    model: ModelSettings = ModelSettings()


class PrepareSpec(Settings):
    """Download, check and decode a data set, and write its card (classes, counts, sample grid)."""

    kind: Literal["prepare"] = "prepare"
    title: str = ""
    data: DataSettings = DataSettings()


Spec = TrainSpec | PruneSpec | FinetuneSpec | SweepSpec | InspectSpec | PrepareSpec
_ADAPTER: TypeAdapter[Spec] = TypeAdapter(Annotated[Spec, Field(discriminator="kind")])


def parse(raw: str | bytes | dict[str, Any]) -> Spec:
    """Read a spec from JSON or a dict; raises UserError naming each field, what was given and what is allowed."""
    try:
        return _ADAPTER.validate_json(raw) if isinstance(raw, str | bytes) else _ADAPTER.validate_python(raw)
    except ValidationError as error:
        raise UserError(explain(error)) from error


def explain(error: ValidationError) -> str:
    """A pydantic error as `field='given': what is allowed`, joined by '; '."""
    return "; ".join(
        f"{'.'.join(map(str, e['loc']))}={e['input']!r}: {e['msg'][0].lower()}{e['msg'][1:]}" for e in error.errors()
    )
