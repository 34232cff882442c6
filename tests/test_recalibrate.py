"""Batch norms measured anew: exactly the images' statistics, and nothing else of the network changed."""

import copy
from dataclasses import replace

import numpy as np
import pytest
import torch
import torchvision
import toy
from torch import Tensor, nn

from pruning import allocate, prune, score, trace, verify
from pruning.data.dataset import Rows
from pruning.errors import UserError
from pruning.recalibration import calibration_images, recalibrate


def network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(2, 4, 3), nn.BatchNorm2d(4), nn.Dropout(0.5), nn.ReLU(), nn.Conv2d(4, 3, 3), nn.BatchNorm2d(3)
    ).double()


def images(count: int = 10) -> Tensor:
    return 3 + 2 * torch.randn(count, 2, 8, 8, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


def test_the_mean_is_that_of_all_images_though_the_last_batch_is_smaller() -> None:
    model = network()
    assert recalibrate(model, images().split(4)) == 2
    before_norm = model[0](images())
    assert torch.allclose(model[1].running_mean, before_norm.mean((0, 2, 3)), rtol=0, atol=1e-12)
    parts = [part.var((0, 2, 3)) * len(part) for part in before_norm.split(4)]
    assert torch.allclose(model[1].running_var, sum(parts) / 10, rtol=0, atol=1e-12)


def test_equal_batches_give_what_torchs_cumulative_average_gives() -> None:
    ours, theirs = network(), network()
    for layer in (ours, theirs):
        layer[2].p = 0.0
    recalibrate(ours, images(12).split(4))
    torch.optim.swa_utils.update_bn(images(12).split(4), theirs)
    assert all(torch.allclose(a, b, rtol=1e-12) for a, b in zip(ours.buffers(), theirs.buffers(), strict=True))


@pytest.mark.parametrize("training", [False, True])
def test_modes_momentum_weights_hooks_and_random_state_stay(training: bool) -> None:
    model = network().train(training)
    model[1].momentum, model[5].momentum = 0.3, None
    model[0].eval()
    modes, weights = [m.training for m in model.modules()], copy.deepcopy(list(model.parameters()))
    random = torch.get_rng_state()
    recalibrate(model, [images()])
    assert [m.training for m in model.modules()] == modes
    assert (model[1].momentum, model[5].momentum) == (0.3, None)
    assert all(torch.equal(a, b) for a, b in zip(weights, model.parameters(), strict=True))
    assert all(p.grad is None for p in model.parameters())
    assert not any(m._forward_pre_hooks for m in model.modules())
    assert torch.equal(random, torch.get_rng_state())


def test_old_statistics_leave_no_trace_however_bad() -> None:
    good, bad = network(), network()
    bad[1].running_mean.fill_(torch.nan)
    bad[5].running_var.fill_(torch.inf)
    for model in (good, bad):
        recalibrate(model, [images()])
    assert all(torch.equal(a, b) for a, b in zip(good.buffers(), bad.buffers(), strict=True))


def test_so_many_images_are_looked_at_and_labels_are_not() -> None:
    some, few = network(), network()
    pairs = [(part, torch.zeros(len(part))) for part in images(20).split(4)]
    recalibrate(some, pairs, images=10)
    recalibrate(few, images(20)[:10].split(4))
    assert all(torch.equal(a, b) for a, b in zip(some.buffers(), few.buffers(), strict=True))


class Shared(nn.Module):
    """One norm for two inputs, and one that is used in training only."""

    def __init__(self) -> None:
        super().__init__()
        self.norm, self.auxiliary = nn.BatchNorm2d(2), nn.BatchNorm2d(2)

    def forward(self, x: Tensor) -> Tensor:
        both = self.norm(x)[..., ::2] + self.norm(input=x[..., ::2] + 1)
        return self.auxiliary(both) if self.training else both


def test_a_norm_used_twice_has_the_statistics_of_both_uses() -> None:
    model = Shared().double()
    recalibrate(model, images().split(5))
    values = [t.transpose(0, 1).flatten(1) for t in (images(), images()[..., ::2] + 1)]
    assert torch.allclose(model.norm.running_mean, torch.cat(values, 1).mean(1), rtol=0, atol=1e-12)


def test_a_norm_that_no_image_reaches_keeps_its_statistics() -> None:
    model = Shared().double()
    model.auxiliary.running_mean.fill_(7)
    assert recalibrate(model, [images()]) == 1
    assert model.auxiliary.running_mean.tolist() == [7, 7]


def test_nothing_has_changed_after_an_error() -> None:
    model = network()
    before = copy.deepcopy(model.state_dict())

    def torn():
        yield images()
        raise toy.Stopped

    with pytest.raises(toy.Stopped):
        recalibrate(model, torn())
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())
    assert model[1].momentum == 0.1
    assert not model[1]._forward_pre_hooks


