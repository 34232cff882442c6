"""Small requests: what the warm process answers at once, each one a page's question; no network is kept."""

from typing import Annotated, Any, Literal

from pydantic import Field

from pruning.choices import Blocks, CriterionName, ScoreAt
from pruning.settings import DataSettings, File, ModelSettings, Settings

Title = Annotated[str, Field(title="Title", description="What lists call the run.")]
Parent = Annotated[int, Field(title="Start from", description="Number of the run whose network this one starts from.")]
Whole = Annotated[
    Blocks, Field(title="Blocks", description="How attention heads and conv groups are cut: inside, or as a whole.")
]


class ScoreSpec(Settings):
    """A small request: one criterion's scores of a finished run's network."""

    kind: Literal["score"] = "score"
    title: Title = ""
    parent: Parent
    criterion: CriterionName = Field(CriterionName.L1, title="Criterion", description="How a filter's worth is scored.")
    score_at: ScoreAt = Field(
        ScoreAt.LAYER,
        title="Look at",
        description="Where criteria that look at activations look: the layer's output, or behind its batch norm.",
    )
    blocks: Whole = Blocks.INSIDE
    images: int = Field(
        256, ge=1, title="Scoring images", description="Training images that criteria which look at data see."
    )


class InspectSpec(Settings):
    """A small request: trace a fresh network for a data set, and say its layers, parameters and MACs."""

    kind: Literal["inspect"] = "inspect"
    title: Title = ""
    data: DataSettings = DataSettings()
    model: ModelSettings = ModelSettings()


class PrepareSpec(Settings):
    """Download, check and decode a data set, and write its card (classes, counts, sample grid)."""

    kind: Literal["prepare"] = "prepare"
    title: Title = ""
    data: DataSettings = DataSettings()


class EvaluateSpec(Settings):
    """A small request: cut a finished run's network by a plan, count and check what is left, and measure its accuracy."""

    kind: Literal["evaluate"] = "evaluate"
    title: Title = ""
    parent: Parent
    blocks: Whole = Blocks.INSIDE
    plan: dict[str, Any] = Field(title="Plan", description="Units kept, as plan.json has them.")
    images: int = Field(
        0, ge=0, title="Validation images", description="Images that accuracy is measured on; 0 counts and checks only."
    )
    criterion: CriterionName | None = Field(
        None, title="Criterion", description="What chose the units: predictions learn from cuts by their own criterion."
    )


class LatencySpec(Settings):
    """A small request: time a finished run's layers at many widths, so that any plan's latency can be foretold."""

    kind: Literal["latency"] = "latency"
    title: Title = ""
    parent: Parent
    blocks: Whole = Blocks.INSIDE
    batch: int = Field(1, ge=1, le=1024, title="Batch", description="Images in one forward pass.")
    backend: Literal["torch", "onnxruntime", "openvino"] = Field(
        "torch", title="Runtime", description="What runs the network: torch, or another runtime where it is installed."
    )


Against = Annotated[
    Literal["parent", "training"],
    Field(title="Compare with", description="The network that the run started from, or the one first trained."),
]


class ChangesSpec(Settings):
    """A small request: the dense and the pruned network on the same test images, and what differs."""

    kind: Literal["changes"] = "changes"
    title: Title = ""
    parent: Parent
    against: Against = "parent"
    images: int = Field(
        1000,
        ge=1,
        title="Test images",
        description="How many of the test images both networks look at, drawn so that every class keeps its share.",
    )
    seed: int = Field(0, ge=0, title="Seed", description="Seed of that draw.")


class LookSpec(Settings):
    """A small request: one image through the dense and the pruned network, with the feature maps of a layer."""

    kind: Literal["look"] = "look"
    title: Title = ""
    parent: Parent
    against: Against = "parent"
    image: int = Field(
        0, ge=0, title="Test image", description="Number of the test image, from 0, in the order of the data set."
    )
    file: File = Field("", title="Own image", description="An image file to look at instead.")
    invert: bool = Field(
        False,
        title="Invert brightness",
        description="For an image of your own that is dark on white where the data set's are bright on black.",
    )
    layer: str = Field(
        "", title="Layer", description="Layer whose feature maps are shown; empty takes the first one cut."
    )
