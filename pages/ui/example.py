"""The example that fills every page: a small network on the bundled images, trained, pruned by half, fine-tuned."""

from pages.ui import cards, state
from pruning.spec import DataSettings, ModelSettings, PruneSettings, PruneSpec, TrainSettings, TrainSpec

BUTTON = "Try the example"
LINE = (
    "The example trains scnnb-valid, a small network (scnnb without padding at its edges), on 6,000 bundled images of "
    "clothes, removes half of its filters and fine-tunes the rest. It takes about a minute and downloads nothing."
)


def specs() -> tuple[TrainSpec, PruneSpec]:
    train = TrainSpec(
        title="Example: scnnb-valid on fashion-mnist-sample",
        data=DataSettings(name="fashion-mnist-sample"),
        model=ModelSettings(name="scnnb-valid"),
        training=TrainSettings(epochs=4),
    )
    prune = PruneSpec(
        title="Example: half of the filters removed",
        parent=0,
        pruning=PruneSettings(share=0.5),
        finetune=TrainSettings(epochs=2),
    )
    return train, prune


def start() -> None:
    """Queue training and pruning, and go to the training's page."""
    cards.open_run(state.submit(*specs())[0])
