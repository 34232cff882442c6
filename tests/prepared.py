"""A runs folder with a run of every kind and every ending, made by real jobs in seconds."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from pruning.jobs import worker
from pruning.jobs.row import LONG, SMALL, Row, State
from pruning.jobs.store import Store
from pruning.run import Run, read_json
from pruning.spec import (
    AuditSettings,
    AuditSpec,
    DataSettings,
    FinetuneSpec,
    InspectSpec,
    MaskSpec,
    ModelSettings,
    PrepareSpec,
    PruneSettings,
    PruneSpec,
    RecipeSpec,
    ScanSettings,
    ScanSpec,
    ScheduleSettings,
    SearchSettings,
    SearchSpec,
    Spec,
    SweepSpec,
    TrainSettings,
    TrainSpec,
    parse,
)

TRAIN, PRUNE, STEPS, FINETUNE, MASK, SCAN, SEARCH, AUDIT, SWEEP, FAILED, CANCELLED, RECIPE = (
    1,
    2,
    3,
    4,
    5,
    6,
    7,
    8,
    9,
    12,
    13,
    14,
)
DATA = DataSettings(limit=600)
ROOT = Path(__file__).resolve().parent.parent
TUNE = TrainSettings(epochs=2)
RUNS: tuple[Spec, ...] = (
    TrainSpec(title="Small network on clothes", data=DATA, training=TrainSettings(epochs=3)),
    PruneSpec(title="Half of every group", parent=TRAIN, pruning=PruneSettings(share=0.5), finetune=TUNE),
    PruneSpec(
        title="Taylor in two steps", parent=TRAIN, pruning=PruneSettings(share=0.7, criterion="taylor"),
        schedule=ScheduleSettings(steps=2), finetune=TUNE,
    ),
    FinetuneSpec(title="Trained on", parent=PRUNE, training=TUNE),
    MaskSpec(title="Half of the weights masked", parent=TRAIN, finetune=TrainSettings(epochs=1)),
    ScanSpec(title="What each group costs", parent=TRAIN, scan=ScanSettings(shares=(0.25, 0.5, 0.75), images=64)),
    SearchSpec(title="Shares by search", parent=TRAIN, search=SearchSettings(trials=6, images=64)),
    AuditSpec(
        title="Criteria held against the loss", parent=TRAIN,
        audit=AuditSettings(criteria=("l1", "taylor", "random"), images=64, score_images=64, units=4, resamples=100),
    ),
    SweepSpec(
        title="L1 and random", parent=TRAIN, criteria=("l1", "random"), shares=(0.6,), finetune=TrainSettings(epochs=1)
    ),
    TrainSpec(title="Photos that are not there", data=DataSettings(name="imagefolder", folder="/nowhere/at/all")),
    TrainSpec(title="Stopped by hand", data=DATA),
    RecipeSpec(title="A recipe that waits", name="000-2"),
)  # fmt: skip
ASKED: tuple[Spec, ...] = (
    PrepareSpec(data=DataSettings()),
    InspectSpec(data=DataSettings(), model=ModelSettings()),
)  # what the Train page asks for when it opens


def make(folder: Path, *specs: Spec) -> None:
    """Fill `folder` with `specs`, or a run of every kind, in a process of its own: jobs turn logging and printing to their logs."""
    environment = os.environ | {"PRUNING_HOME": str(folder), "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    texts = [spec.model_dump_json() for spec in specs]
    subprocess.run([sys.executable, __file__, str(folder), *texts], check=True, timeout=300, env=environment)


def fill(store: Store, specs: Sequence[Spec]) -> None:
    for spec in specs:
        number = store.submit(spec)
        if spec.title in ("Stopped by hand", "A recipe that waits"):
            store.cancel(number)
        while (row := store.claim([*LONG, *SMALL])) is not None:
            end(store, row)


def end(store: Store, row: Row) -> None:
    """Do one run, and leave its row as the supervisor would."""
    run = Run.of(row.id)
    worker.work(run, row.attempt)
    told = read_json(run.status)
    summary, error = json.dumps(read_json(run.result, {})), told.get("error")
    changes = {"ended": time.time(), "summary": summary, "error": json.dumps(error) if error else None}
    assert store.move(row.id, State.RUNNING, State(told["state"]), attempt=row.attempt, changes=changes)


if __name__ == "__main__":
    fill(Store(Path(sys.argv[1])), [parse(text) for text in sys.argv[2:]] or [*RUNS, *ASKED])
