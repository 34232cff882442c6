"""What pruning changed, asked for by a page: both networks on the test images, and on one image with its feature maps."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from pruning import changes, pictures
from pruning.channels.trace import trace
from pruning.data.dataset import Dataset, take
from pruning.data.split import stratified
from pruning.errors import UserError
from pruning.evaluate import evaluation_batches, logits
from pruning.kinds import warm
from pruning.origin import finished, lineage
from pruning.plan import Plan
from pruning.precision import choose_device
from pruning.report import Report
from pruning.run import Run, read_json, write_atomic, write_json
from pruning.spec import ChangesSpec, Device, LookSpec, PruneSpec, parse
from pruning.stages import conclude
from pruning.surgery import Positions, duplicate, positions, prune

Record = dict[str, Any]
MOST = 512  # units whose feature maps are drawn
TOP = 5  # classes of each network that are told
FLIPS, MAPS, IMAGE = "flips.png", "maps.png", "image.png"


@dataclass(frozen=True)
class Pair:
    """Two networks of one line of descent; `cut` is the dense one after the same cuts, with no training since."""

    runs: tuple[Run, Run]
    dense: nn.Module
    cut: nn.Module
    pruned: nn.Module
    kept: dict[str, Positions]  # layer → its channels that are left, ORIGINAL indices; layers not named are whole


def opened(number: int, against: str) -> Pair:
    """The run's network beside an older one; raises UserError when the run started from none, or one is gone."""
    run = finished(number)
    line = lineage(run)
    if len(line) == 1:
        raise UserError(f"Run {number} started from no other network.", do="Choose a prune, fine-tune or mask run.")
    older = 0 if against == "training" else len(line) - 2
    dense = warm.network(finished(line[older].number))
    cut, kept = repeated(dense, line[older + 1 :])
    return Pair((line[older], run), dense, cut, warm.network(run), kept)


def repeated(dense: nn.Module, line: Sequence[Run]) -> tuple[nn.Module, dict[str, Positions]]:
    """The cuts of a line of runs on the network that it starts from, and the channels of each layer that they leave."""
    kept: dict[str, Positions] = {}
    for run in line:
        spec = parse(run.spec.read_text())
        if isinstance(spec, PruneSpec):
            shape = warm.input_shape(run.model)
            channels = trace(dense, torch.zeros(2, *shape), blocks=spec.pruning.blocks)
            plan = Plan.from_json(run.plan.read_text(), channels)
            left = positions(plan)
            for layer, made in channels.makers.items():
                name, dimension = made[0]
                stay = left[name][dimension]
                whole = kept.get(layer, np.arange(len(channels.units[name][dimension])))  # type: ignore[arg-type]
                kept[layer] = whole if stay is None else whole[stay]
            dense = prune(dense, plan)
    return dense, kept


def compare(spec: ChangesSpec, run: Run, report: Report) -> None:
    """Write `changes.json`, and the flipped images as one picture."""
    pair, dataset = opened(spec.parent, spec.against), warm.dataset(finished(spec.parent))
    rows = drawn(dataset, spec)
    x, y = take(dataset.test_x, rows), dataset.test_y[rows]
    device, all_done = choose_device(Device.AUTO), 2 * len(rows)
    before = changes.answers(
        duplicate(pair.dense, {}), x, y, dataset, device, lambda n: report.progress("compare", n, all_done)
    )
    after = changes.answers(
        duplicate(pair.pruned, {}), x, y, dataset, device, lambda n: report.progress("compare", len(rows) + n, all_done)
    )
    told = changes.compared(before, after, y, rows)
    if dataset.image_size and told["flips"]:
        shown = (dataset.test_x[np.array([flip["image"]])][0] for flip in told["flips"])
        write_atomic(run.pictures / FLIPS, pictures.sheet(shown))
    else:
        for flip in told["flips"]:
            flip["features"] = [round(float(v), 4) for v in dataset.test_x[flip["image"]]]
    about = {"runs": [r.number for r in pair.runs], "images": len(rows), "of": len(dataset.test_y), "seed": spec.seed}
    write_json(run.changes, about | {"classes": list(dataset.classes), **told})
    conclude(run, read_json(pair.runs[1].result)["after"], device)


