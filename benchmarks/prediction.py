"""Predicted accuracy against measured, on real networks: which way to combine single groups errs least, and do intervals hold?

    python -m benchmarks.prediction FOLDER DATA [network:criterion …]

DATA holds FashionMNIST/, cifar10-jpeg.zip and weights/; what is measured lies in FOLDER and is measured once. Writes prediction.md.
"""

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional as F

import models
from benchmarks.criteria import Silent
from benchmarks.resnet56 import cifar10
from benchmarks.tables import machine, table
from pruning import allocate, data, prediction, prune, score, sensitivity, trace
from pruning.allocate import Scores, from_settings
from pruning.channels.map import ChannelMap
from pruning.checkpoint import load_weights
from pruning.data.dataset import Dataset
from pruning.evaluate import evaluate, evaluation_batches
from pruning.plan import Plan
from pruning.spec import DataSettings, PruneSettings, ScanSettings, Spread

CASES = (
    "scnnb:l1",
    "scnnb:taylor",
    "fashion-cnn:l1",
    "resnet20-cifar:l1",
    "resnet20-cifar:taylor",
    "resnet56-cifar:l1",
)
WEIGHTS = {"resnet20-cifar": "resnet20-12fca82f.th", "resnet56-cifar": "resnet56-4bfd9763.th"}
CHANCE, TRAINED, EPOCHS = 0.1, 12_000, 2  # Fashion-MNIST networks learn from so many images
UNIFORM = (0.03, 0.05, 0.08, 0.12, 0.16, 0.2, 0.25, 0.3, 0.35, 0.4, 0.5)
GLOBAL = (0.02, 0.05, 0.08, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.5, 0.6)
MIXED = 30  # plans in which some groups, or all, lose shares of their own
EXPONENTS = np.exp(np.linspace(-1.5, 1.5, 121))
Array = NDArray[np.float64]
Case = dict[str, Any]  # scan.json, with "measured": plans that the scan did not see


def opened(name: str, folder: Path) -> tuple[nn.Module, Dataset]:
    if name in WEIGHTS:
        dataset = cifar10(str(folder / "cifar10-jpeg.zip"))
        network = models.build(name, in_channels=3, num_classes=10, image_size=32)
        load_weights(network, folder / "weights" / WEIGHTS[name])
        return network.eval(), dataset
    dataset = data.load(DataSettings(name="fashion-mnist"))
    torch.manual_seed(0)
    return trained(models.build(name, in_channels=1, num_classes=10, image_size=28), dataset), dataset


def trained(network: nn.Module, dataset: Dataset) -> nn.Module:
    updates = torch.optim.Adam(network.train().parameters())
    for _ in range(EPOCHS):
        order = torch.randperm(TRAINED).numpy()
        for x, y in evaluation_batches(dataset.train_x[order], dataset.train_y[order], dataset, "cpu", size=64):
            updates.zero_grad()
            F.cross_entropy(network(x), y).backward()  # type: ignore[no-untyped-call]
            updates.step()
    return network.eval()


def measured(name: str, criterion: str, folder: Path) -> Case:
    """The scan of a network, and plans of many kinds measured on the same images."""
    network, dataset = opened(name, folder)
    channels = trace(network, torch.zeros(2, *dataset.input_shape))
    images = list(evaluation_batches(dataset.train_x[:256], dataset.train_y[:256], dataset, "cpu", size=64))
    scores, settings = score(network, channels, criterion, data=images, seed=0), ScanSettings(criterion=criterion)
    found = sensitivity.scan(network, channels, scores, dataset, settings, Silent(), torch.device("cpu"))
    some = sensitivity.sample(dataset, settings)
    cuts = [(plan, prune(network, plan)) for plan in plans(channels, scores, criterion)]
    told = [evaluate(small, some.validation_x, some.validation_y, dataset)["accuracy"] for _, small in cuts]
    pairs = zip(cuts, told, strict=True)
    return found | {"measured": [{"kept": plan.kept(), "accuracy": accuracy} for (plan, _), accuracy in pairs]}


def plans(channels: ChannelMap, scores: Scores, criterion: str) -> Iterator[Plan]:
    random, names = np.random.default_rng(1), list(scores)
    for share in UNIFORM:
        yield allocate(channels, scores, shares=dict.fromkeys(names, share))
    for share in GLOBAL:
        yield from_settings(channels, scores, PruneSettings(criterion=criterion, spread=Spread.GLOBAL, share=share))
    for _ in range(MIXED):
        most, some = random.choice([0.1, 0.2, 0.3, 0.5, 0.7]), random.choice([0.2, 0.5, 1.0])
        yield allocate(
            channels, scores, shares={n: float(random.uniform(0, most)) for n in names if random.random() < some}
        )


def alone(case: Case, kept: dict[str, int], place: int) -> Array:
    """Accuracy (place 2) or loss (3) when each group alone is cut as the plan cuts it, never better than uncut. (groups,)"""
    key, worse = (("accuracy", -1), ("loss", 1))[place - 2]
    start = case["dense"][key]
    found = []
    for name, points in case["groups"].items():
        units = case["units"][name]
        known = sorted({(0.0, start), *((1 - p[1] / units, p[place]) for p in points)})
        shares, values = zip(*known, strict=True)
        envelope = worse * np.maximum.accumulate(worse * np.array(values))
        found.append(np.interp(1 - kept.get(name, units) / units, shares, envelope))
    return np.array(found)


def ratio(case: Case, kept: dict[str, int]) -> float:
    left = (alone(case, kept, 2) - CHANCE) / (case["dense"]["accuracy"] - CHANCE)
    return float(-np.log(np.clip(left, 0.5 / case["images"], 1)).sum())


