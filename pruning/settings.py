"""The settings of data, network and training: each field holds default, bounds, help and the paper, for all who ask."""

import os
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from pruning.choices import Augment, Device, Optimizer, Precision, Schedule


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
    trained: tuple[str, ...] = Field(
        (),
        title="Layers trained",
        description="Train only these layers, by name or pattern, such as classifier*; empty trains all. The others, and their norms' statistics, stay.",
    )
    slimming: float = Field(
        0.0,
        ge=0,
        le=1,
        title="Sparse batch norm",
        description="L1 penalty on the scales of batch norm while training, such as 1e-4 (network slimming, Liu 2017); 0 for none.",
        json_schema_extra={"format": "%.1e", "slider": False},
    )
    distill: float = Field(
        0.0,
        ge=0,
        le=1,
        title="Distillation",
        description="Weight of the dense network's soft answers in the loss while fine-tuning (Hinton 2015); 0 learns from labels alone.",
        json_schema_extra={"step": 0.05, "slider": False},
    )
    temperature: float = Field(
        4.0, gt=0, le=100, title="Temperature", description="For distillation: softens both networks' answers."
    )
    early_epoch: int = Field(
        0,
        ge=0,
        title="Early weights",
        description="Keep the weights after this epoch too, so that pruned networks can be rewound to them (Frankle 2020); 0 keeps none.",
    )
