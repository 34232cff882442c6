"""What is wished of a network: how it is pruned, and when; each field as in `settings`."""

from typing import Annotated

from pydantic import Field

from pruning.amounts import Ceiling, Floor
from pruning.choices import (
    Blocks,
    CriterionName,
    Curve,
    Normalise,
    Order,
    Rewind,
    Rounding,
    RoundMode,
    ScoreAt,
    Spread,
    When,
)
from pruning.settings import Settings


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
        description="Share of the filters to remove, 0.5 for half; a budget finds its own.",
        json_schema_extra={"step": 0.01},
    )
    shares: dict[str, Annotated[float, Field(ge=0, lt=1)]] = Field(
        default_factory=dict,
        title="Share per group",
        description="Group name → share removed, such as conv1=0.3,fc1=0.5; these groups lose just that, whatever the spread gives the others.",
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
    max_params: int = Field(
        0,
        ge=0,
        title="Parameters at most",
        description="Budget: the smallest share that meets it is taken; 0 for none.",
    )
    max_macs: int = Field(
        0, ge=0, title="MACs at most", description="Budget in multiply-accumulates an image; 0 for none."
    )
    max_latency: float = Field(
        0.0,
        ge=0,
        title="Latency at most, ms",
        description="Budget in milliseconds an image, measured where the job runs; 0 for none.",
        json_schema_extra={"format": "%g"},
    )
    order: Order = Field(
        Order.INDEPENDENT,
        title="Order",
        description="Independent scores use whole filters; greedy ones leave out the inputs that layers before lose (Li 2017).",
    )
    score_at: ScoreAt = Field(
        ScoreAt.LAYER,
        title="Look at",
        description="Where criteria that look at activations look: the layer's output, or behind its batch norm.",
    )
    scan: int = Field(
        0,
        ge=0,
        title="Sensitivity scan",
        description="For the sensitivity spread: the run that scanned this network; 0 scans it anew.",
    )
    blocks: Blocks = Field(
        Blocks.INSIDE,
        title="Blocks",
        description="Attention heads, conv groups and norm groups get smaller, all by the same places (inside), or fewer (whole): half of 12 heads of 64 are 12 of 32, or 6 of 64.",
    )
    score_images: int = Field(
        1024, ge=1, title="Scoring images", description="Training images that criteria which look at data see."
    )
    recalibrate_images: int = Field(
        0,
        ge=0,
        title="Recalibration images",
        description="Training images on which batch norm measures its statistics anew after the cut, such as 512 (EagleEye, Li 2020); 0 keeps the old ones.",
    )
    seed: int = Field(0, ge=0, title="Seed", description="Seed of the random criterion.")

    @property
    def has_budget(self) -> bool:
        """Whether the share is found by what the network may cost."""
        return bool(self.max_params or self.max_macs or self.max_latency)


class ScheduleSettings(Settings):
    when: When = Field(
        When.CUT,
        title="When",
        description="Cut, then fine-tune; mask more and more while training (Zhu 2017); or decay what goes by a growing penalty (Wang 2021).",
    )
    steps: int = Field(
        1,
        ge=1,
        le=100,
        title="Steps",
        description="Cuts on the way to the wish, each scored anew; while training: updates of the mask, 1 for one an epoch.",
    )
    curve: Curve = Field(
        Curve.LINEAR,
        title="Growth",
        description="How the share removed grows over the steps: linear, polynomial (cubic, Zhu 2017), exponential.",
    )
    epochs: int = Field(
        1,
        ge=0,
        le=1000,
        title="Epochs a step",
        description="Epochs after each of several cuts, or with mask or penalty; the fine-tuning comes on top at the end.",
    )
    penalty: float = Field(
        0.5,
        gt=0,
        le=10,
        title="Penalty at its end",
        description="For the growing penalty: the L2 factor that it grows to.",
        json_schema_extra={"slider": False},
    )
    rewind: Rewind = Field(
        Rewind.NONE,
        title="Rewind",
        description="Train on with the weights left, the initial ones (Frankle 2019), early ones (Frankle 2020), or fresh ones: the control (Liu 2019).",
    )
