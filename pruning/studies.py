"""What else is asked of a network: masks, scans of single groups, searches, audits; each field as in `settings`."""

from typing import Annotated

from pydantic import Field

from pruning.choices import Blocks, Cost, CriterionName, MaskScope, MaskStructure, Precision, ScoreAt
from pruning.settings import File, Settings


class MaskSettings(Settings):
    structure: MaskStructure = Field(
        MaskStructure.UNSTRUCTURED,
        title="What is masked",
        description="Single weights, whole slices of a dimension, or all but n of every m neighbours.",
    )
    criterion: CriterionName = Field(
        CriterionName.L1,
        title="Criterion",
        description="How a weight's worth is scored; hessian is Optimal Brain Damage (LeCun 1990).",
    )
    scope: MaskScope = Field(
        MaskScope.LAYER, title="Scope", description="The amount of every tensor, or the lowest scores over all of them."
    )
    amount: float = Field(
        0.5,
        ge=0,
        lt=1,
        title="Amount masked",
        description="Share of the weights, or slices, that is set to zero.",
        json_schema_extra={"step": 0.01},
    )
    layers: tuple[str, ...] = Field(
        (),
        title="Layers",
        description="Layers to mask, by name or pattern; empty takes all with a conv or linear weight.",
    )
    norm: int = Field(1, ge=1, le=2, title="Norm", description="For slices by norm: 1 or 2.")
    dimension: int = Field(
        0, ge=0, le=1, title="Dimension", description="Of slices: 0 for filters, 1 for input channels."
    )
    n: int = Field(2, ge=1, le=64, title="n", description="Weights that stay of every m neighbours along the inputs.")
    m: int = Field(4, ge=2, le=64, title="m", description="Neighbours that n are chosen of.")
    file: File = Field(
        "", title="Own masks", description="A .safetensors file of masks by parameter name, instead of a criterion."
    )
    images: int = Field(
        1024, ge=1, title="Scoring images", description="Training images that criteria which look at data see."
    )
    seed: int = Field(0, ge=0, title="Seed", description="Seed of the random criterion.")


class ScanSettings(Settings):
    criterion: CriterionName = Field(CriterionName.L1, title="Criterion", description="How a filter's worth is scored.")
    shares: tuple[Annotated[float, Field(gt=0, lt=1)], ...] = Field(
        (0.1, 0.2, 0.35, 0.5, 0.65, 0.8, 0.9),
        min_length=1,
        title="Shares",
        description="Shares that each group alone loses.",
    )
    images: int = Field(512, ge=1, title="Validation images", description="Images that every accuracy is measured on.")
    precision: Precision = Field(
        Precision.AUTO,
        title="Precision",
        description="bf16 is about twice as fast; its accuracies differ from fp32 by a few images in a thousand. Auto: as in training.",
    )
    blocks: Blocks = Field(Blocks.INSIDE, title="Blocks", description="How attention heads and conv groups are cut.")
    seed: int = Field(
        0, ge=0, title="Seed", description="Seed of the images, of groups cut together and of the random criterion."
    )


class SearchSettings(Settings):
    cost: Cost = Field(Cost.MACS, title="Cost", description="What is weighed against accuracy.")
    trials: int = Field(60, ge=2, le=10_000, title="Trials", description="Settings of shares that are tried.")
    most: float = Field(
        0.9,
        gt=0,
        lt=1,
        title="Most removed",
        description="The largest share that a group may lose.",
        json_schema_extra={"step": 0.05, "slider": False},
    )
    criterion: CriterionName = Field(CriterionName.L1, title="Criterion", description="How a filter's worth is scored.")
    images: int = Field(
        1024, ge=1, title="Validation images", description="Images that every trial's accuracy is measured on."
    )
    epochs: int = Field(
        0,
        ge=0,
        le=100,
        title="Epochs a trial",
        description="Fine-tuning before a trial's accuracy; 0 measures it untuned.",
    )
    seed: int = Field(0, ge=0, title="Seed", description="Seed of the search.")


class AuditSettings(Settings):
    criteria: tuple[CriterionName, ...] = Field(
        tuple(CriterionName),
        min_length=1,
        title="Criteria",
        description="Criteria to compare with what removing a filter really costs.",
    )
    images: int = Field(
        512, ge=1, title="Validation images", description="Images that the loss without a filter is measured on."
    )
    score_images: int = Field(
        512, ge=1, title="Scoring images", description="Training images that criteria which look at data see."
    )
    score_at: ScoreAt = Field(
        ScoreAt.LAYER,
        title="Look at",
        description="Where criteria that look at activations look: the layer's output, or behind its batch norm.",
    )
    blocks: Blocks = Field(Blocks.INSIDE, title="Blocks", description="How attention heads and conv groups are cut.")
    units: int = Field(
        32,
        ge=2,
        title="Filters a group",
        description="Filters of each group that are removed, one at a time, drawn by seed; large numbers take all.",
    )
    share: float = Field(
        0.3,
        gt=0,
        lt=1,
        title="Picks",
        description="Share of each group that counts as a criterion's pick, for the overlaps.",
        json_schema_extra={"step": 0.05, "slider": False},
    )
    resamples: int = Field(1000, ge=100, le=100_000, title="Bootstrap", description="Resamples behind each interval.")
    seed: int = Field(0, ge=0, title="Seed", description="Seed of the filters drawn and of the bootstrap.")
