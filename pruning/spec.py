"""What a job is: one frozen model per kind. Forms, checks, command line and documentation all come from these fields."""

from typing import Annotated, Any, Literal, get_args

from pydantic import Field, TypeAdapter, ValidationError, field_validator

from pruning.choices import (
    BY_SHARE,
    RANKED,
    SPREADS,
    WEIGHT_NORMS,
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
from pruning.errors import UserError
from pruning.requests import (
    ChangesSpec,
    EvaluateSpec,
    InspectSpec,
    LatencySpec,
    LookSpec,
    Parent,
    PrepareSpec,
    ScoreSpec,
    Title,
)
from pruning.settings import (
    DataSettings,
    File,
    ModelSettings,
    Settings,
    TrainSettings,
)
from pruning.studies import AuditSettings, MaskSettings, ScanSettings, SearchSettings
from pruning.wishes import PruneSettings, ScheduleSettings

__all__ = [
    "BY_SHARE",
    "RANKED",
    "SPREADS",
    "WEIGHT_NORMS",
    "AuditSettings",
    "AuditSpec",
    "Augment",
    "Blocks",
    "ChangesSpec",
    "Cost",
    "CriterionName",
    "Curve",
    "DataSettings",
    "Device",
    "EvaluateSpec",
    "FinetuneSpec",
    "InspectSpec",
    "LatencySpec",
    "LookSpec",
    "MaskScope",
    "MaskSettings",
    "MaskSpec",
    "MaskStructure",
    "ModelSettings",
    "Normalise",
    "Optimizer",
    "Order",
    "Precision",
    "PrepareSpec",
    "PruneSettings",
    "PruneSpec",
    "RecipeSpec",
    "Rewind",
    "RoundMode",
    "Rounding",
    "ScanSettings",
    "ScanSpec",
    "Schedule",
    "ScheduleSettings",
    "ScoreAt",
    "ScoreSpec",
    "SearchSettings",
    "SearchSpec",
    "Settings",
    "Spec",
    "Spread",
    "SweepSpec",
    "TrainSettings",
    "TrainSpec",
    "When",
    "explain",
    "parse",
]


class TrainSpec(Settings):
    """Train a network on a data set."""

    kind: Literal["train"] = "train"
    title: Title = ""
    data: DataSettings = DataSettings()
    model: ModelSettings = ModelSettings()
    training: TrainSettings = TrainSettings()


class PruneSpec(Settings):
    """Prune a finished run's network, then fine-tune it (`finetune.epochs` = 0: no fine-tuning)."""

    kind: Literal["prune"] = "prune"
    title: Title = ""
    parent: Parent
    pruning: PruneSettings = PruneSettings()
    schedule: ScheduleSettings = ScheduleSettings()
    finetune: TrainSettings = TrainSettings(epochs=2)


class FinetuneSpec(Settings):
    """Train a finished run's network on."""

    kind: Literal["finetune"] = "finetune"
    title: Title = ""
    parent: Parent
    training: TrainSettings = TrainSettings(epochs=2)


class SweepSpec(Settings):
    """Every criterion × share as one prune run from the same parent."""

    kind: Literal["sweep"] = "sweep"
    title: Title = ""
    parent: Parent
    criteria: tuple[CriterionName, ...] = Field(
        (CriterionName.L1,), min_length=1, title="Criteria", description="Criteria to compare, such as l1 taylor."
    )
    shares: tuple[Annotated[float, Field(ge=0, lt=1)], ...] = Field(
        (0.1, 0.3, 0.5, 0.7, 0.9),
        min_length=1,
        title="Shares removed",
        description="Shares to remove, one run for each, such as 0.1 0.5 0.9.",
    )
    seeds: tuple[Annotated[int, Field(ge=0)], ...] = Field(
        (),
        title="Seeds",
        description="Seeds of fine-tuning and random scores, one run for each, such as 0 1 2; empty takes those set.",
    )
    pruning: PruneSettings = PruneSettings()
    schedule: ScheduleSettings = ScheduleSettings()
    finetune: TrainSettings = TrainSettings(epochs=2)

    def children(self) -> list[PruneSpec]:
        return [
            self.child(criterion, share, seed)
            for criterion in self.criteria
            for share in self.shares
            for seed in self.seeds or (None,)
        ]

    def child(self, criterion: CriterionName, share: float, seed: int | None) -> PruneSpec:
        own = {} if seed is None else {"seed": seed}
        return PruneSpec(
            title=f"{criterion} {share:.0%}" + ("" if seed is None else f", seed {seed}"),
            parent=self.parent,
            pruning=self.pruning.model_copy(update={"criterion": criterion, "share": share, **own}),
            schedule=self.schedule,
            finetune=self.finetune.model_copy(update=own),
        )


class MaskSpec(Settings):
    """Set weights of a finished run's network to zero and keep them there while fine-tuning; nothing gets smaller."""

    kind: Literal["mask"] = "mask"
    title: Title = ""
    parent: Parent
    masking: MaskSettings = MaskSettings()
    finetune: TrainSettings = TrainSettings(epochs=2)


class ScanSpec(Settings):
    """Measure how much accuracy each group alone costs, share by share."""

    kind: Literal["scan"] = "scan"
    title: Title = ""
    parent: Parent
    scan: ScanSettings = ScanSettings()


class SearchSpec(Settings):
    """Search shares per group for the best accuracies at every cost."""

    kind: Literal["search"] = "search"
    title: Title = ""
    parent: Parent
    search: SearchSettings = SearchSettings()
    finetune: TrainSettings = TrainSettings(epochs=0)


class AuditSpec(Settings):
    """Compare criteria with what removing each filter really costs, on this network and its validation images."""

    kind: Literal["audit"] = "audit"
    title: Title = ""
    parent: Parent
    audit: AuditSettings = AuditSettings()


class RecipeSpec(Settings):
    """A source document or paper as one tree of runs."""

    kind: Literal["recipe"] = "recipe"
    title: Title = ""
    name: str = Field(title="Recipe", description="Which document or row of a paper.")
    seeds: tuple[Annotated[int, Field(ge=0)], ...] = Field(
        (0,), min_length=1, title="Seeds", description="The whole recipe once for each, such as 0 1 2."
    )
    short: bool = Field(
        False, title="Short version", description="Fewer images and epochs: to see it work, not to compare."
    )
    control: bool = Field(
        False,
        title="Control",
        description="Also train the pruned architecture from fresh weights for the same epochs (Liu 2019).",
    )
    data: DataSettings = DataSettings(name="")
    weights: File = Field(
        "",
        title="Checkpoint",
        description="Trained weights to begin with instead of training, where the recipe's network fits.",
    )

    @field_validator("data", mode="before")
    @classmethod
    def _own_images(cls, data: Any) -> Any:
        """Images that are not named are the recipe's own."""
        return {"name": "", **data} if isinstance(data, dict) else data


Job = TrainSpec | PruneSpec | FinetuneSpec | MaskSpec | ScanSpec | SearchSpec | AuditSpec
Request = InspectSpec | PrepareSpec | ScoreSpec | EvaluateSpec | LatencySpec | ChangesSpec | LookSpec
Spec = Job | SweepSpec | RecipeSpec | Request
_ADAPTER: TypeAdapter[Spec] = TypeAdapter(Annotated[Spec, Field(discriminator="kind")])


def parse(raw: str | bytes | dict[str, Any]) -> Spec:
    """Read a spec from JSON or a dict; raises UserError naming each field, what was given and what is allowed."""
    try:
        return _ADAPTER.validate_json(raw) if isinstance(raw, str | bytes) else _ADAPTER.validate_python(raw)
    except ValidationError as error:
        raise UserError(explain(error)) from error


def explain(error: ValidationError) -> str:
    """A pydantic error in words: `pruning.share=2 is not allowed: it should be less than 1`, joined by '; '."""
    wrong = error.errors()
    parts = {e["loc"][:n] for e in wrong for n in range(len(e["loc"]))}  # a list is wrong because an item is
    told = [e for e in wrong if e["loc"] not in parts]
    return "; ".join(_explained(e["loc"], e["type"], e["input"], e["msg"]) for e in told)


def _explained(place: tuple[int | str, ...], kind: str, given: Any, message: str) -> str:
    kinds = [str(model.model_fields["kind"].default) for model in get_args(Spec)]
    name = ".".join(map(str, place[1:] if len(place) > 1 and place[0] in kinds else place))
    if kind == "missing":
        return f"{name} is missing"
    if kind == "extra_forbidden":
        return f"{name} is not a setting"
    return f"{name}={given!r} is not allowed: {_in_words(message)}{_percent(given)}"


def _in_words(message: str) -> str:
    return message.removeprefix("Value error, ").replace("Input", "it").partition(", unable")[0]


def _percent(given: Any) -> str:
    """What '50%' should have been."""
    try:
        return f"; write {float(given[:-1]) / 100:g}" if isinstance(given, str) and given.endswith("%") else ""
    except ValueError:
        return ""
