"""Document 004: SCNNB (Lei et al. 2020) without padding, a share of both convolutions by L1 (Li et al. 2017)."""

from pruning.recipes.card import ARXIV, DENSE, FIRST, Card, Reported, params, percent
from pruning.spec import (
    DataSettings,
    ModelSettings,
    PruneSettings,
    PruneSpec,
    Spread,
    TrainSettings,
    TrainSpec,
)

TRAINING = TrainSettings(epochs=35, batch_size=128, learning_rate=1e-3)
TUNING = TRAINING.model_copy(update={"epochs": 30})
COUNTS = {  # share removed → parameters on Fashion-MNIST, on CIFAR-10; removed is ceil(filters × share)
    0.0: (2_081_098, 2_982_794),
    0.1: (1_852_961, 2_656_025),
    0.2: (1_658_018, 2_376_548),
    0.3: (1_431_198, 2_051_114),
    0.4: (1_236_930, 1_772_312),
    0.5: (1_042_986, 1_493_834),
    0.6: (817_009, 1_169_225),
    0.7: (623_794, 891_476),
    0.8: (398_846, 567_914),
    0.9: (206_306, 290_840),
}
SHARES = tuple(COUNTS)[1:]


def step(share: float) -> str:
    return f"{percent(share)} removed" if share else DENSE


def cut(share: float) -> PruneSpec:
    wish = PruneSettings(spread=Spread.GROUPS, shares={"conv1": share, "conv2": share})
    return PruneSpec(parent=FIRST, pruning=wish, finetune=TUNING)


def card(
    title: str,
    data: str,
    short: DataSettings,
    *,
    column: int,
    image_size: int,
    seconds: float,
    reported: float,
    note: str,
) -> Card:
    training = TrainSpec(data=DataSettings(name=data), model=ModelSettings(name="scnnb-valid"), training=TRAINING)
    return Card(
        title=f"004: SCNNB at nine shares on {title}",
        source="Li et al. 2017, Pruning filters for efficient ConvNets",
        link=ARXIV + "1608.08710",
        does=f"Trains SCNNB on {title} and removes 10 % to 90 % of the filters of both convolutions, those with the smallest "
        "L1 norm; every share is a run of its own, fine-tuned for 30 epochs.",
        steps={DENSE: training, **{step(share): cut(share) for share in SHARES}},
        short=short,
        expected=params({step(share): counts[column] for share, counts in COUNTS.items()}),
        reported=(Reported(DENSE, reported, note),),
        image_size=image_size,
        seconds=seconds,
    )


FASHION = card(
    "Fashion-MNIST",
    "fashion-mnist",
    DataSettings(name="fashion-mnist-sample"),
    column=0,
    image_size=28,
    seconds=6.7e-4,
    reported=0.9369,
    note="the SCNNB paper, which pads",
)
CIFAR = card(
    "CIFAR-10",
    "cifar10",
    DataSettings(name="cifar10", limit=2000),
    column=1,
    image_size=32,
    seconds=1.05e-3,
    reported=0.7749,
    note="a re-implementation, which pads and trains for 300 epochs",
)
