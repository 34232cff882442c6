"""Saved networks: one safetensors file whose metadata holds the recipe to rebuild it, in any process, without a trace."""

import json
from collections.abc import Mapping
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file
from safetensors.torch import save as to_bytes
from torch import Tensor, nn

import models
from pruning.errors import UserError
from pruning.plan import Plan, continued, indices, ranges
from pruning.run import write_atomic
from pruning.surgery import set_sizes

FORMAT = 1
KEY = "espalier"


def save(
    model: nn.Module,
    path: Path | str,
    *,
    name: str,
    arguments: Mapping[str, Any],
    plan: Plan | None = None,
    blocks: str = "inside",
    parent: Mapping[str, Any] | None = None,
    extra: Mapping[str, Any] | None = None,
) -> None:
    """Write network and recipe. `name`, `arguments`: what `models.build` made the dense network from.

    `parent` is the recipe of the network that `plan` was made for, `blocks` what it was traced with. The recipe's "keep" is
    of the dense network; cuts that its groups cannot tell follow in "then", each of the network that the ones before left.
    """
    recipe = {
        "format": FORMAT,
        "model": name,
        "arguments": dict(arguments),
        "attributes": changed_numbers(model, dense(name, arguments)),
        **cuts(parent or {}, plan, blocks),
        "extra": dict(extra or {}),
    }
    tensors = {key: t.detach().cpu().contiguous().clone() for key, t in model.state_dict().items()}
    write_atomic(Path(path), to_bytes(tensors, {KEY: json.dumps(recipe)}))


def load(path: Path | str) -> nn.Module:
    """The saved network, in eval mode, ready to run or to train on. Raises UserError when the file is not one of ours."""
    found = recipe(path)
    tensors = load_file(path)
    network = dense(found["model"], found["arguments"])
    if is_hollow(network, tensors):
        network = built(found["model"], found["arguments"])
    for module, numbers in found["attributes"].items():
        for attribute, value in numbers.items():
            setattr(network.get_submodule(module), attribute, tuple(value) if isinstance(value, list) else value)
    fill(network, tensors, path)
    for module in network.modules():
        set_sizes(module)  # gives attention that was cut the class that can run it
    return network.eval()


def own_recipe(path: Path | str) -> dict[str, Any] | None:
    """The recipe of a file that `save` wrote; None for a checkpoint of another program."""
    return recipe(path) if Path(path).suffix == ".safetensors" and note(path) is not None else None


def recipe(path: Path | str) -> dict[str, Any]:
    """Model name, build arguments, kept ORIGINAL indices as half-open ranges, and what the run noted down."""
    text = note(path)
    if text is None:
        raise UserError(f"{path} holds no recipe of Espalier", do="Load its weights into a network you name, instead.")
    found: dict[str, Any] = json.loads(text)
    if found["format"] > FORMAT:
        raise UserError(f"{path} was written by a newer Espalier (format {found['format']})", do="Update Espalier.")
    return found


def note(path: Path | str) -> str | None:
    """Our entry in the metadata of a safetensors file."""
    try:
        with safe_open(path, "pt") as file:
            return (file.metadata() or {}).get(KEY)
    except FileNotFoundError as error:
        raise UserError(f"there is no file {path}") from error
    except (SafetensorError, OSError) as error:
        raise UserError(
            f"{path} is not a safetensors file: {error}", do="Choose a model.safetensors of a run."
        ) from error


def built(name: str, arguments: Mapping[str, Any]) -> nn.Module:
    return models.build(name, **arguments)


def dense(name: str, arguments: Mapping[str, Any]) -> nn.Module:
    """The dense network on the meta device; on the CPU where its constructor computes."""
    try:
        with torch.device("meta"):
            return built(name, arguments)
    except (RuntimeError, NotImplementedError):
        return built(name, arguments)


def is_hollow(network: nn.Module, tensors: Mapping[str, Tensor]) -> bool:
    """Whether a network on the meta device holds tensors that its constructor computes and no file holds."""
    loose = [t for module in network.modules() for t in vars(module).values() if isinstance(t, Tensor)]
    unsaved = [t for key, t in network.named_buffers() if key not in tensors]
    return any(t.is_meta for t in loose + unsaved)


def numbers(module: nn.Module) -> dict[str, Any]:
    """A module's own whole numbers and switches: sizes, groups, heads, whether it transforms its input."""
    return {
        key: value
        for key, value in vars(module).items()
        if key != "training"
        and not key.startswith("_")
        and (isinstance(value, int) or (isinstance(value, tuple) and value and all(type(v) is int for v in value)))
    }


def changed_numbers(model: nn.Module, original: nn.Module) -> dict[str, dict[str, Any]]:
    """Per module, the numbers that surgery changed."""
    before = {name: numbers(module) for name, module in original.named_modules()}
    after = {name: numbers(module) for name, module in model.named_modules()}
    changed = {n: {k: v for k, v in own.items() if before.get(n, {}).get(k) != v} for n, own in after.items()}
    return {name: own for name, own in changed.items() if own}


def cuts(parent: Mapping[str, Any], plan: Plan | None, blocks: str) -> dict[str, Any]:
    """The recipe's cuts {"blocks", "keep", "then"}, when `plan` cut the network of the recipe `parent`."""
    told = [{"blocks": parent.get("blocks", "inside"), "keep": parent.get("keep", {})}, *parent.get("then", [])]
    if plan is not None and plan.removed():
        new = {"blocks": blocks, "keep": {name: ranges(kept) for name, kept in plan.keep.items()}}
        *before, last = told
        told = [*before, *([new] if not last["keep"] else joined(last, new, plan))]
    return {**told[0], "then": told[1:]}


