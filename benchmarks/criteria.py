"""Every criterion at five shares on SCNNB and full Fashion-MNIST, beside Torch-Pruning's networks of the same size. Writes criteria.md.

    pip install torch-pruning==1.6.1
    python -m benchmarks.criteria [seed …]     (PRUNING_DATA names the data folder; an interrupted run goes on where it was)

Both convolutions lose the same share (removed = ceil), so at each share all networks have the same size and differ in their picks alone.
Each is fine-tuned by the very same loop: Adam 1e-3, batch 128, one epoch, best on validation; test images are looked at twice, before
fine-tuning and after.
"""

import json
import statistics
import sys
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

import models
from benchmarks.tables import machine, table
from pruning import allocate, data, prune, score, trace, verify
from pruning.criteria import CRITERIA
from pruning.criteria.units import Batch
from pruning.data.dataset import Dataset
from pruning.errors import UserError
from pruning.evaluate import evaluate, evaluation_batches
from pruning.run import Run
from pruning.spec import DataSettings, TrainSettings
from pruning.train import fit

SHARES = (0.3, 0.5, 0.7, 0.8, 0.9)
LAYERS = ("conv1", "conv2")
EPOCHS, TUNING, IMAGES = 8, 1, 1024
RECORDS = Path(__file__).with_name("criteria.jsonl")
PEERS = ("Torch-Pruning L1", "Torch-Pruning Taylor")


@dataclass
class Silent:
    def progress(self, stage: str, done: float, of: float) -> None: ...
    def metrics(self, **values: object) -> None: ...
    def event(self, text: str) -> None: ...
    def check(self) -> None: ...


def trained(model: nn.Module, dataset: Dataset, epochs: int, seed: int) -> nn.Module:
    settings = TrainSettings(epochs=epochs, batch_size=128, seed=seed)
    with tempfile.TemporaryDirectory() as folder:
        return fit(model, dataset, settings, run=Run(Path(folder)), report=Silent())


def dense(dataset: Dataset, seed: int) -> nn.Module:
    """The trained baseline of a seed, kept beside the records."""
    path = RECORDS.with_name(f"criteria-dense-{seed}.pt")
    torch.manual_seed(seed)
    model = models.build("scnnb-valid", in_channels=1, num_classes=10, image_size=28)
    if path.exists():
        model.load_state_dict(torch.load(path, weights_only=True))
        return model.eval()
    model = trained(model, dataset, EPOCHS, seed)
    torch.save(model.state_dict(), path)
    return model


def scoring(dataset: Dataset, size: int = 32) -> Iterable[Batch]:
    """The first training images, the same for every criterion."""
    return list(evaluation_batches(dataset.train_x[:IMAGES], dataset.train_y[:IMAGES], dataset, "cpu", size=size))


def ours(
    model: nn.Module, dataset: Dataset, criterion: str, seed: int, shares: Iterable[float]
) -> Iterator[tuple[float, nn.Module]]:
    channels = trace(model, torch.zeros(1, 1, 28, 28))
    scores = score(model, channels, criterion, data=scoring(dataset), seed=seed)
    for share in shares:
        plan = allocate(channels, scores, shares=dict.fromkeys(LAYERS, share))
        small = prune(model, plan)
        verify(model, small, plan)
        yield share, small


def theirs(seed: int, dataset: Dataset, name: str, shares: Iterable[float]) -> Iterator[tuple[float, nn.Module]]:
    import torch_pruning as tp

    for share in shares:
        model = dense(dataset, seed)
        importance = (
            tp.importance.GroupMagnitudeImportance(p=1)
            if name.endswith("L1")
            else tp.importance.GroupTaylorImportance()
        )
        if name.endswith("Taylor"):
            images = scoring(dataset)
            sum(nn.functional.cross_entropy(model(x), y, reduction="sum") for x, y in images).backward()  # type: ignore[union-attr]
        rest = [module for name, module in model.named_modules() if isinstance(module, nn.Linear)]
        pruner = tp.pruner.BasePruner(
            model, torch.zeros(1, 1, 28, 28), importance=importance, pruning_ratio=share, ignored_layers=rest
        )
        pruner.step()
        model.zero_grad()
        yield share, model


