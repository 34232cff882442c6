"""Document 002: VGG-16 for dogs and cats loses 512 filters at a time by the Taylor criterion (Molchanov et al. 2017)."""

from pruning.recipes.card import ARXIV, DENSE, FIRST, Card, Expected, What, params
from pruning.spec import (
    Augment,
    CriterionName,
    DataSettings,
    ModelSettings,
    Optimizer,
    PruneSettings,
    PruneSpec,
    ScheduleSettings,
    Spread,
    TrainSettings,
    TrainSpec,
)

TRAINING = TrainSettings(
    epochs=10,
    batch_size=32,
    optimizer=Optimizer.SGD,
    learning_rate=1e-4,
    augment=Augment.CROP_FLIP,
    trained=("classifier*",),
)
TUNING = TRAINING.model_copy(update={"epochs": 15, "learning_rate": 1e-3, "trained": ()})
WISH = PruneSettings(
    criterion=CriterionName.TAYLOR_SIGNED, spread=Spread.TOTAL, filters=5 * 512, protect=("classifier*",)
)
CARD = Card(
    title="002: VGG-16 for dogs and cats, five times 512 filters",
    source="Molchanov et al. 2017, Pruning convolutional neural networks",
    link=ARXIV + "1611.06440",
    does="Trains the classifier of an ImageNet VGG-16 on two classes of photos, then removes 512 of its 4,224 filters five "
    "times by the Taylor criterion, each in a single pass and followed by training; 1,664 stay. The short version starts "
    "from fresh weights on small photos, so it downloads nothing.",
    steps={
        DENSE: TrainSpec(
            data=DataSettings(name="imagefolder"),
            model=ModelSettings(name="vgg16", pretrained=True),
            training=TRAINING,
        ),
        "2,560 filters removed": PruneSpec(
            parent=FIRST, pruning=WISH, schedule=ScheduleSettings(steps=5, epochs=10), finetune=TUNING
        ),
    },
    short=DataSettings(name="imagefolder", image_size=64, limit=200),
    expected=(
        *params({DENSE: 134_268_738}),
        Expected("2,560 filters removed", What.REMOVED, 2_560),
    ),
    image_size=224,
    seconds=1.6,
    short_seconds=0.15,
    needs_folder=True,
)