def logits(case: Case, kept: dict[str, int]) -> float:
    return float((logit(case["dense"]["accuracy"], case) - logit(alone(case, kept, 2), case)).clip(0).sum())


def logit(accuracy: Array | float, case: Case) -> Array:
    edge = 0.5 / case["images"]
    share = np.clip((accuracy - CHANCE) / (1 - CHANCE), edge, 1 - edge)
    return np.asarray(np.log(share / (1 - share)))


def product(case: Case, damage: Array) -> Array:
    return np.asarray(CHANCE + (case["dense"]["accuracy"] - CHANCE) * np.exp(-damage))


def sigmoid(case: Case, damage: Array) -> Array:
    return CHANCE + (1 - CHANCE) / (1 + np.exp(damage - logit(case["dense"]["accuracy"], case)))


def straight(case: Case, damage: Array) -> Array:
    return np.asarray(np.maximum(CHANCE, case["dense"]["accuracy"] - damage))


RULES: dict[str, tuple[Callable[[Case, dict[str, int]], float], Callable[[Case, Array], Array]]] = {
    "product of ratios above chance": (ratio, product),
    "sum of logit losses": (logits, sigmoid),
    "sum of accuracy losses": (lambda c, k: float((c["dense"]["accuracy"] - alone(c, k, 2)).sum()), straight),
    "exp of minus summed losses": (lambda c, k: float((alone(c, k, 3) - c["dense"]["loss"]).sum()), product),
}


def errors(case: Case, rule: str) -> tuple[float, float]:
    """Mean |error| on plans that were not scanned: as it is, and with an exponent learnt from the scan's joint points."""
    damage, curve = RULES[rule]
    pairs = {k: (np.array([damage(case, p["kept"]) for p in case[k]]), np.array([p["accuracy"] for p in case[k]])) for k in ("joint", "measured")}  # fmt: skip
    known, accuracies = pairs["joint"]
    best = min(EXPONENTS, key=lambda a: float(np.abs(curve(case, a * known) - accuracies).mean()))
    unseen, truth = pairs["measured"]
    raw, learnt = (float(np.abs(curve(case, a * unseen) - truth).mean()) for a in (1.0, best))
    return raw, learnt


def intervals(case: Case) -> list[float]:
    """Of unseen plans: mean error, mean half interval, coverage; then error and coverage when all are known but each itself."""
    made = prediction.learned(case, [], chance=CHANCE, source="")
    told = [(made.predict(p["kept"]), p["accuracy"]) for p in case["measured"]]
    inside = [t.low - 1e-9 <= y <= t.high + 1e-9 for t, y in told if t]
    known = [prediction.Measured(p["kept"], p["accuracy"]) for p in case["measured"]]
    later = prediction.learned(case, known, chance=CHANCE, source="")
    held = [t.low - 1e-9 <= p.accuracy <= t.high + 1e-9 for p, t in later.held_out]
    mean = [float(np.mean(values)) for values in ([abs(t.accuracy - y) for t, y in told if t], [t.half for t, _ in told if t], inside)]  # fmt: skip
    return [*mean, later.mean_error or 0.0, float(np.mean(held))]


def cases(folder: Path, source: Path, names: Sequence[str]) -> Iterator[tuple[str, Case]]:
    for name in names:
        network, criterion = name.split(":")
        path = folder / f"{network}-{criterion}.json"
        if not path.exists():
            path.write_text(json.dumps(measured(network, criterion, source)))
        yield f"{network}, {criterion}", json.loads(path.read_text())


def points(values: Sequence[float]) -> list[str]:
    return [f"{100 * value:.1f}" for value in values]


def main(folder: str, source: str, *names: str) -> None:
    known = dict(cases(Path(folder), Path(source), names or CASES))
    rules = [[name, *(" → ".join(points(errors(case, rule))) for rule in RULES)] for name, case in known.items()]
    mean = ["mean", *(" → ".join(points(np.mean([errors(c, rule) for c in known.values()], axis=0))) for rule in RULES)]
    honest = {name: intervals(case) for name, case in known.items()}
    rows = [[name, str(len(known[name]["measured"])), f"{100 * known[name]['dense']['accuracy']:.1f}", *points(told)] for name, told in honest.items()]  # fmt: skip
    last = ["mean", "", "", *points(np.mean(list(honest.values()), axis=0))]
    text = [
        "Predicted against measured accuracy, right after the cut and untuned, on 512 validation images.",
        "",
        "Mean error in percentage points on plans that the scan did not see (uniform, global, mixed shares, up to chance level):",
        "every rule as it is → with one exponent learnt from the scan's own joint points.",
        "",
        table(["network, criterion", *RULES], [*rules, mean]),
        "",
        f"The rule in use is the first, with intervals meant to hold {100 * prediction.COVERAGE:.0f} %. Error, half interval and coverage on plans never",
        "seen, knowing the scan alone; then error and coverage when every plan is predicted from the scan and all other plans.",
        "",
        table(["network, criterion", "plans", "dense, %", "error", "± half", "inside, %", "error, others known", "inside, %"], [*rows, last]),
        "",
        f"{machine()}; accuracies do not depend on it. Public ResNets on CIFAR-10 as JPEGs; the others learnt {TRAINED:,} images of Fashion-MNIST for {EPOCHS} epochs.",
        "",
    ]  # fmt: skip
    Path(__file__).with_suffix(".md").write_text("\n".join(text))


if __name__ == "__main__":
    torch.set_num_threads(1)
    main(*sys.argv[1:])