def candidates(dataset: Dataset, name: str, seed: int, shares: list[float]) -> Iterator[tuple[float, nn.Module]]:
    if name in PEERS:
        yield from theirs(seed, dataset, name, shares)
    else:
        yield from ours(dense(dataset, seed), dataset, name, seed, shares)


def measure(dataset: Dataset, name: str, seed: int, done: set[tuple[str, int, float]]) -> Iterator[dict[str, object]]:
    left = [share for share in SHARES if (name, seed, share) not in done]
    for share, small in candidates(dataset, name, seed, left) if left else ():
        before = evaluate(small, dataset.test_x, dataset.test_y, dataset)["accuracy"]
        tuned = trained(small, dataset, TUNING, seed)
        after = evaluate(tuned, dataset.test_x, dataset.test_y, dataset)["accuracy"]
        params = sum(p.numel() for p in tuned.parameters())
        yield {"criterion": name, "seed": seed, "share": share, "params": params, "untuned": before, "tuned": after}


def records() -> list[dict[str, object]]:
    return [json.loads(line) for line in RECORDS.read_text().splitlines()] if RECORDS.exists() else []


def run(seeds: list[int]) -> None:
    dataset = data.load(DataSettings(name="fashion-mnist"))
    for seed in seeds:
        for name in (*CRITERIA, *PEERS):
            done = {(r["criterion"], r["seed"], r["share"]) for r in records()}
            try:
                for record in measure(dataset, str(name), seed, done):  # type: ignore[arg-type]
                    print(record, flush=True)
                    with open(RECORDS, "a") as file:
                        file.write(json.dumps(record) + "\n")
            except UserError as error:
                print(name, error, flush=True)


def spread(values: list[float]) -> str:
    return f"{100 * statistics.mean(values):.2f}" + (
        f" ± {100 * statistics.stdev(values):.2f}" if len(values) > 1 else ""
    )


def report() -> str:
    """Two tables, after fine-tuning and before: a row a criterion, a column a share, mean ± standard deviation over seeds."""
    found = records()
    sizes = {r["share"]: r["params"] for r in found}
    if clash := {(r["criterion"], r["share"]) for r in found if r["params"] != sizes[r["share"]]}:
        raise SystemExit(f"not of equal size: {clash}")
    header = ["criterion", *(f"−{share:.0%}, {sizes[share]:,}" for share in SHARES)]
    text = [
        __doc__.partition("\n")[0] if __doc__ else "",
        "",
        f"Seeds {sorted({r['seed'] for r in found})}; {machine()}.",
        "",
    ]
    for title, key in (("After one epoch of fine-tuning", "tuned"), ("Right after the cut", "untuned")):
        text += [f"## {title}: test accuracy, %", "", table(header, rows(found, key)), ""]
    return "\n".join(text)


def rows(found: list[dict[str, object]], key: str) -> list[list[str]]:
    """The best mean over all shares first."""
    cells = {
        name: [[r[key] for r in found if r["criterion"] == name and r["share"] == share] for share in SHARES]
        for name in dict.fromkeys(r["criterion"] for r in found)
    }
    best = sorted(cells, key=lambda name: -sum(map(statistics.mean, cells[name])))  # type: ignore[arg-type]
    return [[str(name), *map(spread, cells[name])] for name in best]  # type: ignore[arg-type]


if __name__ == "__main__":
    if sys.argv[1:] != ["--table"]:
        torch.set_num_threads(1)
        run([int(seed) for seed in sys.argv[1:]] or [0, 1, 2])
    RECORDS.with_suffix(".md").write_text(report())
