"""Document 001: seven filters of a Fashion-MNIST network by the Taylor criterion (Molchanov et al. 2017)."""

from pruning.recipes.card import ARXIV, DENSE, FIRST, Card, Expected, What, params
from pruning.spec import (
    CriterionName,
    DataSettings,
    ModelSettings,
    PruneSettings,
    PruneSpec,
    Spread,
    TrainSettings,
    TrainSpec,
)

TRAINING = TrainSettings(epochs=5, batch_size=32, learning_rate=1e-3)
TAYLOR = CriterionName.TAYLOR_ELEMENT
FREE = PruneSettings(criterion=TAYLOR, spread=Spread.TOTAL, filters=7)
AS_THERE = PruneSettings(criterion=TAYLOR, spread=Spread.GROUPS, shares={"conv1": 1 / 8, "conv2": 6 / 16})
CARD = Card(
    title="001: seven filters by Taylor on Fashion-MNIST",
    source="Molchanov et al. 2017, Pruning convolutional neural networks",
    link=ARXIV + "1611.06440",
    does="Trains convolutions of 8 and 16 filters for 5 epochs, removes the 7 filters with the smallest Taylor score of "
    "both, and fine-tunes for 5. Which layer they fall in depends on the training; in the document one was in the first "
    "layer, six in the second, which is its own step.",
    steps={
        DENSE: TrainSpec(
            data=DataSettings(name="fashion-mnist"), model=ModelSettings(name="fashion-cnn"), training=TRAINING
        ),
        "7 filters removed": PruneSpec(parent=FIRST, pruning=FREE, finetune=TRAINING),
        "1 and 6, as there": PruneSpec(parent=FIRST, pruning=AS_THERE, finetune=TRAINING),
    },
    short=DataSettings(name="fashion-mnist-sample"),
    expected=(
        *params({DENSE: 126_698, "1 and 6, as there": 79_120}),
        Expected("7 filters removed", What.REMOVED, 7),
    ),
    image_size=28,
    seconds=2.2e-4,
)
