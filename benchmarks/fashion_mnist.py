"""Documents 001 and 004 on full Fashion-MNIST, as jobs of the product itself: submit, wait, print the tables.

python -m benchmarks.fashion_mnist [seed …]     (PRUNING_DATA names the data folder; epochs are cut, see below)
"""

import os
import platform
import statistics
import sys
import time

from pruning.jobs import supervisor
from pruning.jobs.store import Row, Store
from pruning.run import Run, home, read_json
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
    sweep = SweepSpec(
        title=f"004 sweep, seed {seed}",
        parent=parent,
        shares=SHARES,
        pruning=PruneSettings(shares={"fc1": 0.0}, seed=seed),
        finetune=training.model_copy(update={"epochs": TUNING}),
    )
    return [parent, *(child.id for child in store.children(store.submit(sweep)))]


def wait(store: Store, numbers: list[int]) -> list[Row]:
    """The rows once all are finished."""
    supervisor.ensure()
    while any(not store.row(n).state.is_finished for n in numbers):
        time.sleep(2)
    return [store.row(n) for n in numbers]


def line(label: str, runs: list[Row]) -> str:
    """One row of the table: mean ± standard deviation over seeds of the test accuracy, and the exact counts."""
    results = [read_json(Run.of(row.id).result) for row in runs]
    accuracies = [100 * r["after"]["test_accuracy"] for r in results]
    spread = f" ± {statistics.stdev(accuracies):.2f}" if len(accuracies) > 1 else ""
    after = results[0]["after"]
    return f"| {label} | {after['params']:,} | {after['macs']:,} | {statistics.mean(accuracies):.2f}{spread} |"


def main(seeds: list[int]) -> None:
    store = Store(home())
    jobs = {seed: (document_001(store, seed), document_004(store, seed)) for seed in seeds}
    labels = (
        ["001 trained", "001 pruned by Taylor, fine-tuned"],
        ["SCNNB trained", *(f"SCNNB {s:.0%}" for s in SHARES)],
    )
    print(f"seeds {seeds}, {platform.machine()}, {os.cpu_count()} cores\n")
    print("| network | parameters | MACs | test accuracy, % |\n|---|---|---|---|")
    for document, names in enumerate(labels):
        for place, label in enumerate(names):
            print(line(label, wait(store, [jobs[seed][document][place] for seed in seeds])), flush=True)


if __name__ == "__main__":
    main([int(seed) for seed in sys.argv[1:]] or [0, 1, 2])