def joined(first: dict[str, Any], later: dict[str, Any], plan: Plan) -> list[dict[str, Any]]:
    """Two cuts as one; both, where blocks were cut otherwise or the first left a group other units than it kept."""
    before, sizes = spelt(first), {group.name: group.units for group in plan.channels.groups}
    if first["blocks"] != later["blocks"] or any(
        sizes.get(name, len(kept)) != len(kept) for name, kept in before.items()
    ):
        return [first, later]
    both = continued(before, spelt(later))
    return [first | {"keep": {name: ranges(kept) for name, kept in both.items()}}]


def spelt(cut: Mapping[str, Any]) -> dict[str, list[int]]:
    return {name: indices(spans) for name, spans in cut["keep"].items()}


def fill(network: nn.Module, tensors: Mapping[str, Tensor], path: Path | str) -> None:
    """Put tensors of any shape in the places of the network's own; what was one parameter in two places stays one."""
    expected = set(network.state_dict())
    if expected != set(tensors):
        odd = sorted(expected ^ set(tensors))
        raise UserError(
            f"{path} does not fit its own recipe: {', '.join(odd[:5])}", do="The file is damaged; export again."
        )
    replaced: dict[nn.Parameter, nn.Parameter] = {}
    for key, tensor in tensors.items():
        owner, _, leaf = key.rpartition(".")
        module = network.get_submodule(owner)
        old = module._parameters.get(leaf)
        if old is None:
            module._buffers[leaf] = tensor
        else:
            replaced.setdefault(old, nn.Parameter(tensor, requires_grad=old.requires_grad))
            module._parameters[leaf] = replaced[old]


def load_weights(model: nn.Module, path: Path | str) -> None:
    """Read somebody else's checkpoint into `model`: a state dict, bare or under "state_dict" or "model", also from DataParallel.

    Raises UserError with the first layers that do not fit, and the network of MODELS that would.
    """
    tensors = {key.removeprefix("module."): t for key, t in read_tensors(Path(path)).items()}
    wrong = misfits(model.state_dict(), tensors)
    if wrong:
        arguments = likely_arguments(tensors)
        fitting = [name for name in candidates() if not misfits(dense(name, arguments).state_dict(), tensors)]
        made_for = f"{arguments['in_channels']} input channels and {arguments['num_classes']} classes"
        advice = (
            f"It fits {', '.join(fitting)} for {made_for}." if fitting else "Choose the network it was trained with."
        )
        raise UserError(f"{Path(path).name} does not fit this network: {'; '.join(wrong[:3])}", do=advice)
    model.load_state_dict({key: tensors.get(key, t) for key, t in model.state_dict().items()})


def read_tensors(path: Path) -> dict[str, Tensor]:
    """All tensors of a .safetensors, .pt, .pth or .th file; nothing but tensors is unpickled."""
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        raw = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError as error:
        raise UserError(f"there is no file {path}") from error
    except UnpicklingError as error:
        raise UserError(
            f"{path.name} is no checkpoint of tensors alone, and nothing else is unpickled: it could run code",
            do="Save it with torch.save(model.state_dict(), path) or as safetensors.",
        ) from error
    except (
        SafetensorError,
        RuntimeError,
        OSError,
        EOFError,
        LookupError,
        ValueError,
        TypeError,
        AttributeError,
    ) as error:
        raise UserError(
            f"{path.name} cannot be read as a checkpoint: it is empty, damaged, or a file of another kind",
            do="Save it with torch.save(model.state_dict(), path) or as safetensors.",
        ) from error
    for key in ("state_dict", "model"):
        raw = raw[key] if isinstance(raw, dict) and isinstance(raw.get(key), dict) else raw
    if not isinstance(raw, dict) or not any(isinstance(t, Tensor) for t in raw.values()):
        raise UserError(f"{path.name} holds no state dict", do="Save it with torch.save(model.state_dict(), path).")
    return {key: t for key, t in raw.items() if isinstance(t, Tensor)}


def misfits(expected: Mapping[str, Tensor], found: Mapping[str, Tensor]) -> list[str]:
    """What does not fit, in the network's order; counters of batch norm may miss."""
    lines = []
    for key, tensor in expected.items():
        if key not in found and not key.endswith("num_batches_tracked"):
            lines.append(f"{key} is missing")
        elif key in found and found[key].shape != tensor.shape:
            lines.append(f"{key} is {tuple(found[key].shape)}, the network's is {tuple(tensor.shape)}")
    return lines + [f"{key} is not part of the network" for key in found if key not in expected]


def candidates() -> list[str]:
    """Networks worth trying for a checkpoint that does not fit: our own small ones, and the usual large ones."""
    return [
        n for n, card in models.MODELS.items() if not card.has_weights or n.startswith(("resnet", "vgg", "mobilenet"))
    ]


def likely_arguments(tensors: Mapping[str, Tensor]) -> dict[str, Any]:
    """Classes and input channels by the last matrix and the first convolution."""
    classes = [len(t) for t in tensors.values() if t.dim() == 2]
    channels = [t.shape[1] for t in tensors.values() if t.dim() == 4]
    return {"num_classes": classes[-1] if classes else 10, "in_channels": channels[0] if channels else None}
