"""Every criterion against the ablation oracle: SCNNB trained on full Fashion-MNIST, three seeds. Writes audit.md.

PRUNING_DATA=folder python -m benchmarks.audit [seed …] [--epochs 2] [--units 32] [--images 1024] [--limit 0]

Runs lie in PRUNING_HOME; what is finished there is not done again.
"""

import argparse
import statistics
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from benchmarks.tables import machine, table
from pruning import engine
from pruning.criterion_cards import CARDS
from pruning.report import FolderReport
from pruning.run import Run, read_json, write_atomic
from pruning.spec import (
    AuditSettings,
    AuditSpec,
    CriterionName,
    DataSettings,
    Device,
    ModelSettings,
    Spec,
    TrainSettings,
    TrainSpec,
)

Found = dict[str, Any]
HEADER = ["criterion", "ρ, mean over layers and seeds", "of each seed, with 95 % interval", "clearly behind the best", "ρ, all filters", "raw"]  # fmt: skip
HEAD = """# Criteria against the ablation oracle

SCNNB, {epochs} epochs on Fashion-MNIST ({accuracy} test accuracy), seeds {seeds}: |change of the validation loss| without each of {filters} filters ({units} of each layer, drawn
by seed) on {images:,} validation images, beside each criterion's scores on {score_images:,} training images. ρ is Spearman's, the mean over the layers; intervals from
{resamples:,} bootstrap resamples of the filters. *Clearly behind*: in how many of the seeds the interval of the difference to that seed's best excludes zero.
*All filters*: ρ over the filters of all layers at once, each layer's scores divided by their L2 norm, or *raw*, as they are. On two halves of the images the oracle agrees
with itself by ρ = {halves}. One thread, {machine}, torch {torch}; {minutes:.1f} min. Made by `python -m benchmarks.audit`.
"""


def execute(number: int, spec: Spec) -> Run:
    run = Run.of(number)
    write_atomic(run.spec, spec.model_dump_json())
    engine.execute(spec, run, FolderReport(run))
    return run


def audited(seed: int, options: argparse.Namespace) -> tuple[Found, float]:
    """A seed's audit, and the test accuracy of its network."""
    data = DataSettings(name="fashion-mnist", limit=options.limit)
    training = TrainSettings(epochs=options.epochs, batch_size=128, seed=seed, device=Device.CPU)
    train = execute(2 * seed + 1, TrainSpec(data=data, model=ModelSettings(name="scnnb"), training=training))
    settings = AuditSettings(units=options.units, images=options.images, seed=seed)
    run = execute(2 * seed + 2, AuditSpec(parent=train.number, audit=settings))
    return read_json(run.audit), read_json(train.result)["after"]["test_accuracy"]


def row(name: str, found: Sequence[Found]) -> list[str]:
    told = [audit["criteria"][name] for audit in found]
    if not all(t.get("mean") for t in told):
        why = next(t.get("error") or " ".join(t["reasons"].values()) for t in told if not t.get("mean"))
        return [CARDS[CriterionName(name)].title, "–", why, "", "", ""]
    means, behind = [t["mean"] for t in told], [audit["behind"].get(name) for audit in found]
    pooled, raw = (statistics.mean(t[key]["rho"] for t in told) for key in ("pooled", "pooled_raw"))
    return [
        CARDS[CriterionName(name)].title,
        amount([m["rho"] for m in means]),
        "; ".join(f"{m['rho']:.2f} ({m['low']:.2f} to {m['high']:.2f})" for m in means),
        f"{sum(b is not None and b['low'] > 0 for b in behind)} of {len(found)}",
        f"{pooled:.2f}",
        f"{raw:.2f}",
    ]


def amount(values: Sequence[float]) -> str:
    spread = f" ± {statistics.stdev(values):.2f}" if len(values) > 1 else ""
    return f"{statistics.mean(values):.2f}{spread}"


def mean(name: str, found: Sequence[Found]) -> float:
    told = [audit["criteria"][name].get("mean") for audit in found]
    return statistics.mean(t["rho"] for t in told if t) if any(told) else -2.0


def written(found: Sequence[Found], accuracies: Sequence[float], options: argparse.Namespace, seconds: float) -> str:
    names = sorted(found[0]["criteria"], key=lambda name: -mean(name, found))
    head = HEAD.format(
        **vars(options),
        accuracy=f"{100 * statistics.mean(accuracies):.1f} %",
        filters=sum(len(group["drawn"]) for group in found[0]["groups"]),
        score_images=found[0]["score_images"],
        resamples=found[0]["resamples"],
        halves=amount([statistics.mean(v for v in audit["halves"].values() if v is not None) for audit in found]),
        machine=machine(),
        torch=torch.__version__,
        minutes=seconds / 60,
    )
    return f"{head}\n{table(HEADER, [row(name, found) for name in names])}\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("seeds", type=int, nargs="*", default=[0, 1, 2])
    for name, value in (("epochs", 2), ("units", 32), ("images", 1024), ("limit", 0)):
        parser.add_argument(f"--{name}", type=int, default=value)
    parser.add_argument("--to", type=Path, default=Path(__file__).parent / "audit.md")
    options = parser.parse_args()
    torch.set_num_threads(1)
    begun = time.monotonic()
    found, accuracies = zip(*(audited(seed, options) for seed in options.seeds), strict=True)
    write_atomic(options.to, written(found, accuracies, options, time.monotonic() - begun))


if __name__ == "__main__":
    main()
