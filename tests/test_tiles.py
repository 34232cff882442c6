"""Pictures of filters: every unit has one, and it is of the weights that make it."""

import numpy as np
import torch

import models
from pruning import trace
from pruning.tiles import tiles


def pictures(name: str, *shape: int) -> tuple[torch.nn.Module, dict[str, np.ndarray]]:
    torch.manual_seed(0)
    model = models.build(name, in_channels=shape[0], image_size=shape[-1])
    return model, tiles(model, trace(model, torch.zeros(2, *shape)))


def test_a_filter_on_one_channel_is_shown_as_it_is() -> None:
    model, found = pictures("scnnb", 1, 28, 28)
    weights = model.conv1.weight.detach()[:, 0]
    expected = 128 + 127 * weights / weights.abs().max()
    assert np.abs(found["conv1"].astype(float) - expected.numpy()).max() <= 0.5


def test_a_filter_on_three_channels_is_shown_in_colour() -> None:
    _, found = pictures("vgg16-cifar", 3, 32, 32)
    first = next(iter(found.values()))
    assert first.shape == (64, 3, 3, 3)


def test_every_group_has_a_picture_of_every_unit() -> None:
    model, found = pictures("resnet20-cifar", 3, 32, 32)
    whole = trace(model, torch.zeros(2, 3, 32, 32))
    assert {name: len(tile) for name, tile in found.items()} == {g.name: g.units for g in whole.groups}


def test_weights_without_positions_are_folded_into_a_square() -> None:
    _, found = pictures("scnnb", 1, 28, 28)
    assert found["fc1"].shape[1:] == (8, 8)
