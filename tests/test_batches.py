"""Batches are a function of (seed, epoch, number): any start, the same bits; each image is changed on its own."""

import numpy as np
import pytest
import torch

from pruning.data import augment as change
from pruning.data.batches import batch_count, batches, generator
from pruning.data.dataset import Rows
from pruning.spec import Augment

IMAGES = np.random.default_rng(0).integers(0, 256, (37, 3, 16, 16)).astype(np.uint8)
LABELS = np.arange(37)


def run(x=IMAGES, **options):
    settings = {"size": 8, "seed": 0, "epoch": 0, "mean": (0.5,) * 3, "std": (0.25,) * 3, "augment": Augment.NONE}
    settings |= {"device": "cpu", "shuffle": True} | options
    return list(batches(x, LABELS[: len(x)], **settings))


@pytest.mark.parametrize("augment", Augment)
@pytest.mark.parametrize("start", [1, 3])
def test_starting_in_the_middle_gives_the_same_bits(augment, start):
    whole, rest = run(augment=augment)[start:], run(augment=augment, start=start)
    assert len(whole) == len(rest) > 0
    assert all(torch.equal(a, b) and torch.equal(i, j) for (a, i), (b, j) in zip(whole, rest, strict=True))


@pytest.mark.parametrize("other", [{"seed": 1}, {"epoch": 1}])
def test_another_seed_or_epoch_gives_another_order(other):
    assert not torch.equal(run()[0][1], run(**other)[0][1])


def test_the_global_generator_is_neither_used_nor_moved():
    state = torch.get_rng_state()
    run(augment=Augment.CROP_FLIP)
    assert torch.equal(state, torch.get_rng_state())


def test_every_image_comes_once_and_is_normalised():
    x, y = (torch.cat(part) for part in zip(*run(), strict=True))
    assert sorted(y.tolist()) == list(range(37))
    expected = (torch.from_numpy(IMAGES)[y].double() / 255 - 0.5) / 0.25
    assert torch.allclose(x.double(), expected, atol=1e-6)


def test_without_shuffle_the_order_is_the_data_sets():
    assert torch.cat([y for _, y in run(shuffle=False)]).tolist() == list(range(37))


@pytest.mark.parametrize(
    ("n", "size", "shuffle", "count"),
    [(37, 8, True, 5), (33, 8, True, 4), (33, 8, False, 5), (1, 8, True, 1), (3, 1, True, 3)],
)
def test_training_leaves_out_a_last_batch_of_one(n, size, shuffle, count):
    assert batch_count(n, size, shuffle=shuffle) == count
    assert len(run(IMAGES[:n], size=size, shuffle=shuffle)) == count


def test_a_crop_is_a_window_of_the_padded_image_each_its_own():
    x = torch.from_numpy(IMAGES)
    padded = torch.nn.functional.pad(x, [4] * 4)
    cut = change.crop(x, generator(0))
    places = [
        next(
            (t, l_) for t in range(9) for l_ in range(9) if torch.equal(padded[i, :, t : t + 16, l_ : l_ + 16], cut[i])
        )
        for i in range(len(x))
    ]
    assert len(set(places)) > 10


def test_a_flip_mirrors_some_images_and_leaves_the_others():
    x = torch.from_numpy(IMAGES)
    flipped = change.flip(x, generator(0))
    mirrored = [torch.equal(flipped[i], x[i].flip(2)) for i in range(len(x))]
    assert 0 < sum(mirrored) < len(x)
    assert all(m or torch.equal(flipped[i], x[i]) for i, m in enumerate(mirrored))


def test_photos_are_cut_to_the_networks_size_from_disk():
    rows = Rows(IMAGES, np.arange(36, -1, -1))
    plain = run(rows, image_size=12, shuffle=False)[0][0]
    assert torch.allclose(plain * 0.25 + 0.5, torch.from_numpy(IMAGES[36:28:-1, :, 2:14, 2:14].copy()) / 255, atol=1e-6)
    changed = run(rows, image_size=12, shuffle=False, augment=Augment.CROP_FLIP)[0][0]
    assert changed.shape == (8, 3, 12, 12)
    assert not torch.equal(plain, changed)


def test_random_resized_crops_have_the_areas_and_shapes_of_the_paper():
    boxes = torch.tensor(change._boxes(500, 256, 256, generator(0)))
    area, ratio = boxes[:, 2] * boxes[:, 3] / 256**2, boxes[:, 3] / boxes[:, 2]
    assert ((area > 0.075) & (area <= 1)).all()
    assert ((ratio > 0.73) & (ratio < 1.36)).all()
    assert ((boxes[:, :2] >= 0) & (boxes[:, :2] + boxes[:, 2:] <= 256)).all()
    assert 0.4 < area.mean() < 0.6


def test_rows_of_features_pass_unchanged():
    x = np.random.default_rng(0).normal(size=(37, 4)).astype(np.float32)
    batch, labels = run(x, mean=(), std=(), augment=Augment.CROP_FLIP)[0]
    assert torch.equal(batch, torch.from_numpy(x)[labels])


def test_channels_last_is_a_layout_of_the_same_values():
    (plain, _), (last, _) = run()[0], run(channels_last=True)[0]
    assert last.is_contiguous(memory_format=torch.channels_last)
    assert torch.equal(plain, last)