def drawn(dataset: Dataset, spec: ChangesSpec) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Numbers of the test examples that are looked at, ascending."""
    of = len(dataset.test_y)
    return stratified(dataset.test_y, spec.images, spec.seed) if spec.images < of else np.arange(of)


def look(spec: LookSpec, run: Run, report: Report) -> None:
    """Write `changes.json` of one image: both answers, and the feature maps of a layer, unit by unit."""
    pair, dataset = opened(spec.parent, spec.against), warm.dataset(finished(spec.parent))
    x, truth = example(spec, dataset)
    (inputs, _), *_ = evaluation_batches(x, np.zeros(1, np.int64), dataset, "cpu")
    seen = [pictures.seen(network, inputs) for network in (pair.dense, pair.cut, pair.pruned)]
    told = {"runs": [r.number for r in pair.runs], "class": truth, "top": top(seen[0][1], seen[2][1], dataset)}
    if dataset.image_size:
        write_atomic(run.pictures / IMAGE, pictures.png(pictures.picture(x[0], 2 * pictures.CELL)))
        told |= maps(spec, run, pair, [found for found, _ in seen])
    write_json(run.changes, told)
    conclude(run, read_json(pair.runs[1].result)["after"], torch.device("cpu"))


def example(spec: LookSpec, dataset: Dataset) -> tuple[Any, str | None]:
    """One example as the data set stores it, and its class where that is known. Raises UserError when there is none."""
    if spec.file:
        return pictures.of_file(Path(spec.file), dataset, invert=spec.invert), None
    of = len(dataset.test_y)
    if spec.image >= of:
        raise UserError(f"There is no test image {spec.image}.", do=f"Choose one from 0 to {of - 1}.")
    return dataset.test_x[np.array([spec.image])], dataset.classes[dataset.test_y[spec.image]]


def top(dense: Tensor, pruned: Tensor, dataset: Dataset) -> list[Record]:
    """The most likely classes of either network, with the confidence of both."""
    found = [changes.shares(logits(o).float().cpu().numpy().astype(np.float64))[0] for o in (dense, pruned)]
    likely = {int(c) for share in found for c in np.argsort(-share)[:TOP]}
    ordered = sorted(likely, key=lambda c: -max(share[c] for share in found))
    return [{"class": dataset.classes[c], "dense": float(found[0][c]), "pruned": float(found[1][c])} for c in ordered]


def maps(spec: LookSpec, run: Run, pair: Pair, seen: Sequence[pictures.Maps]) -> Record:
    """The layers there are, and the chosen one's units with their picture; `seen`: by dense, cut and pruned network."""
    layers = comparable(pair, seen)
    if not layers:
        return {"layers": []}
    cut = (layer["name"] for layer in layers if layer["kept"] < layer["units"])
    name = spec.layer or next(cut, layers[0]["name"])
    if name not in {layer["name"] for layer in layers}:
        raise UserError(f"{name} has no feature maps to compare.", do=f"Choose {layers[0]['name']}, or another convolution.")  # fmt: skip
    kept = stays(pair, name, len(seen[0][name]))
    whole = [list(seen[0][name]), *(spread(found[name], kept, len(seen[0][name])) for found in seen[1:])]
    if pair.cut is pair.dense or np.array_equal(seen[1][name], seen[2][name]):
        del whole[1]  # nothing was cut, or nothing trained since
    write_atomic(run.pictures / MAPS, pictures.units([network[:MOST] for network in whole]))
    told = {"layer": name, "layers": layers, "networks": ["dense", *["cut"] * (len(whole) == 3), "pruned"]}
    return told | {"size": list(seen[0][name].shape[1:]), "units": numbers(whole, pair, name)}


def stays(pair: Pair, name: str, units: int) -> Positions:
    """The channels of a layer that are left, ORIGINAL indices."""
    return pair.kept.get(name, np.arange(units))


def comparable(pair: Pair, seen: Sequence[pictures.Maps]) -> list[Record]:
    """Layers whose channels can be paired: as many are left as the plans say."""
    return [
        {"name": name, "units": len(found), "kept": len(kept)}
        for name, found in seen[0].items()
        if name in seen[2] and len(kept := stays(pair, name, len(found))) == len(seen[2][name]) <= len(found)
    ]


def spread(found: pictures.Map, kept: Positions, units: int) -> list[pictures.Map | None]:
    """Each channel's map at its ORIGINAL place; None where the channel is gone."""
    left: dict[int, pictures.Map] = dict(zip(kept.tolist(), found, strict=True))
    return [left.get(unit) for unit in range(units)]


def numbers(whole: Sequence[Sequence[pictures.Map | None]], pair: Pair, name: str) -> list[Record]:
    """A record a unit: whether it is kept, whether its weights are all zero, the mean of its maps, and how alike they are."""
    empty = emptied(pair.pruned.get_submodule(name), stays(pair, name, len(whole[0])))
    return [
        {"kept": maps[-1] is not None, "zero": unit in empty, "alike": alike(maps[0], maps[-1])}
        | {"means": [None if m is None else float(m.mean()) for m in maps]}
        for unit, maps in enumerate(zip(*whole, strict=True))
    ]


def emptied(layer: nn.Module, kept: Positions) -> set[int]:
    """Filters that are still there, but all zero, as masks leave them."""
    weight = layer.weight
    assert isinstance(weight, Tensor)
    axis = 1 if isinstance(layer, nn.ConvTranspose2d) else 0
    zero = (weight.detach().movedim(axis, 0).flatten(1) == 0).all(1).tolist()
    return {unit for unit, is_zero in zip(kept.tolist(), zero, strict=False) if is_zero}


def alike(dense: pictures.Map | None, pruned: pictures.Map | None) -> float | None:
    """Pearson's correlation of two maps; None where one is gone, or is the same everywhere."""
    if dense is None or pruned is None or flat(dense) or flat(pruned):
        return None
    return float(np.corrcoef(dense.ravel(), pruned.ravel())[0, 1])


def flat(found: pictures.Map) -> bool:
    """The same everywhere but for rounding."""
    return bool(np.ptp(found) <= 1e-6 * np.abs(found).max())
