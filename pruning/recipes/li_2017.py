"""Rows of Table 1 of Li et al. 2017, Pruning filters for efficient ConvNets: CIFAR-10, L1, removed rounded up."""

from collections.abc import Mapping

from pruning.recipes.card import ARXIV, DENSE, FIRST, Card, Expected, Reported, What
from pruning.spec import (
    Augment,
    DataSettings,
    ModelSettings,
    Optimizer,
    PruneSettings,
    PruneSpec,
    Schedule,
    Spread,
    TrainSettings,
    TrainSpec,
)

Counts = tuple[int, int]  # MACs of conv and linear weights, parameters
CUT = "pruned"
TRAINING = TrainSettings(
    epochs=160,
    optimizer=Optimizer.SGD,
    learning_rate=0.1,
    weight_decay=1e-4,
    schedule=Schedule.STEP,
    step_epochs=60,
    augment=Augment.CROP_FLIP,
)
TUNING = TRAINING.model_copy(update={"epochs": 40, "learning_rate": 1e-3, "schedule": Schedule.CONSTANT})


def first_convs(blocks: int, shares: tuple[float, float, float], skip: set[int]) -> dict[str, float]:
    """Shares of the first convolution of every block, a stage each; `skip`: layer numbers 2, 4, 6, … as in the paper."""
    return {
        f"layer{stage + 1}.{block}.conv1": share
        for stage, share in enumerate(shares)
        for block in range(blocks)
        if share and 2 * (stage * blocks + block) + 2 not in skip
    }


def row(
    name: str,
    model: str,
    wish: str,
    shares: Mapping[str, float],
    *,
    dense: Counts,
    pruned: Counts,
    errors: tuple[float, float],
    seconds: float,
    training: TrainSettings = TRAINING,
) -> Card:
    """One row; `errors` in percent of the test images, before and after."""
    cut = PruneSettings(spread=Spread.GROUPS, shares=dict(shares))
    counts = {DENSE: dense, CUT: pruned}
    return Card(
        title=f"{name} on CIFAR-10",
        source="Li et al. 2017, Pruning filters for efficient ConvNets, Table 1",
        link=ARXIV + "1608.08710",
        does=f"Removes {wish}, those with the smallest L1 norm, and trains on for 40 epochs at 0.001. "
        "Trained weights that you name take the place of the first training.",
        steps={
            DENSE: TrainSpec(data=DataSettings(name="cifar10"), model=ModelSettings(name=model), training=training),
            CUT: PruneSpec(parent=FIRST, pruning=cut, finetune=TUNING),
        },
        short=DataSettings(name="cifar10", limit=1000),
        expected=tuple(
            Expected(step, what, count)
            for step, (macs, params) in counts.items()
            for what, count in ((What.PARAMS, params), (What.MACS, macs))
        ),
        reported=tuple(Reported(step, round(1 - error / 100, 4)) for step, error in zip(counts, errors, strict=True)),
        image_size=32,
        seconds=seconds,
    )


VGG_16_A = row(
    "VGG-16-A",
    "vgg16-cifar",
    "half of the filters of the first convolution and of the last six",
    dict.fromkeys(["conv1", *(f"conv{number}" for number in range(8, 14))], 0.5),
    dense=(313_463_808, 14_991_946),
    pruned=(206_279_680, 5_399_690),
    errors=(6.75, 6.60),
    seconds=2.1e-2,
    training=TRAINING.model_copy(update={"learning_rate": 0.05, "weight_decay": 5e-4}),
)
RESNET_56_A = row(
    "ResNet-56-A",
    "resnet56-cifar",
    "10 % of the first convolution of each block, without layers 16, 20, 38 and 54",
    first_convs(9, (0.1, 0.1, 0.1), {16, 20, 38, 54}),
    dense=(125_485_696, 853_018),
    pruned=(112_435_840, 773_336),
    errors=(6.96, 6.90),
    seconds=1.2e-2,
)
RESNET_56_B = row(
    "ResNet-56-B",
    "resnet56-cifar",
    "60 %, 30 % and 10 % of the first convolution of each block by stage, without layers 16, 18, 20, 34, 38 and 54",
    first_convs(9, (0.6, 0.3, 0.1), {16, 18, 20, 34, 38, 54}),
    dense=(125_485_696, 853_018),
    pruned=(90_907_264, 735_712),
    errors=(6.96, 6.94),
    seconds=1.2e-2,
)
RESNET_110_A = row(
    "ResNet-110-A",
    "resnet110-cifar",
    "half of the first convolution of each block of the first stage, without layer 36",
    first_convs(18, (0.5, 0, 0), {36}),
    dense=(252_887_680, 1_727_962),
    pruned=(212_779_648, 1_688_522),
    errors=(6.47, 6.45),
    seconds=2.4e-2,
)
RESNET_110_B = row(
    "ResNet-110-B",
    "resnet110-cifar",
    "50 %, 40 % and 30 % of the first convolution of each block by stage, without layers 36, 38 and 74",
    first_convs(18, (0.5, 0.4, 0.3), {36, 38, 74}),
    dense=(252_887_680, 1_727_962),
    pruned=(155_124_352, 1_168_424),
    errors=(6.47, 6.70),
    seconds=2.4e-2,
)
