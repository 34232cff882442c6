"""Things to take away: a run as one ZIP, its network as one file that was loaded again and compared. Torch only for networks."""

import io
import shutil
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

from pruning.errors import UserError
from pruning.run import Run, read_json, write_atomic

if TYPE_CHECKING:
    from torch import nn

FORMATS = ("safetensors", "state-dict")
SAMPLES = 64  # inputs on which an exported network is compared with the saved one
README = """Run {number} of Espalier

spec.json          the settings of the run; start it again with `python -m pruning {kind}` and these values
metrics.jsonl      one line an epoch: losses, accuracies (shares in 0..1), learning rate, seconds
events.jsonl       the timeline; log.txt: what the worker wrote
result.json        accuracy, parameters, MACs, bytes and latency before and after
channels.json      groups of channels that are pruned together; scores.json: every criterion's scores of their units
plan.json          which units were kept (half-open ranges), for a pruned run
summary_*.txt      torchinfo's tables
model.safetensors  the network: weights, and in its metadata the recipe to build it

Load the network, with Espalier's folder on the Python path:

    import pruning
    network = pruning.load("model.safetensors")        # in eval mode; it can be trained further

Inputs are images scaled to 0..1, minus `mean`, divided by `std`: both stand, with the class names, in

    from pruning import checkpoint
    checkpoint.recipe("model.safetensors")["extra"]

The weights alone need only the package safetensors:

    from safetensors.torch import load_file
    load_file("model.safetensors")
"""


def bundle(run: Run) -> bytes:
    """The run's files and a README as a ZIP, without what only the workers need. Raises UserError when there is no such run."""
    if not run.spec.exists():
        raise UserError(f"There is no run in {run.path}.", do="Choose one of the runs listed.")
    buffer = io.BytesIO()
    folder, internal = Path(f"run-{run.number}"), (run.control, run.status, run.folders)
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(str(folder / "README.txt"), README.format(number=run.number, kind=read_json(run.spec)["kind"]))
        for path in sorted(run.path.iterdir()):
            if path.is_file() and path not in internal and not path.name.startswith(".") and path.stat().st_size:
                archive.write(path, folder / path.name)
    return buffer.getvalue()


def export_run(run: Run, path: Path) -> None:
    """Write the run as a ZIP file."""
    write_atomic(path, bundle(run))


def export_model(run: Run, path: Path, format: str = "safetensors") -> float:
    """Write the run's network as `safetensors` or `state-dict` (for torch.load with weights_only=True).

    Reads the file again and returns the largest difference of its outputs for 64 inputs to those of the run's network.
    Raises UserError when the run has no network, or the format is unknown.
    """
    if format not in FORMATS:
        raise UserError(f"format={format!r} is not one of {', '.join(FORMATS)}")
    if not run.model.exists():
        raise UserError(f"Run {run.number} has no saved network.", do="Choose a run that has ended well.")
    path.parent.mkdir(parents=True, exist_ok=True)
    if format == "safetensors":
        shutil.copyfile(run.model, path)
    else:
        write_state_dict(run, path)
    return difference(run, path, format)


def write_state_dict(run: Run, path: Path) -> None:
    import torch

    from pruning import checkpoint

    buffer = io.BytesIO()
    torch.save(checkpoint.load(run.model).state_dict(), buffer)
    write_atomic(path, buffer.getvalue())


def difference(run: Run, path: Path, format: str) -> float:
    """Largest absolute difference of the outputs of the exported and the saved network."""
    import torch

    from pruning import checkpoint

    saved, again = checkpoint.load(run.model), reloaded(run, path, format)
    shape = checkpoint.recipe(run.model)["extra"]["input_shape"]
    inputs = torch.randn(SAMPLES, *shape, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        return max(float((saved(x) - again(x)).abs().max()) for x in torch.split(inputs, 8))


def reloaded(run: Run, path: Path, format: str) -> "nn.Module":
    from pruning import checkpoint

    if format == "safetensors":
        return checkpoint.load(path)
    network = checkpoint.load(run.model)
    checkpoint.load_weights(network, path)
    return network
