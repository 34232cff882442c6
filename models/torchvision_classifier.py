"""A torchvision classifier with any number of input channels and classes, with or without its ImageNet weights."""

import pickle
from pathlib import Path
from typing import Any

import torch
from torch import nn

from pruning.errors import UserError

IMAGENET_CLASSES = 1000
AUXILIARY_HEADS = ("googlenet", "inception_v3")


def build(
    in_channels: int, num_classes: int, image_size: int, *, name: str, native_size: int = 224, pretrained: bool = False
) -> nn.Module:
    """torchvision's network `name`; with `pretrained` only the head (and a first layer that is not RGB) is new."""
    from torchvision.models import get_model

    options = _options(name, image_size)
    if pretrained:
        _check_size(name, image_size, native_size)
        model = _with_weights(name, options)
        if num_classes != IMAGENET_CLASSES:
            _replace_head(model, num_classes)
    else:
        model = get_model(name, weights=None, num_classes=num_classes, **options)
    if in_channels != 3:
        _replace_first(model, in_channels, keep=pretrained)
    return model


def _options(name: str, image_size: int) -> dict[str, Any]:
    """What some constructors must be told; auxiliary heads are left out so that the network has one output."""
    if name in AUXILIARY_HEADS:
        return {"aux_logits": False, "init_weights": True}
    if name.startswith("vit_"):
        return {"image_size": image_size}
    return {"input_size": (image_size, image_size)} if name == "maxvit_t" else {}


def _check_size(name: str, image_size: int, native_size: int) -> None:
    if name.startswith(("vit_", "maxvit")) and image_size != native_size:
        raise UserError(
            f"the pretrained weights of {name} are for images of {native_size} × {native_size}, not {image_size}",
            do=f"Set the image size to {native_size}, or untick the pretrained weights.",
        )


def _with_weights(name: str, options: dict[str, Any]) -> nn.Module:
    from torchvision.models import get_model, get_model_weights

    weights = get_model_weights(name).DEFAULT
    folder = Path(torch.hub.get_dir()) / "checkpoints"
    file = Path(weights.url).name
    try:
        model: nn.Module = get_model(name, weights=weights, **options)
        return model
    except (OSError, EOFError, RuntimeError, pickle.UnpicklingError) as error:
        raise UserError(
            f"the pretrained weights of {name} could not be loaded: {type(error).__name__}: {error}",
            do=f"Put {file} (from {weights.url}) into {folder}, or untick the pretrained weights to start afresh.",
        ) from error


def _replace_head(model: nn.Module, num_classes: int) -> None:
    """Put a fresh layer in the place of the last one that gives 1000 class scores."""
    name, head = [(n, m) for n, m in model.named_modules() if _classes(m) == IMAGENET_CLASSES][-1]
    fresh = (
        nn.Linear(head.in_features, num_classes, bias=head.bias is not None)
        if isinstance(head, nn.Linear)
        else _like(head, out_channels=num_classes)
    )
    model.set_submodule(name, fresh)


def _classes(module: nn.Module) -> int:
    return int(getattr(module, "out_features", getattr(module, "out_channels", 0)))


def _replace_first(model: Any, in_channels: int, *, keep: bool) -> None:
    """Put a first convolution for `in_channels` inputs in place; `keep`: the weights, summed over RGB, shared out among the inputs."""
    name, first = next((n, m) for n, m in model.named_modules() if isinstance(m, nn.Conv2d))
    fresh = _like(first, in_channels=in_channels)
    if keep:
        with torch.no_grad():
            fresh.weight.copy_(first.weight.sum(1, keepdim=True).expand_as(fresh.weight) / in_channels)
            if fresh.bias is not None and first.bias is not None:
                fresh.bias.copy_(first.bias)
    model.set_submodule(name, fresh)
    if hasattr(model, "transform_input"):
        model.transform_input = False  # it re-normalises the three colours of RGB


def _like(conv: Any, *, in_channels: int | None = None, out_channels: int | None = None) -> nn.Conv2d:
    return nn.Conv2d(
        in_channels or conv.in_channels,
        out_channels or conv.out_channels,
        conv.kernel_size,
        conv.stride,
        conv.padding,
        conv.dilation,
        bias=conv.bias is not None,
    )