@pytest.mark.parametrize(
    ("shape", "sentence"),
    [((0, 4), "There are no images"), ((1, 4), "cannot measure a single image")],
)
def test_too_few_images_are_refused(shape: tuple[int, ...], sentence: str) -> None:
    model = nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3))
    with pytest.raises(UserError, match=sentence):
        recalibrate(model, [torch.zeros(shape)] if shape[0] else [])


@pytest.mark.parametrize("norm", [nn.Identity(), nn.LayerNorm(6), nn.BatchNorm2d(4, track_running_stats=False)])
def test_a_network_without_running_statistics_is_left_as_it_is(norm: nn.Module) -> None:
    model = nn.Sequential(nn.Conv2d(2, 4, 3), norm)
    assert recalibrate(model, [torch.zeros(2, 2, 8, 8)]) == 0


def test_auxiliary_heads_and_frozen_norms_of_torchvision_are_left_alone() -> None:
    model = torchvision.models.googlenet(weights=None, init_weights=False).eval()
    old = model.aux1.conv.bn.running_mean.clone()
    norms = sum(isinstance(m, nn.BatchNorm2d) for m in model.modules())
    assert recalibrate(model, [torch.randn(2, 3, 64, 64)]) == norms - 2
    assert torch.equal(model.aux1.conv.bn.running_mean, old)


def test_a_cut_shifts_what_norms_see_and_recalibration_centres_it_again() -> None:
    model = network().eval()
    recalibrate(model, [images()])
    channels = trace(model, images())
    plan = allocate(channels, score(model, channels, "l1"), share=0.5)
    small = prune(model, plan)
    assert verify(model, small, plan) < 1e-12
    shifted = small(images()).mean((0, 2, 3)).abs().max()
    recalibrate(small, [images()])
    centred = small(images()).mean((0, 2, 3)).abs().max()
    assert centred < 0.01 < 0.1 < shifted


def test_calibration_images_come_in_equal_parts_and_the_same_order_for_a_seed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pruning.recalibration.BATCH", 8)
    data, notes = toy.dataset(train=40), toy.Notes()

    def drawn(count: int, seed: int) -> list[Tensor]:
        return list(calibration_images(data, count, seed=seed, device=torch.device("cpu"), report=notes))

    parts = drawn(33, 0)
    assert [len(part) for part in parts] == [9, 8, 8, 8]
    assert notes.signs == 4
    assert torch.equal(torch.cat(parts), torch.cat(drawn(33, 0)))
    assert not torch.equal(torch.cat(parts), torch.cat(drawn(33, 1)))
    assert sum(map(len, drawn(99, 0))) == 40


def test_photos_on_disk_are_cropped_as_evaluation_does() -> None:
    stored = np.zeros((6, 1, 12, 12), np.uint8)
    data = replace(toy.dataset(), train_x=Rows(stored, np.arange(6)), train_y=np.arange(6) % 3)
    parts = calibration_images(data, 4, seed=0, device=torch.device("cpu"), report=toy.Notes())
    assert [tuple(part.shape) for part in parts] == [(4, 1, 8, 8)]
