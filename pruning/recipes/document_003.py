"""Document 003: masks of torch.nn.utils.prune on the first convolution of a CIFAR-10 network, beside removing it for real."""

from pruning.recipes.card import DENSE, FIRST, Card, Expected, Reported, What, params
from pruning.spec import (
    DataSettings,
    MaskSettings,
    MaskSpec,
    MaskStructure,
    ModelSettings,
    PruneSettings,
    PruneSpec,
    Rounding,
    Spread,
    TrainSettings,
    TrainSpec,
)

UNTUNED = TrainSettings(epochs=0, batch_size=32, learning_rate=1e-4)
AMOUNT = 0.41479  # the document's 106 filters; 40 % are 102
GONE = PruneSettings(spread=Spread.GROUPS, shares={"conv1": AMOUNT}, rounding=Rounding.ROUND)


def masked(amount: float) -> MaskSpec:
    wish = MaskSettings(structure=MaskStructure.STRUCTURED, amount=amount, layers=("conv1",), norm=1)
    return MaskSpec(parent=FIRST, masking=wish, finetune=UNTUNED)


CARD = Card(
    title="003: masks are no savings, on CIFAR-10",
    source="PyTorch's pruning tutorial",
    link="https://pytorch.org/tutorials/intermediate/pruning_tutorial.html",
    does="Trains a wide network on CIFAR-10 and masks 40 % of its first convolution by L1, which leaves every parameter in "
    "place. Beside it the same 106 filters are removed for real: 3.2 % of the parameters, 29 % of the MACs.",
    steps={
        DENSE: TrainSpec(
            data=DataSettings(name="cifar10"),
            model=ModelSettings(name="cifar-cnn"),
            training=TrainSettings(epochs=40, batch_size=32, learning_rate=1e-4),
        ),
        "40 % of conv1 masked": masked(0.4),
        "106 filters masked": masked(AMOUNT),
        "106 filters removed": PruneSpec(parent=FIRST, pruning=GONE, finetune=UNTUNED),
    },
    short=DataSettings(name="cifar10", limit=1000),
    expected=(
        Expected("40 % of conv1 masked", What.ZEROS, 2_754),
        Expected("106 filters masked", What.ZEROS, 2_862),
        *params({DENSE: 15_355_402, "106 filters removed": 14_863_774}),
    ),
    reported=(
        Reported(DENSE, 0.7967),
        Reported("106 filters masked", 0.7404),
        Reported("106 filters removed", 0.716, "bias and batch norm go along, so it is another function than the mask"),
    ),
    image_size=32,
    seconds=2.5e-2,
)
