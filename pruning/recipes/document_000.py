"""Document 000: filters of small MNIST networks by L1, and the weights of an Iris network (Optimal Brain Damage, LeCun 1990)."""

from pruning.recipes.card import ARXIV, DENSE, FIRST, Card, Expected, Reported, What, params, percent
from pruning.spec import (
    CriterionName,
    DataSettings,
    MaskScope,
    MaskSettings,
    MaskSpec,
    ModelSettings,
    Optimizer,
    PruneSettings,
    PruneSpec,
    Spread,
    TrainSettings,
    TrainSpec,
)

MNIST = DataSettings(name="mnist")
SAMPLE = DataSettings(name="fashion-mnist-sample")
TRAINING = TrainSettings(epochs=7, batch_size=64, optimizer=Optimizer.RMSPROP, learning_rate=1e-3, momentum=0.0)
TUNING = TRAINING.model_copy(update={"epochs": 3})
LINK = ARXIV + "1608.08710"


def dense(model: str) -> TrainSpec:
    return TrainSpec(data=MNIST, model=ModelSettings(name=model), training=TRAINING)


def cut(filters: int) -> PruneSpec:
    """So many filters of every convolution, those with the smallest L1 norm; the units of linear layers are its outputs."""
    wish = PruneSettings(criterion=CriterionName.L1, spread=Spread.PER_LAYER, filters=filters)
    return PruneSpec(parent=FIRST, pruning=wish, finetune=TUNING)


PART_1 = Card(
    title="000 part 1: one filter of MNIST's smallest network",
    source="Li et al. 2017, Pruning filters for efficient ConvNets",
    link=LINK,
    does="Trains one convolution of 4 filters on MNIST, removes the filter with the smallest L1 norm, and fine-tunes.",
    steps={DENSE: dense("mnist-cnn-small"), "1 filter removed": cut(1)},
    short=SAMPLE,
    expected=params({DENSE: 6_810, "1 filter removed": 5_110}),
    reported=(Reported("1 filter removed", 0.95, "86 % with the filter masked, before fine-tuning"),),
    image_size=28,
    seconds=4e-5,
)
PART_2 = Card(
    title="000 part 2: two filters of each convolution on MNIST",
    source="Li et al. 2017, Pruning filters for efficient ConvNets",
    link=LINK,
    does="Trains two convolutions of 8 and 4 filters on MNIST, removes the two filters with the smallest L1 norm of each, "
    "and fine-tunes.",
    steps={DENSE: dense("mnist-cnn"), "2 filters of each removed": cut(2)},
    short=SAMPLE,
    expected=params({DENSE: 6_130, "2 filters of each removed": 3_052}),
    reported=(
        Reported(DENSE, 0.94),
        Reported("2 filters of each removed", 0.95, "8 % right after its surgery, which re-drew weights at random"),
    ),
    image_size=28,
    seconds=1.4e-4,
)

AMOUNTS = {0.25: 24, 0.5: 48, 0.75: 72, 0.9: 86}  # share → weights masked of the 96


def damaged(amount: float) -> MaskSpec:
    wish = MaskSettings(criterion=CriterionName.HESSIAN, scope=MaskScope.GLOBAL, amount=amount)
    return MaskSpec(parent=FIRST, masking=wish, finetune=IRIS.model_copy(update={"epochs": 4}))


IRIS = TrainSettings(epochs=8, batch_size=4, learning_rate=1e-3)
WEIGHTS = Card(
    title="000 Iris: Optimal Brain Damage",
    source="LeCun et al. 1990, Optimal Brain Damage",
    link="https://papers.nips.cc/paper/1989/hash/6c9882bbac1c7093bd25041881277658-Abstract.html",
    does="Trains the 4-6-8-3 network on Iris and masks the weights whose loss is smallest by the diagonal of the Hessian, "
    "at four amounts. The document names this as its goal and does not get there.",
    steps={
        DENSE: TrainSpec(data=DataSettings(name="iris"), model=ModelSettings(name="iris-mlp"), training=IRIS),
        **{f"{percent(amount)} masked": damaged(amount) for amount in AMOUNTS},
    },
    short=None,
    expected=(
        Expected(DENSE, What.PARAMS, 113),
        *(Expected(f"{percent(amount)} masked", What.ZEROS, n) for amount, n in AMOUNTS.items()),
    ),
    seconds=8e-5,
)
