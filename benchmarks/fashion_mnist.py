"""Documents 001 and 004 on full Fashion-MNIST, as jobs of the product itself: submit, wait, print the tables.

python benchmarks/fashion_mnist.py [seed …]     (PRUNING_DATA names the data folder; epochs are cut, see below)
"""

import sys
import time

from pruning.jobs import supervisor
from pruning.jobs.store import Row, Store
from pruning.run import home
from pruning.spec import (
    CriterionName,
    DataSettings,
    ModelSettings,
    PruneSettings,
    PruneSpec,
    Spread,
    SweepSpec,
    TrainSettings,
    TrainSpec,
)

DATA = DataSettings(name="fashion-mnist")
SHARES = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
EPOCHS, TUNING = 8, 3  # document 004: 35 and 30


def document_001(store: Store, seed: int) -> list[int]:
    """Adam 1e-3, batch 32, 5 + 5 epochs; 7 filters removed, 8 → 7 and 16 → 10, by Taylor."""
    training = TrainSettings(epochs=5, batch_size=32, seed=seed)
    train = TrainSpec(title=f"001 seed {seed}", data=DATA, model=ModelSettings(name="fashion-cnn"), training=training)
    wish = PruneSettings(
        criterion=CriterionName.TAYLOR, spread=Spread.GROUPS, shares={"conv1": 1 / 8, "conv2": 6 / 16}, seed=seed
    )
    prune = PruneSpec(title=f"001 pruned, seed {seed}", parent=0, pruning=wish, finetune=training)
    return store.submit_chain([train, prune])


def document_004(store: Store, seed: int) -> list[int]:
    """Adam 1e-3, batch 128, x/255; L1 on both convs, one shot."""
    training = TrainSettings(epochs=EPOCHS, batch_size=128, seed=seed)
    train = TrainSpec(title=f"004 seed {seed}", data=DATA, model=ModelSettings(name="scnnb-valid"), training=training)
    (parent,) = store.submit_chain([train])
    finetune = training.model_copy(update={"epochs": TUNING})
    runs = [
        PruneSpec(
            title=f"004 {share:.0%}, seed {seed}",
            parent=parent,
            pruning=PruneSettings(spread=Spread.GROUPS, shares={"conv1": share, "conv2": share}, seed=seed),
            finetune=finetune,
        )
        for share in SHARES
    ]
    return [parent, *(store.submit(run) for run in runs)]


def wait(store: Store, numbers: list[int]) -> list[Row]:
    supervisor.ensure()
    while not all((rows := [store.row(n) for n in numbers]) and [r.state.is_finished for r in rows]):
        if all(r.state.is_finished for r in rows):
            break
        time.sleep(2)
    return rows
