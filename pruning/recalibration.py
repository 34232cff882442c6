"""Batch norm measured anew after a cut, by forward passes alone (EagleEye, Li 2020; precise BN, Wu & Johnson 2021)."""

import math
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from pruning.data.batches import generator
from pruning.data.dataset import Dataset
from pruning.errors import UserError
from pruning.evaluate import evaluation_batches
from pruning.report import Report

BATCH = 128  # images, about: a norm measures each batch as in training


def recalibrate(model: nn.Module, batches: Iterable[Tensor | tuple[Tensor, ...]], *, images: int | None = None) -> int:
    """Set every batch norm's running mean and variance to those of `batches`; the number of norms that were set, 0 if none.

    `batches`: inputs (N, …), or pairs with labels that are not looked at; only the first `images` count. The mean is over
    all values alike, the variance is that within a batch. Only batch norms are in train mode: no dropout, no auxiliary
    heads, no gradients. Modes and momentum are restored; norms that no image reached, and all of them after an error,
    keep what they had. Raises UserError when there are no images, or too few for a norm.
    """
    norms = {m: copies(m) for m in model.modules() if isinstance(m, _BatchNorm) and m.running_mean is not None}
    reached, seen = dict.fromkeys(norms, 0), 0
    try:
        with measuring(model, reached), torch.no_grad():
            seen = sum(passed(model, inputs) for inputs in first(batches, images)) if norms else 0
    finally:
        put_back({norm: old for norm, old in norms.items() if not (seen and reached[norm])})
    if norms and not seen:
        raise UserError("There are no images to recalibrate with.", do="Give at least one batch.")
    return sum(1 for values in reached.values() if values)


def copies(norm: nn.Module) -> dict[str, Tensor]:
    return {name: buffer.clone() for name, buffer in norm.named_buffers(recurse=False)}


def put_back(old: dict[_BatchNorm, dict[str, Tensor]]) -> None:
    for norm, buffers in old.items():
        for name, buffer in buffers.items():
            norm.get_buffer(name).copy_(buffer)


@contextmanager
def measuring(model: nn.Module, reached: dict[_BatchNorm, int]) -> Iterator[None]:
    """Batch norms in train mode, all else in eval mode, each batch weighing by its values; afterwards as it was."""
    modes = {module: module.training for module in model.modules()}
    momenta = {norm: norm.momentum for norm in reached}

    def weigh(norm: _BatchNorm, args: tuple[Tensor, ...], kwargs: dict[str, Tensor]) -> None:
        inputs = next(iter((*args, *kwargs.values())))  # (N, C, …)
        values = inputs.numel() // inputs.shape[1]
        reached[norm] += values
        norm.momentum = values / reached[norm]

    hooks = [norm.register_forward_pre_hook(weigh, with_kwargs=True) for norm in reached]
    try:
        for module in modes:
            module.training = module in reached
        for norm in reached:
            norm.reset_running_stats()
        yield
    finally:
        for hook in hooks:
            hook.remove()
        for module, mode in modes.items():
            module.training = mode
        for norm, momentum in momenta.items():
            norm.momentum = momentum


def first(batches: Iterable[Tensor | tuple[Tensor, ...]], images: int | None) -> Iterator[Tensor]:
    left = math.inf if images is None else images
    for batch in batches:
        if left <= 0:
            return
        inputs = batch if isinstance(batch, Tensor) else batch[0]
        yield inputs if len(inputs) <= left else inputs[: int(left)]
        left -= len(inputs)


def passed(model: nn.Module, inputs: Tensor) -> int:
    """Pass a batch through; its number of images."""
    try:
        model(inputs)
    except ValueError as error:
        if "more than 1 value per channel" not in str(error):
            raise
        raise UserError("Batch norm cannot measure a single image.", do="Give batches of at least 2 images.") from error
    return len(inputs)


def calibration_images(
    dataset: Dataset, images: int, *, seed: int, device: torch.device, report: Report
) -> Iterator[Tensor]:
    """`images` training examples in random order, unchanged, in batches of nearly the same size; stops when asked to."""
    order = torch.randperm(len(dataset.train_y), generator=generator(seed, 0)).numpy()[:images]
    done = 0
    for part in np.array_split(order, max(1, round(len(order) / BATCH))):
        report.progress("recalibrate", done, len(order))
        x, y = dataset.train_x[part], dataset.train_y[part]
        yield next(evaluation_batches(x, y, dataset, device, size=len(part)))[0]
        done += len(part)
